"""Serves the other commands while a `watch` has the wallet open.

Each connection is one command. It ends when its answer is sent, or when the other side goes away,
which cancels it. Only the user who runs the `watch` is served.

Spec: 00-overview.md
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final

from billfold.cli import wire
from billfold.cli.commands import LOCK, execute
from billfold.cli.exit_codes import describe_error
from billfold.cli.local_socket import is_own_user, listening_socket, remove_socket
from billfold.cli.request import Answer, Arguments, Request
from billfold.cli.wire import JsonObject
from billfold.wallet import Wallet
from billfold_protocol.errors import (
    BillfoldError,
    LimitExceeded,
    Malformed,
    UpdateNeeded,
)

CONNECTIONS_COUNT_MAX: Final = 64
"""Commands that run at once."""

PROGRESS_BUFFER_MAX: Final = 64 * 1024
"""Unread bytes of a slow listener beyond which progress is not told."""


@contextlib.asynccontextmanager
async def serving(
    wallet: Wallet, folder: Path, *, lock_after_s: float | None = None
) -> AsyncIterator[asyncio.Event]:
    """Serve commands until the block ends; the event is set when the wallet is to be locked.

    Args:
        wallet: the open wallet.
        folder: its folder, whose lock the wallet holds.
        lock_after_s: how long no command may come before the wallet is to be locked.

    Raises:
        StoreError: the socket cannot be made.
    """
    listener, _ = listening_socket(folder)
    agent = _Agent(wallet, folder, lock_after_s)
    server = await asyncio.start_unix_server(agent.serve, sock=listener)
    try:
        yield agent.is_to_lock
    finally:
        server.close()
        await agent.stop()
        remove_socket(folder)


class _Agent:
    def __init__(self, wallet: Wallet, folder: Path, lock_after_s: float | None) -> None:
        self._wallet = wallet
        self._folder = folder
        self.is_to_lock = asyncio.Event()
        self._lock_after_s = lock_after_s
        self._timer: asyncio.TimerHandle | None = None
        self._running: dict[asyncio.Task[None], asyncio.Task[None]] = {}
        """The task that serves a connection, by the one that asyncio made for it."""

        self._wait_idle()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection."""
        outer = asyncio.current_task()
        assert outer is not None
        # Python 3.11 writes a traceback about a cancelled task that it made for a connection.
        inner = asyncio.create_task(self._serve(reader, writer))
        self._running[outer] = inner
        self._wait_idle()
        try:
            await asyncio.wait({inner})
            if not inner.cancelled():
                inner.result()
        finally:
            del self._running[outer]
            writer.close()
            self._wait_idle()

    def _wait_idle(self) -> None:
        """Begin anew to wait for a time without commands."""
        if self._timer is not None:
            self._timer.cancel()
        if self._lock_after_s is not None and not self._running:
            loop = asyncio.get_running_loop()
            self._timer = loop.call_later(self._lock_after_s, self.is_to_lock.set)

    async def stop(self) -> None:
        """Cancel what runs."""
        if self._timer is not None:
            self._timer.cancel()
        running = dict(self._running)
        for inner in running.values():
            inner.cancel()
        await asyncio.gather(*running, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            if is_own_user(writer.get_extra_info("socket")):
                await self._answer(reader, writer)
        except (OSError, EOFError):
            # The command's own process has gone; there is nobody to tell.
            return

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        command = ""
        try:
            if len(self._running) > CONNECTIONS_COUNT_MAX:
                raise LimitExceeded("too many commands run at once; try again in a moment")
            request = await _receive_request(reader)
            command = request.command
            session = RemoteSession(self._wallet, self._folder, request.attachment, reader, writer)
            answer = await session.run(request)
            frame = wire.encode_frame(
                {"kind": "result", "result": answer.result}, answer.attachment
            )
            if len(frame) - len(answer.attachment) > wire.ANSWER_SIZE_MAX:
                raise LimitExceeded("the answer is too large; ask for less at a time")
        except BillfoldError as error:
            frame = wire.encode_frame({"kind": "error", "error": describe_error(error)})
        writer.write(frame)
        await writer.drain()
        writer.write_eof()
        # Closing with something unread would take the answer back.
        await reader.read()
        if command == LOCK:
            self.is_to_lock.set()


class RemoteSession:
    """A command of another process, as the commands see it."""

    def __init__(
        self,
        wallet: Wallet,
        folder: Path,
        attachment: bytes,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> None:
        self.wallet = wallet
        self.folder = folder
        self.attachment = attachment
        self._reader = reader
        self._writer = writer
        self._answers: asyncio.Queue[bool] = asyncio.Queue()

    async def run(self, request: Request) -> Answer:
        """Run the command until it is done or its process goes away.

        Raises:
            BillfoldError: what the command raises.
            EOFError: the process went away.
        """
        command = asyncio.ensure_future(execute(self, request))
        listening = asyncio.create_task(self._listen())
        try:
            await asyncio.wait({command, listening}, return_when=asyncio.FIRST_COMPLETED)
            if not command.done():
                listening.result()
                raise EOFError
            return command.result()
        finally:
            for task in (command, listening):
                task.cancel()
            await asyncio.gather(command, listening, return_exceptions=True)

    async def tell(self, event: JsonObject) -> None:
        """Show something that happened."""
        self._writer.write(wire.encode_frame({"kind": "tell", "event": event}))
        await self._writer.drain()

    def progress(self, what: str, done: int, total: int) -> None:
        """Show how far something has come, unless the other side reads slowly."""
        if self._writer.transport.get_write_buffer_size() < PROGRESS_BUFFER_MAX:
            content = {"kind": "progress", "what": what, "done": done, "total": total}
            self._writer.write(wire.encode_frame(content))

    async def ask(self, question: JsonObject) -> bool:
        """Ask the person; False is no."""
        self._writer.write(wire.encode_frame({"kind": "ask", "question": question}))
        await self._writer.drain()
        return await self._answers.get()

    async def _listen(self) -> None:
        """Take answers until the other side goes away."""
        while True:
            content, _ = await _receive(self._reader, wire.REQUEST_SIZE_MAX)
            self._answers.put_nowait(content.get("answer") is True)


async def _receive_request(reader: asyncio.StreamReader) -> Request:
    content, attachment_size = await _receive(reader, wire.REQUEST_SIZE_MAX)
    if content.get("version") != wire.VERSION:
        raise UpdateNeeded("the running `watch` is of another version; stop it and start it again")
    command, arguments = content.get("command"), content.get("arguments")
    if not isinstance(command, str) or not isinstance(arguments, dict):
        raise Malformed("the local socket carries something that is no command")
    attachment = await reader.readexactly(attachment_size)
    return Request(command=command, arguments=Arguments(values=arguments), attachment=attachment)


async def _receive(reader: asyncio.StreamReader, size_max: int) -> tuple[JsonObject, int]:
    size = wire.parse_header(await reader.readexactly(wire.HEADER_SIZE), size_max=size_max)
    return wire.parse_body(await reader.readexactly(size))
