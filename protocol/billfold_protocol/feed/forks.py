"""Which branch of a forked feed stands, decided by what all devices that hold the same bytes hold.

At each place where a feed forks, one branch stands:

1. the one that the newest cut of the feed's device names, if a cut names one of them;
2. else the one that entries of the most other devices build on;
3. of several such, the one whose first entry has the lowest id.

What is on another branch, or builds on one, is *set aside*.

Spec: 15-feeds.md
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from billfold_protocol.feed.entry import Dep
from billfold_protocol.feed.forest import Forest
from billfold_protocol.feed.standing import Node
from billfold_protocol.ids import DeviceId, EntryId

_NONE: frozenset[EntryId] = frozenset()


@dataclass(frozen=True, slots=True)
class Judgement:
    """What is set aside, and who has built on which branch."""

    set_aside: dict[EntryId, frozenset[EntryId]]
    """Of each entry that is set aside, the first entries of the branches that are why."""

    vouchers: dict[EntryId, set[DeviceId]]
    """The devices that have built on a branch, by the branch's first entry."""

    owners: dict[EntryId, DeviceId]
    """The device whose branch it is; it does not vouch for it."""

    built_on: dict[EntryId, frozenset[EntryId]]
    """The branches that an entry is on or builds on, as far as it was there when all was judged."""

    def speaks_for(self, device: DeviceId, branches: Iterable[EntryId]) -> bool:
        """Whether a device could add nothing to what is known of some branches."""
        return all(
            device in self.vouchers[branch] or device == self.owners[branch] for branch in branches
        )

    def reasons(self, ancestors: Iterable[Dep]) -> frozenset[EntryId]:
        """Return the branches that are why an entry with these ancestors is set aside."""
        found = _NONE
        for dep in ancestors:
            found |= self.set_aside.get(dep.id, _NONE)
        return found


def judge(
    forest: Forest,
    places: Iterable[Sequence[Node]],
    *,
    is_root: Callable[[Node], bool],
    chosen: Callable[[Sequence[Node]], Node | None],
) -> Judgement:
    """Judge all forks.

    Args:
        forest: the admitted entries.
        places: the entries that follow one entry of their own feed, of each place with several.
        is_root: whether an entry stands by itself; only such an entry vouches.
        chosen: which of the entries of a place a cut names.
    """
    places = list(places)
    owners = {node.dep.id: node.device for place in places for node in place}
    vouchers: dict[EntryId, set[DeviceId]] = {branch: set() for branch in owners}
    built_on: dict[EntryId, frozenset[EntryId]] = {}
    for node in forest.ancestors_first():
        id_ = node.dep.id
        branches = frozenset([id_]) if id_ in owners else _NONE
        for dep in forest.detail(node)[1]:
            before = built_on.get(dep.id)
            if before is not None and before != branches:
                branches = before | branches if branches else before
        if not branches:
            continue
        built_on[id_] = branches
        if is_root(node):
            for branch in branches:
                if owners[branch] != node.device:
                    vouchers[branch].add(node.device)
    fallen = set(owners)
    for place in places:
        stands = chosen(place) or min(
            place, key=lambda node: (-len(vouchers[node.dep.id]), node.dep.id)
        )
        fallen.discard(stands.dep.id)
    set_aside = {
        id_: reasons for id_, branches in built_on.items() if (reasons := branches & fallen)
    }
    return Judgement(set_aside, vouchers, owners, built_on)
