"""Runs a command in this process, on a wallet that is opened for it.

A command that only reads leaves the server alone. One that edits gives the server a moment to take
the edit, and leaves it to a later command where that does not work at once. `watch` stays online
and serves the other commands.

Spec: 00-overview.md
"""

import asyncio
import contextlib
import signal
import sys
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any, Final, TypeVar

from billfold.cli.agent import serving
from billfold.cli.commands import execute
from billfold.cli.commands.syncing import sync_once
from billfold.cli.exit_codes import ExitCode
from billfold.cli.request import Answer, Request
from billfold.cli.settings import Settings
from billfold.cli.terminal import Terminal
from billfold.cli.unlocking import unlock_for_existing
from billfold.cli.wire import JsonObject
from billfold.keyring import Unlock
from billfold.wallet import Wallet

ONLINE_COMMANDS: Final = frozenset(
    {"attach", "fetch", "doctor", "home", "link", "move", "replace", "revoke", "sync", "watch"}
)
"""Commands that talk with the server themselves."""

EDITING_COMMANDS: Final = frozenset(
    {
        *("add", "credential", "detach", "import", "rename-device", "resolve", "restore", "rm"),
        *("set", "tag", "undo"),
    }
)

PUSH_DEADLINE_S: Final = 3.0
"""How long an editing command waits for the server to take the edit."""

_Result = TypeVar("_Result")


class LocalSession:
    """A command of this process, as the commands see it."""

    def __init__(self, wallet: Wallet, folder: Path, request: Request, terminal: Terminal) -> None:
        self.wallet = wallet
        self.folder = folder
        self.attachment = request.attachment
        self._terminal = terminal

    async def tell(self, event: JsonObject) -> None:
        """Show something that happened."""
        self._terminal.tell(event)

    def progress(self, what: str, done: int, total: int) -> None:
        """Show how far something has come."""
        self._terminal.progress(what, done, total)

    async def ask(self, question: JsonObject) -> bool:
        """Ask the person; False is no."""
        self._terminal.show_question(question)
        return self._terminal.is_yes(await _read_line())


def perform(
    folder: Path, unlock: Unlock, request: Request, terminal: Terminal, *, is_offline: bool
) -> Answer:
    """Open a wallet, run one command on it and close it.

    Raises:
        StoreBusy: another process has the wallet open; nothing was done.
        BillfoldError: what the command raises.
        KeyboardInterrupt: the person interrupted; the wallet is closed.
    """
    return run(_perform(folder, unlock, request, terminal, is_offline=is_offline))


def run(work: Coroutine[Any, Any, _Result]) -> _Result:
    """Run asynchronous work to its end, or until a signal ends it in order.

    Raises:
        KeyboardInterrupt: the person interrupted.
        SystemExit: the process was told to stop.
    """
    is_terminated = False

    async def main() -> _Result:
        def terminate() -> None:
            nonlocal is_terminated
            is_terminated = True
            task.cancel()

        task = asyncio.ensure_future(work)
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, terminate)
        return await task

    try:
        return asyncio.run(main())
    except asyncio.CancelledError:
        if is_terminated:
            sys.exit(ExitCode.TERMINATED)
        raise


async def _perform(
    folder: Path, unlock: Unlock, request: Request, terminal: Terminal, *, is_offline: bool
) -> Answer:
    wallet = await Wallet.open(folder, unlock=unlock)
    async with wallet:
        is_editing = request.command in EDITING_COMMANDS
        if is_offline or not (is_editing or request.command in ONLINE_COMMANDS):
            await wallet.disconnect()
        session = LocalSession(wallet, folder, request, terminal)
        async with contextlib.AsyncExitStack() as stack:
            if request.command == "watch":
                lock_after_s = request.arguments.optional_seconds("lock_after_s")
                is_to_lock = await stack.enter_async_context(
                    serving(wallet, folder, lock_after_s=lock_after_s)
                )
                answer = await _until_locked(execute(session, request), is_to_lock)
            else:
                answer = await execute(session, request)
        if is_editing and not is_offline:
            # What the server does not take now goes with a later command.
            await sync_once(wallet, deadline_s=PUSH_DEADLINE_S)
        return answer


async def _until_locked(watching: Coroutine[Any, Any, Answer], is_to_lock: asyncio.Event) -> Answer:
    """Watch until the wallet is to be locked: closing it and ending the process does that."""
    watch, locking = asyncio.ensure_future(watching), asyncio.ensure_future(is_to_lock.wait())
    try:
        await asyncio.wait({watch, locking}, return_when=asyncio.FIRST_COMPLETED)
        return watch.result() if watch.done() else Answer(result={"event": "locked"})
    finally:
        watch.cancel()
        locking.cancel()
        await asyncio.gather(watch, locking, return_exceptions=True)


async def _read_line() -> str:
    """Return a line of the standard input without holding up the connections meanwhile."""
    loop = asyncio.get_running_loop()
    readable = asyncio.Event()
    try:
        loop.add_reader(sys.stdin.fileno(), readable.set)
    except (OSError, ValueError):
        # A file is always readable.
        return sys.stdin.readline()
    try:
        await readable.wait()
    finally:
        loop.remove_reader(sys.stdin.fileno())
    return sys.stdin.readline()


def local_runner(settings: Settings) -> Callable[[Request, Terminal], Answer]:
    """Return what runs commands on the wallet that the settings name.

    Raises:
        StoreMissing: there is no wallet in the folder.
        BillfoldError: it cannot be unlocked, and why.
    """
    unlock = unlock_for_existing(settings)

    def run_one(request: Request, terminal: Terminal) -> Answer:
        return perform(settings.folder, unlock, request, terminal, is_offline=settings.is_offline)

    return run_one
