"""Field names made from the member names of someone else's JSON.

A name has the characters `a-z 0-9 _ . : / -` and at most 128 of them. Each member name is escaped
so that it can be read back: `-x` is the capital X, `--` a hyphen, `:2e:` the character with that
hexadecimal code; members are joined by `.`, an index of an array is its number. `creditLimit` in
the second element of `cards` becomes `cards.1.credit-limit`. A longer name is cut and ends in
`::` and 16 digits of the hash of the whole.

Spec: 40-wallet-document.md
"""

import hashlib
import json
import re
from functools import lru_cache
from typing import TypeAlias

from billfold.importers.interface import FIELD_NAME_SIZE_MAX

Path: TypeAlias = tuple[str | int, ...]
"""Where a value is in a JSON text: names of members and indexes of elements."""

_UNESCAPED = re.compile(r"[^a-z0-9_]")
_NAME = re.compile(r"[a-z0-9_.:/-]+")
_HASH_DIGITS = 16
_SHOWN_MEMBER_MAX = 60
_SHOWN_PATH_MAX = 300


def join_path(path: Path) -> str:
    """Escape the members of a path and join them, without a bound on the length."""
    return ".".join(str(part) if isinstance(part, int) else _escape(part) for part in path)


def field_name(prefix: str, path: Path) -> tuple[str, bool]:
    """Make the name of a field; the second result says that it was cut and is no longer whole."""
    whole = f"{prefix}/{join_path(path)}"
    if len(whole) <= FIELD_NAME_SIZE_MAX:
        return whole, False
    digest = hashlib.sha256(whole.encode()).hexdigest()[:_HASH_DIGITS]
    return f"{whole[: FIELD_NAME_SIZE_MAX - _HASH_DIGITS - 2]}::{digest}", True


def is_field_name(name: str) -> bool:
    """Say whether a name can be a field's name as it is."""
    return len(name) <= FIELD_NAME_SIZE_MAX and _NAME.fullmatch(name) is not None


def show_path(path: Path) -> str:
    """Write a path for a person, such as `items[3].login.extra`; control characters are escaped."""
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{_show(part)}" for part in path)
    text = text.removeprefix(".")
    return text if len(text) <= _SHOWN_PATH_MAX else f"{text[:_SHOWN_PATH_MAX]}…"


@lru_cache(maxsize=1_024)  # One path is escaped again for each of the parts below it.
def _escape(member: str) -> str:
    return _UNESCAPED.sub(lambda found: _escape_character(found[0]), member)


def _escape_character(character: str) -> str:
    if character == "-":
        return "--"
    if "A" <= character <= "Z":
        return f"-{character.lower()}"
    return f":{ord(character):x}:"


def _show(member: str) -> str:
    shown = member if len(member) <= _SHOWN_MEMBER_MAX else f"{member[:_SHOWN_MEMBER_MAX]}…"
    return shown if shown.isprintable() else json.dumps(shown)
