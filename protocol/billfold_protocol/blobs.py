"""Blobs: content of any size, padded, cut into chunks and sealed under a key of its own.

The key is drawn for one blob and kept in the sealed record that names it. Each chunk's associated
data binds the wallet, its place, the number of chunks and the content's size, so that chunks can
be fetched and opened in any order and none can be moved, left out or taken from another blob.

Spec: 23-blobs.md
"""

import base64
import binascii
from dataclasses import dataclass, field
from typing import Final

from billfold_protocol import codec, limits
from billfold_protocol.blob_manifest import SEAL_OVERHEAD, BlobManifest, chunk_hash, chunks_count
from billfold_protocol.crypto.derivation import KEY_SIZE, derive_key
from billfold_protocol.crypto.domains import Domain
from billfold_protocol.crypto.hashing import HASH_SIZE, frame
from billfold_protocol.crypto.sealing import NONCE_SIZE, TAG_SIZE, padded_size, seal, unseal
from billfold_protocol.errors import (
    CommitMismatch,
    Downgrade,
    LimitExceeded,
    LocalProtocolError,
    Malformed,
)
from billfold_protocol.ids import BlobId, HolderTag, WalletId

VERSION: Final = 1
REF_SIZE_MAX: Final = 128
REF_PREFIX: Final = "blob:"

assert SEAL_OVERHEAD == NONCE_SIZE + TAG_SIZE


@dataclass(frozen=True, slots=True, kw_only=True)
class BlobRef:
    """What names a blob and opens it; kept in sealed places only."""

    id: BlobId
    key: bytes = field(repr=False)
    """32 secret bytes."""

    size: int
    """Bytes of the content, without padding."""

    def encode(self) -> bytes:
        """Return the reference as at most `REF_SIZE_MAX` bytes."""
        return codec.encode([VERSION, self.id, self.key, self.size])

    @classmethod
    def parse(cls, data: bytes) -> "BlobRef":
        """Read what `encode` made.

        Raises:
            Malformed: it is no reference.
            Downgrade: it is of another version.
        """
        fields = codec.as_array(codec.decode(data, size_max=REF_SIZE_MAX))
        if not fields or codec.as_integer(fields[0], maximum=255) != VERSION:
            raise Downgrade("the reference to a blob is of another version")
        _, id_, key, size = codec.as_array(fields, 4)
        return cls(
            id=BlobId(codec.as_bytes(id_, HASH_SIZE)),
            key=codec.as_bytes(key, KEY_SIZE),
            size=codec.as_integer(size, maximum=limits.BLOB_SIZE_MAX),
        )

    def to_text(self) -> str:
        """Return the reference as text: a prefix and base64url without padding (RFC 4648 §5)."""
        return self.spell(self.encode())

    @staticmethod
    def spell(encoded: bytes) -> str:
        """Return encoded bytes as text."""
        return REF_PREFIX + base64.urlsafe_b64encode(encoded).decode().rstrip("=")

    @classmethod
    def from_text(cls, text: str) -> "BlobRef":
        """Read what `to_text` made.

        Raises:
            Malformed: it is no reference.
            Downgrade: it is of another version.
        """
        body = text.removeprefix(REF_PREFIX)
        try:
            data = base64.b64decode(body + "=" * (-len(body) % 4), altchars=b"-_", validate=True)
        except (ValueError, binascii.Error) as error:
            raise Malformed("the reference to a blob is not base64url") from error
        ref = cls.parse(data)
        if ref.to_text() != text:
            raise Malformed("the reference to a blob has another spelling")
        return ref

    def tag(self, wallet_id: WalletId, holder: bytes) -> HolderTag:
        """Return the 32-byte tag under which a holder, such as a record, holds the blob.

        The server can link it neither to the holder nor to the holder's other blobs.
        """
        return HolderTag(derive_key(self.key, Domain.BLOB_HOLDER, wallet_id, holder))


class BlobCipher:
    """Seals and opens the chunks of one blob."""

    def __init__(self, wallet_id: WalletId, key: bytes, size: int) -> None:
        """Begin.

        Args:
            wallet_id: the wallet that the blob belongs to.
            key: 32 secret bytes, drawn for this blob only.
            size: bytes of the whole content.

        Raises:
            LimitExceeded: the content is larger than a blob may be.
        """
        if size > limits.BLOB_SIZE_MAX:
            raise LimitExceeded(
                f"{size} bytes are more than the {limits.BLOB_SIZE_MAX} that a blob may have"
            )
        self._wallet_id = wallet_id
        self._key = key
        self._size = size
        self.padded_size = padded_size(size)
        self.count = chunks_count(self.padded_size)
        """How many chunks there are."""

    def content_size(self, index: int) -> int:
        """Return how many bytes of content a chunk holds; the last ones may hold none."""
        start = index * limits.BLOB_CHUNK_SIZE
        return max(0, min(limits.BLOB_CHUNK_SIZE, self._size - start))

    def seal(self, index: int, content: bytes, nonce: bytes) -> bytes:
        """Return a sealed chunk: nonce, ciphertext, tag.

        Args:
            index: its place.
            content: exactly `content_size(index)` bytes.
            nonce: 24 bytes, never used with this blob's key before.

        Raises:
            LocalProtocolError: there is no such place, or the content has another size.
        """
        if not 0 <= index < self.count or len(content) != self.content_size(index):
            raise LocalProtocolError("the content does not fit its chunk")
        padded = content.ljust(self._chunk_size(index), b"\0")
        return nonce + seal(self._key, nonce, padded, self._associated_data(index))

    def unseal(self, index: int, sealed: bytes) -> bytes:
        """Return the content of a sealed chunk.

        Raises:
            AuthFailed: the bytes are not this blob's chunk at this place.
            Malformed: the padding is not zeros.
        """
        nonce, ciphertext = sealed[:NONCE_SIZE], sealed[NONCE_SIZE:]
        padded = unseal(self._key, nonce, ciphertext, self._associated_data(index))
        size = self.content_size(index)
        if len(padded) != self._chunk_size(index) or any(padded[size:]):
            raise Malformed("the chunk is not padded as its blob's size says")
        return padded[:size]

    def check_manifest(self, manifest: BlobManifest) -> None:
        """Check that a blob's manifest fits the size of its content.

        Raises:
            CommitMismatch: it does not.
        """
        if manifest.padded_size != self.padded_size:
            raise CommitMismatch("the blob has another size than the record says")

    def _chunk_size(self, index: int) -> int:
        start = index * limits.BLOB_CHUNK_SIZE
        return min(limits.BLOB_CHUNK_SIZE, self.padded_size - start)

    def _associated_data(self, index: int) -> bytes:
        return frame(
            Domain.BLOB_CHUNK_SEAL,
            self._wallet_id,
            index.to_bytes(4, "big"),
            self.count.to_bytes(4, "big"),
            self._size.to_bytes(8, "big"),
        )


class ManifestBuilder:
    """Collects the hashes of a blob's chunks while they are sealed, in order."""

    def __init__(self, cipher: BlobCipher) -> None:
        self._padded_size = cipher.padded_size
        self._hashes: list[bytes] = []

    def add(self, sealed: bytes) -> None:
        """Take the next sealed chunk."""
        self._hashes.append(chunk_hash(sealed))

    def build(self) -> BlobManifest:
        """Return the manifest of all chunks.

        Raises:
            LocalProtocolError: chunks are missing.
        """
        return BlobManifest(padded_size=self._padded_size, hashes=tuple(self._hashes))
