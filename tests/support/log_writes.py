"""Writes to a log store, with bytes that stand for signed entries.

Spec: 30-server-api.md
"""

import hashlib
from collections.abc import Iterable

from billfold_protocol.ids import DeviceId, EntryId, FeedId, WalletId
from billfold_server.store import (
    AppendEntries,
    AppendMembers,
    FeedHead,
    LogStore,
    StoredEntry,
    StoredMember,
    StoredWrap,
)

DEVICE = DeviceId(b"device-of-a-test")
FEED = FeedId(b"feed-of-the-test")


def wallet(number: int) -> WalletId:
    """Return the id of one of many wallets."""
    return WalletId(hashlib.sha256(b"wallet %d" % number).digest())


def device(number: int) -> DeviceId:
    """Return the id of one of many devices."""
    return DeviceId(hashlib.sha256(b"device %d" % number).digest()[:16])


def feed(number: int) -> FeedId:
    """Return the id of one of many feeds."""
    return FeedId(hashlib.sha256(b"feed %d" % number).digest()[:16])


def entry(n: int, *, seq: int, of: FeedId = FEED, size: int = 100) -> StoredEntry:
    """Return an entry whose bytes follow from its place and number."""
    digest = hashlib.sha256(b"%b %d %d" % (of, seq, n)).digest()
    raw = (digest * (size // 32 + 1))[:size]
    return StoredEntry(n=n, feed=of, seq=seq, entry_id=EntryId(digest), raw=raw)


def birth(wallet_id: WalletId) -> AppendMembers:
    """Return the write that makes a wallet."""
    return members(wallet_id, 0, 1)


def members(
    wallet_id: WalletId, start: int, end: int, wraps: Iterable[StoredWrap] = ()
) -> AppendMembers:
    """Return a write of the membership entries from index `start` to before `end`."""
    return AppendMembers(
        wallet_id=wallet_id,
        members=tuple(StoredMember(k=k, raw=b"member %d" % k) for k in range(start, end)),
        wraps=tuple(wraps),
    )


def wrap(k: int, for_device: DeviceId = DEVICE) -> StoredWrap:
    """Return the wrap of membership entry `k` for a device."""
    return StoredWrap(k=k, device=for_device, raw=b"wrap %d of " % k + for_device)


def append(wallet_id: WalletId, *entries: StoredEntry) -> AppendEntries:
    """Return a write of these entries with the heads that follow from them."""
    heads = {
        one.feed: FeedHead(seq=one.seq, entry_id=one.entry_id, device=DEVICE, k=0)
        for one in entries
    }
    return AppendEntries(wallet_id=wallet_id, entries=entries, heads=heads)


def arrivals(store: LogStore, wallet_id: WalletId) -> list[int]:
    """Return the arrival numbers of all entries of a wallet, checking that the bytes are intact."""
    found = store.read_entries(wallet_id, after_n=0, count_max=100_000, size_max=1 << 30)
    for one in found:
        assert one == entry(one.n, seq=one.seq, of=one.feed, size=len(one.raw))
    return [one.n for one in found]
