"""What was done with recovery words, as JSON.

Spec: 24-recovery.md
"""

from billfold.cli.session import Session
from billfold.cli.wire import JsonObject
from billfold.events import RecoveryUsed
from billfold_protocol.ids import DeviceId


def describe_use(session: Session, use: RecoveryUsed) -> JsonObject:
    """Return as JSON what somebody did with the recovery words."""
    return {
        "event": "recovery_used",
        "linked": None if use.device is None else use.device.hex(),
        "linked_name": None if use.device is None else name_of(session, use.device),
        "recovery": use.recovery.hex(),
        "time_s": use.time_s,
        "k": use.k,
    }


def name_of(session: Session, device: DeviceId) -> str:
    """Return what a device is called."""
    names = {one.id: one.name for one in session.wallet.devices()}
    return names.get(device.hex(), device.hex()[:8])
