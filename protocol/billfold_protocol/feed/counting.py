"""What counts among the admitted entries: roots, what roots build on, and never two branches.

Spec: 15-feeds.md
"""

from collections.abc import Iterable, Sequence
from itertools import chain as chained
from itertools import zip_longest

from billfold_protocol.crypto.signing import Verified
from billfold_protocol.feed.entry import Dep, Entry
from billfold_protocol.feed.forest import Forest
from billfold_protocol.feed.forks import Judgement, judge
from billfold_protocol.feed.standing import Fork, Node, Outcome, Standing
from billfold_protocol.ids import ChainHead, DeviceId, EntryId, FeedId
from billfold_protocol.membership import CutRecord, MembershipChain

_Place = tuple[FeedId, int, EntryId | None]
"""A feed, a sequence number, and the entry before it."""


class Counting:
    """Decides of each admitted entry whether it counts."""

    def __init__(self, chain: MembershipChain, forest: Forest) -> None:
        self._chain = chain
        self._forest = forest
        self._cuts: tuple[tuple[CutRecord, ...], dict[DeviceId, list[CutRecord]]] = ((), {})
        self._places: dict[_Place, list[Node]] = {}
        self._judgement: Judgement | None = None
        """None until something has to be judged: what was stored stands as it was stored."""

        self._judged_cuts = chain.state.cuts

    @property
    def has_forks(self) -> bool:
        """Whether a feed is forked."""
        return bool(self._places)

    def is_set_aside(self, node: Node) -> bool:
        """Whether an entry is on a branch that does not stand, or builds on one."""
        return self.has_forks and node.dep.id in self._judged().set_aside

    def are_torn(self, nodes: Iterable[Node]) -> bool:
        """Whether all of some entries build on a fork of another device's feed."""
        if not self.has_forks:
            return False
        found = self._judge_now()
        return all(
            any(
                found.owners[branch] != node.device
                for branch in found.built_on.get(node.dep.id, ())
            )
            for node in nodes
        )

    def restore(self, node: Node, previous: EntryId | None) -> None:
        """Take back an entry as it stood when it was stored."""
        self._judgement = None
        self._add(node, previous)

    def add(self, node: Node, verified: Verified[Entry], outcome: Outcome) -> None:
        """Add an entry that was just admitted, and say what counts by it."""
        self._forest.fresh[node.dep.id] = verified
        previous = verified.value.prev
        siblings = self._add(node, previous if isinstance(previous, bytes) else None)
        if siblings:
            first = min(siblings, key=lambda other: other.dep.id)
            pair = sorted([self._forest.verified(first), verified], key=lambda e: e.value.id)
            outcome.equivocations.append(Fork(*pair))
            self._judge_with(node, outcome)
        elif self._is_judged_anew_by(node):
            self._judge_with(node, outcome)
        else:
            self._place(node, outcome)

    def renew(self, node: Node, verified: Verified[Entry], outcome: Outcome) -> None:
        """Take an envelope of an admitted entry in place of the one here."""
        self._forest.fresh[node.dep.id] = verified
        was_beyond = self.has_forks and self.is_beyond_cut(node)
        node.detail = self._forest.detail_of(verified.value)
        if was_beyond != (self.has_forks and self.is_beyond_cut(node)):
            self._judge(outcome)  # What stands by itself vouches.
        if node.is_counted:
            outcome.renewed.append(verified)
        elif self.is_set_aside(node):
            outcome.excluded.append(verified)
        else:
            self._place(node, outcome)

    def chain_grew(self, outcome: Outcome) -> None:
        """Judge the forks again if the chain has new cuts: a cut names the branch that stands."""
        if self.has_forks and self._judged_cuts is not self._chain.state.cuts:
            self._judge(outcome)

    def remove(self, nodes: Sequence[Node], outcome: Outcome) -> None:
        """Forget entries that nothing else builds on, the newest first; judge what is left."""
        for node in nodes:
            self._forest.trees[node.dep.feed].remove(node)
            node.standing = Standing.EXCLUDED
            outcome.has_lost = True
        gone = {node.dep.id for node in nodes}
        for key, place in list(self._places.items()):
            place[:] = [node for node in place if node.dep.id not in gone]
            if len(place) <= 1:
                del self._places[key]
        for feed in {node.dep.feed for node in nodes}:
            tree = self._forest.trees[feed]
            if not (tree.base or tree.line or tree.beside):
                del self._forest.trees[feed]
        self._judge(outcome)

    def cut_off(self) -> list[Dep]:
        """Return the counted entries that, by the chain's cuts, no root reaches any more."""
        cut_devices = {cut.device for cut in self._chain.state.cuts}
        trees = self._forest.trees.values()
        lost = {
            node.dep: node
            for tree in trees
            if tree.device in cut_devices
            for node in tree
            if node.is_counted and self.is_beyond_cut(node)
        }
        beyond = frozenset(lost)
        # The newest first: what vouches is mostly young, and older entries need not be read back.
        rows = zip_longest(*(reversed(tree.line) for tree in trees))
        besides = [node for tree in trees for node in tree.beside.values()]
        for node in chained(besides, chained.from_iterable(rows)):
            if not lost:
                return []
            if node is not None and node.is_counted and node.dep not in beyond:
                self._keep(node, lost)
        return list(lost)

    def exclude(self, lost: Iterable[Dep]) -> None:
        """Stop counting entries that `cut_off` named."""
        for dep in lost:
            node = self._forest.find(dep)
            assert node is not None
            node.standing = Standing.EXCLUDED

    def excluded_under(self, root: Node) -> list[Node]:
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
            for ancestor in self._forest.detail(node)[1]:
                before = self._forest.find(ancestor)
                assert before is not None
                if before.standing is Standing.EXCLUDED:
                    stack.append((before, False))
        return list(found.values())

    def is_beyond_cut(self, node: Node) -> bool:
        """Whether a cut leaves an entry out."""
        if not self._cuts_of(node.device):
            return False
        k, _, head = self._forest.detail(node)
        return self.would_be_beyond(node, k, head)

    def would_be_beyond(self, node: Node, k: int, head: ChainHead) -> bool:
        """Whether a cut would leave an entry out, in an envelope made under this state."""
        feed, seq, id_ = node.dep
        return any(
            not self._chain.knows_cut(k, head, cut)
            and (
                cut.excludes(feed=feed, seq=seq, entry_id=id_)
                or self._is_on_another_branch(cut, node)
            )
            for cut in self._cuts_of(node.device)
        )

    def _is_on_another_branch(self, cut: CutRecord, node: Node) -> bool:
        """Whether a cut's head in a forked feed does not reach an entry before it."""
        tree = self._forest.trees[node.dep.feed]
        if tree.fork_seq is None or node.dep.seq < tree.fork_seq:
            return False
        head = tree.find(*cut.heads[node.dep.feed])
        return head is not None and not tree.reaches(head, node)

    def _add(self, node: Node, previous: EntryId | None) -> list[Node]:
        siblings = self._forest.trees[node.dep.feed].add(node, previous)
        if siblings:
            self._places[node.dep.feed, node.dep.seq, previous] = [*siblings, node]
        return siblings

    def _place(self, node: Node, outcome: Outcome) -> None:
        """Count an entry or not; it builds on no branch that is set aside."""
        if self.is_beyond_cut(node):
            outcome.excluded.append(self._forest.verified(node))
        else:
            self._count(node, outcome)

    def _count(self, root: Node, outcome: Outcome) -> None:
        """Count an entry and all it builds on, the oldest first."""
        for node in self.excluded_under(root):
            node.standing = Standing.COUNTED
            outcome.counted.append(self._forest.verified(node))

    def _is_judged_anew_by(self, node: Node) -> bool:
        """Whether a new entry may change which branch stands, or is set aside."""
        if not self.has_forks:
            return False
        tree = self._forest.trees[node.dep.feed]
        if tree.fork_seq is not None and self._cuts_of(node.device):
            return True  # It may be what a cut names.
        ancestors = self._forest.detail(node)[1]
        befores = [self._forest.find(dep) for dep in ancestors]
        if all(before is not None and before.is_counted for before in befores):
            return False  # It speaks for what stands already.
        judgement = self._judgement
        if judgement is None:
            return True
        reasons = judgement.reasons(ancestors)
        if not reasons:
            return False
        if judgement.speaks_for(node.device, reasons) or self.is_beyond_cut(node):
            judgement.set_aside[node.dep.id] = reasons
        return True

    def _judged(self) -> Judgement:
        if self._judgement is None:
            self._judgement = self._judge_now()
        return self._judgement

    def _judge_now(self) -> Judgement:
        return judge(
            self._forest,
            self._places.values(),
            is_root=lambda node: not self.is_beyond_cut(node),
            chosen=self._chosen,
        )

    def _judge_with(self, node: Node, outcome: Outcome) -> None:
        """Judge the forks again because of one entry, unless it is known to be set aside."""
        judgement = self._judgement
        if judgement is None or node.dep.id not in judgement.set_aside:
            self._judge(outcome)
        if not node.is_counted:
            outcome.excluded.append(self._forest.verified(node))

    def _judge(self, outcome: Outcome) -> None:
        self._judgement = None
        self._judged_cuts = self._chain.state.cuts
        set_aside = self._judged().set_aside
        nodes = list(self._forest.ancestors_first())
        for node in nodes:
            if node.is_counted and node.dep.id in set_aside:
                node.standing = Standing.EXCLUDED
                outcome.lost.append(node.dep)
                outcome.has_lost = True
        for node in nodes:
            if (
                not node.is_counted
                and node.dep.id not in set_aside
                and not self.is_beyond_cut(node)
            ):
                self._count(node, outcome)

    def _chosen(self, place: Sequence[Node]) -> Node | None:
        """Return the entry of a place that is on the branch which a cut names; the newest cut."""
        first = place[0]
        tree = self._forest.trees[first.dep.feed]
        for cut in reversed(self._cuts_of(first.device)):
            named = cut.heads.get(first.dep.feed)
            head = None if named is None else tree.find(*named)
            if head is not None:
                for node in place:
                    if tree.reaches(head, node):
                        return node
        return None

    def _cuts_of(self, device: DeviceId) -> Sequence[CutRecord]:
        all_cuts = self._chain.state.cuts
        if self._cuts[0] is not all_cuts:
            by_device: dict[DeviceId, list[CutRecord]] = {}
            for cut in all_cuts:
                by_device.setdefault(cut.device, []).append(cut)
            self._cuts = (all_cuts, by_device)
        return self._cuts[1].get(device, ())

    def _keep(self, root: Node, lost: dict[Dep, Node]) -> None:
        """Take out of `lost` what an entry that stands reaches."""
        stack = [root]
        while stack:
            for ancestor in self._forest.detail(stack.pop())[1]:
                before = lost.pop(ancestor, None)
                if before is not None:
                    stack.append(before)
