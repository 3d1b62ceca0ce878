"""What a wallet says of itself when asked.

Spec: 40-wallet-document.md
"""

from dataclasses import dataclass

from billfold.document import Change
from billfold.events import RecoveryUsed
from billfold.homes import former_homes, is_serving, read_plan
from billfold.recovery_status import RecoveryState, recovery_status
from billfold.replica import Replica
from billfold.servers import SERVER_KEY, parse_server
from billfold_protocol.errors import BillfoldError

__all__ = ["Change", "Status", "SyncReport", "status_of"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """How a wallet stands."""

    wallet_id: str
    device: str
    is_online: bool
    is_removed: bool
    """Whether this device was revoked."""

    server: str | None
    """Where the wallet lives, or will live once it is connected."""

    moving_to: str | None
    """Where this device is moving the wallet; None when no move is under way."""

    is_move_decided: bool
    """Whether that move goes on by itself; else the same command has to be given again."""

    former_servers: tuple[str, ...]
    """Servers on which it lived before and which are still asked."""

    unsynced_count: int
    """Local edits and entries that the server has not acknowledged."""

    waiting_count: int
    """Received entries that wait for something they name."""

    records_count: int
    conflicts_count: int
    quarantined_count: int
    state_hash: str
    """Equal on two devices when and only when their wallets are."""

    pending_attachments_count: int
    """Files that wait for the server; other devices do not see them yet."""
    recovery: RecoveryState
    """Whether words bring the wallet back when all devices are lost."""

    recovery_uses: tuple[RecoveryUsed, ...]
    """What was done with recovery words and the person has not acknowledged yet."""

    last_error: BillfoldError | None


@dataclass(frozen=True, slots=True, kw_only=True)
class SyncReport:
    """What a limited sync achieved."""

    is_complete: bool
    unsynced_count: int
    reason: BillfoldError | None
    """Why it is not complete, where that is known."""


def status_of(
    replica: Replica,
    *,
    is_online: bool,
    last_error: BillfoldError | None,
    pending_attachments_count: int,
) -> Status:
    """Return how a replica stands.

    Raises:
        StoreDamaged: what is kept of its server is damaged.
    """
    where, plan = parse_server(replica.meta(SERVER_KEY)), read_plan(replica)
    home = replica.state.home
    address = None if where is None else where.address
    now_s = max(0, replica.core.now_ms() // 1000)
    recovery = recovery_status(replica)
    return Status(
        wallet_id=replica.wallet_id.hex(),
        device=replica.core.device_id.hex(),
        is_online=is_online,
        is_removed=replica.is_removed,
        server=address if home is None else home.server.address,
        moving_to=None if plan is None else plan.server.address,
        is_move_decided=plan is not None and home is not None and home.server == plan.server,
        former_servers=tuple(
            former.server.address
            for former in former_homes(replica.core.chain)
            if is_serving(former, now_s)
        ),
        unsynced_count=replica.unsynced_count,
        waiting_count=replica.waiting_count,
        records_count=len(replica.document.records()),
        conflicts_count=len(replica.document.conflicts()),
        quarantined_count=replica.quarantined_count,
        state_hash=replica.state_hash().hex(),
        pending_attachments_count=pending_attachments_count,
        recovery=recovery.state,
        recovery_uses=recovery.uses,
        last_error=last_error,
    )
