"""Bounded JSON: one way to parse untrusted text, strict where parsers differ from one another.

Refused are names that occur twice in one object, NaN and infinities, text that is not UTF-8, and
whatever exceeds the bounds on size, nesting and number of values.

Spec: 40-wallet-document.md
"""

import json
import math
import re

from billfold.importers.interface import (
    IMPORT_SIZE_MAX,
    JSON_DEPTH_MAX,
    JSON_NODES_MAX,
    MEMBER_NAME_LENGTH_MAX,
    VALUE_SIZE_MAX,
    Json,
)
from billfold_protocol.errors import LimitExceeded, Malformed

# Possessive, and satisfied by the end of the text: linear in time for any input.
_TEXTS = re.compile(r'"(?:[^"\\]++|\\.?)*+(?:"|\Z)', re.DOTALL)


def parse_json(text: str, *, depth_max: int = JSON_DEPTH_MAX) -> Json:
    """Parse one JSON text whose every character is valid Unicode.

    Raises:
        Malformed: The text is not JSON, or is JSON that parsers read differently.
        LimitExceeded: A bound is exceeded.
    """
    value = _parse(text)
    if _has_broken_text(value, depth_max):
        raise Malformed("The JSON holds half of a Unicode character, so it cannot be stored.")
    return value


def parse_json_tolerantly(text: str) -> tuple[Json, bool]:
    """Parse one JSON text, putting U+FFFD in place of halves of characters.

    Some programs cut titles in the middle of an emoji; one such title should not keep a person
    from importing all the others. The second result says whether anything was replaced.

    Raises:
        Malformed: The text is not JSON, or is JSON that parsers read differently.
        LimitExceeded: A bound is exceeded.
    """
    value = _parse(text)
    if not _has_broken_text(value, JSON_DEPTH_MAX):
        return value, False
    units = json.dumps(value, ensure_ascii=False).encode("utf-16-le", "surrogatepass")
    return _parse(units.decode("utf-16-le", "replace")), True


def decode_text(data: bytes) -> str:
    """Decode UTF-8 with or without a byte order mark, and strip white space around it.

    Raises:
        Malformed: The bytes are not UTF-8 text.
        LimitExceeded: There are more bytes than an import may have.
    """
    if len(data) > IMPORT_SIZE_MAX:
        raise LimitExceeded(
            f"The file is larger than {IMPORT_SIZE_MAX >> 20} MiB, so it was not read; "
            "export fewer items at a time."
        )
    try:
        return data.decode("utf-8-sig").strip()
    except UnicodeDecodeError as error:
        raise Malformed(
            "The file is not UTF-8 text; choose the JSON or text form when you export."
        ) from error


def encode_json(value: Json) -> str:
    """Encode a parsed value as compact JSON text, members in their order."""
    return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))


def is_nothing(value: Json) -> bool:
    """Say whether a value carries nothing: null, "", or containers of such."""
    match value:
        case dict():
            return all(map(is_nothing, value.values()))
        case list():
            return all(map(is_nothing, value))
        case _:
            return value is None or value == ""


def fits_text(text: str) -> bool:
    """Say whether a text is short enough for one field."""
    return len(text) <= VALUE_SIZE_MAX and len(text.encode()) <= VALUE_SIZE_MAX


def fits_json(value: Json) -> bool:
    """Say whether the JSON text of a value is short enough for one field."""
    # A cheap lower bound comes first, so that a huge part is not encoded once for each level of it.
    room = VALUE_SIZE_MAX
    rest: list[Json] = [value]
    while rest:
        node = rest.pop()
        match node:
            case str():
                room -= len(node)
            case dict():
                room -= sum(map(len, node)) + len(node)
                rest.extend(node.values() if room >= 0 else ())
            case list():
                room -= len(node)
                rest.extend(node if room >= 0 else ())
            case _:
                pass
        if room < 0:
            return False
    return fits_text(encode_json(value))


def _parse(text: str) -> Json:
    # Counted before parsing, because memory is spent by the values and not by their text.
    # The commas of the texts count only where the plain count alone would refuse the file.
    if _count_nodes(text) > JSON_NODES_MAX and _count_nodes(_TEXTS.sub("", text)) > JSON_NODES_MAX:
        raise LimitExceeded("The JSON has more values than an import may have; export fewer items.")
    try:
        value: Json = json.loads(
            text,
            object_pairs_hook=_members_once,
            parse_float=_finite,
            parse_constant=_refuse_constant,
        )
    except RecursionError as error:
        raise LimitExceeded("The JSON is nested too deeply.") from error
    except json.JSONDecodeError as error:
        raise Malformed(
            f"The JSON is broken at line {error.lineno}, column {error.colno}; export it again."
        ) from error
    except ValueError as error:  # Python refuses to read integers of more than 4,300 digits.
        raise Malformed("The JSON holds a number that is too long.") from error
    return value


def _count_nodes(text: str) -> int:
    return text.count(",") + text.count("[") + text.count("{")


def _members_once(pairs: list[tuple[str, Json]]) -> dict[str, Json]:
    members = dict(pairs)
    if members and max(map(len, members)) > MEMBER_NAME_LENGTH_MAX:
        raise LimitExceeded(
            f"The JSON has a member whose name is longer than {MEMBER_NAME_LENGTH_MAX} characters."
        )
    if len(members) != len(pairs):
        raise Malformed("The JSON names one member twice in an object, so its meaning is unclear.")
    return members


def _finite(digits: str) -> float:
    number = float(digits)
    if not math.isfinite(number):
        raise Malformed("The JSON holds a number that is too large.")
    return number


def _refuse_constant(_name: str) -> float:
    raise Malformed("The JSON holds NaN or Infinity, which JSON does not allow.")


def _has_broken_text(value: Json, depth_max: int) -> bool:
    is_broken = False
    level: list[Json] = [value]
    for _ in range(depth_max + 1):
        below: list[Json] = []
        for node in level:
            match node:
                case str():
                    is_broken = is_broken or _is_broken(node)
                case dict():
                    is_broken = is_broken or any(map(_is_broken, node))
                    below.extend(node.values())
                case list():
                    below.extend(node)
                case _:
                    pass
        if not below:
            return is_broken
        level = below
    raise LimitExceeded(f"The JSON is nested more than {depth_max} levels deep.")


def _is_broken(text: str) -> bool:
    if text.isascii():
        return False
    try:
        text.encode()
    except UnicodeEncodeError:
        return True
    return False
