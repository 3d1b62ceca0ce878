"""What this device tells the wallet's others of what it has seen, and what they told it.

Spec: 21-sync.md
"""

from billfold.replica import Replica
from billfold_protocol.errors import BillfoldError
from billfold_protocol.feed import Beacon, vector_hash
from billfold_protocol.ids import DeviceId
from billfold_protocol.membership import Member
from billfold_protocol.messages import SendBeacon

HEARD_KEY = "heard:"


def beacon_message(replica: Replica) -> SendBeacon:
    """Return what tells the other devices what this one has seen."""
    beacon = Beacon(
        wallet_id=replica.wallet_id,
        device=replica.core.device_id,
        k=replica.state.k,
        head=replica.state.head,
        vector_hash=vector_hash(replica.vector),
        time_s=max(0, replica.core.now_ms() // 1000),
    )
    raw = beacon.sign(replica.core.secrets.signing_key)
    return SendBeacon(wallet_id=replica.wallet_id, beacon=raw)


def hear(replica: Replica, raw: bytes) -> None:
    """Remember when another device was last heard; what is not its own says nothing."""
    for device, member in replica.state.members.items():
        try:
            beacon = Beacon.verify(raw, member.keys.signing, replica.wallet_id)
        except BillfoldError:
            continue
        if beacon.device == device:
            replica.put_meta(HEARD_KEY + device.hex(), raw)
            return


def last_heard_s(replica: Replica, device: DeviceId, member: Member | None) -> int | None:
    """Return when a device last said something, by its own clock, in seconds since 1970."""
    raw = replica.meta(HEARD_KEY + device.hex())
    if raw is None or member is None:
        return None
    try:
        return Beacon.verify(raw, member.keys.signing, replica.wallet_id).time_s
    except BillfoldError:
        return None
