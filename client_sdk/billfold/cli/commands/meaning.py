"""Commands on what records mean: show, statements, correct, activity.

Spec: 41-records.md
"""

from billfold.cli.record_names import find_record
from billfold.cli.record_view import (
    decode_value,
    describe_values,
    device_name,
    encode_value,
    is_secret,
    shown_fields,
)
from billfold.cli.request import Answer, Arguments
from billfold.cli.session import Session
from billfold.cli.wire import JsonObject
from billfold.document import RecordView
from billfold.model import RECORD_TYPES, field_of, label_of, merge_name
from billfold.model.activities import Activity
from billfold.model.provenance import Statement, statement_of
from billfold_protocol.errors import InputError


async def show(session: Session, arguments: Arguments) -> Answer:
    """Explain a record, field by field.

    Raises:
        NotFound: there is no such record.
    """
    view = find_record(session.wallet, arguments.text("record"))
    show_secrets = arguments.flag("show_secrets")
    known = RECORD_TYPES.get(view.type or "")
    names = [name for name in shown_fields(view) if not name.startswith(("sources/", "evidence/"))]
    return Answer(
        result={
            "id": view.id,
            "type": view.type,
            "label": label_of(view),
            "about": None if known is None else known.description,
            "fields": [_explain(session, view, name, show_secrets=show_secrets) for name in names],
        }
    )


async def statements(session: Session, arguments: Arguments) -> Answer:
    """List what the wallet says about the person, and where it is from.

    Raises:
        BillfoldError: never; it only reads.
    """
    found = session.wallet.statements.review(arguments.optional_text("type"))
    return Answer(result={"statements": [_describe(session, one) for one in found]})


async def correct(session: Session, arguments: Arguments) -> Answer:
    """Say what is right instead.

    Raises:
        NotFound: there is no such record, or it says nothing in this field.
        InputError, AccessError, StoreError: it is not possible, and why.
    """
    view = find_record(session.wallet, arguments.text("record"))
    ((field, value),) = arguments.members("values").items()
    known = field_of(view.type, field)
    if known is None or not known.is_statement:
        raise InputError(f"the field {field!r} is no statement about you; `billfold set` sets it")
    corrected = await session.wallet.statements.correct(
        view.id, field, decode_value(value, field), evidence=arguments.optional_text("evidence")
    )
    return Answer(result=_describe(session, corrected))


async def activity(session: Session, arguments: Arguments) -> Answer:
    """List the entries of the activity log, the oldest first, and what is wrong with it.

    Raises:
        BillfoldError: never; it only reads.
    """
    del arguments
    log = session.wallet.activities
    report = log.verify()
    return Answer(
        result={
            "entries": [_entry(session, one) for one in log],
            "is_whole": report.is_whole,
            "missing": [_place(session, *key) for key in report.missing],
            "deleted": [_place(session, *key) for key in report.deleted],
            "altered": list(report.altered),
        }
    )


def _explain(session: Session, view: RecordView, name: str, *, show_secrets: bool) -> JsonObject:
    state, known = view.fields[name], field_of(view.type, name)
    is_hidden = is_secret(view, name) and not show_secrets
    shown: JsonObject = {
        "field": name,
        "value": None if is_hidden else encode_value(state.value),
        "is_hidden": is_hidden,
        "what": None if known is None else known.description,
        "merges": None if known is None else merge_name(known),
        "standard": None if known is None else known.standard,
        "conflict": [],
        "said": [],
    }
    if state.is_conflict:
        shown["conflict"] = describe_values(state.values, session.wallet, is_hidden=is_hidden)
    if known is not None and known.is_statement:
        shown["said"] = _describe(session, statement_of(view, name, state))["said"]
    return shown


def _describe(session: Session, statement: Statement) -> JsonObject:
    record = statement.record
    return {
        "id": record.id,
        "type": record.type,
        "label": label_of(record),
        "field": statement.field,
        "said": [
            {
                "value": encode_value(one.value),
                "source": one.source,
                "evidence": one.evidence,
                "device": device_name(session.wallet, one.actor),
                "time_ms": one.time_ms,
            }
            for one in statement.said
        ],
    }


def _entry(session: Session, entry: Activity) -> JsonObject:
    return {
        "id": entry.record.id,
        "time_s": entry.happened_at,
        "what": entry.transaction_type,
        "result": entry.result,
        "party": entry.party_name or entry.party,
        "claims": sorted(entry.claims_presented),
        "device": _name_of(session, entry.device),
    }


def _place(session: Session, device: str, number: int) -> JsonObject:
    return {"device": _name_of(session, device), "number": number}


def _name_of(session: Session, device: str | None) -> str | None:
    names = {one.id: one.name for one in session.wallet.devices()}
    return None if device is None else names.get(device, device)
