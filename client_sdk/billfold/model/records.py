"""Views of the record types that this version knows: names and types for their usual fields.

A property is None where the field is absent or holds a value of another type, as one written by a
later version or another program may.

Spec: 40-wallet-document.md
"""

import unicodedata
from dataclasses import dataclass
from typing import Final

from billfold.document import TAGS, RecordView

CREDENTIAL: Final = "credential"
DEVICE: Final = "device"
LOGIN: Final = "login"
PREFERENCE: Final = "preference"
RELATIONSHIP: Final = "relationship"

_URLS: Final = "urls/"
_CLAIMS: Final = "claims/"


@dataclass(frozen=True, slots=True)
class Credential:
    """What an issuer says about the person, signed: an SD-JWT VC, an mdoc, a W3C credential."""

    record: RecordView

    @property
    def format(self) -> str | None:
        """The media type or format name, such as `dc+sd-jwt`."""
        return _text(self.record, "format")

    @property
    def issuer(self) -> str | None:
        """Who signed it, as the credential names them."""
        return _text(self.record, "issuer")

    @property
    def vct(self) -> str | None:
        """The credential's type in an SD-JWT VC."""
        return _text(self.record, "vct")

    @property
    def raw(self) -> str | bytes | None:
        """What the issuer has signed, unchanged."""
        value = _value(self.record, "raw")
        return value if isinstance(value, str | bytes) else None

    @property
    def issued_at(self) -> int | None:
        """In seconds since 1970."""
        return _number(self.record, "issued_at")

    @property
    def expires_at(self) -> int | None:
        """In seconds since 1970."""
        return _number(self.record, "expires_at")

    @property
    def claims(self) -> dict[str, object]:
        """What is said, by path."""
        return _group(self.record, _CLAIMS)


@dataclass(frozen=True, slots=True)
class Relationship:
    """An organisation that the person deals with."""

    record: RecordView

    @property
    def organisation(self) -> str | None:
        """The organisation's identifier; it makes the record what it is."""
        return _text(self.record, "organisation")

    @property
    def name(self) -> str | None:
        """What the person calls it."""
        return _text(self.record, "name")


@dataclass(frozen=True, slots=True)
class Preference:
    """A statement of the person about themselves."""

    record: RecordView

    @property
    def subject(self) -> str | None:
        """What it is about, such as `diet`."""
        return _text(self.record, "subject")

    @property
    def statement(self) -> object:
        """What the person says; several devices may have said different things."""
        return _value(self.record, "statement")

    @property
    def statements(self) -> tuple[object, ...]:
        """All that is said and not yet chosen among, the newest first."""
        state = self.record.fields.get("statement")
        return () if state is None else tuple(value.value for value in state.values)


@dataclass(frozen=True, slots=True)
class Login:
    """How the person signs in somewhere."""

    record: RecordView

    @property
    def title(self) -> str | None:
        """What the person calls it."""
        return _text(self.record, "title")

    @property
    def username(self) -> str | None:
        """The account's name there."""
        return _text(self.record, "username")

    @property
    def password(self) -> str | None:
        """The newest password; others may be among `record.conflicts`."""
        return _text(self.record, "password")

    @property
    def urls(self) -> tuple[str, ...]:
        """Where it is used, in order."""
        addresses = _group(self.record, _URLS)
        numbered = {int(name): url for name, url in addresses.items() if name.isdecimal()}
        return tuple(url for _, url in sorted(numbered.items()) if isinstance(url, str))


def tag_field(tag: str) -> str:
    """Return the field that says whether a record has a tag; one field for each way to type it."""
    return TAGS + unicodedata.normalize("NFC", tag.strip())


def tags_of(record: RecordView) -> tuple[str, ...]:
    """Return a record's tags, sorted."""
    return tuple(name for name, value in _group(record, TAGS).items() if value is True)


def _value(record: RecordView, field: str) -> object:
    state = record.fields.get(field)
    return None if state is None else state.value


def _text(record: RecordView, field: str) -> str | None:
    value = _value(record, field)
    return value if isinstance(value, str) else None


def _number(record: RecordView, field: str) -> int | None:
    value = _value(record, field)
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _group(record: RecordView, prefix: str) -> dict[str, object]:
    """Return the fields whose name begins so, by the rest of it."""
    return {
        name.removeprefix(prefix): state.value
        for name, state in record.fields.items()
        if name.startswith(prefix)
    }
