"""The wallet stores that one suite runs on, and entries to put into them.

Spec: 40-wallet-document.md
"""

from pathlib import Path

from billfold.store import (
    EntryStatus,
    LocalEntry,
    MemoryStore,
    SetStatus,
    SqlCipherStore,
    WalletStore,
)
from billfold_protocol.ids import EntryId, FeedId

KEY = bytes(range(32))
FEED_A = FeedId(b"A" * 16)
FEED_B = FeedId(b"B" * 16)


class MemoryHarness:
    def __init__(self) -> None:
        self._store: MemoryStore | None = None

    def create(self, size_max: int | None = None) -> WalletStore:
        self._store = MemoryStore(size_max=size_max)
        return self._store

    def reopen(self) -> WalletStore:
        assert self._store is not None
        self._store = self._store.reopened()
        return self._store

    def close(self) -> None:
        if self._store is not None:
            self._store.close()


class SqlCipherHarness:
    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._store: SqlCipherStore | None = None

    def create(self, size_max: int | None = None) -> WalletStore:
        SqlCipherStore.create(self._directory, KEY).close()
        self._store = SqlCipherStore.open(self._directory, KEY, size_max=size_max)
        return self._store

    def reopen(self) -> WalletStore:
        self.close()
        self._store = SqlCipherStore.open(self._directory, KEY)
        return self._store

    def close(self) -> None:
        if self._store is not None:
            self._store.close()


Harness = MemoryHarness | SqlCipherHarness


def entry(
    feed: FeedId,
    seq: int,
    *,
    raw: bytes = b"sealed",
    status: EntryStatus = EntryStatus.COUNTED,
    is_acked: bool = False,
) -> LocalEntry:
    entry_id = EntryId(feed + seq.to_bytes(16, "big"))
    return LocalEntry(
        feed=feed, seq=seq, entry_id=entry_id, raw=raw, status=status, is_acked=is_acked
    )


def set_status(feed: FeedId, seq: int, status: EntryStatus) -> SetStatus:
    return SetStatus(feed, seq, EntryId(feed + (seq % 2**64).to_bytes(16, "big")), status)
