"""The admitted entries of one feed: a line without gaps and, after a fork, branches beside it.

The line takes what continues it in the order of arrival; nothing that is said of a feed depends on
which branch that is. What a snapshot covers stands before the line as its *base*: only the newest
entry of it is known by id.

Spec: 15-feeds.md
"""

from collections.abc import Iterator

from billfold_protocol import limits
from billfold_protocol.feed.entry import Dep
from billfold_protocol.feed.standing import Node, Standing
from billfold_protocol.feed.vector import fork_head
from billfold_protocol.ids import ChainHead, DeviceId, EntryId


class FeedTree:
    """One feed's entries by place; most feeds are a line and nothing else."""

    __slots__ = (
        *("_followers", "_parents", "base", "beside", "device", "first_seq", "fork_seq", "line"),
    )

    def __init__(self, device: DeviceId, base: Dep | None = None) -> None:
        """Begin a feed.

        Args:
            device: the feed's owner.
            base: the newest entry that a snapshot covers; it and those before it are not held.
        """
        self.device = device
        self.base: Node | None = None
        self.first_seq = 0
        self.line: list[Node] = []
        self.beside: dict[EntryId, Node] = {}
        self._parents: dict[EntryId, EntryId | None] = {}
        self._followers: dict[tuple[int, EntryId | None], list[Node]] = {}
        """The entries beside the line, by place and by the entry before them."""

        self.fork_seq: int | None = None
        """The lowest place that has two entries."""

        if base is not None:
            self.stand_on(base)

    def __iter__(self) -> Iterator[Node]:
        """Yield the entries; on each branch in order."""
        yield from self.line
        yield from self.beside.values()

    def stand_on(self, base: Dep) -> None:
        """Stand on a snapshot: forget the entries up to its head."""
        # No cut reaches what a snapshot covers, and it builds on nothing that matters.
        detail = (limits.CHAIN_LENGTH_MAX, (), ChainHead(bytes(16)))
        self.base = Node(base, self.device, Standing.COUNTED, detail)
        del self.line[: max(0, base.seq + 1 - self.first_seq)]
        self.first_seq = base.seq + 1

    def find(self, seq: int, id_: EntryId) -> Node | None:
        """Return an entry; one before the base's newest is taken for the base itself."""
        index = seq - self.first_seq
        if index < 0:
            base = self.base
            assert base is not None
            return base if index < -1 or base.dep.id == id_ else None
        if index < len(self.line) and self.line[index].dep.id == id_:
            return self.line[index]
        return self.beside.get(id_) if self.beside else None

    def add(self, node: Node, parent: EntryId | None) -> list[Node]:
        """Add an entry whose parent is here; return the others that follow the same one."""
        dep = node.dep
        index = dep.seq - self.first_seq
        if index == len(self.line) and self.end_id(dep.seq) == parent:
            self.line.append(node)
            siblings = list(self._followers.get((dep.seq, parent), ())) if self.beside else []
            self._note_fork(dep.seq, siblings)
            return siblings
        followers = self._followers.setdefault((dep.seq, parent), [])
        siblings = list(followers)
        if self._is_followed_on_line(dep.seq, parent):
            siblings.append(self.line[index])
        followers.append(node)
        self.beside[dep.id] = node
        self._parents[dep.id] = parent
        self._note_fork(dep.seq, siblings)
        return siblings

    def _note_fork(self, seq: int, siblings: list[Node]) -> None:
        if siblings:
            self.fork_seq = seq if self.fork_seq is None else min(self.fork_seq, seq)

    def remove(self, node: Node) -> None:
        """Forget an entry that none of this feed follows."""
        dep = node.dep
        if self.line and self.line[-1] is node:
            self.line.pop()
        else:
            del self.beside[dep.id]
            self._followers[dep.seq, self._parents.pop(dep.id)].remove(node)
        self.fork_seq = min(
            (
                seq
                for (seq, parent), nodes in self._followers.items()
                if len(nodes) + self._is_followed_on_line(seq, parent) > 1
            ),
            default=None,
        )

    def _is_followed_on_line(self, seq: int, parent: EntryId | None) -> bool:
        return seq - self.first_seq < len(self.line) and self.end_id(seq) == parent

    def previous(self, node: Node) -> Node | None:
        """Return the entry before another in this feed, if there is one."""
        seq, id_ = node.dep.seq, node.dep.id
        if id_ in self._parents:
            parent = self._parents[id_]
            return None if parent is None else self.find(seq - 1, parent)
        index = seq - self.first_seq
        return self.line[index - 1] if index > 0 else self.base if index == 0 else None

    def reaches(self, head: Node, node: Node) -> bool:
        """Whether an entry is another of this feed or follows it."""
        seq = node.dep.seq
        if seq > head.dep.seq:
            return False
        if self.fork_seq is None or seq < self.fork_seq:
            return True
        at: Node | None = head
        while at is not None and at.dep.seq > seq:
            is_beside = at.dep.id in self._parents
            at = self.previous(at) if is_beside else self.line[seq - self.first_seq]
        return at is node

    def tips(self) -> list[Node]:
        """Return the entries that none of the feed follows; one unless it is forked."""
        end = self.line[-1] if self.line else self.base
        ends = [] if end is None else [end]
        if self.beside:
            followed = set(self._parents.values())
            ends = [node for node in (*ends, *self.beside.values()) if node.dep.id not in followed]
        return ends

    @property
    def head(self) -> tuple[int, EntryId]:
        """What stands for this feed in a vector."""
        if not self.beside:
            dep = (self.line[-1] if self.line else self._base()).dep
            return dep.seq, dep.id
        tips = [node.dep for node in self.tips()]
        if len(tips) == 1:
            return tips[0].seq, tips[0].id
        return max(tip.seq for tip in tips), fork_head([tip.id for tip in tips])

    @property
    def newest_counted(self) -> Node | None:
        """The newest entry that counts; it follows all others that do."""
        if not self.beside:
            return _newest(self.line) or self.base
        found = self.base
        for tip in self.tips():
            node: Node | None = tip
            while node is not None and not node.is_counted:
                node = self.previous(node)
            if node is not None and (found is None or node.dep.seq > found.dep.seq):
                found = node
        return found

    def _base(self) -> Node:
        assert self.base is not None, "a feed holds an entry or stands on a base"
        return self.base

    def end_id(self, seq: int) -> EntryId | None:
        """Return the entry before a place on the line, if it is held."""
        index = seq - self.first_seq
        if 0 < index <= len(self.line):
            return self.line[index - 1].dep.id
        return self.base.dep.id if index == 0 and self.base is not None else None

    def may_stand_on(self, dep: Dep) -> bool:
        """Whether a snapshot with this newest entry covers at least all that is held here."""
        if self.fork_seq is not None:
            return False
        last_seq = self.first_seq + len(self.line) - 1
        return dep.seq > last_seq or (dep.seq == last_seq and self.find(*dep[1:]) is not None)


def _newest(line: list[Node]) -> Node | None:
    """Return the last entry of a line that counts; all before it count too."""
    low, high = 0, len(line)
    while low < high:
        middle = (low + high) // 2
        if line[middle].is_counted:
            low = middle + 1
        else:
            high = middle
    return line[low - 1] if low else None
