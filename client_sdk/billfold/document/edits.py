"""What a person can do to a wallet document, one value for each intent.

Spec: 40-wallet-document.md
"""

from dataclasses import dataclass

from billfold.document.values import Scalar


@dataclass(frozen=True, slots=True)
class FieldEdit:
    """Set a field; whatever this device sees in it is superseded."""

    record: str
    field: str
    value: Scalar


@dataclass(frozen=True, slots=True)
class RemoveField:
    """Take a field away; a value that another device sets meanwhile stays."""

    record: str
    field: str


@dataclass(frozen=True, slots=True)
class EditText:
    """Make the record's note read like this; concurrent edits of it merge letter by letter."""

    record: str
    text: str


@dataclass(frozen=True, slots=True)
class Trash:
    """Put the record into the trash."""

    record: str


@dataclass(frozen=True, slots=True)
class Restore:
    """Take the record out of the trash."""

    record: str


@dataclass(frozen=True, slots=True)
class Purge:
    """Take all of the record's values away, for good; an edit made meanwhile shows in the trash."""

    record: str


Edit = FieldEdit | RemoveField | EditText | Trash | Restore | Purge
