"""What an edit was to do, as it is kept beside its change until an entry carries it.

A change belongs to one feed. When the device has to go on in another feed, its edits are expressed
again there from these intents; `origin` is then the change that they were first.

Spec: 40-wallet-document.md
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from billfold.document import Edit, EditText, FieldEdit, Purge, RemoveField, Restore, Trash
from billfold_protocol.errors import StoreDamaged

_EDITS: dict[str, type[Edit]] = {
    kind.__name__: kind for kind in (FieldEdit, RemoveField, EditText, Trash, Restore, Purge)
}
_ENCODER = json.JSONEncoder(default=lambda value: {"bytes": value.hex()}, separators=(",", ":"))


@dataclass(frozen=True, slots=True)
class Intents:
    """The edits of one change."""

    edits: tuple[Edit, ...]
    origin: bytes | None = None
    """The hash of the change that they were in another feed; None if they were in none."""


def encode_intents(edits: Sequence[Edit], origin: bytes | None = None) -> bytes:
    """Return edits as the store keeps them."""
    intents = [
        [type(edit).__name__, *(getattr(edit, name) for name in edit.__slots__)] for edit in edits
    ]
    content = intents if origin is None else {"origin": origin.hex(), "edits": intents}
    return _ENCODER.encode(content).encode()


def parse_intents(data: bytes) -> Intents:
    """Read what `encode_intents` made.

    Raises:
        StoreDamaged: it is something else.
    """
    try:
        content = json.loads(data)
        is_again = isinstance(content, dict)
        items = content["edits"] if is_again else content
        return Intents(
            tuple(_EDITS[name](*map(_value, values)) for name, *values in items),
            bytes.fromhex(content["origin"]) if is_again else None,
        )
    except (ValueError, KeyError, TypeError) as error:
        raise StoreDamaged("an edit that waits in the wallet's file is damaged") from error


def _value(value: Any) -> Any:
    return bytes.fromhex(value["bytes"]) if isinstance(value, dict) else value
