"""The processes that a benchmark starts, and how it ends each of them by its own id.

A host of devices is told what to do by one JSON line on its standard input and answers with one on
its standard output; it ends when its input closes. Nothing outlives the run.

Spec: 00-overview.md
"""

import asyncio
import contextlib
import itertools
import json
import os
import sys
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import apsw

from billfold_protocol.errors import TransportError

ROOT = Path(__file__).resolve().parents[2]
START_S_MAX = 30.0
STOP_S_MAX = 5.0
ANSWER_S_MAX = 90.0
LINE_SIZE_MAX = 1 << 24
POLL_S = 0.02
FOLD_MS_MAX = 2_000

# A benchmark registers and edits faster than any person.
_QUOTAS = {
    "BILLFOLD_SERVER_WALLETS_PER_ADDRESS_PER_HOUR": "1000000",
    "BILLFOLD_SERVER_ENTRIES_PER_DEVICE_PER_HOUR": "10000000",
    "BILLFOLD_SERVER_REFUSALS_PER_ADDRESS_PER_HOUR": "1000000",
}


@dataclass(frozen=True, slots=True)
class RunningServer:
    """A `billfold-server` of its own, on a free loopback port, with a database on disk."""

    address: str
    pid: int
    database: Path

    @property
    def memory_kb(self) -> int:
        """What of it is in memory now, in KiB."""
        for line in Path(f"/proc/{self.pid}/status").read_text(encoding="ascii").splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1])
        raise TransportError("the server's memory cannot be read on this system")

    @property
    def cpu_s(self) -> float:
        """Processor time it has taken so far, in seconds."""
        return cpu_s_of(self.pid)

    def fold_log(self) -> None:
        """Move the write-ahead log into the database, as far as the server lets us."""
        connection = apsw.Connection(str(self.database))
        with contextlib.closing(connection), contextlib.suppress(apsw.BusyError):
            connection.set_busy_timeout(FOLD_MS_MAX)
            connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_TRUNCATE)

    @property
    def entries_count(self) -> int:
        """How many feed entries the database holds."""
        connection = apsw.Connection(str(self.database), flags=apsw.SQLITE_OPEN_READONLY)
        with contextlib.closing(connection):
            return int(connection.execute("SELECT count(*) FROM entry").get)

    def sizes(self) -> tuple[int, int]:
        """Return the bytes of the database and of its write-ahead log."""
        log = self.database.with_name(self.database.name + "-wal")
        return self.database.stat().st_size, log.stat().st_size if log.exists() else 0


def cpu_s_of(pid: int) -> float:
    """Return the processor time that a process has taken, user and system, in seconds."""
    # proc(5): after the name in brackets, utime and stime are the 12th and 13th fields.
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@asynccontextmanager
async def server_process(folder: Path, quotas: Mapping[str, str]) -> AsyncIterator[RunningServer]:
    """Run a server until the block ends.

    Raises:
        TransportError: it did not start.
    """
    ready, log, database = folder / "address.txt", folder / "server.log", folder / "server.db"
    environment = {k: v for k, v in os.environ.items() if not k.startswith("BILLFOLD_SERVER_")}
    arguments = ["--store", f"sqlite:{database}", "--listen", "127.0.0.1:0"]
    with log.open("wb") as log_file:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "billfold_server",
            *arguments,
            "--ready-file",
            str(ready),
            "--log-level",
            "error",
            stdin=asyncio.subprocess.DEVNULL,
            stdout=log_file,
            stderr=log_file,
            env={**environment, **_QUOTAS, **quotas},
            cwd=ROOT,
            start_new_session=True,
        )
        try:
            async with asyncio.timeout(START_S_MAX):
                while not (ready.exists() and ready.read_text(encoding="ascii").strip()):
                    if process.returncode is not None:
                        raise TransportError(f"the server ended at once: {_tail(log)}")
                    await asyncio.sleep(POLL_S)
            address = ready.read_text(encoding="ascii").split()[0]
            yield RunningServer(address, process.pid, database)
        except TimeoutError as error:
            raise TransportError(f"the benchmark took too long: {_tail(log)}") from error
        finally:
            await _end(process)


class Host:
    """A process that hosts devices, and what it is asked."""

    def __init__(self, process: asyncio.subprocess.Process, log: Path) -> None:
        self._process = process
        self._log = log
        self._ids = itertools.count()
        self._answers: dict[int, asyncio.Future[Any]] = {}
        self._news: asyncio.Queue[Any] = asyncio.Queue()
        self._reading = asyncio.create_task(self._read())

    @property
    def cpu_s(self) -> float:
        """Processor time it has taken so far, in seconds."""
        return cpu_s_of(self._process.pid)

    async def call(self, command: str, **arguments: object) -> Any:
        """Have a command done and return its result.

        Raises:
            TransportError: the process failed, ended or took too long.
        """
        number = next(self._ids)
        answer = self._answers[number] = asyncio.get_running_loop().create_future()
        line = json.dumps({"id": number, "command": command, "arguments": arguments})
        assert self._process.stdin is not None
        self._process.stdin.write(line.encode() + b"\n")
        try:
            async with asyncio.timeout(ANSWER_S_MAX):
                return await answer
        except TimeoutError as error:
            raise TransportError(f"a device process took too long over {command}") from error

    async def news(self) -> Any:
        """Return the next thing that the process tells unasked.

        Raises:
            TransportError: it ended, or tells nothing.
        """
        try:
            async with asyncio.timeout(ANSWER_S_MAX):
                news = await self._news.get()
        except TimeoutError as error:
            raise TransportError("a device process saw nothing of an edit") from error
        if news is None:
            raise TransportError(f"a device process ended early: {_tail(self._log)}")
        return news

    async def stop(self) -> None:
        """Let it end by itself, and end it where it does not."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._process.wait(), STOP_S_MAX)
        await _end(self._process)
        await self._reading

    async def _read(self) -> None:
        assert self._process.stdout is not None
        while line := await self._process.stdout.readline():
            message = json.loads(line)
            if "id" not in message:
                self._news.put_nowait(message)
                continue
            answer = self._answers.pop(message["id"])
            if answer.done():
                continue
            if "error" in message:
                answer.set_exception(TransportError(message["error"]))
            else:
                answer.set_result(message["result"])
        self._news.put_nowait(None)
        for answer in self._answers.values():
            if not answer.done():
                error = TransportError(f"a device process ended early: {_tail(self._log)}")
                answer.set_exception(error)


@asynccontextmanager
async def hosts(
    module: str, count: int, *arguments: str, folder: Path
) -> AsyncIterator[list[Host]]:
    """Run some host processes, started together, until the block ends."""
    started: list[Host] = []
    try:
        while len(started) < count:
            started.append(await _start_host(module, arguments, folder))
        await asyncio.gather(*(host.call("ready") for host in started))
        yield started
    finally:
        await asyncio.gather(*(host.stop() for host in started), return_exceptions=True)


async def _start_host(module: str, arguments: tuple[str, ...], folder: Path) -> Host:
    home = folder / f"host-{len(list(folder.glob('host-*')))}"
    home.mkdir()
    log = home / "errors.log"
    with log.open("wb") as log_file:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            f"tests.benchmarks.{module}",
            str(home),
            *arguments,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=log_file,
            limit=LINE_SIZE_MAX,
            cwd=ROOT,
            start_new_session=True,
        )
    return Host(process, log)


async def serve_commands(find: Callable[[str], Callable[..., Any]]) -> None:
    """Do what the lines on standard input ask, several at once, until it closes.

    Args:
        find: returns the coroutine function of a command.
    """
    loop, lines = asyncio.get_running_loop(), asyncio.StreamReader(limit=LINE_SIZE_MAX)
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
    tasks: set[asyncio.Task[None]] = set()

    async def run(request: dict[str, Any]) -> None:
        try:
            result = await find(request["command"])(**request["arguments"])
            tell({"id": request["id"], "result": result})
        except Exception as error:  # noqa: BLE001  # Whatever it is, the coordinator must hear it.
            tell({"id": request["id"], "error": f"{request['command']}: {error!r}"})

    while line := await lines.readline():
        task = loop.create_task(run(json.loads(line)))
        tasks.add(task)
        task.add_done_callback(tasks.discard)
    for task in tasks:
        task.cancel()


def tell(message: dict[str, Any]) -> None:
    """Write one line to the coordinator."""
    sys.stdout.write(json.dumps(message) + "\n")
    sys.stdout.flush()


async def _end(process: asyncio.subprocess.Process) -> None:
    if process.returncode is not None:
        return
    process.terminate()
    try:
        await asyncio.wait_for(process.wait(), STOP_S_MAX)
    except TimeoutError:
        process.kill()
        await process.wait()


def _tail(log: Path) -> str:
    return log.read_text(encoding="utf-8", errors="replace").strip()[-400:] or "no message"
