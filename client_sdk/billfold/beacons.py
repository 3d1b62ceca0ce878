"""What this device tells the wallet's others of what it has seen, and what they told it.

Spec: 21-sync.md
"""

from collections.abc import Iterator

from billfold.founding import HEARD_KEY
from billfold.replica import Replica
from billfold_protocol import limits
from billfold_protocol.errors import BillfoldError
from billfold_protocol.feed import Beacon, lost_heads
from billfold_protocol.ids import DeviceId
from billfold_protocol.membership import Member


def own_beacon(
    replica: Replica,
    *,
    checkpoint: bytes | None,
    proofs: tuple[bytes, ...] = (),
    heads_count_max: int = limits.FEEDS_COUNT_MAX,
) -> bytes:
    """Return what tells another device what this one has seen, signed.

    Args:
        replica: what has seen it.
        checkpoint: what the server signed of exactly what the replica knows it to hold, or None.
        proofs: of these, the newest that are small enough are carried.
        heads_count_max: how many heads are named at most; the longest feeds' come first, and
            where some are left out, so is the checkpoint.
    """
    vector = replica.vector_on_server()
    if len(vector) > heads_count_max:
        longest = sorted(vector.items(), key=lambda item: -item[1][0])
        vector, checkpoint = dict(longest[:heads_count_max]), None
    beacon = Beacon(
        wallet_id=replica.wallet_id,
        device=replica.core.device_id,
        k=replica.state.k,
        head=replica.state.head,
        vector=vector,
        time_s=max(0, replica.core.now_ms() // 1000),
        checkpoint=checkpoint,
        proofs=tuple(proof for proof in proofs if len(proof) <= limits.CARRIED_PROOF_SIZE_MAX)[
            -limits.CARRIED_PROOFS_COUNT_MAX :
        ],
    )
    return beacon.sign(replica.core.secrets.signing_key)


def hear(replica: Replica, raw: bytes) -> Beacon | None:
    """Keep another device's beacon; None for what says nothing: not its own, or an older one.

    Older is what was signed earlier by its own clock and names less. A clock that was put right
    makes no device unheard, and a server that repeats what a device said cannot make it unsaid.
    """
    for device, member in replica.state.members.items():
        if device == replica.core.device_id:
            continue
        try:
            beacon = Beacon.verify(raw, member.keys.signing, replica.wallet_id)
        except BillfoldError:
            continue
        if beacon.device == device:
            before = _last_of(replica, device, member)
            if before is not None and _is_older(beacon, before):
                return None
            replica.put_meta(HEARD_KEY + device.hex(), raw)
            return beacon
    return None


def heard(replica: Replica) -> Iterator[tuple[bytes, Beacon]]:
    """Yield the last beacon of each other member, with its bytes."""
    for device, member in replica.state.members.items():
        beacon = _last_of(replica, device, member)
        raw = replica.meta(HEARD_KEY + device.hex())
        if beacon is not None and raw is not None:
            yield raw, beacon


def last_heard_s(replica: Replica, device: DeviceId, member: Member | None) -> int | None:
    """Return when a device last said something, by its own clock, in seconds since 1970."""
    beacon = None if member is None else _last_of(replica, device, member)
    return None if beacon is None else beacon.time_s


def _last_of(replica: Replica, device: DeviceId, member: Member) -> Beacon | None:
    raw = replica.meta(HEARD_KEY + device.hex())
    if raw is None:
        return None
    try:
        return Beacon.verify(raw, member.keys.signing, replica.wallet_id)
    except BillfoldError:
        return None


def _is_older(beacon: Beacon, other: Beacon) -> bool:
    names_less = bool(lost_heads(other.vector, beacon.vector))
    return beacon.time_s < other.time_s and names_less
