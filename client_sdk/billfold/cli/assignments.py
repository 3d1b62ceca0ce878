"""The way fields and values are written on the command line.

    name=text        the text as it is
    name:=json       a number, true, false, null, a text in quotes, or {"base64": "…"}
    name@=file       the text in a file, without the line break at its end; - is the standard input
    name             asked for without showing it, or one line of the standard input

The last two keep secrets out of the command line, where other users of the computer see them.

Spec: 00-overview.md
"""

import json
import re
from collections.abc import Callable, Sequence
from typing import Any, Final

from billfold_protocol.errors import InputError, LimitExceeded

BASE64: Final = "base64"
VALUE_SIZE_MAX: Final = 1024 * 1024
"""Bytes that are read for one value; the wallet's own bound is lower."""

_ASSIGNMENT = re.compile(r"(?P<name>[^=]+?)(?P<kind>:=|@=|=)(?P<text>.*)", re.DOTALL)

ReadFile = Callable[[str], bytes]
AskSecret = Callable[[str], str]


def parse_assignments(
    texts: Sequence[str], *, read_file: ReadFile, ask_secret: AskSecret
) -> dict[str, Any]:
    """Return the JSON values of fields by name, in the order given.

    Args:
        texts: one for each field.
        read_file: returns a file's bytes; `-` is the standard input.
        ask_secret: asks the person for the value of a field.

    Raises:
        InputError: one is not of a form above, a field is set twice, or a file cannot be read.
        LimitExceeded: a file is too large for a value.
    """
    values: dict[str, Any] = {}
    for text in texts:
        match = _ASSIGNMENT.fullmatch(text)
        name = text if match is None else match["name"]
        if not name or name.startswith("="):
            raise InputError(f"{text!r} does not name a field; write name=value")
        if name in values:
            raise InputError(f"the field {name!r} is given twice")
        if match is None:
            values[name] = ask_secret(name)
        elif match["kind"] == ":=":
            values[name] = parse_json_value(match["text"], name)
        elif match["kind"] == "@=":
            values[name] = _text_of(read_file(match["text"]), name)
        else:
            values[name] = match["text"]
    return values


def parse_json_value(text: str, name: str) -> Any:
    """Return a JSON value that a field can hold.

    Raises:
        InputError: it is none.
    """
    try:
        value = json.loads(text)
    except ValueError as error:
        raise InputError(
            f"the value of {name!r} is not JSON; for plain text write {name}=text"
        ) from error
    if isinstance(value, list) or (isinstance(value, dict) and value.keys() != {BASE64}):
        raise InputError(
            f"the value of {name!r} is a list or an object; a field holds text, a number, "
            'true, false, null or {"base64": "…"}'
        )
    return value


def _text_of(data: bytes, name: str) -> str:
    if len(data) > VALUE_SIZE_MAX:
        raise LimitExceeded(f"the file is too large to be the value of {name!r}")
    try:
        return data.decode().removesuffix("\n").removesuffix("\r")
    except UnicodeDecodeError as error:
        raise InputError(f"the file for {name!r} is not UTF-8 text") from error
