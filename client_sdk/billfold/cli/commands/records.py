"""Commands on records: add, set, get, ls, rm, restore, tag.

Spec: 40-wallet-document.md
"""

from typing import Any

from billfold.cli.record_names import find_record
from billfold.cli.record_view import (
    decode_value,
    describe_record,
    encode_value,
    shown_fields,
)
from billfold.cli.request import Answer, Arguments
from billfold.cli.session import Session
from billfold.cli.wire import JsonObject
from billfold.document import NOTES, TYPE, RecordView, Scalar
from billfold.editing import EditBlock
from billfold.exporting import INTERNAL_TYPES
from billfold.model import check_fields, check_new, label_of, tags_of
from billfold_protocol.errors import InputError, NotFound


async def add(session: Session, arguments: Arguments) -> Answer:
    """Add a record.

    Raises:
        InputError, AccessError, StoreError: it is not possible, and why.
    """
    record_type = arguments.text("type")
    if record_type in INTERNAL_TYPES:
        raise InputError(f"records of type {record_type!r} are Billfold's own")
    values = arguments.members("values")
    key = arguments.texts("natural_key")
    checked = check_new(record_type, _fields_among(values))
    async with session.wallet.edit() as edit:
        record = edit.add(record_type, natural_key=tuple(key) or checked.natural_key)
        _apply(edit, record, values)
        for tag in arguments.texts("tags"):
            edit.tag(record, tag)
    is_new = edit.change is not None
    return Answer(result={**_name(session, record), "is_changed": is_new})


async def set_fields(session: Session, arguments: Arguments) -> Answer:
    """Set fields of a record, and take others away, as one change.

    Raises:
        NotFound: there is no such record.
        InputError, AccessError, StoreError: it is not possible, and why.
    """
    view = find_record(session.wallet, arguments.text("record"))
    record = view.id
    values, unset = arguments.members("values"), arguments.texts("unset")
    if not values and not unset:
        raise InputError("nothing to set; write name=value")
    check_fields(view.type, _fields_among(values))
    async with session.wallet.edit() as edit:
        _apply(edit, record, values)
        for field in unset:
            if field == NOTES:
                edit.set_notes(record, "")
            else:
                edit.unset(record, field)
    return _edited(session, record, edit)


async def get(session: Session, arguments: Arguments) -> Answer:
    """Show a record, or one of its fields; a field that is asked for by name is never hidden.

    Raises:
        NotFound: there is no such record or field.
    """
    view = find_record(session.wallet, arguments.text("record"))
    field = arguments.optional_text("field")
    if field is None:
        show_secrets = arguments.flag("show_secrets")
        shown = describe_record(view, session.wallet, show_secrets=show_secrets)
        return Answer(result=shown)
    value: Any
    if field == NOTES:
        value = view.notes
    elif field in {"id", "label", "tags"} and field not in view.fields:
        value = {"id": view.id, "label": label_of(view), "tags": list(tags_of(view))}[field]
    elif field in view.fields:
        value = encode_value(view.fields[field].value)
    else:
        names = ", ".join(shown_fields(view)) or "none"
        raise NotFound(f"this record has no field {field!r}; it has {names}")
    return Answer(result={"id": view.id, "field": field, "value": value})


async def ls(session: Session, arguments: Arguments) -> Answer:
    """List records.

    Raises:
        BillfoldError: never; it only reads.
    """
    record_type, tag = arguments.optional_text("type"), arguments.optional_text("tag")
    words = [word.casefold() for word in arguments.texts("words")]
    is_all = arguments.flag("all") or record_type in INTERNAL_TYPES
    views = session.wallet.records(record_type, trashed=arguments.flag("trash"))
    chosen = [
        view
        for view in views
        if (is_all or view.type not in INTERNAL_TYPES)
        and (tag is None or tag in tags_of(view))
        and all(word in label_of(view).casefold() for word in words)
    ]
    chosen.sort(key=lambda view: (view.type or "", label_of(view).casefold(), view.id))
    if arguments.flag("full"):
        show_secrets = arguments.flag("show_secrets")
        shown = [describe_record(v, session.wallet, show_secrets=show_secrets) for v in chosen]
    else:
        shown = [summarise(view) for view in chosen]
    return Answer(result={"records": shown})


async def rm(session: Session, arguments: Arguments) -> Answer:
    """Put a record into the trash, or purge it.

    Raises:
        NotFound: there is no such record.
        InputError, AccessError, StoreError: it is not possible, and why.
    """
    view = find_record(session.wallet, arguments.text("record"))
    if view.type in INTERNAL_TYPES:
        raise InputError("this record is Billfold's own; `billfold revoke` removes a device")
    async with session.wallet.edit() as edit:
        if arguments.flag("purge"):
            edit.purge(view.id)
        else:
            edit.trash(view.id)
    return Answer(result={**summarise(view), "is_changed": edit.change is not None})


async def restore(session: Session, arguments: Arguments) -> Answer:
    """Take a record out of the trash.

    Raises:
        NotFound: there is no such record.
        AccessError, StoreError: it is not possible, and why.
    """
    record = find_record(session.wallet, arguments.text("record")).id
    async with session.wallet.edit() as edit:
        edit.restore(record)
    return _edited(session, record, edit)


async def tag(session: Session, arguments: Arguments) -> Answer:
    """Put tags on a record, or take them off.

    Raises:
        NotFound: there is no such record.
        InputError, AccessError, StoreError: it is not possible, and why.
    """
    view = find_record(session.wallet, arguments.text("record"))
    present = tags_of(view)
    is_set = not arguments.flag("remove")
    async with session.wallet.edit() as edit:
        for text in arguments.texts("tags"):
            if is_set or text in present:
                edit.tag(view.id, text, is_set=is_set)
    return _edited(session, view.id, edit)


def summarise(view: RecordView) -> JsonObject:
    """Return what a list shows of a record."""
    return {
        "id": view.id,
        "type": view.type,
        "label": label_of(view),
        "tags": list(tags_of(view)),
        "conflicts": sorted(view.conflicts),
        "is_trashed": view.is_trashed,
    }


def _fields_among(values: dict[str, Any]) -> dict[str, Scalar]:
    return {
        field: decode_value(value, field)
        for field, value in values.items()
        if field not in {TYPE, NOTES}
    }


def _apply(edit: EditBlock, record: str, values: dict[str, Any]) -> None:
    for field, value in values.items():
        if field == TYPE:
            raise InputError("a record's type never changes; add another record")
        if field == NOTES:
            if not isinstance(value, str):
                raise InputError("notes are a text")
            edit.set_notes(record, value)
        else:
            edit.set(record, field, decode_value(value, field))


def _edited(session: Session, record: str, edit: EditBlock) -> Answer:
    return Answer(result={**_name(session, record), "is_changed": edit.change is not None})


def _name(session: Session, record: str) -> JsonObject:
    view = session.wallet.record(record)
    return {"id": record, "type": view.type, "label": label_of(view)}
