"""Records as the command line shows them: JSON values, labels, and what is hidden at first sight.

Hidden are fields that hold secrets by their name, unless a person asks for one by name or for all.

Spec: 40-wallet-document.md
"""

import base64
import binascii
import re
from typing import Any, Final

from billfold.attachments import ATTACHMENTS
from billfold.cli.assignments import BASE64
from billfold.cli.wire import JsonObject
from billfold.document import NOTES, TAGS, RecordView, Scalar, Value
from billfold.exporting import INTERNAL_FIELDS
from billfold.model import label_of, lookalikes, misfits, tags_of
from billfold.wallet import Wallet
from billfold_protocol.errors import InputError

_SECRETS: Final = frozenset(
    {
        *("code", "cvv", "key", "mnemonic", "otp", "passphrase", "password", "pin", "private_key"),
        *("raw", "recovery_code", "recovery_codes", "secret", "seed", "token", "totp"),
        *("verification_number",),
    }
)
_NUMBERED = re.compile(r":\d+$")
_CUSTOM_VALUE = re.compile(r"custom/[^/]+/value(:\d+)?")
_CONCEALED: Final = "concealed-string"
_UNKNOWN: Final = "source/"


def is_secret(view: RecordView, field: str) -> bool:
    """Tell whether a field's value is hidden unless asked for."""
    name = _NUMBERED.sub("", field).rsplit("/", 1)[-1].lower()
    if name in _SECRETS or field.startswith((ATTACHMENTS, _UNKNOWN)):
        return True
    if _CUSTOM_VALUE.fullmatch(field) is None:
        return False
    kind = view.fields.get(field.rsplit("/", 1)[0] + "/kind")
    return kind is not None and kind.value == _CONCEALED


def shown_fields(view: RecordView) -> list[str]:
    """Return the fields that a person sees, in order of name."""
    return [
        name
        for name in view.fields
        if name not in INTERNAL_FIELDS and not name.startswith((ATTACHMENTS, TAGS))
    ]


def describe_record(view: RecordView, wallet: Wallet, *, show_secrets: bool) -> JsonObject:
    """Return a record as JSON; `hidden` names the fields whose values are left out."""
    names = shown_fields(view)
    hidden = [] if show_secrets else [name for name in names if is_secret(view, name)]
    return {
        "id": view.id,
        "type": view.type,
        "label": label_of(view),
        "fields": {n: encode_value(view.fields[n].value) for n in names if n not in hidden},
        "hidden": hidden,
        "conflicts": {
            name: describe_values(state.values, wallet, is_hidden=name in hidden)
            for name, state in view.conflicts.items()
        },
        "tags": list(tags_of(view)),
        "attachments": [one.name for one in wallet.attachments.list(view.id)],
        NOTES: view.notes or None,
        "warnings": [*map(str, misfits(view).values()), *lookalikes(view).values()],
        "is_trashed": view.is_trashed,
    }


def describe_values(
    values: tuple[Value, ...], wallet: Wallet, *, is_hidden: bool
) -> list[JsonObject]:
    """Return the values that a person chooses among, numbered from 1, the newest first."""
    return [
        {
            "choice": choice,
            "value": None if is_hidden else encode_value(value.value),
            "is_hidden": is_hidden,
            "device": device_name(wallet, value.actor),
            "time_ms": value.time_ms,
            "tag": value.tag,
        }
        for choice, value in enumerate(values, start=1)
    ]


def device_name(wallet: Wallet, actor: bytes) -> str | None:
    """Return what the person calls the device that wrote a value; None if it is not known."""
    device = wallet.device_of(actor)
    return None if device is None else device.name


def encode_value(value: Scalar) -> Any:
    """Return a value as JSON has it; bytes are `{"base64": …}`."""
    return {BASE64: base64.b64encode(value).decode()} if isinstance(value, bytes) else value


def decode_value(value: Any, field: str) -> Scalar:
    """Return the value that JSON stands for.

    Raises:
        InputError: a field cannot hold it.
    """
    match value:
        case None | bool() | int() | float() | str():
            return value
        case {"base64": str(text), **rest} if not rest:
            try:
                return base64.b64decode(text, validate=True)
            except (binascii.Error, ValueError) as error:
                raise InputError(f"the value of {field!r} is not base64") from error
        case _:
            raise InputError(f"the field {field!r} cannot hold this value")
