"""What the server asks of a blob store, and the rules that every store shares.

A store is synchronous and may be used from several threads. What it says is whole is durable, and
stays as long as somebody holds it: 60 days after the last holder let go, it goes. What was never
held, and what was never finished, goes sooner.

Spec: 23-blobs.md
"""

from dataclasses import dataclass, replace
from typing import Final, Protocol

from billfold_protocol import codec, limits
from billfold_protocol.blob_manifest import BlobManifest
from billfold_protocol.errors import LimitExceeded, Malformed, StoreDamaged
from billfold_protocol.ids import BlobId, HolderTag, WalletId
from billfold_server.quotas import Quotas

HOLDING_SIZE_MAX: Final = 64 + limits.BLOB_HOLDERS_COUNT_MAX * 34


@dataclass(frozen=True, slots=True, kw_only=True)
class BlobUsage:
    """What a wallet, or all of them, take."""

    count: int = 0
    size: int = 0
    """Sealed bytes; of an upload under way, what the whole blob will take."""

    def plus(self, manifest: BlobManifest) -> "BlobUsage":
        """Return the usage with one blob more."""
        return BlobUsage(count=self.count + 1, size=self.size + manifest.sealed_size)

    def require_room(self, manifest: BlobManifest, quotas: Quotas) -> None:
        """Check that one blob more is within the quota.

        Raises:
            LimitExceeded: it is not.
        """
        after = self.plus(manifest)
        if after.size > quotas.blobs_size_max or after.count > quotas.blobs_count_max:
            raise LimitExceeded("the wallet has no room for this blob")


@dataclass(frozen=True, slots=True, kw_only=True)
class Holding:
    """Who holds one blob that is whole, and since when nobody does."""

    tags: frozenset[HolderTag] = frozenset()
    since_s: int
    """When the last one let go, or when the blob became whole."""

    was_held: bool = False

    def hold(self, tag: HolderTag) -> "Holding":
        """Return this with one holder more.

        Raises:
            LimitExceeded: there are too many.
        """
        tags = self.tags | {tag}
        if len(tags) > limits.BLOB_HOLDERS_COUNT_MAX:
            raise LimitExceeded("too many hold this blob")
        return replace(self, tags=tags, was_held=True)

    def drop(self, tag: HolderTag, *, now_s: int) -> "Holding":
        """Return this with one holder fewer; nothing changes if it holds nothing."""
        if tag not in self.tags:
            return self
        return replace(self, tags=self.tags - {tag}, since_s=now_s)

    def is_due(self, quotas: Quotas, *, now_s: int) -> bool:
        """Whether the blob may be removed."""
        stays_s = quotas.blobs_dropped_s if self.was_held else quotas.blobs_unheld_s
        return not self.tags and now_s - self.since_s >= stays_s

    def encode(self) -> bytes:
        """Return the holding for the store."""
        return codec.encode([1, self.since_s, self.was_held, sorted(self.tags)])

    @classmethod
    def decode(cls, data: bytes) -> "Holding":
        """Read what `encode` made.

        Raises:
            StoreDamaged: it is something else.
        """
        try:
            fields = codec.as_array(codec.decode(data, size_max=HOLDING_SIZE_MAX), 4)
            codec.as_integer(fields[0], minimum=1, maximum=1)
            tags = codec.as_list(fields[3], count_max=limits.BLOB_HOLDERS_COUNT_MAX)
            return cls(
                since_s=codec.as_integer(fields[1]),
                was_held=codec.as_flag(fields[2]),
                tags=frozenset(HolderTag(codec.as_bytes(tag, 32)) for tag in tags),
            )
        except Malformed as error:
            raise StoreDamaged("The list of who holds a blob is damaged.") from error


@dataclass(frozen=True, slots=True, kw_only=True)
class Collected:
    """What one collection did, and what is left."""

    removed_count: int
    left: BlobUsage


class BlobStore(Protocol):
    """Where a server keeps blobs."""

    def offer(self, wallet_id: WalletId, manifest: BlobManifest) -> frozenset[int]:
        """Make room for a blob and return the indexes of the chunks that are missing.

        Raises:
            LimitExceeded: the wallet's quota is used up.
            StoreFull: the disk has no room.
            StoreError: the store cannot be used.
        """

    def put(self, wallet_id: WalletId, blob: BlobId, index: int, data: bytes) -> frozenset[int]:
        """Keep one sealed chunk and return what is missing then; the blob is durable with the last.

        Raises:
            BlobMissing: it was not offered.
            CommitMismatch: the chunk is not the one that belongs there.
            StoreFull: the disk has no room.
            StoreError: the store cannot be used.
        """

    def manifest(self, wallet_id: WalletId, blob: BlobId) -> BlobManifest:
        """Return the manifest of a whole blob.

        Raises:
            BlobMissing: it is not here.
            StoreError: the store cannot be used.
        """

    def read(self, wallet_id: WalletId, blob: BlobId, index: int) -> bytes:
        """Return one sealed chunk of a whole blob.

        Raises:
            BlobMissing: it is not here, or has no such chunk.
            StoreError: the store cannot be used.
        """

    def hold(self, wallet_id: WalletId, blob: BlobId, tag: HolderTag) -> None:
        """Keep a whole blob for this holder; durable on return, again is harmless.

        Raises:
            BlobMissing: it is not here.
            LimitExceeded: too many hold it.
            StoreError: the store cannot be used.
        """

    def drop(self, wallet_id: WalletId, blob: BlobId, tag: HolderTag) -> None:
        """Keep a blob for this holder no more; harmless if it is not here or not held.

        Raises:
            StoreError: the store cannot be used.
        """

    def usage(self, wallet_id: WalletId) -> BlobUsage:
        """Return what a wallet takes.

        Raises:
            StoreError: the store cannot be used.
        """

    def collect(self) -> Collected:
        """Remove what nobody holds and is past its time.

        Raises:
            StoreError: the store cannot be used.
        """
