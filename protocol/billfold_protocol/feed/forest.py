"""The admitted entries of all feeds of a wallet, and how the rest of them is read back.

In memory is the place of each entry, and of those that arrived in this run what they build on; the
bytes are in the store.

Spec: 15-feeds.md
"""

from collections.abc import Callable, Iterator

from billfold_protocol.crypto.signing import Signed, Verified
from billfold_protocol.errors import Malformed
from billfold_protocol.feed.entry import Dep, Entry, verify_entry
from billfold_protocol.feed.standing import Detail, Node
from billfold_protocol.feed.tree import FeedTree
from billfold_protocol.ids import ChainHead, EntryId, FeedId
from billfold_protocol.membership import MembershipChain

Lookup = Callable[[Dep], Signed[Entry]]
"""Reads an admitted entry back from where it is kept, also one of the outcome before."""


class Forest:
    """One tree for each feed."""

    def __init__(self, chain: MembershipChain, lookup: Lookup) -> None:
        self._chain = chain
        self._lookup = lookup
        self.trees: dict[FeedId, FeedTree] = {}
        self._heads: dict[ChainHead, ChainHead] = {}
        self.fresh: dict[EntryId, Verified[Entry]] = {}
        """Entries of the outcome that is being made: nobody can have kept them yet."""

    def find(self, dep: Dep) -> Node | None:
        """Return an admitted entry."""
        tree = self.trees.get(dep.feed)
        return None if tree is None else tree.find(dep.seq, dep.id)

    def detail(self, node: Node) -> Detail:
        """Return where an entry's envelope stands in the chain, and what it builds on.

        Raises:
            Malformed: what was read back is another entry.
        """
        if node.detail is None:
            node.detail = self.detail_of(self._read(node).value)
        return node.detail

    def detail_of(self, entry: Entry) -> Detail:
        """Return what is kept in memory of an entry; entries share their chain heads."""
        return entry.k, entry.ancestors, self._heads.setdefault(entry.head, entry.head)

    def verified(self, node: Node) -> Verified[Entry]:
        """Return an entry with its bytes.

        Raises:
            Malformed, AuthFailed: what was read back is not the entry.
        """
        fresh = self.fresh.get(node.dep.id)
        if fresh is not None:
            return fresh
        keys = self._chain.keys_of(node.device)
        assert keys is not None, "what is admitted was made by a device of the chain"
        return verify_entry(self._read(node), self._chain.wallet_id, keys.signing)

    def ancestors_first(self) -> Iterator[Node]:
        """Yield every entry after all that it builds on."""
        seen: set[EntryId] = set()
        for tree in self.trees.values():
            for first in tree:
                if first.dep.id in seen:
                    continue
                stack = [(first, False)]
                while stack:
                    node, is_ready = stack.pop()
                    if is_ready:
                        yield node
                        continue
                    if node.dep.id in seen:
                        continue
                    seen.add(node.dep.id)
                    stack.append((node, True))
                    for dep in self.detail(node)[1]:
                        before = self.find(dep)
                        if before is not None and before.dep.id not in seen:
                            stack.append((before, False))

    def _read(self, node: Node) -> Signed[Entry]:
        signed = self._lookup(node.dep)
        if signed.value.id != node.dep.id:
            raise Malformed("the stored entry is not the one that was admitted")
        return signed
