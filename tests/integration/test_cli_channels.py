import asyncio
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from billfold.organisation import Organisation
from billfold_protocol.errors import ChannelClosed
from tests.support.command_line import ROOT, Shell
from tests.support.running_server import running_server

EXAMPLE = ROOT / "client_sdk" / "examples" / "library.py"


@pytest.fixture
def server() -> Iterator[str]:
    """Run a server in a thread of its own; commands want the main one."""
    addresses: list[str] = []
    is_up, is_over = threading.Event(), threading.Event()

    async def serve() -> None:
        async with running_server() as made:
            addresses.extend(made.addresses)
            is_up.set()
            await asyncio.to_thread(is_over.wait)

    thread = threading.Thread(target=asyncio.run, args=(serve(),))
    thread.start()
    assert is_up.wait(30)
    yield addresses[0]
    is_over.set()
    thread.join()


async def write(state: Path, uri: str, text: str) -> str:
    async with Organisation(state) as library:
        person = await library.accept(uri)
        await library.send(person, text)
        return person.id


def collected(state: Path) -> str:
    """Run the example organisation; return what it prints."""
    command = (sys.executable, str(EXAMPLE), str(state), "collect")
    done = subprocess.run(command, capture_output=True, check=True, text=True)
    return done.stdout.strip()


def test_the_example_organisation_and_the_command_line_write_to_each_other(
    server: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    state, laptop = tmp_path / "library.json", Shell(tmp_path / "laptop", capsys)
    assert laptop("init", "--name", "laptop", "--server", server).code == 0
    assert laptop("sync").code == 0
    named = ("Library", "--identifier", "https://library.example")
    opened = laptop("channel", "open", *named).result
    assert opened["is_in_step"]
    person = asyncio.run(write(state, opened["uri"], "Your book is ready."))
    (message,) = laptop("messages", "Library").result["messages"]
    assert (message["with"], message["subject"]) == ("Library", "Your book is ready.")
    assert laptop("answer", message["id"], "I am coming.").result["state"] == "sent"
    assert collected(state) == f"{person[:8]} answers: I am coming."
    assert laptop("channel", "close", "Library").result["is_closed"]
    with pytest.raises(ChannelClosed):
        asyncio.run(write(state, opened["uri"], "Another one is ready."))
