"""What a message on a channel says: a DIDComm v2 plaintext message, as JSON with bounds.

    {"id": "…", "type": "https://didcomm.org/basicmessage/2.0/message", "created_time": 1700000000,
     "body": {"content": "Your order is ready."}}

Who wrote it and to whom is proved by the channel, so `from` and `to` are not read.

Spec: 26-channels.md
"""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from billfold_protocol import limits
from billfold_protocol.errors import InputError, Malformed

BASIC_MESSAGE: Final = "https://didcomm.org/basicmessage/2.0/message"
DEPTH_MAX: Final = 16
TEXT_SIZE_MAX: Final = 1024
ATTACHMENTS_COUNT_MAX: Final = 64
_TIME_MAX: Final = 2**53


@dataclass(frozen=True, slots=True, kw_only=True)
class Plaintext:
    """One message (DIDComm Messaging v2.1, Plaintext Message Structure)."""

    id: str
    """Of the sender's choice, at most 1,024 bytes; one id, one message."""

    type: str = BASIC_MESSAGE
    body: Mapping[str, Any] = field(default_factory=dict)
    created_time: int | None = None
    expires_time: int | None = None
    thid: str | None = None
    """The id of the message that began the thread; of an answer, what it answers."""

    pthid: str | None = None
    attachments: tuple[Mapping[str, Any], ...] = ()

    @property
    def text(self) -> str:
        """What a person reads of it: the body's `content`, or nothing."""
        content = self.body.get("content")
        return content if isinstance(content, str) else ""

    def encode(self) -> bytes:
        """Return the JSON.

        Raises:
            InputError: it is longer than 58 KiB, or a value has no JSON.
        """
        fields: dict[str, object] = {"id": self.id, "type": self.type, "body": dict(self.body)}
        for name in ("created_time", "expires_time", "thid", "pthid"):
            value = getattr(self, name)
            if value is not None:
                fields[name] = value
        if self.attachments:
            fields["attachments"] = [dict(one) for one in self.attachments]
        try:
            raw = json.dumps(fields, ensure_ascii=False, separators=(",", ":"), sort_keys=True)
            data = raw.encode()
        except (TypeError, ValueError) as error:
            raise InputError("the message has a value that JSON does not have") from error
        if len(data) > limits.CHANNEL_CONTENT_SIZE_MAX:
            raise InputError("the message is too long; a channel carries at most 58 KiB at a time")
        # What would be refused over there is not sent.
        try:
            return _checked(data, self)
        except Malformed as error:
            raise InputError(str(error)) from error

    @classmethod
    def parse(cls, data: bytes) -> "Plaintext":
        """Read a message.

        Raises:
            Malformed: it is none.
        """
        fields = _parse_json(data)
        body, attachments = fields.get("body", {}), fields.get("attachments", [])
        if not isinstance(body, dict) or not isinstance(attachments, list):
            raise Malformed("the body of a message is an object, and its attachments are a list")
        if len(attachments) > ATTACHMENTS_COUNT_MAX:
            raise Malformed(f"a message has at most {ATTACHMENTS_COUNT_MAX} attachments")
        if any(not isinstance(one, dict) for one in attachments):
            raise Malformed("an attachment of a message is an object")
        return cls(
            id=_text(fields, "id") or _missing("id"),
            type=_text(fields, "type") or _missing("type"),
            body=body,
            created_time=_time(fields, "created_time"),
            expires_time=_time(fields, "expires_time"),
            thid=_text(fields, "thid"),
            pthid=_text(fields, "pthid"),
            attachments=tuple(attachments),
        )


def _checked(data: bytes, wanted: Plaintext) -> bytes:
    if Plaintext.parse(data) != wanted:
        raise Malformed("the message would not be read as it was written")
    return data


def _parse_json(data: bytes) -> dict[str, Any]:
    try:
        fields = json.loads(data.decode(), parse_constant=_no_constant, parse_float=_finite)
        # A number or a letter may take more room when it is written again, or not be writable.
        size = len(json.dumps(fields, ensure_ascii=False, separators=(",", ":")).encode())
    except (ValueError, RecursionError) as error:
        raise Malformed("the message is not JSON") from error
    if not isinstance(fields, dict):
        raise Malformed("the message is not a JSON object")
    if size > limits.CHANNEL_CONTENT_SIZE_MAX:
        raise Malformed("the message is longer than 58 KiB")
    if _depth_exceeds(fields, DEPTH_MAX):
        raise Malformed("the message is nested too deeply")
    return fields


def _no_constant(name: str) -> None:
    raise ValueError(name)


def _finite(digits: str) -> float:
    number = float(digits)
    if not math.isfinite(number):
        raise ValueError(digits)
    return number


def _depth_exceeds(value: object, depth: int) -> bool:
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return depth == 0 or any(_depth_exceeds(item, depth - 1) for item in inner)


def _missing(name: str) -> str:
    raise Malformed(f"the message has no {name}")


def _text(fields: Mapping[str, Any], name: str) -> str | None:
    value = fields.get(name)
    if value is None:
        return None
    if not isinstance(value, str) or not 0 < len(_utf8(value)) <= TEXT_SIZE_MAX:
        raise Malformed(f"the {name} of a message is a text of 1 to {TEXT_SIZE_MAX} bytes")
    return value


def _utf8(text: str) -> bytes:
    try:
        return text.encode()
    except UnicodeEncodeError as error:
        raise Malformed("the message has a text that is not Unicode") from error


def _time(fields: Mapping[str, Any], name: str) -> int | None:
    value = fields.get(name)
    if value is None:
        return None
    if type(value) is not int or not 0 <= value <= _TIME_MAX:
        raise Malformed(f"the {name} of a message is in whole seconds since 1970")
    return value
