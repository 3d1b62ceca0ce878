"""How the recovery of a wallet stands, as `status` says it.

Spec: 24-recovery.md
"""

from dataclasses import dataclass
from enum import Enum, unique

from billfold.events import RecoveryUsed
from billfold.recovery_records import pending_link, recovery_members, unseen_uses
from billfold.replica import Replica


@unique
class RecoveryState(Enum):
    """Whether the wallet can be brought back by words."""

    NONE = "none"
    """There are no words: who loses all devices loses the wallet."""

    PENDING = "pending"
    """The words were confirmed; they count once the server has been reached."""

    READY = "ready"


@dataclass(frozen=True, slots=True, kw_only=True)
class RecoveryStatus:
    """How the recovery of a wallet stands."""

    state: RecoveryState
    members: tuple[str, ...]
    """The ids of the recovery members, 32 hexadecimal digits each."""

    uses: tuple[RecoveryUsed, ...]
    """What was done with recovery words and the person has not acknowledged yet."""


def recovery_status(replica: Replica) -> RecoveryStatus:
    """Return how the recovery of a wallet stands.

    Raises:
        StoreDamaged: what the device keeps is damaged.
    """
    members = recovery_members(replica)
    state = RecoveryState.READY if members else RecoveryState.NONE
    if state is RecoveryState.NONE and pending_link(replica) is not None:
        state = RecoveryState.PENDING
    return RecoveryStatus(
        state=state,
        members=tuple(member.device.hex() for member in members),
        uses=() if replica.is_removed else tuple(unseen_uses(replica)),
    )
