import asyncio
import contextlib
import os
import socket
import threading
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from billfold.cli import agent_client, local_socket, wire
from billfold.cli.agent import CONNECTIONS_COUNT_MAX, serving
from billfold.cli.local_socket import connected_socket, listening_socket, socket_path
from billfold.cli.request import Answer, Arguments, Request
from billfold.cli.wire import JsonObject
from billfold.keyring import KeyCallback
from billfold.wallet import Wallet
from billfold_protocol.errors import (
    BillfoldError,
    InputError,
    Malformed,
    NotFound,
    StoreError,
    TransportError,
    UpdateNeeded,
)

KEY = KeyCallback(lambda: bytes(32))


class Listener:
    def __init__(self) -> None:
        self.told: list[JsonObject] = []
        self.heard = threading.Event()

    def tell(self, event: JsonObject) -> None:
        self.told.append(event)
        self.heard.set()

    def progress(self, what: str, done: int, total: int) -> None:
        self.told.append({"progress": (what, done, total)})

    def ask(self, question: JsonObject) -> bool:
        self.told.append(question)
        return True


@pytest.fixture
async def folder(tmp_path: Path) -> AsyncIterator[Path]:
    folder = tmp_path / "wallet"
    wallet = await Wallet.create(folder, unlock=KEY, name="laptop")
    async with wallet, serving(wallet, folder):
        yield folder
    assert not socket_path(folder).exists()


async def perform(
    folder: Path, command: str, attachment: bytes = b"", **arguments: object
) -> Answer:
    request = Request(command=command, arguments=Arguments(values=arguments), attachment=attachment)

    def run() -> Answer:
        connection = connected_socket(folder)
        assert connection is not None
        return agent_client.perform(connection, request, Listener())

    return await asyncio.to_thread(run)


async def exchange(folder: Path, data: bytes) -> bytes:
    """Send raw bytes to the socket and return all that comes back."""
    reader, writer = await asyncio.open_unix_connection(socket_path(folder))
    writer.write(data)
    writer.write_eof()
    answer = await reader.read()
    writer.close()
    return answer


async def test_a_command_runs_inside_the_one_that_has_the_wallet_open(folder: Path) -> None:
    added = await perform(folder, "add", type="login", values={"title": "Library"})
    found = await perform(folder, "get", record=added.result["id"], field="title")
    assert found.result["value"] == "Library"


async def test_bytes_go_both_ways_with_a_command(folder: Path) -> None:
    await perform(folder, "add", type="login", values={"title": "Library"})
    exported = (await perform(folder, "export")).attachment
    again = await perform(folder, "import", attachment=exported, name="file")
    assert len(again.result["unchanged"]) == 1


async def test_errors_come_back_as_what_they_are(folder: Path) -> None:
    with pytest.raises(NotFound):
        await perform(folder, "get", record="nothing")
    with pytest.raises(InputError):
        await perform(folder, "nothing")
    with pytest.raises(InputError):
        await perform(folder, "get", record=3)


async def test_many_commands_run_at_once(folder: Path) -> None:
    await asyncio.gather(
        *(perform(folder, "add", type="login", values={"title": str(n)}) for n in range(20))
    )
    assert len((await perform(folder, "ls")).result["records"]) == 20


async def test_a_second_watch_hears_of_edits_through_the_first(folder: Path) -> None:
    listener, connection = Listener(), connected_socket(folder)
    assert connection is not None
    watching = asyncio.create_task(
        asyncio.to_thread(agent_client.perform, connection, Request(command="watch"), listener)
    )
    await asyncio.to_thread(listener.heard.wait)
    listener.heard.clear()
    await perform(folder, "add", type="login", values={"title": "Library", "password": "x"})
    await asyncio.to_thread(listener.heard.wait)
    connection.shutdown(socket.SHUT_RDWR)
    with pytest.raises(TransportError):
        await watching
    assert [event["event"] for event in listener.told] == ["watching", "changed"]
    changed = listener.told[1]
    assert (changed["fields"], changed["hidden"]) == ({"title": "Library"}, ["password"])
    assert changed["device"] == "laptop"


@pytest.mark.parametrize(
    ("data", "error"),
    [
        (wire.encode_frame({"version": 99, "command": "ls", "arguments": {}}), UpdateNeeded),
        (wire.encode_frame({"version": 1, "command": 3, "arguments": {}}), Malformed),
        (wire.encode_frame({"version": 1, "command": "ls", "arguments": []}), Malformed),
        ((2**31).to_bytes(4, "big"), Malformed),
        ((3).to_bytes(4, "big") + b"[1]", Malformed),
        ((3).to_bytes(4, "big") + b"\xff\xff\xff", Malformed),
        (wire.encode_frame({"version": 1, "attachment_size": -1}), Malformed),
        (wire.encode_frame({"version": 1, "attachment_size": 2**40}), Malformed),
    ],
)
async def test_nonsense_is_answered_with_an_error(
    folder: Path, data: bytes, error: type[BillfoldError]
) -> None:
    answer = await exchange(folder, data)
    content, _ = wire.parse_body(answer[4:])
    assert content["error"]["type"] == error.__name__
    assert (await perform(folder, "status")).result


@pytest.mark.parametrize("data", [b"", b"\x00", (10).to_bytes(4, "big") + b"{"])
async def test_one_who_goes_away_too_early_gets_nothing(folder: Path, data: bytes) -> None:
    assert await exchange(folder, data) == b""
    assert (await perform(folder, "status")).result


async def test_too_many_at_once_are_sent_away(folder: Path) -> None:
    waiting = [
        await asyncio.open_unix_connection(socket_path(folder))
        for _ in range(CONNECTIONS_COUNT_MAX)
    ]
    with pytest.raises(BillfoldError, match="too many"):
        await perform(folder, "status")
    for _, writer in waiting:
        writer.close()
    await asyncio.gather(*(reader.read() for reader, _ in waiting))
    assert (await perform(folder, "status")).result


async def test_the_socket_is_for_its_user_only(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = socket_path(folder)
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700
    monkeypatch.setattr(os, "geteuid", lambda: os.getuid() + 1)
    with pytest.raises(StoreError):
        connected_socket(folder)
    answer = b""
    with contextlib.suppress(ConnectionError):
        answer = await exchange(folder, wire.encode_frame({"version": 99}))
    assert answer == b""


def test_a_stale_socket_is_as_good_as_none(tmp_path: Path) -> None:
    listener, path = listening_socket(tmp_path)
    listener.close()
    assert path.exists()
    assert connected_socket(tmp_path) is None
    listener, again = listening_socket(tmp_path)
    listener.close()
    assert again == path


def test_a_long_path_has_its_socket_elsewhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    runtime = tmp_path / "run"
    runtime.mkdir()
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(runtime) if len(str(runtime)) < 50 else "")
    folder = tmp_path / ("x" * 120)
    folder.mkdir()
    listener, path = listening_socket(folder)
    try:
        listener.listen()
        assert len(os.fsencode(path)) <= local_socket.PATH_SIZE_MAX
        assert path.parent.stat().st_mode & 0o777 == 0o700
        connection = connected_socket(folder)
        assert connection is not None
        connection.close()
    finally:
        listener.close()
        local_socket.remove_socket(folder)
    assert not path.parent.exists()
    assert list(folder.iterdir()) == []


def read_all(connection: socket.socket) -> None:
    with connection:
        while connection.recv(65536):
            pass


@pytest.fixture
def fake_agent() -> Callable[[bytes], socket.socket]:
    def make(answer: bytes) -> socket.socket:
        ours, theirs = socket.socketpair()
        theirs.sendall(answer)
        theirs.shutdown(socket.SHUT_WR)
        threading.Thread(target=read_all, args=(theirs,)).start()
        return ours

    return make


def frame(**content: Any) -> bytes:
    return wire.encode_frame(content)


def test_an_agent_asks_tells_and_answers(fake_agent: Callable[[bytes], socket.socket]) -> None:
    connection = fake_agent(
        frame(kind="tell", event={"event": "x"})
        + frame(kind="progress", what="sync", done=1, total=2)
        + frame(kind="ask", question={"text": "sure?"})
        + wire.encode_frame({"kind": "result", "result": {"a": 1}}, b"bytes")
    )
    listener = Listener()
    answer = agent_client.perform(connection, Request(command="x"), listener)
    assert (answer.result, answer.attachment) == ({"a": 1}, b"bytes")
    assert listener.told == [{"event": "x"}, {"progress": ("sync", 1, 2)}, {"text": "sure?"}]


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (b"", TransportError),
        (frame(kind="result", result={})[:-1], TransportError),
        (frame(kind="unheard"), TransportError),
        (frame(kind="result"), TransportError),
        ((2**32 - 1).to_bytes(4, "big"), Malformed),
        (frame(kind="error", error={"type": "NotFound", "message": "no"}), NotFound),
    ],
)
def test_an_agent_that_fails_is_told_as_such(
    fake_agent: Callable[[bytes], socket.socket], answer: bytes, error: type[BillfoldError]
) -> None:
    with pytest.raises(error):
        agent_client.perform(fake_agent(answer), Request(command="x"), Listener())
