"""Commands on the wallet as a whole: sync, status, doctor.

Spec: 21-sync.md
"""

import asyncio
from dataclasses import fields
from pathlib import Path

from billfold.exporting import INTERNAL_TYPES
from billfold.cli.exit_codes import describe_error
from billfold.cli.request import Answer, Arguments
from billfold.cli.session import Session
from billfold.cli.wire import JsonObject
from billfold.events import SyncProgress
from billfold.listening import EventStream
from billfold.reports import SyncReport
from billfold_protocol.errors import LocalProtocolError, TransportError

SYNC_DEADLINE_S = 30.0


async def sync(session: Session, arguments: Arguments) -> Answer:
    """Bring the wallet in step with its server, which may be named the first time.

    Raises:
        InputError: the address is not acceptable, or the wallet lives elsewhere.
        StoreError: the address cannot be kept.
    """
    server = arguments.optional_text("server")
    if server is not None:
        await session.wallet.connect(server, token=arguments.optional_text("token"))
    report = await _sync(session, arguments.seconds("deadline_s", default=SYNC_DEADLINE_S))
    result: JsonObject = {
        "is_complete": report.is_complete,
        "unsynced_count": report.unsynced_count,
    }
    if not report.is_complete:
        result["error"] = describe_error(report.reason or _late())
    return Answer(result=result)


async def require_synced(session: Session, deadline_s: float) -> None:
    """Be in step with the server, or say why not.

    Raises:
        LocalProtocolError: the wallet has no server.
        BillfoldError: what keeps it from its server.
    """
    report = await _sync(session, deadline_s)
    if not report.is_complete:
        raise report.reason or _late()


async def status(session: Session, arguments: Arguments) -> Answer:
    """Show how the wallet stands.

    Raises:
        BillfoldError: never; it only reads.
    """
    del arguments
    wallet = session.wallet
    found = wallet.status()
    result: JsonObject = {field.name: getattr(found, field.name) for field in fields(found)}
    own = sum(len(wallet.records(record_type)) for record_type in INTERNAL_TYPES)
    result["records_count"] = found.records_count - own
    result["trashed_count"] = len(wallet.records(trashed=True))
    result["devices_count"] = sum(not device.is_removed for device in wallet.devices())
    result["device_name"] = next(d.name for d in wallet.devices() if d.is_this)
    error = found.last_error
    result["last_error"] = None if error is None else describe_error(error)
    result["folder"] = str(session.folder)
    return Answer(result=result)


async def doctor(session: Session, arguments: Arguments) -> Answer:
    """Check an open wallet, and its server unless told not to.

    Raises:
        BillfoldError: never; what is wrong is in the answer.
    """
    found = session.wallet.status()
    checks = [
        _check("wallet", is_ok=True, message=f"opens and holds {found.records_count} records"),
        _check(
            "received data",
            is_ok=found.quarantined_count == 0 and found.waiting_count == 0,
            message=f"{found.quarantined_count} entries set aside, {found.waiting_count} waiting",
        ),
        _check(
            "this device",
            is_ok=not found.is_removed,
            message="was revoked: export what you need, then remove its folder"
            if found.is_removed
            else "belongs to the wallet",
        ),
    ]
    if found.server is None:
        checks.append(_check("server", is_ok=True, message="none; the wallet is on this device"))
    elif not arguments.flag("offline"):
        report = await _sync(session, arguments.seconds("deadline_s", default=SYNC_DEADLINE_S))
        checks.append(
            _check(
                "server",
                is_ok=report.is_complete,
                message=f"in step with {found.server}"
                if report.is_complete
                else str(report.reason or _late()),
            )
        )
    return Answer(result={"checks": checks})


def check_files(folder: Path) -> list[JsonObject]:
    """Return the checks that need no open wallet."""
    try:
        open_to_others = [path.name for path in _private_paths(folder) if path.stat().st_mode & 0o77]
    except OSError as error:
        return [_check("folder", is_ok=False, message=f"cannot be read: {error.strerror}")]
    return [
        _check(
            "folder",
            is_ok=not open_to_others,
            message=f"other users can open {', '.join(open_to_others)}; run chmod go= on it"
            if open_to_others
            else "only you can open it",
        )
    ]


def _private_paths(folder: Path) -> list[Path]:
    return [folder, *sorted(path for path in folder.iterdir() if path.is_file())]


def _check(name: str, *, is_ok: bool, message: str) -> JsonObject:
    return {"name": name, "is_ok": is_ok, "message": message}


async def _sync(session: Session, deadline_s: float) -> SyncReport:
    if session.wallet.status().server is None:
        raise LocalProtocolError(
            "this wallet has no server yet; `billfold sync --server URL` gives it one"
        )
    with session.wallet.events() as events:
        telling = asyncio.create_task(_tell_progress(session, events))
        try:
            return await session.wallet.sync(deadline_s=deadline_s)
        finally:
            telling.cancel()
            await asyncio.gather(telling, return_exceptions=True)


async def _tell_progress(session: Session, events: EventStream) -> None:
    async for event in events:
        if isinstance(event, SyncProgress):
            session.progress("sync", event.done, event.total)


def _late() -> TransportError:
    return TransportError("the server did not answer in time; the edits are kept and go later")
