"""Measure the npm peer: cojson clients and `jazz-run sync` with its SQLite store.

Everything is a process of its own, is installed into `build/jazz` and talks over loopback. Each
workload gets a fresh server and store and a deadline, and whatever was started is ended by its id.

Spec: 00-overview.md
"""

import contextlib
import http.client
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal
from urllib.parse import quote

from billfold_protocol.errors import InputError, StoreMissing, TransportError

# jazz's server does not sync to disk before it acknowledges. It commits to SQLite in the same turn
# of its event loop, but better-sqlite3 is built with SQLITE_DEFAULT_WAL_SYNCHRONOUS=1 (NORMAL) and
# cojson's driver sets only `journal_mode = WAL`: the log is synced at a checkpoint (each 1,000
# pages), not at a commit. Traced, 320 single edits and their set-up make 1,900 writes and no sync
# after the 6 that create the store. A power cut loses what was acknowledged since a checkpoint.
DURABLE = False
ENCRYPTED = True

WORKLOADS = (
    "live_latency_ms",
    "throughput_edits_s",
    "cold_sync_s",
    "idle_device_kb",
    "wallets_200_edits_s",
    "bytes_per_change",
)
"""`bytes_per_change` gives the rows `wire_bytes_per_change` and `disk_bytes_per_change`."""

ClientStore = Literal["memory", "sqlite"]

# The newest jazz-run in the registry comes with a cojson that is far from the newest. The overrides
# in package.json put it on that one, which makes the peer about three times as fast.
_SOURCE = Path(__file__).resolve().parent / "jazz"
_BUILD = Path(__file__).resolve().parents[2] / "build" / "jazz"
_HOST = "127.0.0.1"
_INSTALL_S_MAX = 600.0
_START_S_MAX = 30.0
_STOP_S_MAX = 5.0
_WORKLOAD_S_MAX = 120.0
_NODE_VERSION_MIN = 20

# jazz-run listens on every address and has no option against it; the preload keeps it on loopback,
# lets the memory workload collect garbage first (to the peer's advantage), and ends the server when
# the process that started it is gone. Nothing else of jazz-run is touched.
_PRELOAD = f"""
import net from "node:net";
const listen = net.Server.prototype.listen;
net.Server.prototype.listen = function (port) {{
  return listen.call(this, {{ port, host: "{_HOST}" }});
}};
process.on("SIGUSR2", () => globalThis.gc());
process.stdin.on("end", () => process.exit(0)).resume();
"""


@dataclass(frozen=True, slots=True)
class JazzResult:
    """What was measured, and why anything was not."""

    rows: list[dict[str, Any]]
    """One dict a result: workload, system, value, unit, detail, durable, encrypted."""
    skipped: str | None
    """One sentence for each workload, or for all, that gave no figure; None when all did."""


def run_jazz(
    workloads: Sequence[str] = WORKLOADS,
    *,
    scale: float = 1.0,
    client_store: ClientStore = "memory",
) -> JazzResult:
    """Run the named workloads against a fresh `jazz-run sync` each and return their rows.

    Nothing that the peer or its installation does wrong is raised: it becomes `skipped`.

    Args:
        workloads: Names out of `WORKLOADS`.
        scale: Multiplies every count of edits, wallets and connections.
        client_store: Where a device keeps its replica; cojson for node has none unless asked, so
            "memory" is its default and its better figure.

    Raises:
        InputError: A workload has an unknown name.
    """
    for workload in workloads:
        if workload not in WORKLOADS:
            raise InputError(
                f"There is no workload {workload}; choose from {', '.join(WORKLOADS)}."
            )
    try:
        node = _install()
    except (StoreMissing, TransportError) as error:
        return JazzResult([], str(error))
    rows: list[dict[str, Any]] = []
    reasons: list[str] = []
    for workload in workloads:
        try:
            rows += _measure(node, workload, scale, client_store)
        except TransportError as error:
            reasons.append(f"{workload}: {error}")
    return JazzResult(rows, " ".join(reasons) or None)


def _measure(node: str, workload: str, scale: float, client_store: str) -> list[dict[str, Any]]:
    with tempfile.TemporaryDirectory(prefix="billfold-jazz-") as folder:
        database = Path(folder) / "server.db"
        with _server(node, database, Path(folder) / "server.log") as (port, pid):
            options = {
                "url": f"ws://{_HOST}:{port}",
                "serverPid": pid,
                "database": str(database),
                "folder": folder,
                "store": client_store,
                "scale": scale,
            }
            command = [node, "peer.mjs", workload, json.dumps(options)]
            with _process(command, Path(folder) / "peer.log") as peer:
                output = _output(peer, Path(folder) / "peer.log")
    rows = [json.loads(line) for line in output.splitlines()]
    return [row | {"system": "jazz", "durable": DURABLE, "encrypted": ENCRYPTED} for row in rows]


def _output(peer: subprocess.Popen[str], log: Path) -> str:
    assert peer.stdout is not None
    try:
        peer.wait(timeout=_WORKLOAD_S_MAX)  # The few lines of output fit into the pipe.
    except subprocess.TimeoutExpired as error:
        raise TransportError(f"The peer was stopped after {_WORKLOAD_S_MAX:.0f} s.") from error
    if peer.returncode != 0:
        raise TransportError(f"The peer ended with code {peer.returncode}: {_first_error(log)}")
    return peer.stdout.read()


@contextlib.contextmanager
def _server(node: str, database: Path, log: Path) -> Iterator[tuple[int, int]]:
    with socket.socket() as probe:
        probe.bind((_HOST, 0))
        port: int = probe.getsockname()[1]
    preload = f"data:text/javascript,{quote(_PRELOAD)}"
    program = "node_modules/jazz-run/dist/index.js"
    options = ["sync", "--port", str(port), "--db", str(database)]
    with _process([node, "--expose-gc", "--import", preload, program, *options], log) as server:
        deadline_s = time.monotonic() + _START_S_MAX
        while not _is_healthy(port):
            if server.poll() is not None or time.monotonic() > deadline_s:
                raise TransportError(f"jazz-run sync did not start: {_first_error(log)}")
            time.sleep(0.05)
        yield port, server.pid


def _is_healthy(port: int) -> bool:
    connection = http.client.HTTPConnection(_HOST, port, timeout=2)
    try:
        connection.request("GET", "/health")
        return connection.getresponse().status == http.HTTPStatus.OK
    except OSError:
        return False
    finally:
        connection.close()


@contextlib.contextmanager
def _process(command: list[str], log: Path) -> Iterator[subprocess.Popen[str]]:
    """Run a node program in a process group of its own, and end that group on the way out."""
    with (
        log.open("w", encoding="utf-8") as errors,
        subprocess.Popen(
            command,
            cwd=_BUILD,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            start_new_session=True,
        ) as process,
    ):
        try:
            yield process
        finally:
            _end(process)


def _end(process: subprocess.Popen[str]) -> None:
    for number in (signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, number)  # The group is the one that `_process` made.
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(timeout=_STOP_S_MAX)
            return


def _first_error(log: Path) -> str:
    lines = log.read_text(encoding="utf-8", errors="replace").split("\n")
    wrong = [line.strip() for line in lines if "Error" in line] or ["no message"]
    return wrong[0][:300]


def _install() -> str:
    """Install the pinned packages into `build/jazz` unless they are there; return node's path."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is None or npm is None:
        raise StoreMissing("The jazz peer was skipped: node and npm are not installed.")
    version = _run([node, "--version"], "node does not run").strip().removeprefix("v")
    if int(version.split(".")[0]) < _NODE_VERSION_MIN:
        raise StoreMissing(f"The jazz peer was skipped: it needs node 20, here is {version}.")
    _BUILD.mkdir(parents=True, exist_ok=True)
    installed = _BUILD / "installed.json"
    wanted = (_SOURCE / "package.json").read_text(encoding="utf-8")
    for program in _SOURCE.glob("*.mjs"):
        shutil.copy(program, _BUILD)
    if installed.exists() and installed.read_text(encoding="utf-8") == wanted + version:
        return node
    shutil.copy(_SOURCE / "package.json", _BUILD)
    # Scripts are left out because only better-sqlite3 needs one, and it is slow to build; peer
    # dependencies because they are the phone and browser frameworks that cojson also supports.
    quiet = ["--loglevel=error", "--no-audit", "--no-fund", "--no-package-lock"]
    lean = ["--ignore-scripts", "--legacy-peer-deps"]
    _run([npm, "install", *quiet, *lean], "npm could not install the jazz packages")
    _run([npm, "rebuild", "better-sqlite3"], "npm could not build better-sqlite3")
    probe = "new (require('better-sqlite3'))(':memory:')"
    _run([node, "-e", probe], "the module better-sqlite3 does not load")
    installed.write_text(wanted + version, encoding="utf-8")
    return node


def _run(command: list[str], complaint: str) -> str:
    """Run a set-up command in `build/jazz` and return what it printed."""
    try:
        done = subprocess.run(
            command,
            cwd=_BUILD if _BUILD.exists() else None,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_INSTALL_S_MAX,
            check=True,
        )
    except subprocess.CalledProcessError as error:
        lines = [line for line in error.stderr.splitlines() if line.strip()] or ["no message"]
        raise TransportError(f"The jazz peer was skipped: {complaint}: {lines[0][:300]}") from error
    except (OSError, subprocess.TimeoutExpired) as error:
        raise TransportError(f"The jazz peer was skipped: {complaint}.") from error
    return done.stdout


def main() -> None:
    """Print one JSON line a result for the workloads named on the command line, or for all."""
    result = run_jazz(sys.argv[1:] or WORKLOADS)
    for row in result.rows:
        sys.stdout.write(json.dumps(row) + "\n")
    if result.skipped is not None:
        sys.stdout.write(f"skipped: {result.skipped}\n")


if __name__ == "__main__":
    main()
