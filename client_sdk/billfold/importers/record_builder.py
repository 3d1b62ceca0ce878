"""Building records from JSON objects so that nothing is lost on the way.

A `Branch` is one object of the source. An importer takes from it what it understands; whatever is
still there when the record is built is kept as JSON text and reported. So forgetting a member
cannot lose it.

Spec: 40-wallet-document.md
"""

import hashlib
import json
from dataclasses import replace
from typing import Self

from billfold.importers.field_names import Path, field_name, join_path, show_path
from billfold.importers.interface import (
    FINDINGS_MAX,
    RECORD_FIELDS_MAX,
    RECORDS_MAX,
    TAG_LENGTH_MAX,
    TAGS_MAX,
    ImportedRecord,
    ImportReport,
    Json,
    Refused,
    Scalar,
    Unmapped,
)
from billfold.importers.json_reader import encode_json, fits_json, fits_text, is_nothing
from billfold.importers.timestamps import unix_seconds
from billfold_protocol.errors import LimitExceeded

NO_FIELD = "Billfold has no field for this, so it is kept as it is."
NO_TIME = "This is no plausible date, so the time is unknown."
_CLOSED = "A record of this type holds nothing but what Billfold knows of, so this was left out."
_TOO_MANY_ITEMS = f"The file has more than {RECORDS_MAX} items; export fewer at a time."
_TOO_LONG = "This is longer than 64 KiB, so it was not imported; keep the original file."
_TOO_MANY = "The record has too many fields, so the rest was not imported; keep the original file."

_SPLIT_DEPTH_MAX = 12
"""How deep in an item a part that is too long for a field is still kept in pieces."""

_INTEGERS = range(-(2**63), 2**63)
"""What the document stores as an integer; a larger one is kept as JSON text."""


def content_hash(value: Json) -> str:
    """Hash a JSON value, 64 hexadecimal digits; equal for equal values in any order of members."""
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()


class ReportBuilder:
    """Collects the records and findings of one file, within bounds."""

    def __init__(self, format_name: str) -> None:
        self._format = format_name
        self._records: dict[tuple[str, tuple[str, ...] | None], ImportedRecord] = {}
        self._unmapped: list[Unmapped] = []
        self._refused: list[Refused] = []

    def expect(self, items: list[Json]) -> None:
        """Refuse more items than there may be records, before any is read.

        Raises:
            LimitExceeded: There are too many.
        """
        if len(items) > RECORDS_MAX:
            raise LimitExceeded(_TOO_MANY_ITEMS)

    def add(self, record: ImportedRecord) -> None:
        """Add a record; another one under the same natural key gets a key of its own.

        Raises:
            LimitExceeded: The file has too many records.
        """
        key = (record.type, record.natural_key)
        earlier = self._records.get(key)
        if earlier is not None and earlier != record and record.natural_key is not None:
            # Two items share an id: as one record, the second would overwrite the first.
            content = hashlib.sha256(repr(record).encode()).hexdigest()
            record = replace(record, natural_key=(*record.natural_key, content))
            key = (record.type, record.natural_key)
        if len(self._records) >= RECORDS_MAX:
            raise LimitExceeded(_TOO_MANY_ITEMS)
        self._records[key] = record

    def add_unmapped(self, path: Path, why: str, kept_as: str) -> None:
        """Report a part that is kept without being understood.

        Raises:
            LimitExceeded: There is too much to report.
        """
        self._unmapped.append(Unmapped(where=show_path(path), why=why, kept_as=kept_as))
        self._check_findings()

    def add_refused(self, path: Path, why: str) -> None:
        """Report a part that is left out.

        Raises:
            LimitExceeded: There is too much to report.
        """
        self._refused.append(Refused(where=show_path(path), why=why))
        self._check_findings()

    def build(self) -> ImportReport:
        """Return what was collected."""
        return ImportReport(
            format=self._format,
            records=tuple(self._records.values()),
            unmapped=tuple(self._unmapped),
            refused=tuple(self._refused),
        )

    def _check_findings(self) -> None:
        if len(self._unmapped) + len(self._refused) > FINDINGS_MAX:
            raise LimitExceeded("Almost nothing in this file can be understood; was it exported?")


class RecordBuilder:
    """Collects the fields of one record, from `fields` on; `root` is where it is in the source.

    Whatever keeps or refuses a part raises `LimitExceeded` when there is too much to report.
    """

    def __init__(
        self,
        report: ReportBuilder,
        record_type: str,
        root: Path,
        *,
        fields: dict[str, Scalar] | None = None,
        is_closed: bool = False,
    ) -> None:
        """Begin a record; a closed type has no fields for what is not known, which is left out."""
        self.report = report
        self.root = root
        self.notes: str | None = None
        self.type = record_type
        self._is_closed = is_closed
        self._fields: dict[str, Scalar] = {} if fields is None else fields
        self._tags: dict[str, None] = {}
        self._originals: dict[str, tuple[Path, Json]] = {}
        self._branches: list[Branch] = []

    def branch(self, members: dict[str, Json], path: Path = ()) -> "Branch":
        """Open an object of the source; what is not taken from it is kept when building."""
        opened = Branch(self, members, path)
        self._branches.append(opened)
        return opened

    def put(self, name: str, value: Scalar, path: Path) -> str:
        """Set a field; a second, different value of one name goes to `name:2` and so on.

        Returns the name that the value got, or "" when it was refused.
        """
        if isinstance(value, str) and not fits_text(value):
            self.report.add_refused(self.root + path, _TOO_LONG)
            return ""
        free, count = name, 1
        while free in self._fields:
            if _is_same(self._fields[free], value):
                return free
            count += 1
            free = f"{name}:{count}"
        if len(self._fields) >= RECORD_FIELDS_MAX:
            self.report.add_refused(self.root + path, _TOO_MANY)
            return ""
        self._fields[free] = value
        return free

    def put_original(self, path: Path, value: Json) -> None:
        """Keep, in `source/original`, the value from which something else was made."""
        if not is_nothing(value) and not self._is_closed:
            self._originals[join_path(path)] = (path, value)

    def put_note(self, text: str, path: Path) -> None:
        """Set the notes, or another field `note` when there are notes already."""
        if self.notes is not None or not fits_text(text):
            self.put("note", text, path)
        else:
            self.notes = text

    def put_tag(self, tag: str, path: Path) -> None:
        """Add a tag; one that is too long for a tag, or one too many, is kept."""
        if len(tag) > TAG_LENGTH_MAX:
            self.keep(path, tag, "This is too long for a tag, so it is kept as it is.")
        elif tag and tag not in self._tags and len(self._tags) >= TAGS_MAX:
            self.keep(path, tag, "The record has too many tags, so this one is kept as it is.")
        elif tag:
            self._tags[tag] = None

    def keep(self, path: Path, value: Json, why: str | None = NO_FIELD) -> None:
        """Keep a part as JSON text, in pieces where it is long; with `why`, report it."""
        if is_nothing(value):
            return
        if self._is_closed:
            self.report.add_refused(self.root + path, _CLOSED)
            return
        if fits_json(value):
            name, is_cut = field_name("source", path)
            whole: Json = {join_path(path): value} if is_cut else value
            kept_as = self.put(name, encode_json(whole), path)
            if why is not None and kept_as:
                self.report.add_unmapped(self.root + path, why, kept_as)
            return
        members: list[tuple[str | int, Json]]
        match value:
            case dict() if len(path) < _SPLIT_DEPTH_MAX:
                members = list(value.items())
            case list() if len(path) < _SPLIT_DEPTH_MAX:
                members = list(enumerate(value))
            case _:
                self.report.add_refused(self.root + path, _TOO_LONG)
                return
        for part, member in members:
            if len(self._fields) >= RECORD_FIELDS_MAX:
                self.report.add_refused(self.root + path, _TOO_MANY)
                return
            self.keep((*path, part), member, why)

    def text(self, name: str) -> str:
        """Return a text field that was put, or ""."""
        value = self._fields.get(name)
        return value if isinstance(value, str) else ""

    def has(self, name: str) -> bool:
        """Say whether a field was put."""
        return name in self._fields

    def is_empty(self) -> bool:
        """Say whether nothing was put or kept; call it after `finish`."""
        return not self._fields and not self._originals and self.notes is None

    def finish(self) -> Self:
        """Keep what no branch gave away."""
        for opened in self._branches:
            opened.keep_rest()
        self._branches.clear()
        return self

    def build(self, natural_key: tuple[str, ...], label: str) -> ImportedRecord:
        """Keep what is left over and return the record."""
        self.finish()
        originals: Json = {name: value for name, (_, value) in self._originals.items()}
        if fits_json(originals):
            if originals:
                self.put("source/original", encode_json(originals), ())
        else:
            for path, value in self._originals.values():
                self.keep(path, value, None)
        return ImportedRecord(
            type=self.type,
            natural_key=natural_key,
            fields=self._fields,
            tags=tuple(self._tags),
            notes=self.notes,
            label=label,
        )


class Branch:
    """One JSON object of the source, from which an importer takes what it understands.

    Whatever keeps or refuses a part raises `LimitExceeded` when there is too much to report.
    """

    def __init__(self, builder: RecordBuilder, members: dict[str, Json], path: Path) -> None:
        self._builder = builder
        self._members = dict(members)
        self.path = path

    def peek(self, member: str) -> Json:
        """Return a member and leave it; None when there is none."""
        return self._members.get(member)

    def take_text(self, member: str) -> str:
        """Take a member if it is text, else return "" and leave it."""
        value = self._members.get(member)
        if isinstance(value, str):
            del self._members[member]
            return value
        return ""

    def take(self, member: str, kind: type[dict[str, Json]] | type[list[Json]]) -> Json:
        """Take a member of one kind; None, and it is left, when it is of another."""
        if not isinstance(self._members.get(member), kind):
            return None
        return self._members.pop(member)

    def put(self, member: str, name: str) -> None:
        """Make a scalar member the field `name`; anything else is left."""
        value = self._members.get(member)
        if value is None or isinstance(value, dict | list) or value == "":
            return
        if type(value) is int and value not in _INTEGERS:
            return
        del self._members[member]
        self._builder.put(name, value, (*self.path, member))

    def put_all(self, names: dict[str, str]) -> None:
        """Make fields of all these members."""
        for member, name in names.items():
            self.put(member, name)

    def put_flag(self, member: str, name: str) -> None:
        """Make a true or non-zero member a field; false and 0 only say that it is not set."""
        if self._members.get(member) in (False, 0):
            self.put_original(member)
        else:
            self.put(member, name)

    def put_truth(self, member: str, name: str) -> None:
        """Make a text that says `true` or `false` a field; anything else is left."""
        value = self._members.get(member)
        if isinstance(value, str) and value.lower() in {"true", "false"}:
            self._builder.put(name, value.lower() == "true", (*self.path, member))
            self._builder.put_original((*self.path, member), self._members.pop(member))

    def put_time(self, member: str, name: str) -> None:
        """Make a time the field `name` in Unix seconds; one that is implausible is kept."""
        value = self._members.pop(member, None)
        seconds = unix_seconds(value)
        if seconds is None:
            self._builder.keep((*self.path, member), value, NO_TIME)
            return
        self._builder.put(name, seconds, (*self.path, member))
        if value != seconds:
            self._builder.put_original((*self.path, member), value)

    def put_original(self, member: str) -> None:
        """Take a member that the record tells in another way."""
        self._builder.put_original((*self.path, member), self._members.pop(member, None))

    def put_note(self, member: str) -> None:
        """Take a text as the record's notes."""
        if text := self.take_text(member):
            self._builder.put_note(text, (*self.path, member))

    def put_texts(self, member: str, name: str) -> None:
        """Make the texts of an array the fields `name/0`, `name/1` and so on."""
        for index, value in enumerate(self._take_array(member)):
            if isinstance(value, str) and value:
                self._builder.put(f"{name}/{index}", value, (*self.path, member, index))
            else:
                self._builder.keep((*self.path, member, index), value)

    def put_tags(self, member: str) -> None:
        """Make the texts of an array tags."""
        for index, value in enumerate(self._take_array(member)):
            if isinstance(value, str):
                self._builder.put_tag(value, (*self.path, member, index))
            else:
                self._builder.keep((*self.path, member, index), value)

    def branch(self, member: str) -> "Branch":
        """Open a member that is an object; anything else is left, and an empty branch returned."""
        value = self._members.get(member)
        if not isinstance(value, dict):
            return self._builder.branch({}, (*self.path, member))
        del self._members[member]
        return self._builder.branch(value, (*self.path, member))

    def branches(self, member: str) -> list["Branch"]:
        """Open the objects of an array; elements that are none are kept."""
        opened = []
        for index, value in enumerate(self._take_array(member)):
            if isinstance(value, dict):
                opened.append(self._builder.branch(value, (*self.path, member, index)))
            else:
                self._builder.keep((*self.path, member, index), value)
        return opened

    def keep(self, member: str, why: str | None) -> None:
        """Keep a member as it is."""
        self._builder.keep((*self.path, member), self._members.pop(member, None), why)

    def keep_rest(self) -> None:
        """Keep and report all that was not taken."""
        for member in list(self._members):
            self.keep(member, NO_FIELD)

    def _take_array(self, member: str) -> list[Json]:
        value = self._members.get(member)
        if not isinstance(value, list):
            return []
        del self._members[member]
        return value


def _is_same(left: Scalar, right: Scalar) -> bool:
    return type(left) is type(right) and left == right
