"""A wallet's snapshots as the server keeps them: who brought what, and which one may be begun with.

    OFFERED ──a judge endorses, or nobody can──► ACCEPTED ──grace over──► RESTING
       │                                            │
       └──────────objected, replaced────────────────┘► forgotten

Each member has one that is offered. Of those accepted, the one whose grace ends first and the
newest are kept. Entries are pruned on the resting one only, which stays until a later one rests.

Spec: 16-snapshots.md
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field

from billfold_protocol.ids import DeviceId, FeedId, SnapshotId, WalletId
from billfold_protocol.membership import MembershipChain
from billfold_protocol.snapshot import (
    CiphertextHash,
    Cover,
    Covered,
    Snapshot,
    is_endorsed,
    judges_of,
    parse_snapshot,
)
from billfold_server.store import SnapshotStanding, StoredSnapshot


@dataclass(slots=True)
class Held:
    """One snapshot."""

    snapshot: Snapshot
    raw: bytes
    number: int
    n: int
    tail_n: int
    standing: SnapshotStanding = SnapshotStanding.OFFERED
    due_s: int | None = None
    received: int = 0
    endorsements: dict[DeviceId, bytes] = field(default_factory=dict)
    brought: tuple[bytes, ...] = ()
    """Endorsements that came with it and are looked at when it is whole."""

    body_hash: CiphertextHash | None = None
    """While its bytes come in."""

    is_durable: bool = False
    """Whether all of it is in the store."""

    is_rested: bool = False
    """Whether the store knows that it rests: nothing is pruned on it before."""

    is_returned: bool = False
    """Whether it is given back to a server that had lost it: it covers what is not held."""

    @property
    def is_whole(self) -> bool:
        """Whether all of its bytes have come."""
        return self.received == self.snapshot.size

    @property
    def size(self) -> int:
        """Bytes that it takes."""
        return len(self.raw) + self.received + sum(map(len, self.endorsements.values()))

    def stored(self) -> StoredSnapshot:
        """Return it as the store keeps it."""
        return StoredSnapshot(
            snapshot_id=self.snapshot.id,
            number=self.number,
            n=self.n,
            tail_n=self.tail_n,
            standing=self.standing,
            due_s=self.due_s,
            received=self.received,
            raw=self.raw,
        )

    def covers(self, cover: Cover) -> bool:
        """Whether it covers all that another does."""
        mine = self.snapshot.covered
        return all(feed in mine and mine[feed].seq >= one.seq for feed, one in cover.items())


class Shelf:
    """The snapshots of one wallet."""

    def __init__(
        self,
        wallet_id: WalletId,
        stored: Iterable[StoredSnapshot] = (),
        endorsements: Iterable[tuple[SnapshotId, DeviceId, bytes]] = (),
    ) -> None:
        """Take up what the store holds; a statement in it was verified when it came."""
        self._held: dict[SnapshotId, Held] = {}
        for item in stored:
            snapshot = parse_snapshot(item.raw, wallet_id).value
            self._held[snapshot.id] = Held(
                snapshot=snapshot,
                raw=item.raw,
                number=item.number,
                n=item.n,
                tail_n=item.tail_n,
                standing=item.standing,
                due_s=item.due_s,
                received=item.received,
                is_durable=item.received == snapshot.size,
                is_rested=item.standing is SnapshotStanding.RESTING,
            )
        for snapshot_id, device, raw in endorsements:
            if snapshot_id in self._held:
                self._held[snapshot_id].endorsements[device] = raw

    @property
    def size(self) -> int:
        """Bytes that all of them take."""
        return sum(held.size for held in self._held.values())

    @property
    def newest_n(self) -> int:
        """The largest arrival number that one has; one that was given back has its own."""
        return max((held.n for held in self._held.values()), default=0)

    @property
    def base(self) -> Held | None:
        """The snapshot that pruning rests on."""
        resting = (h for h in self._held.values() if h.standing is SnapshotStanding.RESTING)
        return max(resting, key=lambda held: held.number, default=None)

    def pruned_at(self, feed: FeedId) -> Covered | None:
        """Return the newest entry of a feed that may be held no more."""
        base = self.base
        return None if base is None else base.snapshot.covered.get(feed)

    @property
    def durable(self) -> list[Held]:
        """Those that are whole and in the store, the oldest first."""
        return sorted(
            (held for held in self._held.values() if held.is_durable),
            key=lambda held: held.number,
        )

    def get(self, snapshot_id: SnapshotId) -> Held | None:
        """Return a snapshot, whole or not."""
        return self._held.get(snapshot_id)

    def newest(self, declined: Collection[SnapshotId]) -> Held | None:
        """Return the newest that a device may begin with, but for some."""
        fit = [
            held
            for held in self.durable
            if held.standing is not SnapshotStanding.OFFERED and held.snapshot.id not in declined
        ]
        return fit[-1] if fit else None

    def add(self, snapshot: Snapshot, raw: bytes, *, n: int, tail_n: int) -> list[SnapshotId]:
        """Take a new snapshot without its bytes; return those whose place it takes."""
        replaced = [
            id_
            for id_, held in self._held.items()
            if id_ == snapshot.id
            or (
                held.standing is SnapshotStanding.OFFERED
                and held.snapshot.author == snapshot.author
            )
        ]
        self.drop(replaced)
        self._held[snapshot.id] = Held(
            snapshot=snapshot,
            raw=raw,
            number=1 + max((held.number for held in self._held.values()), default=0),
            n=n,
            tail_n=tail_n,
            body_hash=CiphertextHash(snapshot.size),
        )
        return replaced

    def drop(self, ids: Iterable[SnapshotId]) -> None:
        """Forget some."""
        for id_ in ids:
            self._held.pop(id_, None)

    def accept(self, held: Held, due_s: int | None) -> list[SnapshotId]:
        """Let new devices begin with a snapshot; return those that are kept no longer."""
        held.standing, held.due_s = SnapshotStanding.ACCEPTED, due_s
        accepted = [h for h in self._held.values() if h.standing is SnapshotStanding.ACCEPTED]
        newest = max(accepted, key=lambda h: h.number)
        first = min(accepted, key=lambda h: (h.due_s is None, h.due_s, h.number))
        spare = [h.snapshot.id for h in accepted if h is not newest and h is not first]
        self.drop(spare)
        return spare

    def rest_on(self, held: Held) -> list[SnapshotId]:
        """Rest pruning on a snapshot; return those that are of no more use."""
        held.standing = SnapshotStanding.RESTING
        spare = [
            other.snapshot.id
            for other in self._held.values()
            if other is not held and (other.number < held.number or not other.is_whole)
        ]
        spare += [
            other.snapshot.id
            for other in self._held.values()
            if other.number > held.number and not other.covers(held.snapshot.covered)
        ]
        self.drop(spare)
        return list(dict.fromkeys(spare))


def grace_begins(held: Held, chain: MembershipChain) -> bool:
    """Whether a present member whose word is enough stands by a snapshot."""
    return is_endorsed(held.snapshot, held.endorsements, chain)


def nobody_can_judge(held: Held, chain: MembershipChain) -> bool:
    """Whether its author is the only device of the wallet now."""
    return not judges_of(held.snapshot.author, chain, chain.state)


def first_beyond(cover: Cover, heads: Iterable[tuple[FeedId, int]]) -> Sequence[tuple[FeedId, int]]:
    """Return, of each feed that goes on beyond what is covered, its first entry beyond it."""
    starts = ((feed, cover[feed].seq + 1 if feed in cover else 0, seq) for feed, seq in heads)
    return [(feed, start) for feed, start, seq in starts if start <= seq]
