"""Receipts of what a person shares by a channel: the same bytes on both sides, signed by both.

    person ──share: receipt and values──► organisation ──its signature on the receipt──► person

The person's signature is that of the message that carries it; the organisation's is that of the
message in which it names the receipt's digest.

Spec: 26-channels.md
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from billfold_protocol.errors import Malformed

SHARE: Final = "urn:billfold:share:1"
COUNTERSIGN: Final = "urn:billfold:countersign:1"
WITHDRAW: Final = "urn:billfold:withdraw:1"

_TEXT_SIZE_MAX: Final = 1024
_ITEMS_COUNT_MAX: Final = 256


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """Who may process what of whom, and what for (ISO/IEC TS 27560, with names of DPV)."""

    record_id: str
    """Its id, on both sides."""

    event_time: int
    """When it was given, in seconds since 1970."""

    data_subject: str
    """The fingerprint of the person's keys in this channel, in hexadecimal."""

    data_controller: str
    """The organisation's identifier, as the person has it."""

    purposes: tuple[str, ...]
    personal_data: tuple[str, ...]
    """Which data, by name and never by value."""

    def to_json(self) -> str:
        """Return the text of which both sides keep and sign the digest."""
        fields = {
            "record_id": self.record_id,
            "event_time": self.event_time,
            "event_state": "dpv:ConsentGiven",
            "data_subject": self.data_subject,
            "data_controller": self.data_controller,
            "purposes": list(self.purposes),
            "personal_data": list(self.personal_data),
        }
        return json.dumps(fields, ensure_ascii=False, separators=(",", ":"), sort_keys=True)

    @property
    def digest(self) -> str:
        """The SHA-256 of the text, in hexadecimal."""
        return digest_of(self.to_json())

    @classmethod
    def parse(cls, text: object) -> "Receipt":
        """Read the text of a receipt.

        Raises:
            Malformed: it is none, or is written in another way.
        """
        try:
            fields = json.loads(text if isinstance(text, str) else "")
            receipt = cls(
                record_id=_text(fields["record_id"]),
                event_time=_time(fields["event_time"]),
                data_subject=_text(fields["data_subject"]),
                data_controller=_text(fields["data_controller"]),
                purposes=_texts(fields["purposes"]),
                personal_data=_texts(fields["personal_data"]),
            )
        except (ValueError, KeyError, TypeError) as error:
            raise Malformed("what came with the shared data is no receipt") from error
        if receipt.to_json() != text:
            raise Malformed("the receipt is not written as both sides write it")
        return receipt


@dataclass(frozen=True, slots=True, kw_only=True)
class Shared:
    """What a person has shared."""

    receipt: Receipt
    statements: Mapping[str, Any]
    """By subject; those that the receipt names."""

    presentation: str | None
    """A presentation of a credential, as it is made for this organisation."""

    def body(self) -> dict[str, Any]:
        """Return the body of the message that carries it."""
        return {
            "receipt": self.receipt.to_json(),
            "statements": dict(self.statements),
            "presentation": self.presentation,
        }

    @classmethod
    def parse(cls, body: Mapping[str, Any]) -> "Shared":
        """Read the body of a message of the type `SHARE`.

        Raises:
            Malformed: it is none, or brings what its receipt does not name.
        """
        receipt, statements = Receipt.parse(body.get("receipt")), body.get("statements")
        presentation = body.get("presentation")
        if not isinstance(statements, dict) or not isinstance(presentation, str | None):
            raise Malformed("shared data are statements by subject, and a presentation")
        if not set(statements) <= set(receipt.personal_data):
            raise Malformed("more was shared than the receipt names")
        return cls(receipt=receipt, statements=statements, presentation=presentation)


def digest_of(receipt: str) -> str:
    """Return the digest of a receipt's text, in hexadecimal."""
    return hashlib.sha256(receipt.encode()).hexdigest()


def _text(value: object) -> str:
    if not isinstance(value, str) or not 0 < len(value) <= _TEXT_SIZE_MAX:
        raise TypeError
    return value


def _texts(value: Sequence[object]) -> tuple[str, ...]:
    if not isinstance(value, list) or len(value) > _ITEMS_COUNT_MAX:
        raise TypeError
    return tuple(_text(item) for item in value)


def _time(value: object) -> int:
    if type(value) is not int or value < 0:
        raise TypeError
    return value
