"""What an importer hands back: records, what it could not map and kept, and what it refused.

Every scalar of the source ends in a record's fields, tags or notes, or is named in the report;
null, "" and empty containers carry nothing. Two groups of fields hold what has no field of its
own: `source/<path>` is the JSON text of a part that Billfold does not know, and `source/original`
is one JSON object, path to value, of what was converted (a date) or is told by the record itself
(an item's type number). Times are whole Unix seconds in fields named `…_at`.

Spec: 40-wallet-document.md
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias

Scalar: TypeAlias = str | int | float | bool | bytes | None
"""What one field of a record can hold."""

Json: TypeAlias = "dict[str, Json] | list[Json] | str | int | float | bool | None"
"""A parsed JSON value."""

IMPORT_SIZE_MAX = 64 * 1024 * 1024
"""The largest file that is read, in bytes."""

JSON_NODES_MAX = 2_000_000
"""The most brackets and commas of a JSON file outside its texts; it bounds what parsing takes."""

JSON_DEPTH_MAX = 32
"""How deep a JSON file may nest."""

MEMBER_NAME_LENGTH_MAX = 256
"""The longest name of a JSON member, in characters; field names are made of them."""

RECORDS_MAX = 100_000
"""The most records of one file."""

FINDINGS_MAX = 50_000
"""The most entries of a report."""

RECORD_FIELDS_MAX = 1_024
"""The most fields of one imported record."""

VALUE_SIZE_MAX = 64 * 1024
"""The longest text or bytes of one field, in bytes of UTF-8."""

FIELD_NAME_SIZE_MAX = 128
"""The longest name of a field."""

TAGS_MAX = 256
"""The most tags of one record."""

TAG_LENGTH_MAX = 100
"""The longest tag, in characters."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportedRecord:
    """One record of another program's file, ready to be added to a wallet."""

    type: str
    """The record type, such as `login`."""

    natural_key: tuple[str, ...] | None
    """What makes importing twice find the same record; None: the caller makes a random id."""

    fields: Mapping[str, Scalar]
    """The fields, in the order in which to show them."""

    tags: tuple[str, ...] = ()
    """Folders, collections and tags of the source; a nested one is `parent/child`."""

    notes: str | None = None
    """Free text."""

    label: str = ""
    """What to show a person who chooses among the records; it holds no secret."""

    record_id: str | None = None
    """The id this record had in the wallet it was exported from; only Billfold's own format."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Unmapped:
    """A part of the source that has no place of its own and was kept as it is."""

    where: str
    """The path in the source, such as `items[3].login.extra`."""

    why: str
    """One sentence for a person."""

    kept_as: str
    """The field that holds it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """A part of the source that was not imported."""

    where: str
    """The path in the source."""

    why: str
    """One sentence for a person."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportReport:
    """Everything that reading one file gave, in the order of the file."""

    format: str
    """`sd-jwt`, `cxf`, `bitwarden` or `billfold-export`."""

    records: tuple[ImportedRecord, ...]
    """What to add to the wallet."""

    unmapped: tuple[Unmapped, ...] = ()
    """What was kept without being understood, item by item."""

    refused: tuple[Refused, ...] = ()
    """What was left out, item by item."""
