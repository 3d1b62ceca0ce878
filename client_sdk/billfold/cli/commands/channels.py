"""Commands on channels with organisations: channels, channel, messages, answer.

Spec: 26-channels.md
"""

from typing import Final

from billfold.channels import ChannelView
from billfold.cli.commands.syncing import sync_once
from billfold.cli.exit_codes import describe_error
from billfold.cli.record_names import find_record
from billfold.cli.request import Answer, Arguments
from billfold.cli.session import Session
from billfold.cli.wire import JsonObject
from billfold.document import RecordView
from billfold_protocol.errors import InputError, TransportError

DEADLINE_S: Final = 30.0


async def channels(session: Session, arguments: Arguments) -> Answer:
    """List the channels, and what was refused on this device.

    Raises:
        BillfoldError: never; it only reads.
    """
    del arguments
    found = session.wallet.channels
    names = {one.address: one.name for one in found.all()}
    refused = [
        {
            "channel": names.get(one.address),
            "time_ms": one.time_s * 1000,
            "error": {"type": one.error, "message": one.reason},
        }
        for one in found.refused()
    ]
    return Answer(result={"channels": [_describe(one) for one in found.all()], "refused": refused})


async def channel(session: Session, arguments: Arguments) -> Answer:
    """Open, show or close one channel, and tell the server if it can be reached.

    Raises:
        InputError: there is no such action.
        NotFound: there is no such channel.
        LocalProtocolError: the wallet has no server yet.
        AccessError, StoreError: it is not possible, and why.
    """
    found, name = session.wallet.channels, arguments.text("name")
    match arguments.text("action"):
        case "open":
            one = await found.open(arguments.text("identifier"), name=name)
        case "close":
            one = found.get(name)
            await found.close(one.record)
        case "show":
            return Answer(result={**_describe(found.get(name)), "uri": found.get(name).uri})
        case action:
            raise InputError(f"{action!r} is no action; they are open, show and close")
    result = await _synced(session, arguments)
    one = found.get(one.record)
    return Answer(result={**_describe(one), "uri": "" if one.is_closed else one.uri, **result})


async def messages(session: Session, arguments: Arguments) -> Answer:
    """Get what has come, and list it.

    Raises:
        NotFound: there is no such channel.
    """
    name = arguments.optional_text("name")
    if name is not None:
        session.wallet.channels.get(name)
    result = await _synced(session, arguments)
    found = [_describe_message(session, v) for v in session.wallet.channels.messages(name)]
    return Answer(result={"messages": found, **result})


async def answer(session: Session, arguments: Arguments) -> Answer:
    """Answer a message, and give the answer to the server if it can be reached.

    Raises:
        NotFound: there is no such message.
        LocalProtocolError: it was answered, or is an own one.
        AccessError, InputError, StoreError: it is not possible, and why.
    """
    message = find_record(session.wallet, arguments.text("message")).id
    own = await session.wallet.channels.answer(message, arguments.text("text"))
    result = await _synced(session, arguments)
    described = _describe_message(session, session.wallet.record(own.id))
    return Answer(result={**described, "answers": message, **result})


async def _synced(session: Session, arguments: Arguments) -> JsonObject:
    """Be in step if it is wanted and possible; return what prevents it, if anything."""
    if not arguments.flag("is_synced") or session.wallet.status().server is None:
        return {"is_in_step": False}
    report = await sync_once(session.wallet, deadline_s=DEADLINE_S, progress=session.progress)
    # A server that cannot be reached now is told with a later command.
    if report.reason is None or isinstance(report.reason, TransportError):
        return {"is_in_step": report.is_complete}
    return {"is_in_step": False, "error": describe_error(report.reason)}


def _describe(one: ChannelView) -> JsonObject:
    return {
        "id": one.record,
        "relationship": one.relationship,
        "name": one.name,
        "identifier": one.organisation,
        "is_closed": one.is_closed,
        "sender": None if one.sender is None else one.sender.fingerprint.hex(),
    }


def _describe_message(session: Session, view: RecordView) -> JsonObject:
    values = {name: state.value for name, state in view.fields.items()}
    relationship = str(values.get("relationship", ""))
    name = session.wallet.record(relationship).fields.get("name") if relationship else None
    created_s = values.get("created_time")
    return {
        "id": view.id,
        "with": None if name is None else name.value,
        "direction": values.get("direction"),
        "state": values.get("state") or values.get("delivery"),
        "time_ms": created_s * 1000 if isinstance(created_s, int) else None,
        "subject": values.get("subject") or "",
        "body": values.get("body"),
    }
