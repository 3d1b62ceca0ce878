"""Writing FIDO Credential Exchange Format 1.0: a header with one account.

A record becomes one item. Its fields become the credentials that the importer would make them
from, `:2` a second credential of one type; `custom/…` becomes custom fields, notes a note, tags
the item's tags. Reading the file back gives every field that is not listed as left out.

Spec: 43-portability.md
"""

import re
from collections.abc import Iterable
from typing import Any, Final

from billfold.exporters.interface import ORIGINAL, Export, ExportedRecord, LeftOut, Scalar
from billfold.exporters.writing import base64url, write_json
from billfold.formats.cxf_vocabulary import CREDENTIALS, FIELD_TYPES, PLAIN, TOTP_DEFAULTS

_NO_TYPE: Final = "CXF has no credential for records of this type."
_NO_FIELD: Final = "CXF has no member for this field."
_NO_VALUE: Final = "CXF has a text here, and this is none."
_CONFLICT: Final = "Devices had set several values; CXF holds one, so only the shown one is there."
_SECOND: Final = re.compile(r":([2-9]|[1-9][0-9]{1,3})$")
_CUSTOM: Final = re.compile(r"custom/([0-9]{1,4})/(name|value|kind|section)")
_URL: Final = re.compile(r"urls/[0-9]{1,4}")
_NUMBERS: Final = frozenset({"period", "digits", "decryptedSize"})
_CUSTOM_KINDS: Final = frozenset(
    {"string", "concealed-string", "email", "number", "boolean", "date", "year-month"}
)


def export_cxf(records: Iterable[ExportedRecord], *, account_id: bytes, exported_at: int) -> Export:
    """Write records as CXF; the same records give the same bytes.

    Args:
        records: what to write; types that CXF does not have are listed as left out.
        account_id: up to 64 bytes that stand for the wallet.
        exported_at: the time, in seconds since 1970.

    Raises:
        InputError: A text is not valid Unicode.
    """
    left_out: list[LeftOut] = []
    items = [
        item
        for record in sorted(records, key=lambda record: record.id)
        if (item := _Item(record, left_out).build()) is not None
    ]
    whole = {
        "version": {"major": 1, "minor": 0},
        "exporterRpId": "billfold.invalid",
        "exporterDisplayName": "Billfold",
        "timestamp": exported_at,
        "accounts": [
            {
                "id": base64url(account_id),
                "username": "",
                "email": "",
                "collections": [],
                "items": items,
            }
        ],
    }
    return Export(data=write_json(whole), left_out=tuple(left_out))


class _Item:
    """One record on its way to an item; fields are taken out as they find their place."""

    def __init__(self, record: ExportedRecord, left_out: list[LeftOut]) -> None:
        self._record = record
        self._left_out = left_out
        self._fields = {name: value for name, value in record.fields.items() if name != ORIGINAL}
        self._item: dict[str, Any] = {"id": base64url(record.id.encode())}

    def build(self) -> dict[str, Any] | None:
        """Return the item, or None if the record has no place in CXF."""
        record = self._record
        if not any(one.record_type == record.type for one in CREDENTIALS.values()):
            self._leave_out(None, _NO_TYPE)
            return None
        kind = self._fields.pop("kind", None)
        self._take_members()
        credentials = self._credentials(kind if isinstance(kind, str) else "")
        credentials += self._custom_fields()
        if record.notes:
            credentials.append({"type": "note", "content": _editable("string", record.notes)})
        self._item["credentials"] = credentials
        for name in self._fields:
            self._leave_out(name, _NO_FIELD)
        for name in record.conflicts:
            self._leave_out(name, _CONFLICT)
        return self._item

    def _take_members(self) -> None:
        for name, member, kind in (
            ("title", "title", str),
            ("subtitle", "subtitle", str),
            ("favorite", "favorite", bool),
            ("created_at", "creationAt", int),
            ("modified_at", "modifiedAt", int),
        ):
            if type(self._fields.get(name)) is kind:
                self._item[member] = self._fields.pop(name)
        self._item.setdefault("title", "")
        if self._record.tags:
            self._item["tags"] = list(self._record.tags)
        urls = sorted((n for n in self._fields if _URL.fullmatch(n)), key=_number)
        addresses = [self._fields.pop(name) for name in urls if self._is_text(name)]
        if addresses:
            self._item["scope"] = {"urls": addresses, "androidApps": []}

    def _credentials(self, kind: str) -> list[dict[str, Any]]:
        found = []
        for name, mapping in CREDENTIALS.items():
            if mapping.record_type != self._record.type or (mapping.has_kind and name != kind):
                continue
            if not mapping.has_kind and kind in CREDENTIALS:
                continue
            for suffix in self._suffixes(mapping.members.values()):
                members = self._members(name, mapping.members, suffix)
                if members or (mapping.has_kind and not suffix):
                    found.append({"type": name, **members})
        if kind and not any(one["type"] == kind for one in found) and kind != "note":
            self._leave_out("kind", _NO_FIELD)
        return found

    def _suffixes(self, names: Iterable[str]) -> list[str]:
        """Return what stands after the names of this record's fields: "", ":2" and so on."""
        wanted = set(names)
        suffixes = {""}
        for name in self._fields:
            second = _SECOND.search(name)
            if second is not None and name[: second.start()] in wanted:
                suffixes.add(second[0])
        return sorted(suffixes, key=_number)

    def _members(self, kind: str, names: dict[str, str], suffix: str) -> dict[str, Any]:
        members: dict[str, Any] = {}
        is_editable = kind in {"basic-auth", *FIELD_TYPES}
        for member, name in names.items():
            field = f"{name}{suffix}"
            if member in members or field not in self._fields:
                continue
            value = self._fields[field]
            if not isinstance(value, str | bool) and not (
                member in _NUMBERS and type(value) is int
            ):
                self._leave_out(field, _NO_VALUE)
                del self._fields[field]
                continue
            del self._fields[field]
            if is_editable and member not in PLAIN.get(kind, ()):
                members[member] = _editable(FIELD_TYPES[kind].get(member, "string"), value)
                label = self._fields.pop(f"{field}/label", None)
                if isinstance(label, str):
                    members[member]["label"] = label
            else:
                members[member] = value
        if kind == "totp" and "secret" in members:
            members = {**TOTP_DEFAULTS, **members}
        return members

    def _custom_fields(self) -> list[dict[str, Any]]:
        """Return the person's own fields, those of one section together."""
        parts: dict[int, dict[str, str]] = {}
        for name in list(self._fields):
            found = _CUSTOM.fullmatch(name)
            if found is not None and self._is_text(name):
                parts.setdefault(int(found[1]), {})[found[2]] = str(self._fields.pop(name))
        sections: dict[str, list[dict[str, Any]]] = {}
        for _, part in sorted(parts.items()):
            kind = part.get("kind", "string")
            field = _editable(kind if kind in _CUSTOM_KINDS else "string", part.get("value", ""))
            field["label"] = part.get("name", "")
            sections.setdefault(part.get("section", ""), []).append(field)
        return [
            {"type": "custom-fields", **({"label": section} if section else {}), "fields": fields}
            for section, fields in sections.items()
        ]

    def _is_text(self, name: str) -> bool:
        return isinstance(self._fields[name], str)

    def _leave_out(self, field: str | None, why: str) -> None:
        self._left_out.append(LeftOut(record=self._record.id, field=field, why=why))


def _editable(field_type: str, value: Scalar) -> dict[str, Any]:
    text = {True: "true", False: "false"}[value] if isinstance(value, bool) else value
    return {"fieldType": field_type, "value": text}


def _number(name: str) -> int:
    digits = re.search(r"[0-9]+$", name)
    return int(digits[0]) if digits else 0
