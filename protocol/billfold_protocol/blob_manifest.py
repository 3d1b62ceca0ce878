"""What a server sees of a blob: its padded size, the hash of each sealed chunk, and the id of both.

A blob is named by its ciphertext. The manifest is small and verified against the id, so that one
chunk can be verified alone, whoever hands it over. Nothing here opens anything.

Spec: 23-blobs.md
"""

from dataclasses import dataclass
from typing import Final

from billfold_protocol import codec, limits
from billfold_protocol.crypto.domains import Domain
from billfold_protocol.crypto.hashing import HASH_SIZE, digest
from billfold_protocol.errors import CommitMismatch, Downgrade, LocalProtocolError, Malformed
from billfold_protocol.ids import BlobId

VERSION: Final = 1

SEAL_OVERHEAD: Final = 40
"""Bytes that sealing adds to a chunk: a nonce of 24 bytes and a tag of 16."""

SEALED_CHUNK_SIZE: Final = limits.BLOB_CHUNK_SIZE + SEAL_OVERHEAD
"""Bytes of every sealed chunk but the last, which may be shorter."""

MANIFEST_SIZE_MAX: Final = limits.BLOB_CHUNKS_COUNT_MAX * HASH_SIZE + 16


@dataclass(frozen=True, slots=True, kw_only=True)
class BlobManifest:
    """The server-visible half of a blob; two blobs with one manifest are one blob."""

    padded_size: int
    """Bytes of the padded content, before sealing."""

    hashes: tuple[bytes, ...]
    """The 32-byte hash of each sealed chunk, in order."""

    def __post_init__(self) -> None:
        """Check that sizes and counts belong together.

        Raises:
            LocalProtocolError: they do not.
        """
        if not 0 < self.padded_size <= limits.BLOB_SIZE_MAX:
            raise LocalProtocolError("the blob is empty or larger than a blob may be")
        if len(self.hashes) != chunks_count(self.padded_size):
            raise LocalProtocolError("the blob has not as many hashes as it has chunks")

    @property
    def count(self) -> int:
        """How many chunks there are."""
        return len(self.hashes)

    @property
    def sealed_size(self) -> int:
        """Bytes of all sealed chunks together."""
        return self.padded_size + self.count * SEAL_OVERHEAD

    @property
    def id(self) -> BlobId:
        """The 32-byte id of the blob."""
        return BlobId(digest(Domain.BLOB_ID, self.encode()))

    def encode(self) -> bytes:
        """Return the manifest's bytes, at most `MANIFEST_SIZE_MAX`."""
        return codec.encode([VERSION, self.padded_size, b"".join(self.hashes)])

    @classmethod
    def parse(cls, data: bytes) -> "BlobManifest":
        """Read what `encode` made.

        Raises:
            Malformed: it is no manifest.
            Downgrade: it is of another version.
        """
        fields = codec.as_array(codec.decode(data, size_max=MANIFEST_SIZE_MAX))
        if not fields or codec.as_integer(fields[0], maximum=255) != VERSION:
            raise Downgrade("the blob's manifest is of another version")
        _, padded_size, joined = codec.as_array(fields, 3)
        hashes = codec.as_bytes(joined)
        if len(hashes) % HASH_SIZE:
            raise Malformed("the blob's hashes are cut")
        try:
            return cls(
                padded_size=codec.as_integer(padded_size),
                hashes=tuple(
                    hashes[start : start + HASH_SIZE] for start in range(0, len(hashes), HASH_SIZE)
                ),
            )
        except LocalProtocolError as error:
            raise Malformed(str(error)) from error

    @classmethod
    def verify(cls, data: bytes, blob: BlobId) -> "BlobManifest":
        """Check that a manifest is the one of a blob, and read it.

        Raises:
            CommitMismatch: it is another blob's.
            Malformed: it is no manifest.
            Downgrade: it is of another version.
        """
        if digest(Domain.BLOB_ID, data) != blob:
            raise CommitMismatch("what was given is not the blob that was asked for")
        return cls.parse(data)

    def sealed_chunk_size(self, index: int) -> int:
        """Return how many bytes a sealed chunk has."""
        start = index * limits.BLOB_CHUNK_SIZE
        return min(limits.BLOB_CHUNK_SIZE, self.padded_size - start) + SEAL_OVERHEAD

    def check_chunk(self, index: int, sealed: bytes) -> None:
        """Check that a sealed chunk is the one at its place.

        Raises:
            CommitMismatch: there is no such place, or other bytes belong there.
        """
        if not 0 <= index < self.count or chunk_hash(sealed) != self.hashes[index]:
            raise CommitMismatch("the chunk is not the one that belongs at its place in the blob")


def chunk_hash(sealed: bytes) -> bytes:
    """Return the 32-byte hash of a sealed chunk."""
    return digest(Domain.BLOB_CHUNK, sealed)


def chunks_count(padded_size: int) -> int:
    """Return how many chunks a padded content has."""
    return -(-padded_size // limits.BLOB_CHUNK_SIZE)
