"""A feed entry: its id, its envelope and their canonical bytes.

The envelope is `[version, feed, seq, prev, deps, body, document, k, M, epoch, nonce, ciphertext]`.
The id is the hash of `[wallet_id, feed, seq, prev, deps, body]` only, so that an entry can be
sealed again under a newer epoch and stays the same entry.

Spec: 14-change-envelope.md
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from billfold_protocol import codec, limits
from billfold_protocol.crypto import hashing, signing
from billfold_protocol.crypto.domains import Domain
from billfold_protocol.errors import Downgrade, Malformed, WrongContext
from billfold_protocol.ids import (
    ChainHead,
    DeviceId,
    EntryId,
    EpochId,
    FeedId,
    SigningPublicKey,
    WalletId,
)

VERSION = 1

FEED_SALT_SIZE = 16

_FIELDS_COUNT = 12


class Dep(NamedTuple):
    """One entry that another builds on."""

    feed: FeedId
    seq: int
    id: EntryId


@dataclass(frozen=True, slots=True)
class Opening:
    """What stands in place of `prev` in the first entry of a feed."""

    device: DeviceId
    """The device that owns the feed."""

    salt: bytes
    """16 random bytes, which make the feed's id with the device: see `feed_id`."""

    previous: Dep | None
    """The head of that device's feed before, if it had one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One entry of a feed, as its envelope states it."""

    id: EntryId
    feed: FeedId
    seq: int
    """Position in the feed, from 0."""

    prev: EntryId | Opening
    deps: tuple[Dep, ...]
    """Heads of other feeds it builds on that this feed has not named before, in feed order."""

    body: bytes
    """32 bytes: the salted hash of the plaintext."""

    document: int
    k: int
    head: ChainHead
    epoch: EpochId
    nonce: bytes
    ciphertext: bytes

    @property
    def proves_its_feed(self) -> bool:
        """Whether the feed's id is that of the opening; all but the first entry have none."""
        prev = self.prev
        return not isinstance(prev, Opening) or feed_id(prev.device, prev.salt) == self.feed

    @property
    def ancestors(self) -> tuple[Dep, ...]:
        """Return every entry this one builds on directly, in its own feed and in others."""
        if not isinstance(self.prev, Opening):
            return (Dep(self.feed, self.seq - 1, self.prev), *self.deps)
        if self.prev.previous is None:
            return self.deps
        return (self.prev.previous, *self.deps)


def feed_id(device: DeviceId, salt: bytes) -> FeedId:
    """Return the 16-byte id of the feed that a device opens with a salt; nobody else can open it.

    Args:
        device: the device that owns the feed.
        salt: 16 random bytes.
    """
    return FeedId(hashing.digest(Domain.FEED_ID, device, salt)[:16])


def entry_id(
    wallet_id: WalletId,
    *,
    feed: FeedId,
    seq: int,
    prev: EntryId | Opening,
    deps: Sequence[Dep],
    body: bytes,
) -> EntryId:
    """Return the 32-byte hash that names an entry."""
    named = codec.encode(
        [wallet_id, feed, seq, _encode_prev(prev), [list(dep) for dep in deps], body]
    )
    return EntryId(hashing.digest(Domain.ENTRY_ID, named))


def header(entry: Entry) -> list[object]:
    """Return all fields of the envelope but the ciphertext; sealed with it as associated data."""
    return [
        VERSION,
        entry.feed,
        entry.seq,
        _encode_prev(entry.prev),
        [list(dep) for dep in entry.deps],
        entry.body,
        entry.document,
        entry.k,
        entry.head,
        entry.epoch,
        entry.nonce,
    ]


def encode_place(entry: Entry) -> bytes:
    """Encode the fields before the nonce, as they stand in the envelope's array."""
    return codec.encode_items(header(entry)[:-1])


def encode_header(place: bytes, nonce: bytes) -> bytes:
    """Encode `header` with another nonce.

    Args:
        place: what `encode_place` returned.
        nonce: the envelope's.
    """
    return codec.array_of(_FIELDS_COUNT - 1, place, codec.encode(nonce))


def sign_entry(
    entry: Entry, wallet_id: WalletId, key: signing.SigningKey, *, place: bytes | None = None
) -> signing.Verified[Entry]:
    """Sign an entry of our own.

    Args:
        entry: sealed.
        wallet_id: its wallet.
        key: its author's.
        place: what `encode_place` returned for it, if that is known already.
    """
    body = codec.array_of(
        _FIELDS_COUNT,
        encode_place(entry) if place is None else place,
        codec.encode(entry.nonce),
        codec.encode(entry.ciphertext),
    )
    return signing.sign_value(key, entry, body, Domain.ENTRY_SIGNATURE, wallet_id)


def parse_entry(raw: bytes, wallet_id: WalletId) -> signing.Signed[Entry]:
    """Parse signed bytes; the signature is not checked.

    Raises:
        Malformed: the bytes are not a feed entry.
        Downgrade: the entry is of another version.
        WrongContext: it opens a feed that is not its device's.
    """
    if len(raw) > limits.ENTRY_SIZE_MAX:
        raise Malformed("the feed entry is too large")
    signature, body = signing.split(raw)
    fields = codec.as_array(codec.decode(body, size_max=limits.ENTRY_SIZE_MAX))
    if not fields or fields[0] != VERSION or type(fields[0]) is not int:
        raise Downgrade("the feed entry is of a version this client does not speak")
    _, feed, seq, prev, deps, content, document, k, head, epoch, nonce, ciphertext = codec.as_array(
        fields, _FIELDS_COUNT
    )
    own_feed = FeedId(codec.as_bytes(feed, 16))
    position = codec.as_integer(seq)
    before = _parse_prev(prev, position)
    named = _parse_deps(deps, own_feed)
    body_hash = codec.as_bytes(content, 32)
    entry = Entry(
        id=entry_id(
            wallet_id, feed=own_feed, seq=position, prev=before, deps=named, body=body_hash
        ),
        feed=own_feed,
        seq=position,
        prev=before,
        deps=named,
        body=body_hash,
        document=codec.as_integer(document),
        k=codec.as_integer(k, maximum=limits.CHAIN_LENGTH_MAX - 1),
        head=ChainHead(codec.as_bytes(head, 16)),
        epoch=EpochId(codec.as_bytes(epoch, 16)),
        nonce=codec.as_bytes(nonce, 24),
        ciphertext=codec.as_bytes(ciphertext),
    )
    if not entry.proves_its_feed:
        raise WrongContext("the entry opens a feed that is not its device's")
    return signing.Signed(entry, body, signature)


def verify_entry(
    signed: signing.Signed[Entry], wallet_id: WalletId, public_key: SigningPublicKey
) -> signing.Verified[Entry]:
    """Check the author's signature.

    Raises:
        AuthFailed: it does not verify.
    """
    return signing.verify(signed, public_key, Domain.ENTRY_SIGNATURE, wallet_id)


def _encode_prev(prev: EntryId | Opening) -> object:
    if not isinstance(prev, Opening):
        return prev
    return [prev.device, prev.salt, None if prev.previous is None else list(prev.previous)]


def _parse_prev(value: object, seq: int) -> EntryId | Opening:
    if seq > 0:
        return EntryId(codec.as_bytes(value, 32))
    device, salt, previous = codec.as_array(value, 3)
    return Opening(
        DeviceId(codec.as_bytes(device, 16)),
        codec.as_bytes(salt, FEED_SALT_SIZE),
        None if previous is None else _parse_dep(previous),
    )


def _parse_dep(value: object) -> Dep:
    feed, seq, id_ = codec.as_array(value, 3)
    return Dep(
        FeedId(codec.as_bytes(feed, 16)), codec.as_integer(seq), EntryId(codec.as_bytes(id_, 32))
    )


def _parse_deps(value: object, feed: FeedId) -> tuple[Dep, ...]:
    deps = tuple(_parse_dep(item) for item in codec.as_list(value, count_max=limits.DEPS_COUNT_MAX))
    if deps:
        codec.require_ascending([dep.feed for dep in deps], "the feeds of deps")
        if any(dep.feed == feed for dep in deps):
            raise Malformed("an entry does not name its own feed in `deps`")
    return deps
