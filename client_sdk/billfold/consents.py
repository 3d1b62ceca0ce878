"""Removing recovery words that somebody else may have: two devices agree, and prove their time.

Each device keeps the first checkpoint that its server signed at each index of the chain, and the
newest. The first of two devices leaves its consent in the wallet, where the second finds it.

Spec: 13-membership.md
"""

from billfold.document import FieldEdit
from billfold.recovery_records import record_of
from billfold.replica import Replica
from billfold_protocol import codec
from billfold_protocol.client_session import Accepted
from billfold_protocol.crypto.domains import Domain
from billfold_protocol.errors import Malformed, NotAuthorised
from billfold_protocol.ids import DeviceId
from billfold_protocol.membership import Consent, Member, consent_parts

CHECKPOINT_KEY = "checkpoint:"
NEWEST_KEY = "checkpoint newest"
_CONSENT_SIZE_MAX = 128


def keep_checkpoint(replica: Replica, accepted: Accepted) -> None:
    """Keep what the server signed, as proof of how long devices have been members."""
    key = f"{CHECKPOINT_KEY}{accepted.checkpoint.k}"
    if replica.meta(key) is None:
        replica.put_meta(key, accepted.checkpoint_raw)
    replica.put_meta(NEWEST_KEY, accepted.checkpoint_raw)


def consent_edit(replica: Replica, member: DeviceId) -> FieldEdit:
    """Return the edit that leaves this device's consent in the wallet."""
    core, epoch = replica.core, replica.state.epoch.id
    parts = consent_parts(replica.wallet_id, member, epoch)
    signature = core.secrets.signing_key.sign(Domain.MEMBERSHIP_CONSENT, *parts)
    value = codec.encode([epoch, signature])
    return FieldEdit(record_of(replica, member), _field_of(core.device_id), value)


def consent_of_another(replica: Replica, member: DeviceId) -> Consent | None:
    """Return another device's consent of this epoch, with the proof of time; None if there is none.

    Raises:
        NotAuthorised: nothing proves yet that both devices have belonged for long enough.
    """
    core, state = replica.core, replica.state
    for other in state.members.values():
        signature = None if other.device == core.device_id else _signature(replica, member, other)
        if signature is not None:
            since_k = max(other.since_k, state.members[core.device_id].since_k)
            earlier, later = _proof(replica, since_k)
            return Consent(device=other.device, signature=signature, earlier=earlier, later=later)
    return None


def _signature(replica: Replica, member: DeviceId, other: Member) -> bytes | None:
    found = replica.document.field(record_of(replica, member), _field_of(other.device))
    if found is None or not isinstance(found.value, bytes):
        return None
    try:
        fields = codec.as_array(codec.decode(found.value, size_max=_CONSENT_SIZE_MAX), 2)
        epoch, signature = codec.as_bytes(fields[0], 16), codec.as_bytes(fields[1], 64)
    except Malformed:
        return None
    return signature if epoch == replica.state.epoch.id else None


def _proof(replica: Replica, since_k: int) -> tuple[bytes, bytes]:
    later = replica.meta(NEWEST_KEY)
    kept = (replica.meta(f"{CHECKPOINT_KEY}{k}") for k in range(since_k, replica.state.k + 1))
    earlier = next((raw for raw in kept if raw is not None), None)
    if earlier is None or later is None:
        raise NotAuthorised(
            "recovery words are removed by two devices that have both belonged for seven days"
        )
    return earlier, later


def _field_of(device: DeviceId) -> str:
    return f"consent {device.hex()}"
