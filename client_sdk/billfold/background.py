"""Heavy work on snapshots beside the event loop: in a thread, or in a process of its own.

A large document is read and saved by another Python, which gets it through a pipe; nothing of it
is in an argument or a file. Where there is no other Python (a frozen application, a phone) the
work is done in a thread, for which the loop has to wait.

Spec: 16-snapshots.md
"""

import asyncio
import sys
from collections.abc import Callable
from contextlib import suppress

from billfold.document import apart as program
from billfold.replica import Replica
from billfold.snapshots.workbench import LARGE_SIZE, Apart, Result, Work
from billfold_protocol.errors import StoreDamaged, StoreError


class Background:
    """A workbench whose works run beside the event loop."""

    def __init__(self, done: Callable[[], None], failed: Callable[[StoreError], None]) -> None:
        """Begin.

        Args:
            done: is called after each work, to send and store what it noted.
            failed: is called when a work cannot read the store.
        """
        self._done = done
        self._failed = failed
        self._tasks: set[asyncio.Task[None]] = set()
        self._awaited: asyncio.Task[None] | None = None

    def serve(self, replica: Replica) -> Replica:
        """Do a replica's heavy work from now on; return the replica."""
        replica.snapshots.judging.workbench = self
        return replica

    def start(self, work: Work, *, is_awaited: bool = False) -> None:
        """Begin a work."""
        task = asyncio.get_running_loop().create_task(self._run(work))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        task.add_done_callback(report_failure)
        if is_awaited:
            self._awaited = task

    async def settled(self) -> None:
        """Wait until the awaited work has ended, if there is one."""
        task, self._awaited = self._awaited, None
        if task is not None:
            await asyncio.wait([task])

    async def stop(self) -> None:
        """Abandon what is under way."""
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def do(self, action: Callable[[], Result]) -> Result:
        """Run an action in a thread."""
        return await asyncio.to_thread(action)

    async def apart(self, what: Apart, data: bytes) -> bytes | None:
        """Have work done in a process; None if the document is small, or there is no process.

        Raises:
            StoreDamaged: the bytes are no document.
        """
        if len(data) < LARGE_SIZE or not sys.executable or getattr(sys, "frozen", False):
            return None
        try:
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                *("-P", program.__file__, what),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.DEVNULL,
            )
        except (OSError, NotImplementedError):
            return None
        try:
            answer, _ = await process.communicate(data)
        finally:
            if process.returncode is None:
                with suppress(ProcessLookupError):
                    process.kill()
                await process.wait()
        if process.returncode == program.UNREADABLE:
            raise StoreDamaged("a snapshot holds no document")
        return answer if process.returncode == 0 else None

    async def _run(self, work: Work) -> None:
        try:
            await work(self)
        except StoreError as error:
            self._failed(error)
        self._done()


def report_failure(task: asyncio.Task[None]) -> None:
    """Let a fault of ours be seen at once: the task does not end by itself."""
    error = None if task.cancelled() else task.exception()
    if error is not None:
        context = {"message": "work beside the wallet failed", "exception": error}
        task.get_loop().call_exception_handler(context)
