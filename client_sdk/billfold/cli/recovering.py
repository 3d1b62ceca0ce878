"""The command that brings a wallet back onto a bare machine, and revokes what was lost.

Spec: 24-recovery.md
"""

import asyncio
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from billfold.cli.commands.devices import describe_device, describe_revoked
from billfold.cli.exit_codes import describe_error
from billfold.cli.local_run import run
from billfold.cli.new_wallets import describe_new, require_empty
from billfold.cli.request import Answer
from billfold.cli.settings import Settings
from billfold.cli.terminal import Terminal
from billfold.cli.unlocking import unlock_for_new
from billfold.homecoming import recover_wallet
from billfold.household import Device
from billfold.keyring import Unlock
from billfold.recovery_kit import KIT_SIZE_MAX, read_kit
from billfold_protocol.errors import BillfoldError, InputError
from billfold_protocol.membership import Kind


def recover(
    settings: Settings,
    terminal: Terminal,
    source: "Source",
    *,
    name: str,
    lost: Sequence[str],
) -> Answer:
    """Bring a wallet back, and revoke the devices that were lost.

    Raises:
        RecoveryRefused: the words, shares or kit open no wallet there.
        StoreExists: there is a wallet in the folder.
        VerificationError: what the server says does not match the recovery key.
        TransportError: the server cannot be reached.
        InputError: the folder has other files in it, or an argument is not acceptable.
    """
    unlock = unlock_for_new(settings)
    return run(_recover(settings, terminal, unlock, source, name=name, lost=lost))


def check_place(settings: Settings) -> None:
    """Check, before anybody types words, that a wallet can be made there.

    Raises:
        StoreExists, InputError, StoreError: see `require_empty`.
    """
    require_empty(settings.folder)


def has_words(kit: str) -> bool:
    """Whether a kit holds the words, so that nobody needs to type them.

    Raises:
        RecoveryRefused: it is no kit.
    """
    return read_kit(kit).seed is not None


def read_kit_file(path: Path) -> str:
    """Return the text of a kit: its page, or its code.

    Raises:
        InputError: the file cannot be read, or is no kit.
    """
    try:
        with sys.stdin.buffer if str(path) == "-" else path.open("rb") as file:
            data = file.read(KIT_SIZE_MAX + 1)
        if len(data) > KIT_SIZE_MAX:
            raise InputError(f"the file {path} is too large for a recovery kit")
        return data.decode()
    except OSError as error:
        raise InputError(f"the file {path} cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise InputError(f"the file {path} is no recovery kit") from error


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """What a person comes back with."""

    server: str | None
    key: str | Sequence[str] | None = field(repr=False)
    """The words, or two shares; None if the kit holds the words."""

    kit: str | None = field(repr=False)


async def _recover(
    settings: Settings,
    terminal: Terminal,
    unlock: Unlock,
    source: Source,
    *,
    name: str,
    lost: Sequence[str],
) -> Answer:
    wallet = await recover_wallet(
        settings.folder,
        unlock=unlock,
        name=name,
        key=source.key,
        server=source.server,
        kit=source.kit,
    )
    async with wallet:
        result = await describe_new(wallet, settings, name, event="recovered")
        result["state_hash"] = wallet.status().state_hash
        doubt = wallet.recovery.doubt
        result["doubt"] = None if doubt is None else describe_error(doubt)
        others = [one for one in wallet.devices() if _may_be_lost(one)]
        result["devices"] = [describe_device(one) for one in others]
        named = lost or (await _ask(terminal, others, name) if others else ())
        result["revoked"], result["not_revoked"] = [], []
        for text in named:
            try:
                revoked = await wallet.revoke(text)
                result["revoked"].append(describe_revoked(revoked))
            except BillfoldError as error:
                result["not_revoked"].append({"device": text, "error": describe_error(error)})
        return Answer(result=result)


def _may_be_lost(device: Device) -> bool:
    return not (device.is_this or device.is_removed or device.kind is Kind.RECOVERY)


async def _ask(terminal: Terminal, others: Sequence[Device], name: str) -> list[str]:
    """Ask which devices are lost; a person only, and nothing is revoked without a name."""
    if terminal.is_json or not sys.stdin.isatty():
        return []
    terminal.line(f"This device is {name!r}. The wallet's other devices:")
    terminal.table(["id", "name"], [[one.id[:8], one.name] for one in others])
    terminal.prompt("Which of them are lost? Names with commas between, or nothing: ")
    line = await asyncio.to_thread(sys.stdin.readline)
    return [text.strip() for text in line.split(",") if text.strip()]
