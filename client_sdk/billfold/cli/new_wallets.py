"""Commands that make a wallet on this device: init, join.

Spec: 22-linking.md
"""

import contextlib
from pathlib import Path
from typing import Final

from billfold.cli.commands.syncing import sync_once
from billfold.cli.exit_codes import describe_error
from billfold.cli.linking_codes import fingerprint_of, qr_text, write_qr
from billfold.cli.local_run import run
from billfold.cli.request import Answer
from billfold.cli.settings import Settings, read_small_file
from billfold.cli.terminal import Terminal
from billfold.cli.unlocking import unlock_for_new
from billfold.cli.wire import JsonObject
from billfold.exporting import INTERNAL_TYPES
from billfold.keyring import Unlock
from billfold.pairing import ShowCode
from billfold.store import SqlCipherStore
from billfold.wallet import Wallet
from billfold_protocol.errors import InputError, StoreError, TransportError

SYNC_DEADLINE_S: Final = 30.0

_OURS: Final = ("lock", "unlock.bin", "wallet.db", "agent.")
"""How the names begin of what an attempt that was cut short may leave in a folder."""


def init(
    settings: Settings,
    *,
    name: str,
    server: str | None,
    token_file: Path | None,
    words: str | None = None,
) -> Answer:
    """Make a wallet.

    Raises:
        StoreExists: there is a wallet in the folder.
        InputError: the folder has other files in it, or the name or address is not acceptable.
        UnlockFailed: there is no way to unlock it.
        StoreError: the folder cannot be written.
    """
    require_empty(settings.folder)
    token = None if token_file is None else _read_token(token_file)
    unlock = unlock_for_new(settings)
    return run(_init(settings, unlock, name=name, server=server, token=token, words=words))


def join(
    settings: Settings,
    terminal: Terminal,
    *,
    server: str,
    name: str,
    code: str | None,
    png: Path | None,
    svg: Path | None,
) -> Answer:
    """Bring a wallet onto this device from one that has it.

    Raises:
        StoreExists: there is a wallet in the folder.
        PairingFailed: linking did not succeed; the code is spent.
        TransportError: the server cannot be reached.
        InputError: the folder has other files in it, or an argument is not acceptable.
        UnlockFailed: there is no way to unlock it here.
        StoreError: the folder cannot be written.
    """
    require_empty(settings.folder)
    unlock = unlock_for_new(settings)

    def show(uri: str) -> None:
        write_qr(uri, png=png, svg=svg)
        fingerprint = fingerprint_of(uri)
        if terminal.is_json:
            terminal.tell({"event": "code", "uri": uri, "fingerprint": fingerprint})
            return
        terminal.raw(qr_text(uri).encode())
        terminal.line("Scan this with a device that has the wallet, or run there:")
        terminal.line(f"  billfold link '{uri}'")
        terminal.line(f"It must show the fingerprint {fingerprint}. Waiting …")

    work = _join(settings, unlock, server=server, name=name, code=code, show=None if code else show)
    return run(work)


async def _init(
    settings: Settings,
    unlock: Unlock,
    *,
    name: str,
    server: str | None,
    token: str | None,
    words: str | None,
) -> Answer:
    wallet = await Wallet.create(
        settings.folder,
        unlock=unlock,
        name=name,
        server=None if settings.is_offline else server,
        token=token,
    )
    async with wallet:
        if settings.is_offline and server is not None:
            await wallet.connect(server, token=token)
            await wallet.disconnect()
        if words is not None:
            await wallet.recovery.enrol(words)
        result = await describe_new(wallet, settings, name, event="made")
        if words is not None and result.get("is_synced"):
            with contextlib.suppress(TransportError):
                await wallet.recovery.wait_ready(deadline_s=SYNC_DEADLINE_S)
        result["recovery"] = wallet.recovery.status.state.value
        return Answer(result=result)


async def _join(
    settings: Settings,
    unlock: Unlock,
    *,
    server: str,
    name: str,
    code: str | None,
    show: ShowCode | None,
) -> Answer:
    wallet = await Wallet.link(
        settings.folder, unlock=unlock, server=server, name=name, code=code, show=show
    )
    async with wallet:
        return Answer(result=await describe_new(wallet, settings, name, event="joined"))


async def describe_new(wallet: Wallet, settings: Settings, name: str, *, event: str) -> JsonObject:
    """Sync a new wallet where it has a server, and return how it stands."""
    result: JsonObject = {"event": event, "folder": str(settings.folder), "name": name}
    status = wallet.status()
    result |= {"wallet_id": status.wallet_id, "device": status.device, "server": status.server}
    if status.server is not None and not settings.is_offline:
        report = await sync_once(wallet, deadline_s=SYNC_DEADLINE_S)
        result["is_synced"] = report.is_complete
        if report.reason is not None:
            result["sync_error"] = describe_error(report.reason)
    own = sum(record.type in INTERNAL_TYPES for record in wallet.records())
    result["records_count"] = len(wallet.records()) - own
    return result


def require_empty(folder: Path) -> None:
    """Check that a folder can take a new wallet.

    Raises:
        StoreExists: there is a wallet in it.
        InputError: it has other files in it.
        StoreError: it cannot be read.
    """
    SqlCipherStore.require_absent(folder)
    try:
        others = [path.name for path in folder.iterdir() if not path.name.startswith(_OURS)]
    except FileNotFoundError:
        return
    except OSError as error:
        raise StoreError(f"the folder {folder} cannot be used: {error.strerror}") from error
    if others:
        raise InputError(
            f"the folder {folder} has other files in it; name an empty one or a new one"
        )


def _read_token(path: Path) -> str:
    try:
        return read_small_file(path).decode().strip()
    except UnicodeDecodeError as error:
        raise InputError("the token file is not UTF-8 text") from error
