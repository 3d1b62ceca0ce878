"""The command watch: it tells what happens in the wallet, most of all what other devices do.

Spec: 21-sync.md
"""

import os
from typing import Any

from billfold.cli.exit_codes import describe_error
from billfold.cli.record_view import (
    encode_value,
    is_secret,
)
from billfold.cli.recovery_view import describe_use, name_of
from billfold.cli.request import Answer, Arguments
from billfold.cli.session import Session
from billfold.cli.wire import JsonObject
from billfold.document import NOTES, TYPE
from billfold.events import (
    AnswerNotSent,
    AnswerSent,
    AttachmentProgress,
    AttachmentStored,
    ConnectionChanged,
    DeviceAdded,
    DeviceRemoved,
    DeviceReplaced,
    Event,
    MessageReceived,
    MessageRefused,
    RecordsChanged,
    RecoveryUsed,
    SnapshotLoaded,
    SnapshotProgress,
    Synced,
    SyncProgress,
    ThisDeviceRemoved,
    Warned,
)
from billfold.exporting import INTERNAL_TYPES
from billfold.model import label_of
from billfold_protocol.errors import NotFound, TransportError


async def watch(session: Session, arguments: Arguments) -> Answer:
    """Tell what happens in the wallet until the command is interrupted.

    Raises:
        TransportError: the wallet was closed.
    """
    show_secrets = arguments.flag("show_secrets")
    with session.wallet.events() as events:
        await session.tell({"event": "watching", "folder": str(session.folder), "pid": os.getpid()})
        async for event in events:
            for line in _describe_event(session, event, show_secrets=show_secrets):
                await session.tell(line)
    raise TransportError("the wallet was closed")


async def lock(session: Session, arguments: Arguments) -> Answer:
    """Say that the wallet is about to be locked; whoever serves the command does it.

    Raises:
        BillfoldError: never.
    """
    del arguments
    return Answer(result={"folder": str(session.folder), "was_open": True})


def _describe_event(session: Session, event: Event, *, show_secrets: bool) -> list[JsonObject]:
    match event:
        case RecordsChanged():
            return _describe_changes(session, event, show_secrets=show_secrets)
        case DeviceAdded(device=device, sponsor=sponsor):
            return [
                {
                    "event": "device_added",
                    "device": device.hex(),
                    "by": name_of(session, sponsor),
                }
            ]
        case DeviceRemoved(device=device, by=by):
            return [
                {
                    "event": "device_removed",
                    "device": name_of(session, device),
                    "by": None if by is None else name_of(session, by),
                }
            ]
        case DeviceReplaced(device=device, successor=successor, by=by):
            return [
                {
                    "event": "device_replaced",
                    "device": name_of(session, device),
                    "successor": successor.hex(),
                    "by": name_of(session, by),
                }
            ]
        case RecoveryUsed():
            return [describe_use(session, event)]
        case ThisDeviceRemoved():
            return [{"event": "this_device_removed"}]
        case SyncProgress(done=done, total=total):
            session.progress("sync", done, total)
            return []
        case SnapshotProgress(done=done, total=total):
            session.progress("snapshot", done, total)
            return []
        case SnapshotLoaded(entries_count=count):
            return [{"event": "snapshot_loaded", "entries": count}]
        case Synced():
            return [{"event": "synced"}]
        case ConnectionChanged(is_online=True):
            return [{"event": "online"}]
        case ConnectionChanged(reason=reason):
            error = None if reason is None else describe_error(reason)
            return [{"event": "offline", "reason": error}]
        case AttachmentProgress(done=done, total=total):
            session.progress("upload", done, total)
            return []
        case AttachmentStored(record=record, attachment=attachment):
            return [{"event": "attachment_stored", "id": record, "attachment": attachment}]
        case MessageReceived() | MessageRefused() | AnswerSent() | AnswerNotSent():
            return [_describe_mail(event)]
        case Warned(error=error):
            return [{"event": "warning", "error": describe_error(error)}]


def _describe_mail(
    event: MessageReceived | MessageRefused | AnswerSent | AnswerNotSent,
) -> JsonObject:
    match event:
        case MessageReceived(record=record, relationship=relationship):
            return {"event": "message", "id": record, "relationship": relationship}
        case MessageRefused(relationship=relationship, error=error):
            why = describe_error(error)
            return {"event": "message_refused", "relationship": relationship, "error": why}
        case AnswerSent(record=record, answered=answered):
            return {"event": "answer_sent", "id": record, "answered": answered}
        case AnswerNotSent(record=record, answered=answered, error=error):
            why = describe_error(error)
            return {"event": "answer_not_sent", "id": record, "answered": answered, "error": why}


def _describe_changes(
    session: Session, event: RecordsChanged, *, show_secrets: bool
) -> list[JsonObject]:
    """Return one line for each record that an edit touched."""
    if not event.fields:
        return [{"event": "reloaded"}]
    device = None if event.device is None else name_of(session, event.device)
    touched: dict[str, list[str]] = {}
    for record, field in sorted(event.fields):
        touched.setdefault(record, []).append(field)
    lines: list[JsonObject] = []
    for record, names in touched.items():
        try:
            view = session.wallet.record(record)
        except NotFound:
            continue
        if view.type in INTERNAL_TYPES:
            continue
        values: dict[str, Any] = {}
        hidden: list[str] = []
        for name in names:
            state = view.fields.get(name)
            if name == NOTES:
                values[name] = view.notes
            elif is_secret(view, name) and not show_secrets:
                hidden.append(name)
            elif name != TYPE:
                values[name] = None if state is None else encode_value(state.value)
        lines.append(
            {
                "event": "changed",
                "id": record,
                "type": view.type,
                "label": label_of(view),
                "fields": values,
                "hidden": hidden,
                "conflicts": sorted(set(names) & view.conflicts.keys()),
                "device": device,
                "is_local": event.is_local,
            }
        )
    return lines
