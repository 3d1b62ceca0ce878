"""Names inside a wallet document: record ids, and the keys under which fields and notes stand.

A field's key is written once and never overwritten: `<record id>/<field>#<tag>`, where the tag
says when it was written and by which change. A note's key is `<record id>/notes/<text id>`, where
the text id proves the same. So no two changes can put one key, by chance or on purpose.

Spec: 40-wallet-document.md
"""

import base64
import binascii
import hashlib
import re
from functools import lru_cache
from typing import Final

from billfold.document.limits import (
    FIELD_NAME_LENGTH_MAX,
    RECORD_ID_SIZE,
    TAG_LENGTH_MAX,
    TAG_LENGTH_MIN,
    TAG_TIME_MAX_MS,
    TAG_TIME_SIZE,
)
from billfold_protocol.errors import InputError

RECORD_ID_LABEL: Final = b"billfold/v1/record-id"
NOTE_ID_LABEL: Final = b"billfold/v1/note-id"
NOTES: Final = "notes"
"""The field name that notes take; no ordinary field may have it or begin with it and a slash."""

_FIELD_CHARACTERS: Final = r"[^#\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]"
# It ends in a character whose two lowest bits, beyond the 128, are zero.
_RECORD: Final = r"[a-z2-7]{25}[aeimquy4]"
_FIELD: Final = rf"{_FIELD_CHARACTERS}{{1,{FIELD_NAME_LENGTH_MAX}}}"
# Loose, because only the change that it names can put it, and only what was put can be deleted.
_TAG: Final = rf"[A-Za-z0-9_-]{{{TAG_LENGTH_MIN},{TAG_LENGTH_MAX}}}"
_TAG_TIME_LENGTH: Final = TAG_TIME_SIZE * 8 // 6

_URL_SAFE: Final = bytes.maketrans(b"+/", b"-_")
"""From the alphabet of RFC 4648 §4 to that of §5."""

_RECORD_ID = re.compile(_RECORD)
_FIELD_NAME = re.compile(_FIELD)
_FIELD_KEY = re.compile(rf"({_RECORD})/({_FIELD})#({_TAG})")
_NOTE_KEY = re.compile(rf"({_RECORD})/{NOTES}/{_RECORD}")


FieldKey = tuple[str, str, str]
"""The three parts of a field's key: record, field and tag."""


def record_id(wallet_id: bytes, record_type: str, natural_key: str, incarnation: int = 0) -> str:
    """Return the id that every device gives to this thing, so that two additions become one record.

    Raises:
        InputError: `incarnation` is not between 0 and 2^32 - 1.
    """
    if not 0 <= incarnation < 2**32:
        raise InputError("A record's incarnation is a number between 0 and 4294967295.")
    digest = hashlib.sha256()
    for part in (
        RECORD_ID_LABEL,
        wallet_id,
        record_type.encode(),
        natural_key.encode(),
        incarnation.to_bytes(4, "big"),
    ):
        digest.update(len(part).to_bytes(4, "big") + part)
    return text_of(digest.digest()[:RECORD_ID_SIZE])


def random_record_id(random: bytes) -> str:
    """Return the id made of 16 random bytes.

    Raises:
        InputError: `random` is not 16 bytes.
    """
    if len(random) != RECORD_ID_SIZE:
        raise InputError(f"A record id is made of {RECORD_ID_SIZE} random bytes.")
    return text_of(random)


def check_record_id(record: str) -> None:
    """Check that a text is a record id in its one spelling.

    Raises:
        InputError: it is not.
    """
    if type(record) is not str or not _is_record_id(record):
        raise InputError("A record id is 26 characters of a to z and 2 to 7, in lower case.")


def check_field_name(field: str) -> None:
    """Check that a field may have this name.

    A name is 1 to 128 characters: any but `#`, control characters and line breaks. A slash
    separates parts, none of which is empty. `notes` is kept for the record's long text.

    Raises:
        InputError: it may not.
    """
    if type(field) is not str:
        raise InputError("A field's name is text.")
    reason = _field_name_fault(field)
    if reason is not None:
        raise InputError(reason)


def field_key(record: str, field: str, tag: str) -> str:
    """Return the key of one written value."""
    return f"{record}/{field}#{tag}"


def note_key(record: str, actor: bytes, seq: int) -> str:
    """Return the key of the note that a change makes in a record."""
    return f"{record}/{NOTES}/{text_of(_proof(NOTE_ID_LABEL, actor, seq, record)[:RECORD_ID_SIZE])}"


def change_tag(time_ms: int, actor: bytes, seq: int) -> str:
    """Return the tag of every value that a change writes.

    Args:
        time_ms: moved to the nearest time that fits: time is advisory.
        actor: the change's author, 16 bytes.
        seq: the change's number, from 1.
    """
    time = min(max(time_ms, 0), TAG_TIME_MAX_MS).to_bytes(TAG_TIME_SIZE, "big")
    return _base64(time) + change_mark(actor, seq)


def change_mark(actor: bytes, seq: int) -> str:
    """Return what the tags of a change have after their time; no other change's tags have it."""
    return f"{seq:x}{_text_of_actor(actor)}"


def has_mark(tag: str, mark: str) -> bool:
    """Tell whether a tag is one that the change with this mark may write."""
    return tag[_TAG_TIME_LENGTH:] == mark


def is_own_note_key(key: str, actor: bytes, seq: int) -> bool:
    """Tell whether a key is that of a note which this change may make."""
    record = record_of_note_key(key)
    return record is not None and key == note_key(record, actor, seq)


@lru_cache(8_192)  # A key is looked at when it comes in, when it is checked and when it is shown.
def parse_field_key(key: str) -> FieldKey | None:
    """Return the parts of a field's key, or None for a key of another shape."""
    match = _FIELD_KEY.fullmatch(key)
    if match is None:
        return None
    record, field, tag = match.groups()
    return record, field, tag


def record_of_note_key(key: str) -> str | None:
    """Return the record of a note's key, or None for a key of another shape."""
    match = _NOTE_KEY.fullmatch(key)
    return None if match is None else match.group(1)


def time_of_tag(tag: str) -> int:
    """Return the time in milliseconds since 1970 that a tag claims."""
    return int.from_bytes(base64.urlsafe_b64decode(tag[:_TAG_TIME_LENGTH]), "big")


def text_of(raw: bytes) -> str:
    """Return bytes in lower-case base32 without padding (RFC 4648 §6)."""
    return base64.b32encode(raw).decode("ascii").rstrip("=").lower()


@lru_cache(4_096)
def _is_record_id(record: str) -> bool:
    return _RECORD_ID.fullmatch(record) is not None


@lru_cache(4_096)
def _field_name_fault(field: str) -> str | None:
    """Return why a field may not have this name, or None if it may."""
    if _FIELD_NAME.fullmatch(field) is None:
        return f"A field name has 1 to {FIELD_NAME_LENGTH_MAX} characters and no '#' or line break."
    if field[0] == "/" or field[-1] == "/" or "//" in field:
        return "A slash in a field name stands between two parts that are not empty."
    if field == NOTES or field.startswith(NOTES + "/"):
        return "The field 'notes' holds long text: edit it as a note."
    return None


@lru_cache(1_024)
def _text_of_actor(actor: bytes) -> str:
    return _base64(actor)


def _base64(raw: bytes) -> str:
    encoded = binascii.b2a_base64(raw, newline=False).translate(_URL_SAFE, b"=")
    return encoded.decode("ascii")


def _proof(label: bytes, actor: bytes, seq: int, name: str) -> bytes:
    sizes = len(label).to_bytes(4, "big"), seq.to_bytes(8, "big")
    return hashlib.sha256(b"".join((sizes[0], label, actor, sizes[1], name.encode()))).digest()
