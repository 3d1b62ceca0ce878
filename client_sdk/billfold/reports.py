"""What a wallet says of itself when asked.

Spec: 40-wallet-document.md
"""

from dataclasses import dataclass

from billfold.document import Change
from billfold_protocol.errors import BillfoldError

__all__ = ["Change", "Status", "SyncReport"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """How a wallet stands."""

    wallet_id: str
    device: str
    is_online: bool
    is_removed: bool
    """Whether this device was revoked."""

    server: str | None
    unsynced_count: int
    """Local edits and entries that the server has not acknowledged."""

    waiting_count: int
    """Received entries that wait for something they name."""

    records_count: int
    conflicts_count: int
    quarantined_count: int
    state_hash: str
    """Equal on two devices when and only when their wallets are."""

    last_error: BillfoldError | None


@dataclass(frozen=True, slots=True, kw_only=True)
class SyncReport:
    """What a limited sync achieved."""

    is_complete: bool
    unsynced_count: int
    reason: BillfoldError | None
    """Why it is not complete, where that is known."""
