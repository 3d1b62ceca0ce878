"""The history of devices that a server shows beside this device's own, as a person looks at it.

Spec: 13-membership.md
"""

from dataclasses import dataclass

from billfold.replica import Replica
from billfold_protocol import codec, limits
from billfold_protocol.errors import BillfoldError, ChainFork, LocalProtocolError
from billfold_protocol.ids import DeviceId, MembershipHash
from billfold_protocol.membership import Divergence

AGREED_KEY = "merge"
"""Hash of the newest entry of a contested branch that the person has agreed to merge."""

BRANCH_KEY = "other branch"
TOLD_KEY = "other branch told"
"""What the person was told of it last: once, and not at each connection."""

SIZE_MAX = 4 * limits.MEMBERS_COUNT_MAX * 32


@dataclass(frozen=True, slots=True, kw_only=True)
class OtherHistory:
    """Where the server's history of the wallet's devices goes another way than this device's."""

    newest: MembershipHash
    """Hash of the newest membership entry on the server."""

    added: tuple[DeviceId, ...]
    """Devices that only the server's history lists."""

    removed: tuple[DeviceId, ...]
    """Devices that only the server's history removed."""

    contested: tuple[DeviceId, ...]
    """Devices that made an entry on one history and were removed on the other."""

    may_merge: bool
    """Whether this device is an owner, or a recovery member, on both."""


def other_history_of(replica: Replica, divergence: Divergence) -> OtherHistory:
    """Describe how a server's chain, the main one, differs from this device's."""
    branches = divergence.branches
    contested: list[DeviceId] = []
    for chain, opposite in (
        (divergence.main, branches.other),
        (divergence.other, branches.main),
    ):
        made = [entry.author for entry in chain.entries[branches.fork.k + 1 :]]
        contested.extend(device for device in made if device in opposite.removed)
    return OtherHistory(
        newest=branches.main.hash,
        added=tuple(sorted(branches.main.sponsors.keys() - branches.other.sponsors.keys())),
        removed=tuple(sorted(branches.main.removed.keys() - branches.other.removed.keys())),
        contested=tuple(dict.fromkeys(contested)),
        may_merge=branches.may_merge(replica.core.device_id),
    )


def keep_other_history(replica: Replica, history: OtherHistory | None) -> None:
    """Keep what was found of the server's history, or with None forget it."""
    if history is None:
        for key in (BRANCH_KEY, AGREED_KEY, TOLD_KEY):
            replica.put_meta(key, None)
        return
    groups = [list(history.added), list(history.removed), list(history.contested)]
    raw = codec.encode([history.newest, *groups, history.may_merge])
    replica.put_meta(BRANCH_KEY, raw)


def read_other_history(replica: Replica) -> OtherHistory | None:
    """Return what was found of the server's history, or None if it is one with ours."""
    raw = replica.meta(BRANCH_KEY)
    if raw is None:
        return None
    newest, added, removed, contested, may_merge = codec.as_array(
        codec.decode(raw, size_max=SIZE_MAX), 5
    )
    return OtherHistory(
        newest=MembershipHash(codec.as_bytes(newest, 32)),
        added=_devices(added),
        removed=_devices(removed),
        contested=_devices(contested),
        may_merge=may_merge is True,
    )


def is_told(replica: Replica, error: BillfoldError) -> bool:
    """Whether the person knows of a fork of the chain already; from now on they do."""
    if not isinstance(error, ChainFork) or replica.meta(BRANCH_KEY) is None:
        return False
    text = str(error).encode()
    has_been_told = replica.meta(TOLD_KEY) == text
    replica.put_meta(TOLD_KEY, text)
    return has_been_told


def agree_to_merge(replica: Replica) -> None:
    """Note that the person wants the two histories merged as they are.

    Raises:
        LocalProtocolError: there is no other history.
    """
    history = read_other_history(replica)
    if history is None:
        raise LocalProtocolError("there is one history of this wallet's devices, nothing to merge")
    replica.put_meta(AGREED_KEY, history.newest)


def is_agreed(replica: Replica, history: OtherHistory) -> bool:
    """Whether nobody is contested, or the person has agreed."""
    return not history.contested or replica.meta(AGREED_KEY) == history.newest


def _devices(value: object) -> tuple[DeviceId, ...]:
    items = codec.as_list(value, count_max=SIZE_MAX)
    return tuple(DeviceId(codec.as_bytes(item, 16)) for item in items)
