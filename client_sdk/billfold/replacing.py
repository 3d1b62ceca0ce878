"""Giving a device new keys: what it asks for, and what another member finds and confirms.

The device that may have been copied draws new secrets, keeps them, and leaves its request in the
wallet, where every copy of it reads and writes too. So the person tells the other device by a code
which request is the right one.

Spec: 13-membership.md
"""

from dataclasses import dataclass

from billfold.device import DeviceSecrets
from billfold.document import FieldEdit
from billfold.editing import natural_key_text
from billfold.founding import SUCCESSOR_KEY
from billfold.model import DEVICE
from billfold.replica import Replica
from billfold_protocol import codec
from billfold_protocol.crypto.domains import Domain
from billfold_protocol.errors import Malformed, NotFound
from billfold_protocol.ids import DeviceId, SigningPublicKey, WrappingPublicKey
from billfold_protocol.membership import (
    DeviceKeys,
    Replace,
    Rotation,
    replacement_code,
    replacement_parts,
)

FIELD = "replacement"
_REQUEST_SIZE_MAX = 2048


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """New keys that this device has drawn for itself."""

    secrets: DeviceSecrets
    wanted: Replace
    """What another member signs, once it has put in the cut and the epoch."""

    code: str
    """Four groups of four letters and digits: what the person types on the other device."""


def ask(replica: Replica) -> Asked:
    """Draw new keys for this device, and keep them; those that it drew before are no good more.

    Whoever has copied the device may have a copy of those too.
    """
    core = replica.core
    new = DeviceSecrets.generate(core.random)
    parts = replacement_parts(core.wallet_id, core.device_id, new.keys)
    wanted = _wanted(
        core.device_id,
        new.keys,
        new.signing_key.sign(Domain.REPLACEMENT_ACCEPTANCE, *parts),
        core.secrets.signing_key.sign(Domain.REPLACEMENT_REQUEST, *parts),
    )
    core.successor = new
    replica.put_meta(SUCCESSOR_KEY, new.encode())
    code = replacement_code(core.wallet_id, core.device_id, new.keys)
    groups = [code[start : start + 4] for start in range(0, len(code), 4)]
    return Asked(secrets=new, wanted=wanted, code="-".join(groups))


def request_edits(replica: Replica, asked: Asked) -> list[FieldEdit]:
    """Return the edits that leave a request in the wallet, and the device's name for its new id."""
    old, new = (record_of(replica, d) for d in (asked.wanted.device, asked.secrets.device_id))
    name = replica.document.field(old, "name")
    keys = asked.wanted.keys
    request = codec.encode(
        [keys.signing, keys.wrapping, asked.wanted.acceptance, asked.wanted.request]
    )
    return [
        FieldEdit(old, "type", DEVICE),
        FieldEdit(old, FIELD, request),
        FieldEdit(new, "type", DEVICE),
        *([] if name is None else [FieldEdit(new, "name", name.value)]),
    ]


def find_request(replica: Replica, device: DeviceId, code: str) -> Replace:
    """Return what a device asks for, by the code that it shows.

    Raises:
        NotFound: it asks for nothing with this code.
    """
    typed = "".join(letter for letter in code.upper() if letter.isalnum())
    field = replica.document.field(record_of(replica, device), FIELD)
    for value in () if field is None else field.values:
        wanted = _parse(device, value.value)
        if wanted is not None and replacement_code(replica.wallet_id, device, wanted.keys) == typed:
            return wanted
    raise NotFound(
        "the device has not asked for new keys with this code; `billfold replace` on it shows one, "
        "and both devices must be online"
    )


def record_of(replica: Replica, device: DeviceId) -> str:
    """Return the id of the record about a device."""
    key = natural_key_text((device.hex(),))
    return replica.document.natural_record_id(replica.wallet_id, DEVICE, key)


def _parse(device: DeviceId, value: object) -> Replace | None:
    if not isinstance(value, bytes):
        return None
    try:
        fields = codec.as_array(codec.decode(value, size_max=_REQUEST_SIZE_MAX), 4)
        return _wanted(
            device,
            DeviceKeys(
                SigningPublicKey(codec.as_bytes(fields[0], 32)),
                WrappingPublicKey(codec.as_bytes(fields[1], 1216)),
            ),
            codec.as_bytes(fields[2], 64),
            codec.as_bytes(fields[3], 64),
        )
    except Malformed:
        return None


def _wanted(device: DeviceId, keys: DeviceKeys, acceptance: bytes, request: bytes) -> Replace:
    nothing = Rotation(commitment=bytes(32), wrap_hashes=(), back_link=bytes(72))
    return Replace(
        device=device,
        keys=keys,
        acceptance=acceptance,
        request=request,
        cut={},
        rotation=nothing,
    )
