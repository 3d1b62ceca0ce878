"""How every exporter writes JSON, and bytes within it.

Spec: 43-portability.md
"""

import base64
import json
from typing import Any

from billfold_protocol.errors import InputError


def write_json(whole: Any) -> bytes:
    """Return a value as UTF-8 JSON that ends in a line break; equal values give equal bytes.

    Raises:
        InputError: A text is not valid Unicode.
    """
    text = json.dumps(whole, ensure_ascii=False, allow_nan=False, indent=1)
    try:
        return f"{text}\n".encode()
    except UnicodeEncodeError as error:
        raise InputError("A text in the wallet is not valid Unicode, so it has no JSON.") from error


def base64url(raw: bytes) -> str:
    """Return bytes in base64url without padding (RFC 4648 §5)."""
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
