"""Commands on what fields held and hold at once: history, undo, conflicts, resolve.

Spec: 40-wallet-document.md
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
from billfold.document import NOTES, HistoryItem, RecordView, Scalar
from billfold.model import label_of
from billfold_protocol.errors import InputError, NotFound


async def history(session: Session, arguments: Arguments) -> Answer:
    """Show what happened to a field of a record, or to all of them.

    Raises:
        NotFound: there is no such record, or nothing ever happened to the field.
    """
    view = find_record(session.wallet, arguments.text("record"))
    field = arguments.optional_text("field")
    show_secrets = arguments.flag("show_secrets") or field is not None
    fields = [field] if field is not None else [*shown_fields(view), NOTES]
    items = [
        _describe(session, view, name, item, show_secrets=show_secrets)
        for name in fields
        for item in session.wallet.history(view.id, name)
    ]
    if field is not None and not items:
        raise NotFound(f"nothing ever happened to the field {field!r} of this record")
    return Answer(result={"id": view.id, "label": label_of(view), "items": items})


async def undo(session: Session, arguments: Arguments) -> Answer:
    """Bring back what a field held before.

    Raises:
        NotFound: there is no such record, or nothing ever happened to the field.
        InputError, AccessError, StoreError: it is not possible, and why.
    """
    view, field = find_record(session.wallet, arguments.text("record")), arguments.text("field")
    await session.wallet.undo(view.id, field)
    after = session.wallet.record(view.id)
    state = after.fields.get(field)
    value: Scalar = after.notes if field == NOTES else None if state is None else state.value
    return _now_holds(after, field, value, arguments)


async def conflicts(session: Session, arguments: Arguments) -> Answer:
    """List the fields for which a person has to choose a value.

    Raises:
        NotFound: there is no such record.
    """
    chosen = arguments.optional_text("record")
    only = None if chosen is None else find_record(session.wallet, chosen).id
    found: list[JsonObject] = []
    for conflict in session.wallet.conflicts():
        if only not in {None, conflict.record}:
            continue
        view = session.wallet.record(conflict.record)
        is_hidden = is_secret(view, conflict.field) and not arguments.flag("show_secrets")
        found.append(
            {
                "id": view.id,
                "type": view.type,
                "label": label_of(view),
                "field": conflict.field,
                "values": describe_values(conflict.values, session.wallet, is_hidden=is_hidden),
            }
        )
    return Answer(result={"conflicts": found})


async def resolve(session: Session, arguments: Arguments) -> Answer:
    """Settle a conflict: keep one of its values, or set another.

    Raises:
        NotFound: there is no such record, or no conflict in the field, or no such value.
        InputError, AccessError, StoreError: it is not possible, and why.
    """
    view, field = find_record(session.wallet, arguments.text("record")), arguments.text("field")
    state = view.conflicts.get(field)
    if state is None:
        raise NotFound(f"the field {field!r} is not in conflict; `billfold conflicts` lists all")
    others = arguments.members("values")
    choice = arguments.optional_text("choice")
    if (choice is None) == (not others):
        raise InputError("say which value to keep with --keep, or set another with --value")
    value: Scalar
    if choice is None:
        value = decode_value(others.get(field), field)
    else:
        found = [
            one.value
            for number, one in enumerate(state.values, start=1)
            if choice in {str(number), one.tag, device_name(session.wallet, one.actor)}
        ]
        if not found:
            raise NotFound(f"the conflict has no value {choice!r}; `billfold conflicts` shows them")
        value = found[0]
    await session.wallet.set(view.id, field, value)
    return _now_holds(view, field, value, arguments)


def _now_holds(view: RecordView, field: str, value: Scalar, arguments: Arguments) -> Answer:
    is_hidden = is_secret(view, field) and not arguments.flag("show_secrets")
    return Answer(
        result={
            "id": view.id,
            "label": label_of(view),
            "field": field,
            "value": None if is_hidden else encode_value(value),
            "is_hidden": is_hidden,
        }
    )


def _describe(
    session: Session, view: RecordView, field: str, item: HistoryItem, *, show_secrets: bool
) -> JsonObject:
    is_hidden = is_secret(view, field) and not show_secrets and not item.is_removal
    return {
        "field": field,
        "value": None if is_hidden else encode_value(item.value),
        "is_hidden": is_hidden,
        "is_removal": item.is_removal,
        "is_current": item.is_current,
        "device": device_name(session.wallet, item.actor),
        "time_ms": item.time_ms,
        "change": item.change.hex(),
    }
