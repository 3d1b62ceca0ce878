"""A SQLCipher store with something of everything in it.

Spec: 40-wallet-document.md
"""

import os
from pathlib import Path

from billfold.store import (
    EntryStatus,
    LocalEntry,
    PendingEdit,
    PutEntry,
    PutMeta,
    PutPending,
    ReplaceDocument,
    SqlCipherStore,
)
from billfold_protocol.ids import EntryId, FeedId

KEY = bytes(range(32))
FEED = FeedId(b"f" * 16)


def filled(directory: Path) -> None:
    store = SqlCipherStore.create(directory, KEY)
    store.commit([PutMeta("name", b"value"), ReplaceDocument(os.urandom(20_000))])
    for seq in range(20):
        store.commit(
            [
                PutEntry(
                    LocalEntry(
                        feed=FEED,
                        seq=seq,
                        entry_id=EntryId(bytes([seq]) * 32),
                        raw=os.urandom(700),
                        status=EntryStatus.COUNTED,
                        is_acked=False,
                    )
                ),
                PutPending(PendingEdit(seq, os.urandom(200), b"")),
            ]
        )
    store.close()


def read_all(directory: Path) -> None:
    store = SqlCipherStore.open(directory, KEY)
    try:
        store.load()
        store.entry_index()
        store.read_entries(FEED, from_seq=0, count_max=100, size_max=2**20)
        store.check()
    finally:
        store.close()


def flip(path: Path, offset: int, mask: int = 1) -> None:
    data = bytearray(path.read_bytes())
    data[offset] ^= mask
    path.write_bytes(data)
