"""Whether the store that is opened is the one that this device wrote last, or a copy of it.

A token outside the store says so. It is renewed whenever the wallet opens and when it closes. The
store of a device whose token does not match is a restored copy: others may hold newer entries of
its feed, so it never writes that feed again and goes on in a new one.

Spec: 15-feeds.md
"""

from collections.abc import Callable
from typing import Protocol

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
from billfold.store import DeleteMeta, PutMeta, WalletStore, Write
from billfold_protocol.envelope import RandomBytes
from billfold_protocol.errors import StoreDamaged
from billfold_protocol.feed import FEED_SALT_SIZE, Dep, feed_id


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
    meta = store.load().meta
    current = meta.get(HERE_KEY)
    is_restored = current is not None and not token.matches(current)
    renewed = token.renew(random, current_hash=None if is_restored else current)
    writes: list[Write] = [PutMeta(HERE_KEY, renewed)]
    if is_restored:
        writes += _new_feed(store, meta, random)
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


def _new_feed(store: WalletStore, meta: dict[str, bytes], random: RandomBytes) -> list[Write]:
    try:
        device = DeviceSecrets.decode(meta[DEVICE_KEY]).device_id
        old_feed = feed_id(device, meta[FEED_SALT_KEY])
    except KeyError as error:
        raise StoreDamaged("the wallet's file lacks this device's own data") from error
    rows = [row for row in store.entry_index() if row.feed == old_feed]
    writes = [PutMeta(RESTORED_KEY, b"\x01"), PutMeta(FEED_SALT_KEY, random(FEED_SALT_SIZE))]
    if rows:
        last = rows[-1]
        head = encode_previous(Dep(last.feed, last.seq, last.entry_id))
        writes.append(PutMeta(PREVIOUS_FEED_KEY, head))
    return [*writes, DeleteMeta(NAMED_KEY), DeleteMeta(COPIED_KEY)]
