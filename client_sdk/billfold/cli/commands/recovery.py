"""Commands about the words that bring the wallet back: their state, making them, kit and shares.

Spec: 24-recovery.md
"""

from billfold.cli.recovery_view import describe_use
from billfold.cli.request import Answer, Arguments
from billfold.cli.session import Session
from billfold.cli.wire import JsonObject
from billfold.recovery_status import RecoveryState, RecoveryStatus
from billfold_protocol.errors import InputError, TransportError

READY_DEADLINE_S = 30.0


async def recovery(session: Session, arguments: Arguments) -> Answer:
    """Do what `billfold recovery` is asked for; words come as the request's attachment.

    Raises:
        InputError: there is no such action.
        RecoveryRefused: the words are not this wallet's.
        AccessError: this device may not.
        TransportError: the server was not reached in time.
        StoreError: what was done could not be made durable.
    """
    wallet = session.wallet
    words = session.attachment.decode() if session.attachment else None
    match arguments.text("action"):
        case "status":
            return Answer(result=describe_recovery(session, wallet.recovery.status))
        case "new" if words is not None:
            await wallet.recovery.enrol(words)
            return Answer(result=await settle(session))
        case "kit":
            page = await wallet.recovery.kit(words)
            result: JsonObject = {"event": "recovery_kit", "has_words": words is not None}
            return Answer(result=result, attachment=page.encode())
        case "shares" if words is not None:
            shares = list(wallet.recovery.shares(words))
            return Answer(result={"event": "recovery_shares", "shares": shares})
        case "revoke":
            is_gone = await wallet.recovery.revoke(arguments.optional_text("member"))
            return Answer(result={"event": "recovery_revoked", "is_gone": is_gone})
        case "seen":
            await wallet.recovery.acknowledge()
            return Answer(result=describe_recovery(session, wallet.recovery.status))
        case action:
            raise InputError(f"there is no action {action!r}, or it lacks the words")


async def settle(session: Session) -> JsonObject:
    """Wait a moment until new words count, and say whether they do."""
    status = session.wallet.recovery.status
    if session.wallet.status().server is not None and session.wallet.status().is_online:
        try:
            status = await session.wallet.recovery.wait_ready(deadline_s=READY_DEADLINE_S)
        except TransportError:
            status = session.wallet.recovery.status
    return describe_recovery(session, status)


def describe_recovery(session: Session, status: RecoveryStatus) -> JsonObject:
    """Return how recovery stands as JSON."""
    return {
        "event": "recovery_status",
        "state": status.state.value,
        "is_ready": status.state is RecoveryState.READY,
        "members": list(status.members),
        "uses": [describe_use(session, use) for use in status.uses],
    }
