"""A blob store in memory, for tests and for servers that keep nothing.

Spec: 23-blobs.md
"""

import threading
from collections.abc import Callable
from dataclasses import dataclass, field

from billfold_protocol.blob_manifest import BlobManifest
from billfold_protocol.errors import BlobMissing
from billfold_protocol.ids import BlobId, HolderTag, WalletId
from billfold_server.blobs.store import BlobUsage, Collected, Holding
from billfold_server.quotas import Quotas


@dataclass(slots=True)
class _Blob:
    manifest: BlobManifest
    holding: Holding
    chunks: dict[int, bytes] = field(default_factory=dict)

    @property
    def missing(self) -> frozenset[int]:
        return frozenset(range(self.manifest.count)) - self.chunks.keys()


class MemoryBlobStore:
    """Keeps blobs until the process ends."""

    def __init__(self, quotas: Quotas, *, now_s: Callable[[], float]) -> None:
        self._quotas = quotas
        self._now_s = now_s
        self._lock = threading.Lock()
        self._wallets: dict[WalletId, dict[BlobId, _Blob]] = {}

    def offer(self, wallet_id: WalletId, manifest: BlobManifest) -> frozenset[int]:
        """See `BlobStore.offer`."""
        with self._lock:
            blobs = self._wallets.setdefault(wallet_id, {})
            blob = blobs.get(manifest.id)
            if blob is None:
                _usage_of(blobs).require_room(manifest, self._quotas)
                blob = blobs[manifest.id] = _Blob(manifest, Holding(since_s=self._now()))
            elif not blob.holding.was_held:
                blob.holding = Holding(since_s=self._now())
            return blob.missing

    def put(self, wallet_id: WalletId, blob: BlobId, index: int, data: bytes) -> frozenset[int]:
        """See `BlobStore.put`."""
        with self._lock:
            found = self._wallets.get(wallet_id, {}).get(blob)
            if found is None:
                raise BlobMissing("the blob was not offered")
            found.manifest.check_chunk(index, data)
            found.chunks[index] = data
            if not found.holding.was_held:
                found.holding = Holding(since_s=self._now())
            return found.missing

    def manifest(self, wallet_id: WalletId, blob: BlobId) -> BlobManifest:
        """See `BlobStore.manifest`."""
        with self._lock:
            return self._whole(wallet_id, blob).manifest

    def read(self, wallet_id: WalletId, blob: BlobId, index: int) -> bytes:
        """See `BlobStore.read`."""
        with self._lock:
            chunk = self._whole(wallet_id, blob).chunks.get(index)
        if chunk is None:
            raise BlobMissing("the blob has no such chunk")
        return chunk

    def hold(self, wallet_id: WalletId, blob: BlobId, tag: HolderTag) -> None:
        """See `BlobStore.hold`."""
        with self._lock:
            found = self._whole(wallet_id, blob)
            found.holding = found.holding.hold(tag)

    def drop(self, wallet_id: WalletId, blob: BlobId, tag: HolderTag) -> None:
        """See `BlobStore.drop`."""
        with self._lock:
            found = self._wallets.get(wallet_id, {}).get(blob)
            if found is not None:
                found.holding = found.holding.drop(tag, now_s=self._now())

    def usage(self, wallet_id: WalletId) -> BlobUsage:
        """See `BlobStore.usage`."""
        with self._lock:
            return _usage_of(self._wallets.get(wallet_id, {}))

    def collect(self) -> Collected:
        """See `BlobStore.collect`."""
        now_s, removed, left = self._now(), 0, BlobUsage()
        with self._lock:
            for blobs in self._wallets.values():
                for id_, blob in tuple(blobs.items()):
                    if blob.holding.is_due(self._quotas, now_s=now_s):
                        del blobs[id_]
                        removed += 1
                    else:
                        left = left.plus(blob.manifest)
        return Collected(removed_count=removed, left=left)

    def _now(self) -> int:
        return int(self._now_s())

    def _whole(self, wallet_id: WalletId, blob: BlobId) -> _Blob:
        found = self._wallets.get(wallet_id, {}).get(blob)
        if found is None or found.missing:
            raise BlobMissing("the server does not hold this blob")
        return found


def _usage_of(blobs: dict[BlobId, _Blob]) -> BlobUsage:
    usage = BlobUsage()
    for blob in blobs.values():
        usage = usage.plus(blob.manifest)
    return usage
