"""What this device tells the wallet's others of what it has seen, and what they told it.

Spec: 21-sync.md
"""

from collections.abc import Iterator

from billfold.replica import Replica
from billfold_protocol import limits
from billfold_protocol.errors import BillfoldError
from billfold_protocol.feed import Beacon
from billfold_protocol.ids import DeviceId
from billfold_protocol.membership import Member
from billfold_protocol.messages import SendBeacon

HEARD_KEY = "heard:"


def beacon_message(
    replica: Replica, *, checkpoint: bytes | None, proofs: tuple[bytes, ...]
) -> SendBeacon:
    """Return what tells the other devices what this one has seen.

    Args:
        replica: what has seen it.
        checkpoint: what the server signed of exactly what the replica knows it to hold, or None.
        proofs: the newest proofs that are small enough to be carried.
    """
    beacon = Beacon(
        wallet_id=replica.wallet_id,
        device=replica.core.device_id,
        k=replica.state.k,
        head=replica.state.head,
        vector=replica.vector_on_server(),
        time_s=max(0, replica.core.now_ms() // 1000),
        checkpoint=checkpoint,
        proofs=tuple(proof for proof in proofs if len(proof) <= limits.CARRIED_PROOF_SIZE_MAX)[
            -limits.CARRIED_PROOFS_COUNT_MAX :
        ],
    )
    raw = beacon.sign(replica.core.secrets.signing_key)
    return SendBeacon(wallet_id=replica.wallet_id, beacon=raw)


def hear(replica: Replica, raw: bytes) -> Beacon | None:
    """Keep another device's beacon; None for what says nothing: not its own, or an older one."""
    for device, member in replica.state.members.items():
        if device == replica.core.device_id:
            continue
        try:
            beacon = Beacon.verify(raw, member.keys.signing, replica.wallet_id)
        except BillfoldError:
            continue
        if beacon.device == device:
            replica.put_meta(HEARD_KEY + device.hex(), raw)
            return beacon
    return None


def heard(replica: Replica) -> Iterator[tuple[bytes, Beacon]]:
    """Yield the last beacon of each other member, with its bytes."""
    for device, member in replica.state.members.items():
        raw = replica.meta(HEARD_KEY + device.hex())
        if raw is None:
            continue
        try:
            yield raw, Beacon.verify(raw, member.keys.signing, replica.wallet_id)
        except BillfoldError:
            continue


def last_heard_s(replica: Replica, device: DeviceId, member: Member | None) -> int | None:
    """Return when a device last said something, by its own clock, in seconds since 1970."""
    raw = replica.meta(HEARD_KEY + device.hex())
    if raw is None or member is None:
        return None
    try:
        return Beacon.verify(raw, member.keys.signing, replica.wallet_id).time_s
    except BillfoldError:
        return None
