"""Commands on the wallet as a whole: sync, status, doctor.

Spec: 21-sync.md
"""

import asyncio
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path

from billfold.cli.exit_codes import describe_error
from billfold.cli.recovery_view import describe_use
from billfold.cli.request import Answer, Arguments
from billfold.cli.session import Session
from billfold.cli.wire import JsonObject
from billfold.events import AttachmentProgress, ConnectionChanged, SyncProgress
from billfold.exporting import INTERNAL_TYPES
from billfold.listening import EventStream
from billfold.reports import SyncReport
from billfold.wallet import Wallet
from billfold_protocol.errors import BillfoldError, LocalProtocolError, TransportError
from billfold_protocol.membership import Kind

SYNC_DEADLINE_S = 30.0

TellProgress = Callable[[str, int, int], None]


async def sync(session: Session, arguments: Arguments) -> Answer:
    """Bring the wallet in step with its server, which may be named the first time.

    Raises:
        InputError: the address is not acceptable, or the wallet lives elsewhere.
        StoreError: the address cannot be kept.
    """
    server = arguments.optional_text("server")
    if server is not None:
        await session.wallet.connect(server, token=arguments.optional_text("token"))
    is_patient = arguments.values.get("deadline_s") is not None
    report = await sync_once(
        session.wallet,
        deadline_s=arguments.seconds("deadline_s", default=SYNC_DEADLINE_S),
        is_patient=is_patient,
        progress=session.progress,
    )
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
    report = await sync_once(session.wallet, deadline_s=deadline_s, progress=session.progress)
    if not report.is_complete:
        raise report.reason or _late()


async def sync_once(
    wallet: Wallet,
    *,
    deadline_s: float,
    is_patient: bool = False,
    progress: TellProgress | None = None,
) -> SyncReport:
    """Be in step with the server, or say what keeps the wallet from it.

    Args:
        wallet: an open wallet.
        deadline_s: how long it may take, in seconds.
        is_patient: whether to dial again until the deadline when the connection fails.
        progress: is told how far it has come.

    Raises:
        StoreError: what came cannot be kept.
    """
    status = wallet.status()
    if status.server is None:
        reason = LocalProtocolError(
            "this wallet has no server yet; `billfold sync --server URL` gives it one"
        )
        return SyncReport(is_complete=False, unsynced_count=status.unsynced_count, reason=reason)
    with wallet.events() as events:
        syncing = asyncio.create_task(wallet.sync(deadline_s=deadline_s))
        failing = asyncio.create_task(_failure(events, progress, is_patient=is_patient))
        try:
            await asyncio.wait({syncing, failing}, return_when=asyncio.FIRST_COMPLETED)
            if syncing.done():
                return syncing.result()
            return SyncReport(
                is_complete=False,
                unsynced_count=wallet.status().unsynced_count,
                reason=failing.result(),
            )
        finally:
            syncing.cancel()
            failing.cancel()
            await asyncio.gather(syncing, failing, return_exceptions=True)


async def _failure(
    events: EventStream, progress: TellProgress | None, *, is_patient: bool
) -> BillfoldError:
    """Return why the connection failed, when it does."""
    async for event in events:
        if isinstance(event, SyncProgress) and progress is not None:
            progress("sync", event.done, event.total)
        if isinstance(event, AttachmentProgress) and progress is not None:
            progress("upload", event.done, event.total)
        if isinstance(event, ConnectionChanged) and not (event.is_online or is_patient):
            return event.reason or _late()
    return _late()


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
    result["devices_count"] = sum(
        not device.is_removed and device.kind is not Kind.RECOVERY for device in wallet.devices()
    )
    result["device_name"] = next(d.name for d in wallet.devices() if d.is_this)
    result["former_servers"] = ", ".join(found.former_servers) or None
    result["recovery"] = found.recovery.value
    result["recovery_uses"] = [describe_use(session, use) for use in found.recovery_uses]
    error = found.last_error
    result["last_error"] = None if error is None else describe_error(error)
    found_kinds = [finding.kind for finding in wallet.proofs()]
    result["findings"] = ", ".join(found_kinds) or None
    result["last_heard"] = _last_heard(wallet)
    result["folder"] = str(session.folder)
    return Answer(result=result)


def _last_heard(wallet: Wallet) -> JsonObject:
    """Return, by name, when each other device last said something, in seconds since 1970."""
    others = [one for one in wallet.devices() if not (one.is_this or one.is_removed)]
    return {device.name: device.last_heard_s for device in others}


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
    findings = session.wallet.proofs()
    checks.append(
        _check(
            "honesty",
            is_ok=not findings,
            message=f"{len(findings)} findings, the newest: {findings[-1].text}; see `proofs`"
            if findings
            else "nothing was found against the server or a device",
        )
    )
    if found.server is None:
        checks.append(_check("server", is_ok=True, message="none; the wallet is on this device"))
    elif not arguments.flag("offline"):
        report = await sync_once(session.wallet, deadline_s=SYNC_DEADLINE_S)
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
        paths = [folder, *sorted(path for path in folder.iterdir() if path.is_file())]
        open_to_others = [path.name for path in paths if path.stat().st_mode & 0o77]
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


def _check(name: str, *, is_ok: bool, message: str) -> JsonObject:
    return {"name": name, "is_ok": is_ok, "message": message}


def _late() -> TransportError:
    return TransportError("the server did not answer in time; the edits are kept and go later")
