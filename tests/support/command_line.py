"""The command `billfold`, run in this process or as a process of its own.

Spec: 00-overview.md
"""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from billfold.cli.entry import run

ROOT = Path(__file__).parents[2]
KEY = b"a key of exactly 32 bytes......."
TIMEOUT_S = 60


HEARING_INTERRUPTS = """
import os, signal, sys
signal.signal(signal.SIGINT, signal.SIG_DFL)
os.execv(sys.argv[1], sys.argv[1:])
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What a command did."""

    code: int
    out: str
    err: str

    @property
    def lines(self) -> list[dict[str, Any]]:
        """The JSON documents of the standard output."""
        return [json.loads(line) for line in self.out.splitlines()]

    @property
    def result(self) -> dict[str, Any]:
        """The one JSON document of a command that did not fail."""
        assert self.code == 0, self
        (document,) = self.lines
        return document

    @property
    def error(self) -> str:
        """The type of the error of a command that failed."""
        assert self.code != 0, self
        name = json.loads(self.err.splitlines()[-1])["error"]["type"]
        assert isinstance(name, str)
        return name


class Shell:
    """Runs commands on one wallet folder in this process, with `--json`."""

    def __init__(self, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.folder = folder
        self._capsys = capsys
        self._key = folder.parent / "key"
        self._key.write_bytes(KEY)

    def __call__(self, *arguments: str) -> Outcome:
        """Run a command."""
        return self.plain(*arguments, "--json")

    def plain(self, *arguments: str) -> Outcome:
        """Run a command as a person does."""
        self._capsys.readouterr()
        command, *rest = arguments
        code = run(
            [command, "--wallet", str(self.folder), "--key-file", str(self._key), *rest],
        )
        captured = self._capsys.readouterr()
        return Outcome(code=code, out=captured.out, err=captured.err)

    def add(self, *arguments: str) -> str:
        """Add a record and return its id."""
        record = self("add", *arguments).result["id"]
        assert isinstance(record, str)
        return record


@dataclass(frozen=True, slots=True, kw_only=True)
class Computer:
    """Runs commands on one wallet folder as processes of their own, with `--json`."""

    folder: Path
    key: bytes = field(default=KEY, repr=False)

    def __call__(self, *arguments: str, data: bytes | None = None) -> Outcome:
        """Run a command to its end."""
        done = subprocess.run(
            self.line(*arguments),
            env=self.environment(),
            input=data,
            stdin=subprocess.DEVNULL if data is None else None,
            capture_output=True,
            timeout=TIMEOUT_S,
            check=False,
        )
        return Outcome(code=done.returncode, out=done.stdout.decode(), err=done.stderr.decode())

    @contextmanager
    def started(self, *arguments: str) -> Iterator["Running"]:
        """Run a command while the block lasts."""
        process = subprocess.Popen(
            # A shell starts background jobs deaf to Ctrl-C; a person's terminal does not.
            [sys.executable, "-c", HEARING_INTERRUPTS, *self.line(*arguments)],
            env=self.environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        try:
            yield Running(process)
        finally:
            process.kill()
            process.communicate()

    def line(self, *arguments: str) -> list[str]:
        """Return a command line."""
        key = self.folder.parent / "key"
        key.write_bytes(self.key)
        command, *rest = arguments
        place = ["--wallet", str(self.folder), "--key-file", str(key)]
        return [sys.executable, "-m", "billfold", command, *place, "--json", *rest]

    def environment(self) -> dict[str, str]:
        """Return the environment of a command."""
        packages = (ROOT / name for name in ("protocol", "server", "client_sdk"))
        kept = {k: v for k, v in os.environ.items() if not k.startswith("BILLFOLD_")}
        return {**kept, "PYTHONPATH": os.pathsep.join(map(str, packages))}


class Running:
    """A command that runs."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self.process = process

    def read(self) -> dict[str, Any]:
        """Return the next JSON document that it writes."""
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line, self.end()
        document = json.loads(line)
        assert isinstance(document, dict)
        return document

    def read_until(self, event: str) -> dict[str, Any]:
        """Return the next document about this event."""
        while (document := self.read()).get("event") != event:
            pass
        return document

    def end(self) -> Outcome:
        """Wait for its end and return what it did since the last read."""
        out, err = self.process.communicate(timeout=TIMEOUT_S)
        return Outcome(code=self.process.returncode, out=out.decode(), err=err.decode())

    def signal(self, number: int) -> Outcome:
        """Send a signal and wait for the end."""
        self.process.send_signal(number)
        return self.end()


@contextmanager
def server_process(folder: Path) -> Iterator[str]:
    """Run a server as a process of its own; yield its address."""
    computer = Computer(folder=folder)
    process = subprocess.Popen(
        f"{sys.executable} -m billfold_server --store memory: --listen 127.0.0.1:0".split(),
        env=computer.environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        assert process.stdout is not None
        # It says where it is ready as the last word of its first line.
        yield process.stdout.readline().split()[-1]
    finally:
        process.terminate()
        process.communicate()
