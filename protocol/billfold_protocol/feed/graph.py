"""Which entries count, decided by bytes alone and never by the order in which they arrive.

An entry is *admitted* when its signature holds, its author might write under the membership entry
it names, it continues its feed, and everything it builds on is admitted too; until then it waits.
An admitted entry is a *root* unless a cut excludes it. What counts is every root and everything a
root builds on: so an entry beyond a cut counts when, and only when, an entry that stands vouches
for it. Where a feed forks, one branch stands; what is on another, or builds on it, is set aside.

    received ──► waiting ──► admitted ──► counted        a root, or an ancestor of one
                    │            └──────► excluded ◄──► counted    as roots and branches come
                    └──► refused

Spec: 15-feeds.md
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence

from billfold_protocol import limits
from billfold_protocol.crypto.signing import Signed, Verified
from billfold_protocol.errors import (
    BillfoldError,
    Equivocation,
    LimitExceeded,
    StoreDamaged,
    UnknownEpoch,
    UnsignedMember,
    WrongContext,
)
from billfold_protocol.feed.counting import Counting
from billfold_protocol.feed.entry import Dep, Entry, Opening, verify_entry
from billfold_protocol.feed.forest import Forest, Lookup
from billfold_protocol.feed.standing import BaseHead, Node, Outcome, Refusal, Standing
from billfold_protocol.feed.tree import FeedTree
from billfold_protocol.feed.vector import Vector
from billfold_protocol.feed.waiting import Candidate, Waiting
from billfold_protocol.feed.writers import require_writer
from billfold_protocol.ids import DeviceId, EntryId, FeedId
from billfold_protocol.membership import MembershipChain


class FeedGraph:
    """The admitted entries of one wallet and what counts among them."""

    def __init__(self, chain: MembershipChain, lookup: Lookup) -> None:
        self._chain = chain
        self._forest = Forest(chain, lookup)
        self._counting = Counting(chain, self._forest)
        self._waiting = Waiting()

    def restore(
        self,
        dep: Dep,
        device: DeviceId,
        *,
        previous: EntryId | None = None,
        is_counted: bool = True,
    ) -> None:
        """Take back an entry as it stood when it was stored; feeds in order of `seq`.

        One that a snapshot covers, and one that is here already, are passed over.

        Args:
            dep: the entry.
            device: the owner of its feed.
            previous: the entry before it in its feed; needed only in a forked feed.
            is_counted: whether it counted.

        Raises:
            StoreDamaged: it does not continue what was taken back of its feed.
        """
        tree = self._tree(dep.feed, device)
        if dep.seq < tree.first_seq or tree.find(dep.seq, dep.id) is not None:
            return
        previous = previous or tree.end_id(dep.seq)
        if dep.seq > tree.first_seq and (previous is None or not tree.find(dep.seq - 1, previous)):
            raise StoreDamaged("an entry is missing from a stored feed")
        standing = Standing.COUNTED if is_counted else Standing.EXCLUDED
        self._counting.restore(Node(dep, device, standing, None), previous)

    def adopt(self, base: Mapping[FeedId, BaseHead]) -> Outcome:
        """Stand on a snapshot: its entries count, are not held here, and others build on them.

        Entries that are held and that it covers are forgotten. A feed of which more is held than
        the snapshot covers, or that is forked here, stays as it is.
        """
        outcome = self._begin()
        for feed, (seq, id_, device) in base.items():
            tree = self._forest.trees.get(feed)
            dep = Dep(feed, seq, id_)
            if tree is None:
                self._forest.trees[feed] = FeedTree(device, dep)
            elif tree.may_stand_on(dep):
                tree.stand_on(dep)
        for awaited in self._waiting.awaited:
            if isinstance(awaited, Dep) and self.find(awaited) is not None:
                self._settle(self._waiting.take(awaited), outcome)
        return self._end(outcome)

    def stand_on(self, base: Mapping[FeedId, BaseHead]) -> None:
        """Stand on a snapshot of which all is here and counts, in feeds that are not forked."""
        for feed, (seq, id_, _) in base.items():
            self._forest.trees[feed].stand_on(Dep(feed, seq, id_))

    def receive(self, signed: Signed[Entry], *, is_wanted: bool = False) -> Outcome:
        """Take one entry; it is admitted, made to wait, refused, or known already.

        Args:
            signed: the entry in one of its envelopes.
            is_wanted: whether this envelope is to take the place of the one that is here.
        """
        outcome = self._begin()
        self._settle([Candidate(signed, is_wanted=is_wanted)], outcome)
        return self._end(outcome)

    def append_own(self, verified: Verified[Entry], device: DeviceId) -> Outcome:
        """Append an entry that this device has just made; what counts by it includes itself."""
        outcome = self._begin()
        self._append(verified, device, outcome)
        return self._end(outcome)

    def resealed(self, verified: Verified[Entry]) -> Outcome:
        """Take an own entry that was sealed again, as everybody else does."""
        outcome, entry = self._begin(), verified.value
        node = self.find(_dep(entry))
        assert node is not None
        self._counting.renew(node, verified, outcome)
        return self._end(outcome)

    def withdraw(self, entries: Sequence[Dep]) -> Outcome | None:
        """Forget own entries that nobody else has taken, and say what counts without them.

        None, and nothing is done, if anything but themselves builds on one of them.

        Args:
            entries: the last of their feed, in order.
        """
        outcome = self._begin()
        nodes = [node for dep in entries if (node := self.find(dep)) is not None]
        ids = {node.dep.id for node in nodes}
        for node in self._forest.ancestors_first():
            if node.dep.id not in ids and any(
                dep.id in ids for dep in self._forest.detail(node)[1]
            ):
                return None
        self._counting.remove(nodes[::-1], outcome)
        return self._end(outcome)

    def has(self, entry: Entry) -> bool:
        """Whether this very entry is admitted already, or covered by a snapshot."""
        return self.find(_dep(entry)) is not None

    def knows(self, entry: Entry) -> bool:
        """Whether this very entry is admitted, and this envelope of it can change nothing.

        An envelope that was sealed after a cut can: by it the entry is not beyond that cut.
        """
        node = self.find(_dep(entry))
        if node is None:
            return False
        is_judged = entry.k < len(self._chain)
        if is_judged and not self._counting.is_beyond_cut(node):
            return True
        if is_judged and not self._counting.would_be_beyond(node, entry.k, entry.head):
            return False
        return entry.k <= self._forest.detail(node)[0]

    def may_replace(self, entry: Entry) -> bool:
        """Whether an admitted entry stands by this envelope of it if it does by the one here."""
        tree, node = self._forest.trees.get(entry.feed), self.find(_dep(entry))
        if tree is None or node is None or node is tree.base:
            return False
        judge = self._counting
        return judge.is_beyond_cut(node) or not judge.would_be_beyond(node, entry.k, entry.head)

    def chain_grew(self) -> Outcome:
        """Try again the entries that waited for membership entries; a cut may settle a fork."""
        outcome = self._begin()
        self._counting.chain_grew(outcome)
        for awaited in self._waiting.awaited:
            if isinstance(awaited, int) and awaited < len(self._chain):
                self._settle(self._waiting.take(awaited), outcome)
        return self._end(outcome)

    def find(self, dep: Dep) -> Node | None:
        """Return an admitted entry; one that a snapshot covers stands as the newest such."""
        return self._forest.find(dep)

    def device_of(self, feed: FeedId) -> DeviceId | None:
        """Return the owner of a feed, or None if nothing of it is here."""
        tree = self._forest.trees.get(feed)
        return None if tree is None else tree.device

    def feeds_of(self, devices: Iterable[DeviceId]) -> dict[FeedId, tuple[int, EntryId]]:
        """Return the newest entry that counts of each feed of some devices: a removal's cut."""
        wanted = frozenset(devices)
        trees = (tree for tree in self._forest.trees.values() if tree.device in wanted)
        heads = (tree.newest_counted for tree in trees)
        return {head.dep.feed: (head.dep.seq, head.dep.id) for head in heads if head is not None}

    @property
    def vector(self) -> Vector:
        """The head of each feed, whether or not it counts; of a forked one the hash of its ends."""
        return {feed: tree.head for feed, tree in self._forest.trees.items()}

    @property
    def counted_heads(self) -> list[Dep]:
        """The newest entry that counts of each feed, in feed order."""
        heads = (self._forest.trees[feed].newest_counted for feed in sorted(self._forest.trees))
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
    def is_behind(self) -> bool:
        """Whether a member has signed an entry under a membership entry that is not here."""
        members = self._chain.state.members
        return any(
            candidate.verified is not None
            and _owner(candidate.signed.value, self._forest.trees.get(candidate.signed.value.feed))
            in members
            for candidate in self._waiting.for_membership
        )

    @property
    def waiting_count(self) -> int:
        """How many entries wait."""
        return len(self._waiting)

    @property
    def waiting(self) -> Iterator[Signed[Entry]]:
        """The entries that wait, in no order."""
        return iter(self._waiting)

    def first_held(self, feed: FeedId) -> int:
        """Return the lowest number in a feed whose entry is held here and not only covered."""
        tree = self._forest.trees.get(feed)
        return 0 if tree is None else tree.first_seq

    def is_forked(self, feed: FeedId) -> bool:
        """Whether two entries of a feed stand at one place here."""
        tree = self._forest.trees.get(feed)
        return tree is not None and tree.fork_seq is not None

    def head_of(self, feed: FeedId) -> Dep | None:
        """Return the newest entry of a feed, of a forked one on the branch that stands."""
        ends = self.ends_of(feed)
        if not self.is_forked(feed):
            return ends[0] if ends else None
        return max((end for end in ends if not self.is_set_aside(end)), default=None)

    def is_torn(self, feed: FeedId, seq: int) -> bool:
        """Whether all entries at a place of a feed build on a fork of another device's feed."""
        tree = self._forest.trees.get(feed)
        nodes = [] if tree is None else [node for node in tree if node.dep.seq == seq]
        return bool(nodes) and self._counting.are_torn(nodes)

    def ends_of(self, feed: FeedId) -> list[Dep]:
        """Return the newest entry of each branch of a feed: one, unless it is forked."""
        tree = self._forest.trees.get(feed)
        return [] if tree is None else [node.dep for node in tree.tips()]

    def branch(self, end: Dep, from_seq: int) -> list[Dep]:
        """Return the entries that are held from a place on to an end of a branch, in order."""
        tree, node = self._forest.trees[end.feed], self.find(end)
        found: list[Dep] = []
        while node is not None and node is not tree.base and node.dep.seq >= from_seq:
            found.append(node.dep)
            node = tree.previous(node)
        return found[::-1]

    def is_beside(self, dep: Dep) -> bool:
        """Whether an admitted entry stands beside its feed's line; so it does after a restart."""
        tree = self._forest.trees.get(dep.feed)
        return tree is not None and dep.id in tree.beside

    def is_set_aside(self, dep: Dep) -> bool:
        """Whether an admitted entry is on a branch that does not stand, or builds on one."""
        node = self.find(dep)
        return node is not None and self._counting.is_set_aside(node)

    def cut_off(self) -> list[Dep]:
        """Return the counted entries that, by the chain's cuts, no root reaches any more."""
        return self._counting.cut_off()

    def exclude(self, lost: Iterable[Dep]) -> None:
        """Stop counting entries that `cut_off` named."""
        self._counting.exclude(lost)

    def excluded_under(self, dep: Dep) -> list[Verified[Entry]]:
        """Return what would count again if an admitted entry did, the oldest first.

        Raises:
            Malformed, AuthFailed: what was read back is not the entry.
        """
        root = self.find(dep)
        nodes = [] if root is None else self._counting.excluded_under(root)
        return [self._forest.verified(node) for node in nodes]

    def _begin(self) -> Outcome:
        self._forest.fresh.clear()
        return Outcome()

    def _end(self, outcome: Outcome) -> Outcome:
        outcome.settle(lambda dep: (node := self.find(dep)) is not None and node.is_counted)
        return outcome

    def _tree(self, feed: FeedId, device: DeviceId) -> FeedTree:
        tree = self._forest.trees.get(feed)
        if tree is None:
            tree = self._forest.trees[feed] = FeedTree(device)
        return tree

    def _settle(self, queue: list[Candidate], outcome: Outcome) -> None:
        """Admit what can be admitted, and whatever waited for that."""
        while queue:
            candidate = queue.pop()
            entry = candidate.signed.value
            dep = _dep(entry)
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
        if not candidate.is_wanted and self.knows(entry):
            if candidate.has_waited:
                outcome.passed_over.append(candidate.signed)
            return None
        tree = self._forest.trees.get(dep.feed)
        device = _owner(entry, tree)
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
        here = None if tree is None else tree.find(dep.seq, dep.id)
        if tree is None and len(self._forest.trees) >= limits.FEEDS_COUNT_MAX:
            raise LimitExceeded("the wallet has as many feeds as it may have")
        if here is None and tree is not None and dep.seq < tree.first_seq:
            raise Equivocation("a snapshot covers another entry at this place")
        state = self._chain.find(entry.k, entry.head)
        if state is None:
            return entry.k
        require_writer(state, device)
        if entry.epoch != state.epoch.id or entry.document != state.document:
            raise UnknownEpoch("the entry is sealed for another epoch than its membership entry")
        for ancestor in entry.ancestors:
            before = self.find(ancestor)
            if before is None:
                return ancestor
            if before.device != device and ancestor == _previous(entry):
                raise WrongContext("the feed before this one belongs to another device")
        if here is None:
            self._append(candidate.verified, device, outcome)
        elif tree is None or here is not tree.base:
            self._counting.renew(here, candidate.verified, outcome)
        return None

    def _append(self, verified: Verified[Entry], device: DeviceId, outcome: Outcome) -> None:
        entry = verified.value
        dep = _dep(entry)
        self._tree(entry.feed, device)
        node = Node(dep, device, Standing.EXCLUDED, self._forest.detail_of(entry))
        self._counting.add(node, verified, outcome)


def _owner(entry: Entry, tree: FeedTree | None) -> DeviceId | Dep:
    """Return the feed's device, or the entry before if nothing of the feed is here yet."""
    if isinstance(entry.prev, Opening):
        return entry.prev.device
    return Dep(entry.feed, entry.seq - 1, entry.prev) if tree is None else tree.device


def _dep(entry: Entry) -> Dep:
    return Dep(entry.feed, entry.seq, entry.id)


def _previous(entry: Entry) -> Dep | None:
    return entry.prev.previous if isinstance(entry.prev, Opening) else None
