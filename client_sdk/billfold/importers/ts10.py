"""Reading EUDI TS10: a migration object, a transaction log, or a bare list of credentials.

Transactions become `activity`, whole credentials `credential`. A credential that is only listed
has to be asked of its issuer again: it becomes a `document` of kind `credential-to-request`. What
the published examples get wrong is read all the same: a name before the first brace, a comma too
many, booleans in quotes, transactions without the member that should hold their details.

Spec: 43-portability.md
"""

import re
from collections.abc import Callable
from typing import Final, TypeAlias

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
from billfold.importers.interface import ImportReport, Json
from billfold.importers.json_reader import encode_json, fits_json
from billfold.importers.record_builder import (
    NO_FIELD,
    Branch,
    RecordBuilder,
    ReportBuilder,
    content_hash,
)
from billfold.importers.sd_jwt import read_sd_jwt
from billfold_protocol.errors import BillfoldError, Malformed

FORMAT: Final = "ts10"

_NO_TRANSACTION: Final = "This is no transaction, so it was not imported."
_NO_TIME: Final = "The transaction has no time that can be read, so it was not imported."
_NO_CREDENTIAL: Final = "This is no credential, so it was not imported."
_NO_CLAIMS: Final = "This is no list of claims by credential, so it is kept as it is."
_ASK_AGAIN: Final = "The file does not hold this credential; ask its issuer for it again."
_NAMES: Final = {LOG, LISTED, WHOLE, "TransactionLog", "ListOfCredentials", "MigrationData"}

_NAME_BEFORE: Final = re.compile(r'\s*"?(?:MigrationData|TransactionLog)"?\s*:\s*(?=[{\[])')
_COMMA_TOO_MANY: Final = re.compile(r'("(?:[^"\\]++|\\.)*+")|,(?=\s*[}\]])', re.DOTALL)


_Path: TypeAlias = tuple[str | int, ...]
_Read: TypeAlias = Callable[[ReportBuilder, dict[str, Json], _Path], None]


def mend_example(text: str) -> str:
    """Take out what the published examples have and JSON does not allow."""
    text = _NAME_BEFORE.sub("", text, count=1)
    return _COMMA_TOO_MANY.sub(lambda found: found[1] or "", text)


def starts_like_example(text: str) -> bool:
    """Say whether a text begins with a name that stands before the first brace."""
    return _NAME_BEFORE.match(text) is not None


def is_ts10(value: Json) -> bool:
    """Say whether a JSON value looks like a migration object, or a part of one."""
    if isinstance(value, dict):
        return bool(_NAMES & value.keys())
    return isinstance(value, list) and any(
        isinstance(one, dict) and ("transactionIdentifier" in one or "credentialIdentifier" in one)
        for one in value
    )


def read_ts10(value: Json) -> ImportReport:
    """Read an object.

    Raises:
        Malformed: A list is none.
        LimitExceeded: There are too many records.
    """
    report = ReportBuilder(FORMAT)
    if isinstance(value, list):
        is_log = any(isinstance(one, dict) and "transactionIdentifier" in one for one in value)
        value = {LOG if is_log else LISTED: value}
    assert isinstance(value, dict)
    inner = value.get("MigrationData")
    if isinstance(inner, dict):
        value = inner
    for name in value:
        match name:
            case "transactionLog" | "TransactionLog":
                _read_each(report, value, name, _read_transaction)
            case "listOfCredentials" | "ListOfCredentials":
                _read_each(report, value, name, _read_listed)
            case "nonDeviceBoundCredentials":
                _read_each(report, value, name, _read_whole)
            case _:
                report.add_refused((name,), NO_FIELD.replace("kept as it is", "not imported"))
    return report.build()


def _read_each(report: ReportBuilder, value: dict[str, Json], name: str, read: _Read) -> None:
    listed = value[name]
    if not isinstance(listed, list):
        raise Malformed(f"The member {name} of the migration object is not a list.")
    report.expect(listed)
    for index, one in enumerate(listed):
        if isinstance(one, dict):
            read(report, one, (name, index))
        else:
            why = _NO_TRANSACTION if read is _read_transaction else _NO_CREDENTIAL
            report.add_refused((name, index), why)


def _read_transaction(report: ReportBuilder, one: dict[str, Json], root: _Path) -> None:
    builder = RecordBuilder(report, "activity", root, is_closed=True)
    branch = builder.branch(one)
    kind = one.get("transactionType")
    container = CONTAINERS.get(kind if isinstance(kind, str) else "")
    inside = container is not None and isinstance(one.get(container), dict)
    branch.put_all(COMMON)
    branch.put_time("time", "time")
    _read_details(builder, branch)
    if inside and container is not None:
        _read_details(builder, branch.branch(container))
    if not builder.has("time"):
        report.add_refused(root, _NO_TIME)
        return
    identifier = builder.text("transaction_identifier")
    if not identifier:
        identifier = content_hash(one)
        builder.put("transaction_identifier", identifier, ("transactionIdentifier",))
    party = builder.text("interacting_party_name")
    label = f"{kind} {party}".strip() if isinstance(kind, str) else party or "Transaction"
    report.add(builder.build((identifier,), label))


def _read_details(builder: RecordBuilder, branch: Branch) -> None:
    for member, name in DETAILS.items():
        _put_structure(builder, branch, member, name)
    member, name = INTERMEDIARY
    branch.put_truth(member, name)
    branch.put(member, name)
    for member, group in CLAIM_LISTS.items():
        for index, entry in enumerate(branch.branches(member)):
            credential = entry.take_text("credentialIdentifier")
            claims = entry.take("claims", list)
            for path in claims if isinstance(claims, list) else ():
                _put_claim(builder, entry, group, path, credential)
            if not isinstance(claims, list):
                builder.keep((*branch.path, member, index), credential, _NO_CLAIMS)


def _put_claim(
    builder: RecordBuilder, entry: Branch, group: str, path: Json, credential: str
) -> None:
    parts = path if isinstance(path, list) else [path]
    name = ".".join("*" if part is None else str(part) for part in parts)
    if name and not name.startswith(("/", ".")):
        builder.put(f"{group}/{name}", credential, (*entry.path, "claims"))
    else:
        builder.keep((*entry.path, "claims"), path, _NO_CLAIMS)


def _put_structure(builder: RecordBuilder, branch: Branch, member: str, name: str) -> None:
    """Make a field of a text, or of the JSON text of an object or a list."""
    value = branch.peek(member)
    if isinstance(value, dict | list) and value and fits_json(value):
        taken = branch.take(member, type(value))
        builder.put(name, encode_json(taken), (*branch.path, member))
    else:
        branch.put(member, name)


def _read_listed(report: ReportBuilder, one: dict[str, Json], root: _Path) -> None:
    builder = RecordBuilder(report, "document", root)
    branch = builder.branch(one)
    builder.put("kind", TO_REQUEST, ())
    for member, name in CREDENTIAL.items():
        _put_structure(builder, branch, member, name)
    title = builder.text("vct") or "Credential"
    report.add_unmapped(root, _ASK_AGAIN, "kind")
    report.add(builder.build((FORMAT, "listed", content_hash(one)), title))


def _read_whole(report: ReportBuilder, one: dict[str, Json], root: _Path) -> None:
    kind, raw = one.get("format"), one.get("credential")
    if not isinstance(raw, str) or not raw:
        report.add_refused(root, _NO_CREDENTIAL)
        return
    if "~" in raw:
        try:
            inner = read_sd_jwt(raw)
        except BillfoldError as error:
            report.add_refused(root, str(error))
            return
        for record in inner.records:
            report.add(record)
        for refused in inner.refused:
            report.add_refused((*root, refused.where), refused.why)
        return
    builder = RecordBuilder(report, "credential", root)
    branch = builder.branch(one)
    branch.put_all({"format": "format", "credential": "raw"})
    label = f"Credential ({kind})" if isinstance(kind, str) else "Credential"
    report.add(builder.build(("", content_hash(raw)), label))
