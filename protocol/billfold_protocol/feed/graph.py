"""Which entries count, decided by bytes alone and never by the order in which they arrive.

An entry is *admitted* when its signature holds, its author might write under the membership entry
it names, it continues its feed, and everything it builds on is admitted too; until then it waits.
An admitted entry is a *root* unless a cut excludes it. What counts is every root and everything a
root builds on: so an entry beyond a cut counts when, and only when, an entry that stands vouches
for it.

    received ──► waiting ──► admitted ──► counted        a root, or an ancestor of one
                    │            └──────► excluded ──► counted    once a root reaches it
                    └──► refused

Spec: 15-feeds.md
"""

from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import zip_longest
from typing import NamedTuple

from billfold_protocol import limits
from billfold_protocol.crypto.signing import Signed, Verified
from billfold_protocol.errors import (
    BillfoldError,
    DeviceRevoked,
    Equivocation,
    LimitExceeded,
    Malformed,
    NotAuthorised,
    StoreDamaged,
    UnknownEpoch,
    UnsignedMember,
    WrongContext,
)
from billfold_protocol.feed.entry import Dep, Entry, Opening, verify_entry
from billfold_protocol.feed.standing import Node, Outcome, Refusal, Standing
from billfold_protocol.feed.vector import Vector
from billfold_protocol.feed.waiting import Candidate, Waiting
from billfold_protocol.ids import DeviceId, EntryId, FeedId
from billfold_protocol.membership import CutRecord, MembershipChain, MembershipState

Lookup = Callable[[Dep], Entry]
"""Reads an admitted entry back from where it is stored."""


class BaseHead(NamedTuple):
    """The newest entry of a feed that a snapshot covers."""

    seq: int
    id: EntryId
    device: DeviceId


class FeedGraph:
    """The admitted entries of one wallet and what counts among them."""

    def __init__(self, chain: MembershipChain, lookup: Lookup) -> None:
        self._chain = chain
        self._lookup = lookup
        self._feeds: dict[FeedId, list[Node]] = {}
        self._excluded: dict[EntryId, Verified[Entry]] = {}
        self._waiting = Waiting()
        self._cuts: tuple[tuple[CutRecord, ...], dict[DeviceId, list[CutRecord]]] = ((), {})

    def restore(self, dep: Dep, device: DeviceId) -> None:
        """Take back an entry that counted when it was stored; feeds in order of `seq`.

        Raises:
            StoreDamaged: it does not continue what was taken back of its feed.
        """
        nodes = self._nodes(dep.feed)
        if dep.seq < len(nodes) and nodes[dep.seq].dep.seq >= dep.seq:
            return
        if dep.seq != len(nodes):
            raise StoreDamaged("an entry is missing from a stored feed")
        nodes.append(Node(dep, device, Standing.COUNTED, None))

    def adopt(self, base: Mapping[FeedId, BaseHead]) -> Outcome:
        """Stand on a snapshot: what it covers counts for good, and others build on it."""
        outcome = Outcome()
        for feed, (seq, id_, device) in base.items():
            nodes = self._nodes(feed)
            if len(nodes) <= seq:
                head = Dep(feed, seq, id_)
                nodes[:] = [Node(head, device, Standing.COUNTED, (1 << 30, ()))] * (seq + 1)
        for awaited in self._waiting.awaited:
            if isinstance(awaited, Dep) and self.find(awaited) is not None:
                self._settle(self._waiting.take(awaited), outcome)
        return outcome

    def receive(self, signed: Signed[Entry]) -> Outcome:
        """Take one entry; it is admitted, made to wait, refused, or known already."""
        outcome = Outcome()
        self._settle([Candidate(signed)], outcome)
        return outcome

    def append_own(self, verified: Verified[Entry], device: DeviceId) -> Outcome:
        """Append an entry that this device has just made; what counts by it includes itself."""
        outcome = Outcome()
        self._append(verified, device, outcome)
        return outcome

    def has(self, entry: Entry) -> bool:
        """Whether this very entry is admitted already."""
        nodes = self._feeds.get(entry.feed, [])
        dep = nodes[entry.seq].dep if entry.seq < len(nodes) else None
        return dep is not None and (dep.seq > entry.seq or dep.id == entry.id)

    def knows(self, entry: Entry) -> bool:
        """Whether this very entry is admitted, and this envelope of it can change nothing.

        An envelope that was sealed after a cut can: by it the entry is not beyond that cut.
        """
        if not self.has(entry):
            return False
        node = self._feeds[entry.feed][entry.seq]
        if entry.k < len(self._chain) and not self._is_beyond_cut(node):
            return True
        return entry.k <= self._detail(node)[0]

    def chain_grew(self) -> Outcome:
        """Try again the entries that waited for membership entries."""
        outcome = Outcome()
        for awaited in self._waiting.awaited:
            if isinstance(awaited, int) and awaited < len(self._chain):
                self._settle(self._waiting.take(awaited), outcome)
        return outcome

    def find(self, dep: Dep) -> Node | None:
        """Return the admitted entry at a place.

        Raises:
            Equivocation: another entry is admitted there.
        """
        nodes = self._feeds.get(dep.feed, [])
        if dep.seq >= len(nodes):
            return None
        node = nodes[dep.seq]
        if node.dep.id != dep.id and node.dep.seq == dep.seq:
            raise Equivocation("two entries carry one feed and sequence number")
        return node

    def device_of(self, feed: FeedId) -> DeviceId | None:
        """Return the owner of a feed, or None if its first entry is not here."""
        nodes = self._feeds.get(feed)
        return nodes[0].device if nodes else None

    def feeds_of(self, devices: Iterable[DeviceId]) -> dict[FeedId, tuple[int, EntryId]]:
        """Return the newest entry that counts of each feed of some devices: a removal's cut."""
        wanted = frozenset(devices)
        heads = (
            _newest_counted(nodes)
            for nodes in self._feeds.values()
            if nodes and nodes[0].device in wanted
        )
        return {head.dep.feed: (head.dep.seq, head.dep.id) for head in heads if head is not None}

    @property
    def vector(self) -> Vector:
        """The head of each feed, whether or not it counts."""
        return {
            feed: (nodes[-1].dep.seq, nodes[-1].dep.id)
            for feed, nodes in self._feeds.items()
            if nodes
        }

    @property
    def counted_heads(self) -> list[Dep]:
        """The newest entry that counts of each feed, in feed order."""
        heads = (_newest_counted(self._feeds[feed]) for feed in sorted(self._feeds))
        return [head.dep for head in heads if head is not None]

    @property
    def missing(self) -> list[Dep]:
        """The entries that others here wait for, in feed order."""
        return sorted(key for key in self._waiting.awaited if isinstance(key, Dep))

    @property
    def missing_membership(self) -> int | None:
        """The largest membership index that an entry here names and the chain lacks."""
        return max((key for key in self._waiting.awaited if isinstance(key, int)), default=None)

    @property
    def waiting_count(self) -> int:
        """How many entries wait."""
        return len(self._waiting)

    @property
    def waiting(self) -> Iterator[Signed[Entry]]:
        """The entries that wait, in no order."""
        return iter(self._waiting)

    def cut_off(self) -> list[Dep]:
        """Return the counted entries that, by the chain's cuts, no root reaches any more."""
        cut_devices = {cut.device for cut in self._chain.state.cuts}
        lost = {
            node.dep: node
            for nodes in self._feeds.values()
            if nodes and nodes[0].device in cut_devices
            for node in nodes
            if node.standing is Standing.COUNTED and self._is_beyond_cut(node)
        }
        beyond = frozenset(lost)
        # The newest first: what vouches is mostly young, and older entries need not be read back.
        for row in zip_longest(*(reversed(nodes) for nodes in self._feeds.values())):
            for node in row:
                if not lost:
                    return []
                is_counted = node is not None and node.standing is Standing.COUNTED
                if is_counted and node.dep not in beyond:
                    self._keep(node, lost)
        return list(lost)

    def exclude(self, lost: Iterable[Dep], entries: Iterable[Verified[Entry]]) -> None:
        """Stop counting entries that `cut_off` named, given their verified bytes."""
        for dep in lost:
            node = self.find(dep)
            assert node is not None
            node.standing = Standing.EXCLUDED
        self._excluded.update((entry.value.id, entry) for entry in entries)

    def excluded_under(self, dep: Dep) -> list[Verified[Entry]]:
        """Return what would count again if an admitted entry did, the oldest first.

        Raises:
            Equivocation: another entry is admitted there.
        """
        root = self.find(dep)
        nodes = [] if root is None else self._excluded_under(root)
        return [self._excluded[node.dep.id] for node in nodes]

    def resealed(self, entry: Entry) -> None:
        """Take note that an own entry now names a newer membership entry."""
        node = self.find(Dep(entry.feed, entry.seq, entry.id))
        assert node is not None
        node.detail = (entry.k, entry.ancestors)

    def _nodes(self, feed: FeedId) -> list[Node]:
        return self._feeds.setdefault(feed, [])

    def _settle(self, queue: list[Candidate], outcome: Outcome) -> None:
        """Admit what can be admitted, and whatever waited for that."""
        while queue:
            candidate = queue.pop()
            entry = candidate.signed.value
            dep = Dep(entry.feed, entry.seq, entry.id)
            try:
                awaited = self._admit(candidate, dep, outcome)
                if awaited is not None:
                    self._waiting.add(awaited, candidate)
            except BillfoldError as error:
                outcome.refused.append(Refusal(entry, error))
                continue
            if awaited is None:
                queue.extend(self._waiting.take(dep))

    def _admit(self, candidate: Candidate, dep: Dep, outcome: Outcome) -> Dep | int | None:
        """Admit an entry, or return what it waits for."""
        entry = candidate.signed.value
        if self.knows(entry):
            return None
        nodes = self._feeds.get(dep.feed, [])
        device = _owner(entry, nodes)
        if isinstance(device, Dep):
            return device
        keys = self._chain.keys_of(device)
        if keys is None:
            if entry.k < len(self._chain):
                raise UnsignedMember("the entry was made by a device that is not a member")
            return entry.k
        # Nothing that the entry says of the chain or of other entries is believed before this.
        if candidate.verified is None:
            wallet_id = self._chain.wallet_id
            candidate.verified = verify_entry(candidate.signed, wallet_id, keys.signing)
        is_here = self.has(entry)
        if dep.seq < len(nodes) and not is_here:
            raise Equivocation("two entries carry one feed and sequence number")
        if not nodes and len(self._feeds) >= limits.FEEDS_COUNT_MAX:
            raise LimitExceeded("the wallet has as many feeds as it may have")
        state = self._chain.find(entry.k, entry.head)
        if state is None:
            return entry.k
        _require_writer(state, device)
        if entry.epoch != state.epoch.id or entry.document != state.document:
            raise UnknownEpoch("the entry is sealed for another epoch than its membership entry")
        for ancestor in entry.ancestors:
            before = self.find(ancestor)
            if before is None:
                return ancestor
            if before.device != device and ancestor == _previous(entry):
                raise WrongContext("the feed before this one belongs to another device")
        if is_here:
            self._renew(nodes[dep.seq], candidate.verified, outcome)
        else:
            self._append(candidate.verified, device, outcome)
        return None

    def _append(self, verified: Verified[Entry], device: DeviceId, outcome: Outcome) -> None:
        entry = verified.value
        dep = Dep(entry.feed, entry.seq, entry.id)
        node = Node(dep, device, Standing.EXCLUDED, (entry.k, entry.ancestors))
        self._nodes(entry.feed).append(node)
        self._place(node, verified, outcome)

    def _renew(self, node: Node, verified: Verified[Entry], outcome: Outcome) -> None:
        """Take an envelope that was sealed later than the one here."""
        node.detail = (verified.value.k, verified.value.ancestors)
        if node.is_counted:
            outcome.renewed.append(verified)
        else:
            self._place(node, verified, outcome)

    def _place(self, node: Node, verified: Verified[Entry], outcome: Outcome) -> None:
        self._excluded[node.dep.id] = verified
        if self._is_beyond_cut(node):
            outcome.excluded.append(verified)
        else:
            self._count(node, outcome)

    def _count(self, root: Node, outcome: Outcome) -> None:
        """Count an entry and all it builds on, the oldest first."""
        for node in self._excluded_under(root):
            node.standing = Standing.COUNTED
            outcome.counted.append(self._excluded.pop(node.dep.id))

    def _excluded_under(self, root: Node) -> list[Node]:
        """Return what is excluded of an entry and all it builds on, the oldest first."""
        found: dict[Dep, Node] = {}
        stack = [(root, False)]
        while stack:
            node, is_ready = stack.pop()
            if node.standing is Standing.COUNTED or node.dep in found:
                continue
            if is_ready:
                found[node.dep] = node
                continue
            stack.append((node, True))
            for ancestor in self._detail(node)[1]:
                before = self.find(ancestor)
                assert before is not None
                if before.standing is Standing.EXCLUDED:
                    stack.append((before, False))
        return list(found.values())

    def _keep(self, root: Node, lost: dict[Dep, Node]) -> None:
        """Take out of `lost` what an entry that stands reaches."""
        stack = [root]
        while stack:
            for ancestor in self._detail(stack.pop())[1]:
                before = lost.pop(ancestor, None)
                if before is not None:
                    stack.append(before)

    def _is_beyond_cut(self, node: Node) -> bool:
        all_cuts = self._chain.state.cuts
        if self._cuts[0] is not all_cuts:
            by_device: dict[DeviceId, list[CutRecord]] = {}
            for cut in all_cuts:
                by_device.setdefault(cut.device, []).append(cut)
            self._cuts = (all_cuts, by_device)
        cuts = self._cuts[1].get(node.device)
        if cuts is None:
            return False
        k, (feed, seq, id_) = self._detail(node)[0], node.dep
        return any(cut.excludes(k=k, feed=feed, seq=seq, entry_id=id_) for cut in cuts)

    def _detail(self, node: Node) -> tuple[int, tuple[Dep, ...]]:
        if node.detail is None:
            entry = self._lookup(node.dep)
            if entry.id != node.dep.id:
                raise Malformed("the stored entry is not the one that was admitted")
            node.detail = (entry.k, entry.ancestors)
        return node.detail


def _owner(entry: Entry, nodes: Sequence[Node]) -> DeviceId | Dep:
    """Return the feed's device, or the entry before if nothing of the feed is here yet."""
    if isinstance(entry.prev, Opening):
        return entry.prev.device
    return nodes[0].device if nodes else Dep(entry.feed, entry.seq - 1, entry.prev)


def _previous(entry: Entry) -> Dep | None:
    return entry.prev.previous if isinstance(entry.prev, Opening) else None


def _newest_counted(nodes: Sequence[Node]) -> Node | None:
    """Return the last entry of a feed that counts; all before it count too."""
    count = bisect_left(nodes, 1, key=lambda node: node.standing is Standing.EXCLUDED)
    return nodes[count - 1] if count else None


def _require_writer(state: MembershipState, device: DeviceId) -> None:
    member = state.members.get(device)
    if member is None and device in state.removed:
        raise DeviceRevoked("the entry was made by a device that was revoked before")
    if member is None:
        raise UnsignedMember("the entry was made by a device that is not a member")
    if not member.role.can_write:
        raise NotAuthorised("the entry was made by a member who may not write")
