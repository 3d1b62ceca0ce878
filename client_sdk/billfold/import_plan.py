"""What importing one record changes in a wallet: the edits, what stays, and what cannot go in.

Nothing is overwritten that the wallet's own history shows to be newer than the file, nor anything
that an issuer signed: a presentation with fewer disclosures leaves the credential as it is, one
with others becomes a record of its own.

Spec: 40-wallet-document.md
"""

import base64
import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any, Final

from billfold.activities import EXPORT as ELSEWHERE
from billfold.activities import check_entry_field, is_mark
from billfold.document import NOTES, TYPE, Edit, EditText, FieldEdit, RecordView, Scalar, stays
from billfold.document.identifiers import check_field_name, check_record_id
from billfold.document.merge_kinds import check_successor
from billfold.document.plan import check_text
from billfold.document.values import check_scalar, encode_scalar, is_same
from billfold.exporting import INTERNAL_FIELDS, INTERNAL_TYPES
from billfold.importers import ImportedRecord, Refused
from billfold.importers.field_names import join_path
from billfold.model import CREDENTIAL, tag_field, wallet_merge_kinds
from billfold.model.activity_log import ACTIVITY
from billfold.wallet import Wallet
from billfold_protocol.errors import BillfoldError, InputError, NotFound

RAW: Final = "raw"
ODD_TAGS: Final = "source/tags"
"""The field that keeps, as a JSON list, the tags that cannot be tags here."""

LOOKUPS_MAX: Final = 1000
"""Differing fields whose history one import looks up: a quarter of a second each in a wallet of
5,000 imported records."""

_CONFLICTS: Final = "source/"
_CHANGED: Final = "It was changed in the wallet since, so the wallet's value stays."
_FIXED: Final = "It never changes once it is set, so the wallet's value stays."
_FEWER: Final = "The wallet has this credential with all that the file shows of it, and more."
_TOO_MUCH: Final = "Too much differs to do at once; import the file again to go on from here."
_IN_TRASH: Final = "The record is in the trash and stays there; `restore` brings it back."
_NO_NOTES: Final = "The activity log holds no notes, because they might hold values."
ORIGIN: Final = "origin"
_INTERNAL: Final = "Records of this type are Billfold's own."


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """Where the wallet's state stays although the file has another."""

    record: str
    """The record's id."""

    label: str
    field: str | None
    """None: the whole record."""

    why: str
    """One sentence for a person."""


@dataclass(slots=True, kw_only=True)
class Plan:
    """What one record of a file changes."""

    record: str
    """The id it has in the wallet."""

    label: str
    is_new: bool
    edits: list[Edit] = field(default_factory=list)
    kept: list[Kept] = field(default_factory=list)
    refused: list[Refused] = field(default_factory=list)
    is_refused: bool = False
    """Whether nothing of the record can go in."""

    @property
    def size(self) -> int:
        """About how many bytes the edits write."""
        return sum(_size(edit) for edit in self.edits)

    def keep(self, name: str | None, why: str) -> None:
        """Note that the wallet's state stays."""
        self.kept.append(Kept(record=self.record, label=self.label, field=name, why=why))


class Past:
    """What fields of a wallet held before; looking that up is slow, so there is a bound on it."""

    def __init__(self, wallet: Wallet, *, lookups_max: int = LOOKUPS_MAX) -> None:
        self.wallet = wallet
        self._lookups_left = lookups_max

    def has_held(self, record: str, name: str, value: Scalar) -> bool | None:
        """Tell whether a field has held a value; None when too much was looked up already."""
        if not self._lookups_left:
            return None
        self._lookups_left -= 1
        items = self.wallet.history(record, name)
        return any(not item.is_removal and is_same(item.value, value) for item in items)


def plan_record(past: Past, record: ImportedRecord) -> Plan:
    """Compare a record of a file with the wallet.

    Raises:
        LocalProtocolError: the wallet is closed.
    """
    wallet = past.wallet
    key = record.natural_key or ("content", _content_hash(record))
    target = _own_id(wallet, record) or wallet.natural_id(record.type, key)
    view = _view(wallet, target)
    plan = Plan(record=target, label=record.label or record.type, is_new=view is None)
    if record.type in INTERNAL_TYPES:
        plan.refused.append(Refused(where=plan.label, why=_INTERNAL))
        plan.is_refused = True
        return plan
    if view is not None and _is_other_presentation(view, record):
        if _has_all_of(view, record):
            plan.keep(None, _FEWER)
            return plan
        raw = str(record.fields[RAW])
        key = (*key, hashlib.sha256(raw.encode()).hexdigest())
        return plan_record(past, replace(record, natural_key=key, record_id=None))
    if view is not None and view.is_trashed:
        plan.keep(None, _IN_TRASH)
        return plan
    if view is None:
        plan.edits.append(FieldEdit(target, TYPE, record.type))
        if record.type == ACTIVITY and ORIGIN not in record.fields:
            plan.edits.append(FieldEdit(target, ORIGIN, ELSEWHERE))
    for name, value in _acceptable(record, plan):
        if view is None or _is_wanted(past, view, name, value, plan):
            plan.edits.append(FieldEdit(target, name, value))
    _plan_notes(past, view, record, plan)
    return plan


def _own_id(wallet: Wallet, record: ImportedRecord) -> str | None:
    """Return the id that a record of our own export had, if it can have it in this wallet."""
    if record.record_id is None:
        return None
    try:
        check_record_id(record.record_id)
    except BillfoldError:
        return None
    view = _view(wallet, record.record_id)
    is_free = view is None or (view.type == record.type and not view.is_purged)
    return record.record_id if is_free else None


def _view(wallet: Wallet, record: str) -> RecordView | None:
    try:
        return wallet.record(record)
    except NotFound:
        return None


def _acceptable(record: ImportedRecord, plan: Plan) -> Iterator[tuple[str, Scalar]]:
    """Yield the fields and tags that a wallet can hold; refuse the others by name."""
    for name, value in record.fields.items():
        try:
            if name in INTERNAL_FIELDS:
                continue
            check_field_name(name)
            if record.type == ACTIVITY:
                check_entry_field(name, value)
            check_successor(wallet_merge_kinds(record.type, name), name, (), value)
            yield name, check_scalar(value)
        except BillfoldError as error:
            plan.refused.append(Refused(where=f"{plan.label}: {name}", why=str(error)))
    odd: list[str] = []
    for tag in record.tags:
        try:
            check_field_name(tag_field(tag))
        except BillfoldError:
            odd.append(tag)
        else:
            yield tag_field(tag), True
    if odd and ODD_TAGS not in record.fields:
        yield ODD_TAGS, json.dumps(odd, ensure_ascii=False)


def _is_wanted(past: Past, view: RecordView, name: str, value: Scalar, plan: Plan) -> bool:
    """Tell whether the file's value of a field should become the wallet's."""
    state = view.fields.get(name)
    if state is not None and any(is_same(one.value, value) for one in state.values):
        return False
    if state is None and _is_known_conflict(past.wallet, view, name, value):
        return False
    if view.type == ACTIVITY and state is None and not is_mark(name):
        plan.keep(name, _FIXED)
        return False
    kind = wallet_merge_kinds(view.type, name)
    if state is not None and stays(kind):
        plan.keep(name, _FIXED)
        return False
    return _is_new(past, name, value, plan)


def _is_new(past: Past, name: str, value: Scalar, plan: Plan) -> bool:
    """Tell whether a field has never held a value; if it has, the wallet's is the newer one."""
    match past.has_held(plan.record, name, value):
        case None:
            plan.keep(name, _TOO_MUCH)
            return False
        case True:
            plan.keep(name, _CHANGED)
            return False
        case False:
            return True


def _is_known_conflict(wallet: Wallet, view: RecordView, name: str, value: Scalar) -> bool:
    """Tell whether a field only repeats values of a conflict that this wallet had or has."""
    if not name.startswith(_CONFLICTS) or not isinstance(value, str):
        return False
    path = name.removeprefix(_CONFLICTS)
    found = next((own for own in view.fields if join_path(("conflicts", own)) == path), None)
    if found is None:
        return False
    try:
        values = json.loads(value)
    except ValueError:
        return False
    known = [_as_json(item.value) for item in wallet.history(view.id, found)]
    return isinstance(values, list) and all(one in known for one in values)


def _plan_notes(past: Past, view: RecordView | None, record: ImportedRecord, plan: Plan) -> None:
    text = record.notes
    if not text or (view is not None and view.notes == text):
        return
    try:
        check_text(text)
        if record.type == ACTIVITY:
            raise InputError(_NO_NOTES)
    except BillfoldError as error:
        plan.refused.append(Refused(where=f"{plan.label}: {NOTES}", why=str(error)))
        return
    if view is None or _is_new(past, NOTES, text, plan):
        plan.edits.append(EditText(plan.record, text))


def _is_other_presentation(view: RecordView, record: ImportedRecord) -> bool:
    """Tell whether both are one credential, with different disclosures or proofs."""
    state = view.fields.get(RAW)
    if record.type != CREDENTIAL or state is None or RAW not in record.fields:
        return False
    return not any(is_same(one.value, record.fields[RAW]) for one in state.values)


def _has_all_of(view: RecordView, record: ImportedRecord) -> bool:
    """Tell whether the wallet's credential discloses whatever the file's does."""
    here, there = view.fields[RAW].value, record.fields[RAW]
    if not isinstance(here, str) or not isinstance(there, str):
        return False
    if here.startswith("{") or there.startswith("{"):
        # A JSON form: what it discloses is what it says.
        claims = {name: value for name, value in record.fields.items() if name != RAW}
        own = {name: state.value for name, state in view.fields.items()}
        return all(name in own and is_same(own[name], value) for name, value in claims.items())
    # RFC 9901 §4: the issuer's part, the disclosures, and the key binding after the last `~`.
    return set(there.split("~")[1:-1]) <= set(here.split("~")[1:-1])


def _content_hash(record: ImportedRecord) -> str:
    """Return what stands for a record without a natural key, so that it is not added twice."""
    digest = hashlib.sha256()
    parts = [record.type.encode(), (record.notes or "").encode("utf-8", "surrogatepass")]
    for name in sorted(record.fields):
        try:
            value = check_scalar(record.fields[name])
        except BillfoldError:
            continue
        parts += [name.encode("utf-8", "surrogatepass"), encode_scalar(value)]
    for part in parts:
        digest.update(len(part).to_bytes(8, "big") + part)
    return digest.hexdigest()


def _as_json(value: Scalar) -> Any:
    return {"base64": base64.b64encode(value).decode()} if isinstance(value, bytes) else value


def _size(edit: Edit) -> int:
    match edit:
        case FieldEdit(field=name, value=str() | bytes() as value):
            return len(name) + len(value)
        case FieldEdit(field=name):
            return len(name) + 8
        case EditText(text=text):
            return len(text)
        case _:
            return 0
