"""Whether the store that is opened is the one that this device wrote last, or a copy of it.

A token outside the store says so. It is renewed whenever the wallet opens and when it closes. The
store of a device whose token does not match is a restored copy: others may hold newer entries of
its feed, so it never writes that feed again and goes on in a new one.

Spec: 15-feeds.md
"""

from collections.abc import Callable
from typing import Protocol

from billfold.bases import read_base
from billfold.device import DeviceSecrets
from billfold.founding import (
    COPIED_KEY,
    DEVICE_KEY,
    FEED_SALT_KEY,
    HERE_KEY,
    NAMED_KEY,
    PREVIOUS_FEED_KEY,
    RESTORED_KEY,
    encode_previous,
    new_feed,
)
from billfold.store import DeleteMeta, PutMeta, WalletState, WalletStore, Write
from billfold_protocol.envelope import RandomBytes
from billfold_protocol.errors import StoreDamaged
from billfold_protocol.feed import FEED_SALT_SIZE, Dep, feed_id
from billfold_protocol.ids import FeedId
from billfold_protocol.membership import MembershipChain


class DeviceTokenStore(Protocol):
    """Keeps the token of one wallet where backups and copies of the wallet do not reach."""

    def matches(self, expected_hash: bytes) -> bool:
        """Return whether the store with this hash was opened or closed last here.

        Raises:
            StoreError: the token cannot be read.
        """
        ...

    def renew(self, random: Callable[[int], bytes], *, current_hash: bytes | None) -> bytes:
        """Keep a new token beside the one that matches, and return its 32-byte hash.

        With None as the current hash, no older token matches any more.

        Raises:
            StoreError: the token cannot be written.
        """
        ...

    def settle(self) -> None:
        """Forget the token before the last `renew`, whose hash the store now has.

        Raises:
            StoreError: the token cannot be written.
        """
        ...


def check_token(store: WalletStore, token: DeviceTokenStore, random: RandomBytes) -> bool:
    """Renew the token of a store that is being opened; return whether it is a restored copy.

    A crash at any point leaves a token that matches, or a store that is restored again. A store
    that never had a token is taken as the device's own.

    Raises:
        StoreError: the store or the token cannot be read or written.
    """
    state = store.load()
    meta = state.meta
    current = meta.get(HERE_KEY)
    is_restored = current is not None and not token.matches(current)
    renewed = token.renew(random, current_hash=None if is_restored else current)
    writes: list[Write] = [PutMeta(HERE_KEY, renewed)]
    if is_restored:
        writes += _new_feed(store, state, random)
    store.commit(writes)
    token.settle()
    return is_restored


def renew_token(
    store: WalletStore, token: DeviceTokenStore, random: RandomBytes, *, current: bytes | None
) -> None:
    """Renew the token of a store that is being closed: copies made until now match no more.

    Args:
        store: the store.
        token: its token.
        random: the source of random bytes.
        current: the hash of the token that the store has now.

    Raises:
        StoreError: the store or the token cannot be written; the token before still matches.
    """
    store.commit([PutMeta(HERE_KEY, token.renew(random, current_hash=current))])
    token.settle()


def leave_feed(salt: bytes, previous: Dep | None) -> list[Write]:
    """Return the writes by which a device goes on in a new feed, because a copy writes this one.

    Args:
        salt: 16 random bytes, the new feed's.
        previous: what the new feed follows.
    """
    return [
        *new_feed(salt, previous),
        DeleteMeta(RESTORED_KEY),
        PutMeta(COPIED_KEY, b"\x01"),
    ]


def _new_feed(store: WalletStore, state: WalletState, random: RandomBytes) -> list[Write]:
    meta = state.meta
    try:
        device = DeviceSecrets.decode(meta[DEVICE_KEY]).device_id
        old_feed = feed_id(device, meta[FEED_SALT_KEY])
    except KeyError as error:
        raise StoreDamaged("the wallet's file lacks this device's own data") from error
    rows = [row for row in store.entry_index() if row.feed == old_feed]
    writes = [PutMeta(RESTORED_KEY, b"\x01"), PutMeta(FEED_SALT_KEY, random(FEED_SALT_SIZE))]
    last = Dep(rows[-1].feed, rows[-1].seq, rows[-1].entry_id) if rows else None
    last = last or _covered_head(state, old_feed)
    if last is not None:
        writes.append(PutMeta(PREVIOUS_FEED_KEY, encode_previous(last)))
    return [*writes, DeleteMeta(NAMED_KEY), DeleteMeta(COPIED_KEY)]


def _covered_head(state: WalletState, feed: FeedId) -> Dep | None:
    """Return the newest entry of a feed that a snapshot covers, of which nothing else is held."""
    base = read_base(state.meta, MembershipChain.load(state.members).wallet_id)
    covered = None if base is None else base.snapshot.covered.get(feed)
    return None if covered is None else Dep(feed, covered.seq, covered.id)
