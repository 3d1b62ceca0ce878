"""Sealing the document into a snapshot, and opening one.

The plaintext is `[saved, aside, waiting, openings]`, padded. It is sealed under the epoch key of
the membership entry that its statement names, so that a new device opens it through the
back-links like any entry.

Spec: 16-snapshots.md
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from billfold_protocol import codec, limits
from billfold_protocol.crypto import derivation, hashing, sealing
from billfold_protocol.crypto.domains import Domain
from billfold_protocol.crypto.signing import SigningKey, Verified
from billfold_protocol.errors import CommitMismatch, LimitExceeded, WrongContext
from billfold_protocol.feed import FEED_SALT_SIZE, Dep, Opening, feed_id
from billfold_protocol.ids import DeviceId, EntryId, EpochKey, FeedId, SnapshotId, WalletId
from billfold_protocol.membership import MembershipState
from billfold_protocol.snapshot import Cover, Snapshot, ciphertext_hash, header, sign_snapshot

RandomBytes = Callable[[int], bytes]


@dataclass(frozen=True, slots=True, kw_only=True)
class Aside:
    """An entry or a change that is set aside, as it came."""

    hash: bytes
    """32 bytes: an entry's id, or the hash by which a change is set aside."""

    raw: bytes
    is_change: bool
    feed: FeedId | None
    """The feed it came in, for a change of which that is known."""

    stops_at: int | None
    """For a change: the number from which on its feed is set aside; None if it is alone."""

    error: str
    """The type of the error that it met."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SnapshotContent:
    """What a snapshot holds, in clear."""

    saved: bytes
    """The document with its whole history."""

    aside: tuple[Aside, ...]
    """All that is set aside of what it covers, in order of hash."""

    waiting: tuple[bytes, ...]
    """Changes of what it covers that wait for others, in the order of their feeds."""

    openings: tuple[tuple[FeedId, Opening], ...] = ()
    """How each feed that it covers began, in order of feed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Maker:
    """Whose snapshot it is."""

    device: DeviceId
    signing_key: SigningKey
    make_nonce: Callable[[RandomBytes, bytes], bytes] = field(repr=False)
    """Makes a hedged nonce of 24 bytes from fresh bytes and the message."""


def seal_snapshot(
    content: SnapshotContent,
    covered: Cover,
    *,
    maker: Maker,
    state: MembershipState,
    key: EpochKey,
    time_s: int,
    random: RandomBytes,
) -> tuple[Verified[Snapshot], bytes]:
    """Seal a document for the epoch of `state`; return the statement and the ciphertext.

    Raises:
        LimitExceeded: the document is larger than a snapshot may be.
    """
    plaintext = codec.encode(
        [
            content.saved,
            [
                [item.hash, item.raw, item.is_change, item.feed, item.stops_at, item.error]
                for item in content.aside
            ],
            list(content.waiting),
            encode_openings(content.openings),
        ]
    )
    if sealing.padded_size(len(plaintext) + 1) + sealing.TAG_SIZE > limits.SNAPSHOT_SIZE_MAX:
        raise LimitExceeded("the wallet is larger than a snapshot may be")
    draft = Snapshot(
        id=SnapshotId(b""),
        wallet_id=state.wallet_id,
        author=maker.device,
        document=state.document,
        k=state.k,
        head=state.head,
        epoch=state.epoch.id,
        covered=covered,
        time_s=time_s,
        nonce=b"",
        size=0,
        digest=b"",
    )
    message = _associated_data(draft) + plaintext
    nonce = maker.make_nonce(random, message)
    draft = replace(draft, nonce=nonce)
    ciphertext = sealing.seal(
        snapshot_key(key, state.wallet_id), nonce, sealing.pad(plaintext), _associated_data(draft)
    )
    draft = replace(draft, size=len(ciphertext), digest=ciphertext_hash(ciphertext))
    return sign_snapshot(draft, maker.signing_key), ciphertext


def open_snapshot(
    snapshot: Verified[Snapshot], ciphertext: bytes, key: EpochKey
) -> SnapshotContent:
    """Open a verified snapshot with the key of its epoch.

    Raises:
        CommitMismatch: the ciphertext is not the one that the statement names.
        AuthFailed: the ciphertext does not open.
        Malformed: the plaintext is not a snapshot's.
    """
    statement = snapshot.value
    if len(ciphertext) != statement.size or ciphertext_hash(ciphertext) != statement.digest:
        raise CommitMismatch("the sealed bytes are not the ones that the snapshot names")
    padded = sealing.unseal(
        snapshot_key(key, statement.wallet_id),
        statement.nonce,
        ciphertext,
        _associated_data(statement),
    )
    plaintext = codec.decode(sealing.unpad(padded), size_max=limits.SNAPSHOT_SIZE_MAX)
    saved, aside, waiting, openings = codec.as_array(plaintext, 4)
    count_max = limits.SNAPSHOT_ASIDE_COUNT_MAX
    items = tuple(_parse_aside(item) for item in codec.as_list(aside, count_max=count_max))
    codec.require_ascending([item.hash for item in items], "what a snapshot sets aside")
    return SnapshotContent(
        saved=codec.as_bytes(saved),
        aside=items,
        waiting=tuple(codec.as_bytes(raw) for raw in codec.as_list(waiting, count_max=count_max)),
        openings=parse_openings(openings),
    )


def encode_openings(openings: Sequence[tuple[FeedId, Opening]]) -> list[object]:
    """Return the beginnings of feeds as arrays: feed, device, salt, the head before or nil."""
    return [
        [feed, opening.device, opening.salt, opening.previous and list(opening.previous)]
        for feed, opening in openings
    ]


def parse_openings(value: object) -> tuple[tuple[FeedId, Opening], ...]:
    """Parse what `encode_openings` made.

    Raises:
        Malformed: it is something else.
        WrongContext: a feed is not its device's.
    """
    openings: list[tuple[FeedId, Opening]] = []
    for item in codec.as_list(value, count_max=limits.FEEDS_COUNT_MAX):
        feed, device, salt, previous = codec.as_array(item, 4)
        opening = Opening(
            DeviceId(codec.as_bytes(device, 16)),
            codec.as_bytes(salt, FEED_SALT_SIZE),
            None if previous is None else _parse_dep(previous),
        )
        openings.append((FeedId(codec.as_bytes(feed, 16)), opening))
        if feed_id(opening.device, opening.salt) != feed:
            raise WrongContext("a snapshot opens a feed that is not its device's")
    codec.require_ascending([feed for feed, _ in openings], "the openings of a snapshot")
    return tuple(openings)


def _parse_dep(value: object) -> Dep:
    feed, seq, id_ = codec.as_array(value, 3)
    return Dep(
        FeedId(codec.as_bytes(feed, 16)), codec.as_integer(seq), EntryId(codec.as_bytes(id_, 32))
    )


def snapshot_key(key: EpochKey, wallet_id: WalletId) -> bytes:
    """Return the key that seals the snapshots of an epoch."""
    return derivation.derive_key(key, Domain.SNAPSHOT_KEY, wallet_id)


def _parse_aside(value: object) -> Aside:
    hash_, raw, is_change, feed, stops_at, error = codec.as_array(value, 6)
    return Aside(
        hash=codec.as_bytes(hash_, 32),
        raw=codec.as_bytes(raw),
        is_change=codec.as_flag(is_change),
        feed=None if feed is None else FeedId(codec.as_bytes(feed, 16)),
        stops_at=None if stops_at is None else codec.as_integer(stops_at),
        error=codec.as_text(error),
    )


def _associated_data(snapshot: Snapshot) -> bytes:
    return hashing.frame(Domain.SNAPSHOT_SEAL, snapshot.wallet_id, codec.encode(header(snapshot)))
