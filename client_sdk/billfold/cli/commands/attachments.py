"""Commands on the files that belong to records: attach, attachments, detach, fetch.

Spec: 40-wallet-document.md
"""

from pathlib import Path
from typing import Final

from billfold.attachments import Attachment
from billfold.cli.commands.syncing import sync_once
from billfold.cli.exit_codes import describe_error
from billfold.cli.record_names import find_record
from billfold.cli.request import Answer, Arguments
from billfold.cli.session import Session
from billfold.cli.wire import JsonObject
from billfold_protocol.errors import InputError, TransportError

UPLOAD_DEADLINE_S: Final = 86_400.0


async def attach(session: Session, arguments: Arguments) -> Answer:
    """Attach a file to a record, and give it to the server if it can be reached.

    Raises:
        NotFound: there is no such record.
        InputError: the file cannot be read.
        LimitExceeded: it is larger than an attachment may be.
        AccessError, StoreError: it is not possible, and why.
    """
    wallet = session.wallet
    record = find_record(wallet, arguments.text("record")).id
    added = await wallet.attachments.add(
        record,
        Path(arguments.text("path")),
        name=arguments.optional_text("name"),
        media_type=arguments.text("media_type"),
        progress=lambda done, total: session.progress("seal", done, total),
    )
    result: JsonObject = {}
    if arguments.flag("is_uploaded") and wallet.status().server is not None:
        report = await sync_once(
            wallet,
            deadline_s=arguments.seconds("deadline_s", default=UPLOAD_DEADLINE_S),
            progress=session.progress,
        )
        # A server that cannot be reached now gets the file with a later command.
        if report.reason is not None and not isinstance(report.reason, TransportError):
            result["error"] = describe_error(report.reason)
    shown = wallet.attachments.find(record, added.id)
    return Answer(result={**_describe(shown), **result})


async def attachments(session: Session, arguments: Arguments) -> Answer:
    """List a record's attachments.

    Raises:
        NotFound: there is no such record.
    """
    record = find_record(session.wallet, arguments.text("record")).id
    found = session.wallet.attachments.list(record)
    return Answer(result={"id": record, "attachments": [_describe(one) for one in found]})


async def detach(session: Session, arguments: Arguments) -> Answer:
    """Take an attachment off its record.

    Raises:
        NotFound: there is no such record or attachment.
        AccessError, StoreError: it is not possible, and why.
    """
    found = _find(session, arguments)
    await session.wallet.attachments.remove(found)
    return Answer(result=_describe(found))


async def fetch(session: Session, arguments: Arguments) -> Answer:
    """Write an attachment's content to a file.

    Raises:
        NotFound: there is no such record or attachment.
        InputError: the file is there already, or cannot be written.
        BillfoldError: the content is neither here nor to be had from the server, and why.
    """
    found, path = _find(session, arguments), Path(arguments.text("path"))
    if not arguments.flag("is_forced"):
        _require_absent(path)
    await session.wallet.attachments.save_to(
        found, path, progress=lambda done, total: session.progress("fetch", done, total)
    )
    return Answer(result={**_describe(found), "path": str(path)})


def _find(session: Session, arguments: Arguments) -> Attachment:
    record = find_record(session.wallet, arguments.text("record")).id
    return session.wallet.attachments.find(record, arguments.text("name"))


def _require_absent(path: Path) -> None:
    if path.exists():
        raise InputError(f"{path} is there already; --force replaces it")


def _describe(attachment: Attachment) -> JsonObject:
    return {
        "record": attachment.record,
        "id": attachment.id,
        "name": attachment.name,
        "media_type": attachment.media_type,
        "size": attachment.size,
        "time_ms": attachment.time_ms,
        "is_pending": attachment.is_pending,
    }
