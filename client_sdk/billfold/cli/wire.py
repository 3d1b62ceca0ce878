"""Frames between a command and a running `watch`: JSON after its length, bytes after the JSON.

    command ──► {version, command, arguments, attachment_size} + attachment
            ◄── {kind: tell | progress | ask, …}      any number of times
            ──► {answer}                              after each `ask`
            ◄── {kind: result | error, …, attachment_size} + attachment

Every size is bounded and in bytes.

Spec: 00-overview.md
"""

import json
from typing import Any, Final

from billfold_protocol.errors import Malformed

VERSION: Final = 1
HEADER_SIZE: Final = 4
REQUEST_SIZE_MAX: Final = 4 * 1024 * 1024
ANSWER_SIZE_MAX: Final = 256 * 1024 * 1024
ATTACHMENT_SIZE_MAX: Final = 256 * 1024 * 1024
"""The largest export; an import is refused by its own, smaller bound."""

JsonObject = dict[str, Any]
"""A JSON object at the edge of the program."""


def encode_frame(content: JsonObject, attachment: bytes = b"") -> bytes:
    """Return the bytes of a frame and of what goes with it."""
    if attachment:
        content = {**content, "attachment_size": len(attachment)}
    body = json.dumps(content, ensure_ascii=False).encode("utf-8", "surrogatepass")
    return len(body).to_bytes(HEADER_SIZE, "big") + body + attachment


def parse_header(header: bytes, *, size_max: int) -> int:
    """Return the size of the JSON that follows.

    Raises:
        Malformed: it is above `size_max`.
    """
    size = int.from_bytes(header, "big")
    if size > size_max:
        raise Malformed("the local socket carries a frame that is too large")
    return size


def parse_body(body: bytes) -> tuple[JsonObject, int]:
    """Return a frame's content and the size of its attachment.

    Raises:
        Malformed: it is not a JSON object.
    """
    try:
        content = json.loads(body)
    except ValueError as error:
        raise Malformed("the local socket carries something that is not JSON") from error
    if not isinstance(content, dict):
        raise Malformed("the local socket carries JSON that is not an object")
    size = content.pop("attachment_size", 0)
    if type(size) is not int or not 0 <= size <= ATTACHMENT_SIZE_MAX:
        raise Malformed("the local socket carries an attachment that is too large")
    return content, size
