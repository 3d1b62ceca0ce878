"""Sealed-looking chunks and their manifests, for stores that never open one.

Spec: 23-blobs.md
"""

from dataclasses import dataclass

from billfold_protocol import limits
from billfold_protocol.blob_manifest import SEAL_OVERHEAD, BlobManifest, chunk_hash
from billfold_protocol.ids import BlobId, HolderTag, WalletId
from tests.support.seeded_bytes import bytes_of

WALLET = WalletId(bytes_of("blob wallet", 32))
CHUNK = limits.BLOB_CHUNK_SIZE


@dataclass(frozen=True, slots=True)
class Parts:
    """A blob as a server sees it."""

    manifest: BlobManifest
    chunks: list[bytes]

    @property
    def id(self) -> BlobId:
        """Its id."""
        return self.manifest.id


def parts(name: str, padded_size: int = 1000) -> Parts:
    """Return a blob of its own for each name."""
    chunks = [
        bytes_of(f"{name} {start}", min(CHUNK, padded_size - start) + SEAL_OVERHEAD)
        for start in range(0, padded_size, CHUNK)
    ]
    hashes = tuple(map(chunk_hash, chunks))
    return Parts(BlobManifest(padded_size=padded_size, hashes=hashes), chunks)


def tag(name: str) -> HolderTag:
    """Return a holder's tag."""
    return HolderTag(bytes_of(f"tag {name}", 32))


class Clock:
    """A clock that stands still until it is told to go on."""

    def __init__(self) -> None:
        self.now = 1_700_000_000.0

    def __call__(self) -> float:
        """Return seconds since 1970."""
        return self.now
