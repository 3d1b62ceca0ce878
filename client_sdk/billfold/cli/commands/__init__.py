"""What each command does: a function from an open wallet and arguments to a result.

They run in the command's own process or inside a running `watch`, and know nothing of terminals.

Spec: 00-overview.md
"""

from billfold.cli.commands import (
    attachments,
    channels,
    credentials,
    devices,
    meaning,
    moving,
    proofs,
    records,
    recovery,
    replacing,
    syncing,
    transfer,
    versions,
    watching,
)
from billfold.cli.request import Answer, Request
from billfold.cli.session import Command, Session
from billfold_protocol.errors import InputError

LOCK = "lock"
"""After its answer, a running `watch` ends and closes the wallet."""

COMMANDS: dict[str, Command] = {
    "activity": meaning.activity,
    "add": records.add,
    "answer": channels.answer,
    "attach": attachments.attach,
    "attachments": attachments.attachments,
    "channel": channels.channel,
    "channels": channels.channels,
    "conflicts": versions.conflicts,
    "credential": credentials.credential,
    "correct": meaning.correct,
    "detach": attachments.detach,
    "devices": devices.devices,
    "doctor": syncing.doctor,
    "export": transfer.export,
    "fetch": attachments.fetch,
    "get": records.get,
    "home": moving.home,
    "history": versions.history,
    "import": transfer.import_file,
    "link": devices.link,
    LOCK: watching.lock,
    "ls": records.ls,
    "messages": channels.messages,
    "proofs": proofs.proofs,
    "recovery": recovery.recovery,
    "rename-device": devices.rename_device,
    "replace": replacing.replace,
    "resolve": versions.resolve,
    "restore": records.restore,
    "merge": devices.merge,
    "move": moving.move,
    "revoke": devices.revoke,
    "rm": records.rm,
    "set": records.set_fields,
    "show": meaning.show,
    "statements": meaning.statements,
    "status": syncing.status,
    "sync": syncing.sync,
    "tag": records.tag,
    "undo": versions.undo,
    "watch": watching.watch,
}


async def execute(session: Session, request: Request) -> Answer:
    """Run a command.

    Raises:
        InputError: there is no such command.
        BillfoldError: what the command raises.
    """
    command = COMMANDS.get(request.command)
    if command is None:
        raise InputError(f"there is no command {request.command!r}")
    return await command(session, request.arguments)
