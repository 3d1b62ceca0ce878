"""Writing an EUDI TS10 1.2 migration object: the log, and the credentials.

Credentials that are bound to no device go in whole, so that another wallet has them at once; of
the others the list says where to ask for them again. Everything else has no place in TS10 and is
listed as left out. The object is sealed with a password (§5).

Spec: 43-portability.md
"""

import json
import re
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any, Final

from billfold.exporters.interface import ORIGINAL, Export, ExportedRecord, LeftOut
from billfold.exporters.writing import base64url, write_json
from billfold.formats.sealed_json import seal_json
from billfold.formats.ts10_vocabulary import (
    CLAIM_LISTS,
    COMMON,
    CONTAINERS,
    CREDENTIAL,
    DETAILS,
    INTERMEDIARY,
    LISTED,
    LOG,
    TO_REQUEST,
    WHOLE,
)

_NO_TYPE: Final = "TS10 moves credentials and the log of transactions, and no such records."
_NO_FIELD: Final = "TS10 has no member for this field."
_NO_VALUE: Final = "TS10 has another kind of value here."
_NO_TIME: Final = "The time of the transaction cannot be written as a date."
_NO_RAW: Final = "The credential is not bound to a device, and what its issuer signed is not here."
_BOUND: Final = frozenset({"device", "remote"})
_REPEATED: Final = re.compile(r":[1-9][0-9]{0,3}$")
_IN_RAW: Final = frozenset(
    {"raw", "format", "issuer", "vct", "doctype", "serial", "binding"}
    | {"issued_at", "valid_from", "expires_at", "status_list/uri", "status_list/idx"}
)
"""Fields that follow from what the issuer signed; so do all claims."""


def export_ts10(records: Iterable[ExportedRecord], password: str) -> Export:
    """Write records as a migration object, sealed with a password: JWE compact, ASCII.

    Raises:
        InputError: The password is empty, or a text is not valid Unicode.
    """
    plain = export_ts10_plain(records)
    return Export(data=seal_json(plain.data, password), left_out=plain.left_out)


def export_ts10_plain(records: Iterable[ExportedRecord]) -> Export:
    """Write what a migration object holds: JSON that is not sealed.

    Raises:
        InputError: A text is not valid Unicode.
    """
    left_out: list[LeftOut] = []
    whole: dict[str, list[Any]] = {LOG: [], LISTED: [], WHOLE: []}
    for record in sorted(records, key=lambda record: record.id):
        _Writer(record, whole, left_out).write()
    whole[LOG].sort(key=lambda one: (one["time"], one.get("transactionIdentifier", "")))
    return Export(data=write_json(whole), left_out=tuple(left_out))


class _Writer:
    """One record on its way; fields are taken out as they find their place."""

    def __init__(
        self, record: ExportedRecord, whole: dict[str, list[Any]], left_out: list[LeftOut]
    ) -> None:
        self._record = record
        self._whole = whole
        self._left_out = left_out
        self._fields = {name: value for name, value in record.fields.items() if name != ORIGINAL}

    def write(self) -> None:
        record = self._record
        if record.type == "activity":
            is_there = self._write_transaction()
        elif record.type == "credential":
            is_there = self._write_credential()
        elif record.type == "document" and self._fields.get("kind") == TO_REQUEST:
            del self._fields["kind"]
            self._whole[LISTED].append(self._members(CREDENTIAL))
            is_there = True
        else:
            self._leave_out(None, _NO_TYPE)
            is_there = False
        if is_there:
            for name in (*self._fields, *(f"tags/{tag}" for tag in record.tags)):
                self._leave_out(name, _NO_FIELD)
            if record.notes:
                self._leave_out("notes", _NO_FIELD)

    def _write_transaction(self) -> bool:
        time = self._fields.pop("time", None)
        written = _date(time) if type(time) is int else None
        if written is None:
            self._leave_out(None, _NO_TIME)
            return False
        one = {**self._members(COMMON), "time": written}
        details = self._members(DETAILS)
        member, name = INTERMEDIARY
        if isinstance(self._fields.get(name), bool):
            details[member] = self._fields.pop(name)
        for member, group in CLAIM_LISTS.items():
            claims = self._claims(group)
            if claims:
                details[member] = claims
        container = CONTAINERS.get(str(one.get("transactionType")), "otherTransaction")
        self._whole[LOG].append({**one, container: details} if details else one)
        return True

    def _claims(self, group: str) -> list[dict[str, Any]]:
        """Return the claims of a group of fields by credential, in order of name."""
        by_credential: dict[str, list[str]] = {}
        for name in sorted(name for name in self._fields if name.startswith(f"{group}/")):
            credential = self._fields[name]
            if isinstance(credential, str):
                del self._fields[name]
                path = _REPEATED.sub("", name.removeprefix(f"{group}/"))
                by_credential.setdefault(credential, []).append(path)
        return [
            {"credentialIdentifier": credential, "claims": claims}
            for credential, claims in by_credential.items()
        ]

    def _write_credential(self) -> bool:
        raw = self._fields.get("raw")
        if self._fields.get("binding") in _BOUND:
            del self._fields["binding"]
            self._whole[LISTED].append(self._members(CREDENTIAL))
            return True
        if not isinstance(raw, str | bytes):
            self._leave_out(None, _NO_RAW)
            return False
        kind = self._fields.get("format")
        self._whole[WHOLE].append(
            {
                "format": kind if isinstance(kind, str) else "",
                "credential": raw if isinstance(raw, str) else base64url(raw),
            }
        )
        for name in list(self._fields):
            if name in _IN_RAW or name.startswith("claims/"):
                del self._fields[name]
        return True

    def _members(self, names: dict[str, str]) -> dict[str, Any]:
        members: dict[str, Any] = {}
        for member, name in names.items():
            if name not in self._fields:
                continue
            value = self._fields.pop(name)
            if isinstance(value, str):
                members[member] = _structure(value)
            else:
                self._leave_out(name, _NO_VALUE)
        return members

    def _leave_out(self, field: str | None, why: str) -> None:
        self._left_out.append(LeftOut(record=self._record.id, field=field, why=why))


def _structure(text: str) -> Any:
    """Return the object or list that a text is the JSON of, or else the text."""
    if not text.startswith(("{", "[")):
        return text
    try:
        return json.loads(text)
    except ValueError:
        return text


def _date(seconds: int) -> str | None:
    try:
        moment = datetime.fromtimestamp(seconds, UTC)
    except (ValueError, OverflowError, OSError):
        return None
    return moment.strftime("%Y-%m-%dT%H:%M:%S")
