"""Base64url and JSON as the tokens of credentials use them: strict, bounded, one way to write each.

Spec: 42-credentials.md
"""

import base64
import json
import re

from billfold.credentials.bounds import CLAIMS_DEPTH_MAX
from billfold.importers.interface import Json
from billfold.importers.json_reader import parse_json
from billfold_protocol.errors import Malformed

Object = dict[str, Json]
"""A JSON object."""

_BASE64URL = re.compile(r"[A-Za-z0-9_-]*")


def encode_base64url(data: bytes) -> str:
    """Encode bytes without padding (RFC 7515 §2)."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def decode_base64url(text: str, what: str) -> bytes:
    """Decode text without padding; there is one text for each sequence of bytes.

    Raises:
        Malformed: the text is something else.
    """
    if _BASE64URL.fullmatch(text) and len(text) % 4 != 1:
        data = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
        if encode_base64url(data) == text:
            return data
    raise Malformed(f"The {what} is not base64url; is the credential complete?")


def decode_json(text: str, what: str) -> Json:
    """Decode base64url that holds JSON.

    Raises:
        Malformed: it holds something else, or JSON that two readers could read differently.
        LimitExceeded: it is nested too deeply.
    """
    try:
        return parse_json(decode_base64url(text, what).decode(), depth_max=CLAIMS_DEPTH_MAX)
    except UnicodeDecodeError as error:
        raise Malformed(f"The {what} is not UTF-8 text.") from error
    except Malformed as error:
        raise Malformed(f"The {what} does not hold readable JSON.") from error


def decode_object(text: str, what: str) -> Object:
    """Decode base64url that holds one JSON object.

    Raises:
        Malformed: it holds something else.
        LimitExceeded: it is nested too deeply.
    """
    value = decode_json(text, what)
    if not isinstance(value, dict):
        raise Malformed(f"The {what} does not hold a JSON object.")
    return value


def write_json(value: Json) -> str:
    """Write JSON as the published examples do, with a space after each comma and colon.

    Any form is valid; this one lets presentations be compared with the examples byte by byte.
    """
    return json.dumps(value, allow_nan=False)


def encode_json(value: Json) -> str:
    """Encode JSON in base64url."""
    return encode_base64url(write_json(value).encode())
