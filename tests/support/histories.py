"""Random but true histories of one wallet: devices write, meet, lose rights and learn of it late.

A history is made by a list of steps; each device acts on what it knows, as a real one does, except
that a device which lost its rights may go on under the newest membership it could write in.

Spec: 15-feeds.md
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum, unique

from billfold_protocol.crypto.signing import Verified
from billfold_protocol.feed import Dep, Entry
from billfold_protocol.ids import DeviceId, EntryId
from billfold_protocol.membership import MembershipChain, MembershipState, Role
from tests.support.replicas import TestReplica
from tests.support.wallets import TestDevice, TestFeed, TestWallet


@unique
class Act(Enum):
    """What one step does."""

    WRITE = "write"
    WRITE_ANYWAY = "write_anyway"
    OPEN_FEED = "open_feed"
    RESEAL = "reseal"
    FORK = "fork"
    MEET = "meet"
    LEARN = "learn"
    LEARN_AND_VOUCH = "learn_and_vouch"
    LINK = "link"
    ROTATE = "rotate"
    DEMOTE = "demote"
    PROMOTE = "promote"
    REVOKE = "revoke"


@dataclass(frozen=True, slots=True)
class Step:
    """One act of a device, which may concern another; indices count the devices from 0."""

    act: Act
    device: int
    other: int = 0


@dataclass(slots=True)
class Actor:
    """A device with its replica and its feed."""

    device: TestDevice
    replica: TestReplica
    feed: TestFeed
    feeds_count: int = 1
    named: set[EntryId] = field(default_factory=set)
    is_honest: bool = True
    branches: list[TestFeed] = field(default_factory=list)
    """Where a device that lies may go on."""


class History:
    """A wallet of an owner and some editors, and every envelope that any of them ever made.

    `entries` has the newest envelope of each entry, `envelopes` all of them.
    """

    def __init__(self, steps: Sequence[Step]) -> None:
        self.wallet = TestWallet("history")
        self.entries: dict[EntryId, Verified[Entry]] = {}
        self.envelopes: list[bytes] = []
        self._late = TestDevice("history/late")
        names = ("second", "third", "fourth")
        devices = [
            self.wallet.owner,
            *(self.wallet.link(TestDevice(f"history/{n}")) for n in names),
        ]
        self.actors = [self._actor(device) for device in devices]
        for step in steps:
            self.perform(step)

    @property
    def membership(self) -> Sequence[bytes]:
        """The signed membership entries, from `create` on."""
        return self.wallet.chain.raws

    def fresh(self) -> TestReplica:
        """Return a replica that knows the `create` entry only."""
        return TestReplica(self.membership[0])

    def _actor(self, device: TestDevice) -> Actor:
        replica = self.fresh()
        replica.learn(self.membership)
        return Actor(device, replica, TestFeed(device.seed, device=device.id))

    def perform(self, step: Step) -> None:
        """Let a device act, as far as it can."""
        actor = self.actors[step.device % len(self.actors)]
        other = self.actors[step.other % len(self.actors)]
        state = actor.replica.chain.state
        match step.act:
            case Act.WRITE:
                if _may_write(state, actor.device.id):
                    self._write(actor, state)
            case Act.WRITE_ANYWAY:
                self._write(actor, _newest_writable(actor.replica.chain, actor.device.id))
            case Act.OPEN_FEED:
                self._open_feed(actor)
            case Act.FORK:
                self._fork(actor, step.other)
            case Act.RESEAL:
                if _may_write(state, actor.device.id):
                    self._reseal(actor, state)
            case Act.MEET:
                self._meet(actor, other)
            case Act.LEARN | Act.LEARN_AND_VOUCH:
                self._learn(actor, vouches=step.act is Act.LEARN_AND_VOUCH)
            case _:
                self._change_membership(step.act, other)

    def _fork(self, actor: Actor, back: int) -> None:
        """Go back in a feed; what is written next stands beside what was written there."""
        entries = actor.feed.entries
        branch = TestFeed(actor.device.seed, previous=actor.feed.previous, device=actor.device.id)
        branch.salt = actor.feed.salt
        branch.entries = entries[: max(0, len(entries) - 1 - back)]
        actor.branches.append(actor.feed)
        actor.feed = branch
        actor.is_honest = False

    def _write(
        self, actor: Actor, state: MembershipState, deps: Sequence[Dep] | None = None
    ) -> None:
        graph = actor.replica.graph
        if actor.branches and len(self.entries) % 3 == 0:
            actor.branches.append(actor.feed)
            actor.feed = actor.branches.pop(0)
        if actor.is_honest and actor.feed.entries and graph.is_set_aside(actor.feed.head):
            # What it builds on does not stand: it goes on in a new feed, as a device does.
            self._open_feed(actor)
            actor.named.clear()
        heads = graph.counted_heads if deps is None else deps
        own = actor.feed.id
        named = [dep for dep in heads if dep.feed != own and dep.id not in actor.named]
        body = b"%d" % len(self.entries)
        entry = self.wallet.seal(actor.device, actor.feed, body, deps=named, state=state)
        actor.named.update(dep.id for dep in named)
        self._keep(entry)
        actor.replica.append_own(entry, actor.device.id)

    def _keep(self, entry: Verified[Entry]) -> None:
        self.entries[entry.value.id] = entry
        self.envelopes.append(entry.raw)

    def _reseal(self, actor: Actor, state: MembershipState) -> None:
        """Seal the younger half of a feed again, as a device does that was not answered."""
        for entry in actor.feed.entries[len(actor.feed.entries) // 2 :]:
            newest = self.entries[entry.id].value
            if newest.k < state.k:
                again = actor.device.sealer.reseal(
                    newest,
                    old_key=self.wallet.epoch_keys[newest.epoch],
                    state=state,
                    key=self.wallet.epoch_keys[state.epoch.id],
                    random=actor.device.random,
                )
                self._keep(again)
                actor.replica.reseal(again)

    def _open_feed(self, actor: Actor) -> None:
        if not actor.feed.entries:
            return
        actor.feeds_count += 1
        seed = f"{actor.device.seed}/{actor.feeds_count}"
        graph, own = actor.replica.graph, {entry.feed for entry in actor.feed.entries}
        previous: Dep | None = actor.feed.head
        if previous is not None and graph.is_set_aside(previous):
            heads = [dep for dep in graph.counted_heads if dep.feed in own]
            previous = heads[0] if heads else actor.feed.previous
        if previous is not None and graph.is_set_aside(previous):
            previous = None
        actor.branches.clear()
        actor.feed = TestFeed(seed, previous=previous, device=actor.device.id)

    def _meet(self, actor: Actor, other: Actor) -> None:
        """Hand over all entries; the chain is learnt apart from them."""
        for entry in list(actor.replica.stored.values()):
            other.replica.receive(entry.raw)

    def _learn(self, actor: Actor, *, vouches: bool) -> None:
        replica = actor.replica
        for raw in self.membership[len(replica.chain) :]:
            replica.append(raw)
        lost = replica.graph.cut_off()
        own = {entry.feed for entry in actor.feed.entries}
        heads = {dep.feed: dep for dep in sorted(lost) if dep.feed not in own}
        if vouches and heads and _may_write(replica.chain.state, actor.device.id):
            self._write(actor, replica.chain.state, list(heads.values()))
        replica.drop_what_is_cut_off()

    def _change_membership(self, act: Act, other: Actor) -> None:
        owner, wallet = self.actors[0], self.wallet
        member = wallet.state.members.get(other.device.id)
        if act is Act.LINK and self._late.id not in wallet.devices:
            self.actors.append(self._actor(wallet.link(self._late)))
        elif act is Act.ROTATE:
            wallet.rotate()
        elif member is None or other is owner:
            return
        elif act is Act.PROMOTE:
            wallet.set_role(other.device, Role.EDITOR)
        else:
            cut = owner.replica.graph.feeds_of([other.device.id])
            if act is Act.REVOKE:
                wallet.revoke(other.device, cut=cut)
            elif member.role is not Role.VIEWER:
                wallet.set_role(other.device, Role.VIEWER, cut=cut)
        owner.replica.learn(self.membership)


def what_counts(entries: Mapping[EntryId, Verified[Entry]], chain: MembershipChain) -> set[EntryId]:
    """Return what counts once everything has arrived, straight from the rule's words."""
    return Rule({id_: entry.value for id_, entry in entries.items()}, chain).counted()


class Rule:
    """Page 15 once more, in the plainest way: slow, and unlike the graph in all but the outcome."""

    def __init__(self, entries: Mapping[EntryId, Entry], chain: MembershipChain) -> None:
        self._entries = entries
        self._chain, self._cuts = chain, chain.state.cuts
        self._owners = {
            entry.feed: entry.prev.device
            for entry in entries.values()
            if not isinstance(entry.prev, bytes)
        }
        self._reached: dict[EntryId, frozenset[EntryId]] = {}

    def counted(self) -> set[EntryId]:
        """Return the ids of the entries that count."""
        gone = {branch for place in self.places() for branch in place - {self._standing(place)}}
        roots = [id_ for id_ in self._entries if self._is_root(id_) and not self._all(id_) & gone]
        return {below for id_ in roots for below in self._all(id_)}

    def places(self) -> list[set[EntryId]]:
        """Return the entries that follow one entry of their feed, where there are several."""
        followers: dict[tuple[bytes, bytes], set[EntryId]] = {}
        for id_, entry in self._entries.items():
            before = entry.prev if isinstance(entry.prev, bytes) else b""
            followers.setdefault((entry.feed, before), set()).add(id_)
        return [place for place in followers.values() if len(place) > 1]

    def _all(self, id_: EntryId) -> frozenset[EntryId]:
        """Return an entry and all that it reaches."""
        if id_ not in self._reached:
            found = {id_}
            for dep in self._entries[id_].ancestors:
                found |= self._all(dep.id)
            self._reached[id_] = frozenset(found)
        return self._reached[id_]

    def _behind(self, id_: EntryId) -> set[EntryId]:
        """Return an entry and those before it in its feed."""
        found = {id_}
        while isinstance(before := self._entries[id_].prev, bytes):
            id_ = before
            found.add(id_)
        return found

    def _standing(self, place: set[EntryId]) -> EntryId:
        feed = self._entries[next(iter(place))].feed
        for cut in reversed(self._cuts):
            head = cut.heads.get(feed)
            if cut.device == self._owners[feed] and head is not None and head[1] in self._entries:
                named = place & self._behind(head[1])
                if named:
                    return named.pop()
        vouchers = {
            branch: {
                self._owners[entry.feed]
                for id_, entry in self._entries.items()
                if branch in self._all(id_) and self._is_root(id_)
            }
            - {self._owners[feed]}
            for branch in place
        }
        most = max(len(devices) for devices in vouchers.values())
        return min(branch for branch, devices in vouchers.items() if len(devices) == most)

    def _is_root(self, id_: EntryId) -> bool:
        entry = self._entries[id_]
        for cut in self._cuts:
            named = self._chain.find(entry.k, entry.head)
            assert named is not None, "what is admitted names a state of the chain"
            is_known = cut.entry in {one.entry for one in named.cuts}
            if cut.device != self._owners[entry.feed] or is_known:
                continue
            if entry.feed not in cut.heads:
                return False
            seq, head = cut.heads[entry.feed]
            if entry.seq > seq or (entry.seq == seq and head != id_):
                return False
            if head in self._entries and id_ not in self._behind(head):
                return False
        return True


def _may_write(state: MembershipState, device: DeviceId) -> bool:
    member = state.members.get(device)
    return member is not None and member.role.can_write


def _newest_writable(chain: MembershipChain, device: DeviceId) -> MembershipState:
    states = (chain.state_at(k) for k in range(len(chain) - 1, -1, -1))
    return next(state for state in states if _may_write(state, device))
