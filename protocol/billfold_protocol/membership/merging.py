"""Two branches of one membership chain made one again by a `merge` entry.

The entry stands on one branch and carries the other one whole, so a chain stays one list
that proves itself. What either branch took away is gone; what either gave stays, unless it was
given by a device that the other branch had removed, or the author voids it.

    fork ──► a ──► b ──► c ──► merge[x, y]        the main branch is the one it stands on
        └──► x ──► y ·······►

Spec: 13-membership.md
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from billfold_protocol import limits
from billfold_protocol.errors import LimitExceeded, NotAuthorised
from billfold_protocol.ids import DeviceId
from billfold_protocol.membership.members import CutRecord, Member
from billfold_protocol.membership.records import Kind, Merge, Role
from billfold_protocol.membership.state import (
    MembershipState,
    begin_epoch,
    require_an_owner_left,
)

Value = TypeVar("Value")


@dataclass(frozen=True, slots=True, kw_only=True)
class Branches:
    """Two branches, from where they part."""

    fork: MembershipState
    """The state after the last entry that both have."""

    main: MembershipState
    """The newest state of the branch that the merge stands on."""

    other: MembershipState
    """The newest state of the branch that the merge carries."""

    def joined_since(self) -> list[DeviceId]:
        """Return the devices that were added on either branch, in the order they joined."""
        added = dict.fromkeys((*self.main.sponsors, *self.other.sponsors))
        return [device for device in added if device not in self.fork.sponsors]

    def may_merge(self, device: DeviceId) -> bool:
        """Whether a device was owner or recovery member at the fork, and is on both branches."""
        states = (self.fork, self.main, self.other)
        return all(_is_entitled(state.members.get(device)) for state in states)


def merge_states(
    branches: Branches, moved: MembershipState, author: DeviceId, merge: Merge
) -> MembershipState:
    """Return the state after a `merge` whose signature and branch have been checked.

    Args:
        branches: what is merged.
        moved: the main branch's newest state with the merge's `k` and hash.
        author: who made the merge.
        merge: its payload.

    Raises:
        NotAuthorised: the author may not merge, or not this way.
        LimitExceeded: the wallet would have too many members.
    """
    if not branches.may_merge(author):
        raise NotAuthorised("only one who may on both branches, and might before, merges them")
    if merge.home not in (branches.main.home, branches.other.home):
        raise NotAuthorised("a merge keeps the home of one of the branches")
    members = members_after(branches, merge.voided)
    require_an_owner_left(members)
    main, other = branches.main, branches.other
    void = _voided(branches, merge.voided)
    gone = {**main.removed, **other.removed, **dict.fromkeys(void, moved.k)}
    new_cuts = tuple(
        CutRecord(k=moved.k, entry=moved.hash, device=device, heads={}) for device in sorted(void)
    )
    merged = replace(
        moved,
        members=members,
        removed=gone,
        sponsors={**main.sponsors, **_missing(other.sponsors, main.sponsors)},
        cuts=(*main.cuts, *(cut for cut in other.cuts if cut not in main.cuts), *new_cuts),
        home=merge.home,
    )
    return begin_epoch(merged, merge.rotation)


def members_after(branches: Branches, voided: Sequence[DeviceId] = ()) -> dict[DeviceId, Member]:
    """Return who belongs to the wallet after a merge of these branches.

    Args:
        branches: what is merged.
        voided: the devices, added since the fork, that the merge names as not to stay.

    Raises:
        NotAuthorised: one of these was there before, or never came.
        LimitExceeded: the wallet would have too many members.
    """
    void = _voided(branches, voided)
    main, other = branches.main, branches.other
    gone = {*main.removed, *other.removed} | void
    everybody = {**main.members, **_missing(other.members, main.members)}
    members = {
        device: replace(member, role=_role(branches, device))
        for device, member in everybody.items()
        if device not in gone
    }
    if len(members) > limits.MEMBERS_COUNT_MAX:
        raise LimitExceeded("the wallet would have more members than it may have")
    return members


def _is_entitled(member: Member | None) -> bool:
    if member is None or member.kind is Kind.AGENT:
        return False
    return member.role is Role.OWNER or member.kind is Kind.RECOVERY


def _voided(branches: Branches, named: Sequence[DeviceId]) -> set[DeviceId]:
    """Return the devices that were added since the fork and are not to stay.

    They are those that the author names, those that a device added which the other branch had
    removed, and whoever any of these added.
    """
    joined = branches.joined_since()
    if not set(named) <= set(joined):
        raise NotAuthorised("a merge voids only devices that were added since the fork")
    void = set(named)
    for state, opposite in (
        (branches.main, branches.other),
        (branches.other, branches.main),
    ):
        removed = opposite.removed.keys() - branches.fork.removed.keys()
        # They are in the order they joined, so one pass sees every sponsor first.
        for device in joined:
            sponsor = state.sponsors.get(device)
            if sponsor in removed or sponsor in void:
                void.add(device)
    return void & {*branches.main.members, *branches.other.members}


def _role(branches: Branches, device: DeviceId) -> Role:
    """Return a member's role: what one branch changed stands, and of two changes the lower."""
    before = branches.fork.members.get(device)
    found = [
        state.members[device].role
        for state in (branches.main, branches.other)
        if device in state.members
    ]
    changed = [role for role in found if before is None or role is not before.role]
    return min(changed or found, key=lambda role: role.rank)


def _missing(
    more: Mapping[DeviceId, Value], held: Mapping[DeviceId, object]
) -> dict[DeviceId, Value]:
    """Return what another mapping adds."""
    return {device: value for device, value in more.items() if device not in held}
