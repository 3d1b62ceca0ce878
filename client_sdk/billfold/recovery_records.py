"""What a wallet keeps about its recovery members: in its document, in its chain, on this device.

The document holds, for each, what any of the wallet's devices needs to keep the pin at the server
fresh: the locator, its proof and the pin's key, from which nobody gets back to the words. This
device keeps a recovery member that was confirmed and is not in the chain yet.

Spec: 24-recovery.md
"""

from contextlib import suppress
from dataclasses import dataclass, field

from billfold.document import FieldEdit
from billfold.document.limits import VALUE_SIZE_MAX
from billfold.editing import natural_key_text
from billfold.events import RecoveryUsed
from billfold.membership_news import use_of
from billfold.replica import Replica
from billfold_protocol import codec
from billfold_protocol.crypto.signing import SIGNATURE_SIZE
from billfold_protocol.errors import Malformed, ServerRollback, StoreDamaged
from billfold_protocol.feed import Vector, lost_heads, parse_vector, vector_hash
from billfold_protocol.feed.vector import encode_vector
from billfold_protocol.ids import DeviceId, HolderId, SigningPublicKey, WrappingPublicKey
from billfold_protocol.membership import DeviceKeys, Kind, Link, Member, Role
from billfold_protocol.recovery import RecoveryKeys, RecoveryKit, RecoveryPin

RECOVERY_TYPE = "recovery"
PENDING_KEY = "recovery pending"
SEEN_KEY = "recovery seen"
_PENDING_SIZE_MAX = 2048


@dataclass(frozen=True, slots=True, kw_only=True)
class PinSecrets:
    """What it takes to leave a recovery member's pin at a server."""

    device: DeviceId
    locator: bytes
    proof: bytes
    pin_key: bytes = field(repr=False)


def record_edits(replica: Replica, keys: RecoveryKeys) -> list[FieldEdit]:
    """Return the edits that keep a recovery member's pin secrets in the wallet."""
    record = record_of(replica, keys.device_id)
    proof = keys.prove_locator(replica.wallet_id)
    return [
        FieldEdit(record, "type", RECOVERY_TYPE),
        FieldEdit(record, "locator", keys.locator),
        FieldEdit(record, "proof", proof),
        FieldEdit(record, "pin_key", keys.pin_key),
    ]


def pin_secrets(replica: Replica, device: DeviceId) -> PinSecrets | None:
    """Return a recovery member's pin secrets, or None while the wallet does not hold them."""
    record = record_of(replica, device)
    names = {"locator": 32, "proof": SIGNATURE_SIZE, "pin_key": 32}
    values: dict[str, bytes] = {}
    for name, size in names.items():
        found = replica.document.field(record, name)
        if found is None or not isinstance(found.value, bytes) or len(found.value) != size:
            return None
        values[name] = found.value
    return PinSecrets(
        device=device,
        locator=values["locator"],
        proof=values["proof"],
        pin_key=values["pin_key"],
    )


def recovery_members(replica: Replica) -> list[Member]:
    """Return the recovery members of this device's holder, in the order they joined."""
    holder = replica.core.holder
    members = replica.state.members.values()
    return [one for one in members if one.kind is Kind.RECOVERY and one.holder == holder]


def encode_pending(link: Link) -> bytes:
    """Return an accepted addition as the device keeps it until the server has taken it."""
    keys = link.keys
    return codec.encode([keys.signing, keys.wrapping, link.holder, link.session, link.acceptance])


def pending_link(replica: Replica) -> Link | None:
    """Return the recovery member that was confirmed here and is not in the chain yet.

    Raises:
        StoreDamaged: what the device keeps is damaged.
    """
    data = replica.meta(PENDING_KEY)
    if data is None:
        return None
    try:
        fields = codec.as_array(codec.decode(data, size_max=_PENDING_SIZE_MAX), 5)
        signing_key, wrapping_key, holder, session, acceptance = fields
        link = Link(
            is_invite=False,
            keys=DeviceKeys(
                SigningPublicKey(codec.as_bytes(signing_key, 32)),
                WrappingPublicKey(codec.as_bytes(wrapping_key)),
            ),
            holder=HolderId(codec.as_bytes(holder, 16)),
            role=Role.OWNER,
            kind=Kind.RECOVERY,
            session=codec.as_bytes(session, 16),
            acceptance=codec.as_bytes(acceptance, 64),
            wrap_hash=bytes(32),
        )
    except Malformed as error:
        raise StoreDamaged("what the wallet keeps of its recovery words is damaged") from error
    return None if link.keys.device_id in replica.state.sponsors else link


def unseen_uses(replica: Replica) -> list[RecoveryUsed]:
    """Return what recovery members did since this device joined and the person last looked."""
    chain, device = replica.core.chain, replica.core.device_id
    data = replica.meta(SEEN_KEY)
    joined = next(k for k in range(len(chain)) if device in chain.state_at(k).members)
    seen = max(joined, 0 if data is None else int.from_bytes(data, "big"))
    uses = (use_of(chain.entries[k], chain.state_at(k - 1)) for k in range(seen + 1, len(chain)))
    return [use for use in uses if use is not None]


def missing_heads(replica: Replica, pin: RecoveryPin | None) -> ServerRollback | None:
    """Return that the server lacks what it had when the pin was left, or None if it has all."""
    if pin is None:
        return None
    return _missing(replica, pin.vector)


def kit_edit(replica: Replica, pin: RecoveryPin, device: DeviceId) -> FieldEdit:
    """Return the edit that keeps in the wallet what a kit of this pin is held against.

    Args:
        replica: the wallet.
        pin: what the kit is made of.
        device: the recovery member.
    """
    name = _kit_field(vector_hash(pin.vector))
    return FieldEdit(record_of(replica, device), name, codec.encode(encode_vector(pin.vector)))


def missing_since_kit(
    replica: Replica, kit: RecoveryKit | None, device: DeviceId
) -> ServerRollback | None:
    """Return that the server lacks what it had when a kit was made, or None if it has all.

    The kit has the hash of the heads of that moment, and the wallet keeps the heads in an entry
    that the server took before the kit was printed: if they are not there, they are missing too.
    """
    if kit is None:
        return None
    found = replica.document.field(record_of(replica, device), _kit_field(kit.vector_hash))
    value = None if found is None else found.value
    vector: Vector | None = None
    if isinstance(value, bytes):
        with suppress(Malformed):
            vector = parse_vector(codec.decode(value, size_max=VALUE_SIZE_MAX))
    if vector is None or vector_hash(vector) != kit.vector_hash:
        return ServerRollback(
            "the server does not have what it held when the kit was printed; another device may"
        )
    return _missing(replica, vector)


def _kit_field(hash_: bytes) -> str:
    return f"kit {hash_.hex()}"


def _missing(replica: Replica, vector: Vector) -> ServerRollback | None:
    graph = replica.core.graph
    # A forked feed is named by all its ends; that is no loss.
    lost = [dep for dep in lost_heads(vector, replica.vector) if not graph.is_forked(dep.feed)]
    if not lost:
        return None
    return ServerRollback(
        f"the server has lost newer edits of {len(lost)} devices; another device may have them"
    )


def encode_seen(k: int) -> bytes:
    """Return the index up to which the person has looked, as the device keeps it."""
    return k.to_bytes(4, "big")


def record_of(replica: Replica, device: DeviceId) -> str:
    """Return the id of the record about a recovery member."""
    key = natural_key_text((device.hex(),))
    return replica.document.natural_record_id(replica.wallet_id, RECOVERY_TYPE, key)
