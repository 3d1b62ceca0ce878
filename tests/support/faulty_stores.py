"""Stores that fail when they are told to: a device's with a full disk, a server's likewise.

Spec: 40-wallet-document.md
"""

from collections.abc import Sequence

from billfold.store import (
    EntryIndexRow,
    LocalEntry,
    PutQuarantined,
    WalletState,
    WalletStore,
)
from billfold.store import Write as WalletWrite
from billfold_protocol.errors import StoreDamaged, StoreFull
from billfold_protocol.ids import FeedId, SnapshotId
from billfold_server.store import MemoryLogStore
from billfold_server.store import Write as LogWrite


class FaultyWalletStore:
    """A real wallet store behind a disk that may be full, or unreadable."""

    def __init__(self, store: WalletStore) -> None:
        self._store = store
        self.is_full = False
        self.is_unreadable = False
        self.commits_until_full: int | None = None
        """How many more commits succeed before the disk is full."""

    def load(self) -> WalletState:
        """See `WalletStore.load`."""
        if self.is_unreadable:
            raise StoreDamaged("the simulated disk cannot be read")
        return self._store.load()

    def commit(self, writes: Sequence[WalletWrite]) -> None:
        """See `WalletStore.commit`."""
        if self.commits_until_full is not None:
            self.is_full = self.commits_until_full == 0
            self.commits_until_full = max(0, self.commits_until_full - 1)
        if self.is_full:
            raise StoreFull("the simulated disk is full")
        self._store.commit(writes)

    def entry_index(self) -> list[EntryIndexRow]:
        """See `WalletStore.entry_index`."""
        return self._store.entry_index()

    def read_beside(self, feed: FeedId) -> list[LocalEntry]:
        """See `WalletStore.read_beside`."""
        return self._store.read_beside(feed)

    def read_entries(
        self, feed: FeedId, *, from_seq: int, count_max: int, size_max: int
    ) -> list[LocalEntry]:
        """See `WalletStore.read_entries`."""
        return self._store.read_entries(
            feed, from_seq=from_seq, count_max=count_max, size_max=size_max
        )

    def unacked(self, feed: FeedId) -> list[LocalEntry]:
        """See `WalletStore.unacked`."""
        return self._store.unacked(feed)

    def read_quarantined(self) -> list[PutQuarantined]:
        """See `WalletStore.read_quarantined`."""
        return self._store.read_quarantined()

    def read_snapshot(self, snapshot: SnapshotId) -> bytes | None:
        """See `WalletStore.read_snapshot`."""
        return self._store.read_snapshot(snapshot)

    def size(self) -> int:
        """See `WalletStore.size`."""
        return self._store.size()

    def close(self) -> None:
        """See `WalletStore.close`."""
        self._store.close()


class FaultyLogStore(MemoryLogStore):
    """A server's store whose disk may be full."""

    def __init__(self) -> None:
        super().__init__()
        self.is_full = False
        self.refused_count = 0

    def commit(self, writes: Sequence[LogWrite]) -> None:
        """See `LogStore.commit`."""
        if self.is_full:
            self.refused_count += 1
            raise StoreFull("the simulated disk is full")
        super().commit(writes)
