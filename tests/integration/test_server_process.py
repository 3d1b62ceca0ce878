import asyncio
import json
import signal
import socket
import sys
from pathlib import Path

import pytest

from billfold_protocol.client_session import Acked
from billfold_protocol.errors import TransportError
from billfold_protocol.ids import EntryId, WalletId
from billfold_server import __version__
from billfold_server.store import open_store
from tests.support.server_process import ServerProcess, run_command
from tests.support.sync_client import SyncClient
from tests.support.wallets import TestFeed, TestWallet

ENTRIES_COUNT = 400


def stored_ids(store_address: str, wallet_id: WalletId) -> set[EntryId]:
    store = open_store(store_address)
    try:
        found = store.read_entries(wallet_id, after_n=0, count_max=10_000, size_max=1 << 30)
        return {entry.entry_id for entry in found}
    finally:
        store.close()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
async def test_a_server_that_is_stopped_while_it_is_pushed_to_keeps_all_it_acked(
    number: signal.Signals, tmp_path: Path
) -> None:
    wallet, feed = TestWallet(), TestFeed("laptop")
    entries = [wallet.seal(wallet.owner, feed, b"change") for _ in range(ENTRIES_COUNT)]
    acked: set[EntryId] = set()

    async def push_all(client: SyncClient) -> None:
        for start in range(0, ENTRIES_COUNT, 2):
            await client.push(wallet, entries[start : start + 2])

    async with ServerProcess(tmp_path) as server:
        async with SyncClient(server.address) as client:
            await client.join(wallet)
            pushing = asyncio.create_task(push_all(client))
            try:
                while True:
                    acked.update((await client.until(Acked)).ack.ids)
                    if len(acked) >= 20:
                        server.signal(number)
            except (TransportError, ProcessLookupError):
                close_code = client.socket.close_code
            await asyncio.gather(pushing, return_exceptions=True)
        code, log = await server.exit()
    if number is signal.SIGTERM:
        assert (code, close_code) == (0, 1001)
        assert [json.loads(line)["event"] for line in log.splitlines()] == [
            "listening",
            "stopping",
            "stopped",
        ]
    assert acked <= stored_ids(server.store, wallet.chain.wallet_id)
    assert wallet.chain.wallet_id.hex() not in log
    async with ServerProcess(tmp_path) as again, SyncClient(again.address) as client:
        await client.subscribe(wallet)
        got = set(await client.collect(wallet.chain.wallet_id, len(acked)))
        assert acked <= got


async def test_the_command_tells_what_is_wrong_in_one_sentence(tmp_path: Path) -> None:
    no_store = tmp_path / "letter.txt"
    no_store.write_text("Dear reader, this is no store at all. " * 40, encoding="utf-8")
    (tmp_path / "letter.txt.key").write_bytes(bytes(32))
    (tmp_path / "letter.txt.key").chmod(0o600)
    memory = ("--store", "memory:")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        runs = await asyncio.gather(
            run_command("--store", f"sqlite:{no_store}"),
            run_command(*memory, "--listen", f"127.0.0.1:{port}"),
            run_command(*memory, "--tls-cert", str(no_store), "--tls-key", str(no_store)),
            run_command(*memory, environment={"BILLFOLD_SERVER_COLOUR": "red"}),
        )
    expected = [
        (3, "not a sound database"),
        (4, "choose another"),
        (2, "certificate"),
        (2, "BILLFOLD_SERVER_COLOUR"),
    ]
    for (code, output, errors), (expected_code, words) in zip(runs, expected, strict=True):
        lines = [line for line in errors.splitlines() if not line.startswith("{")]
        assert (code, output) == (expected_code, "")
        assert len(lines) == 1
        assert words in lines[0]
        assert "Traceback" not in errors


async def test_a_second_server_on_one_store_is_refused(tmp_path: Path) -> None:
    async with ServerProcess(tmp_path) as server:
        code, _, errors = await run_command("--store", server.store, "--listen", "127.0.0.1:0")
        assert code == 3
        assert "another" in errors.lower()


async def test_the_command_shows_its_version_and_its_help() -> None:
    (_, version, _), (_, text, _) = await asyncio.gather(
        run_command("--version"), run_command("--help")
    )
    assert __version__ in version
    for option in ("--store", "--listen", "--tls-cert", "--token-file", "--ready-file"):
        assert option in text
    assert "Examples" in text
    assert "Exit codes" in text


async def test_the_server_never_loads_what_could_decrypt() -> None:
    """Nothing of the SDK either: the server runs where only its own needs are installed."""
    code = "import sys, billfold_server.cli; print(*sys.modules)"
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", code, stdout=asyncio.subprocess.PIPE
    )
    output, _ = await process.communicate()
    loaded = set(output.decode().split())
    assert "billfold_server.app" in loaded
    ciphers = ("sealing", "wrapping", "derivation", "passwords")
    forbidden = {f"billfold_protocol.crypto.{name}" for name in ciphers}
    parts = ("client_session", "envelope", "key_hierarchy", "linking")
    forbidden |= {f"billfold_protocol.{name}" for name in parts}
    forbidden |= {"billfold", "automerge", "sqlcipher3", "keyring", "segno", "spake2"}
    assert not loaded & forbidden
