import asyncio
import signal
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web

from billfold import ConnectionChanged, Wallet
from billfold_protocol import codec, limits
from billfold_protocol.errors import (
    BillfoldError,
    RemoteProtocolError,
    StoreFull,
    TransportError,
    VerificationError,
)
from billfold_protocol.ids import InstanceId, ServerKey
from billfold_protocol.messages import PROTOCOL_VERSION, Challenge, encode_server_message
from tests.support.bad_server import Behaviour, bad_server
from tests.support.faulty_stores import FaultyLogStore
from tests.support.linked_wallets import PATIENCE_S, UNLOCK, Household, wait_equal
from tests.support.net import RecordingProxy
from tests.support.running_server import running_server
from tests.support.server_process import ServerProcess

CHALLENGE = encode_server_message(
    Challenge(
        version=PROTOCOL_VERSION,
        nonce=bytes(32),
        server_key=ServerKey(bytes(32)),
        instance=InstanceId(bytes(16)),
    )
)


async def send_text(socket: web.WebSocketResponse) -> None:
    await socket.send_str("hello")


async def send_garbage(socket: web.WebSocketResponse) -> None:
    await socket.send_bytes(b"\xc1" * 100)


async def send_nothing_of_a_frame(socket: web.WebSocketResponse) -> None:
    await socket.send_bytes(b"")


async def send_an_oversize_frame(socket: web.WebSocketResponse) -> None:
    await socket.send_bytes(bytes(limits.FRAME_SIZE_MAX + 1))


async def send_deep_nesting(socket: web.WebSocketResponse) -> None:
    await socket.send_bytes(b"\x91" * 5000)


async def send_an_unknown_message(socket: web.WebSocketResponse) -> None:
    await socket.send_bytes(codec.encode([9999, "?"]))


async def send_another_version(socket: web.WebSocketResponse) -> None:
    message = codec.as_array(codec.decode(CHALLENGE, size_max=1024))
    await socket.send_bytes(codec.encode([message[0], PROTOCOL_VERSION + 1, *message[2:]]))


async def send_the_challenge_twice(socket: web.WebSocketResponse) -> None:
    await socket.send_bytes(CHALLENGE)
    await socket.send_bytes(CHALLENGE)


async def hang_up(socket: web.WebSocketResponse) -> None:
    await socket.close(code=1011)


BEHAVIOURS = [
    (send_text, RemoteProtocolError),
    (send_garbage, RemoteProtocolError),
    (send_nothing_of_a_frame, RemoteProtocolError),
    (send_an_oversize_frame, (RemoteProtocolError, TransportError)),
    (send_deep_nesting, RemoteProtocolError),
    (send_an_unknown_message, RemoteProtocolError),
    (send_another_version, (VerificationError, RemoteProtocolError)),
    (send_the_challenge_twice, RemoteProtocolError),
    (hang_up, TransportError),
]


@pytest.mark.parametrize(
    ("behaviour", "expected"), BEHAVIOURS, ids=lambda item: getattr(item, "__name__", "")
)
async def test_a_server_that_talks_nonsense_gives_a_typed_error_and_stops_no_edit(
    tmp_path: Path, behaviour: Behaviour, expected: type[BillfoldError]
) -> None:
    async with bad_server(behaviour) as server:
        wallet = await Wallet.create(tmp_path, unlock=UNLOCK, name="laptop", server=server.address)
        async with wallet:
            with wallet.events() as events:
                async with asyncio.timeout(PATIENCE_S):
                    async for event in events:
                        if isinstance(event, ConnectionChanged) and event.reason is not None:
                            break
            assert isinstance(wallet.status().last_error, expected)
            assert str(wallet.status().last_error)
            async with wallet.edit() as edit:
                record = edit.add("login", title="unharmed")
            report = await wallet.sync(deadline_s=0.2)
            assert not report.is_complete
            assert isinstance(report.reason, expected)
        async with await Wallet.open(tmp_path, unlock=UNLOCK) as again:
            assert again.record(record).fields["title"].value == "unharmed"
        assert server.connections_count >= 1


async def test_a_server_killed_while_edits_arrive_loses_none_that_it_acknowledged(
    tmp_path: Path,
) -> None:
    store = f"sqlite:{tmp_path / 'wallets.db'}"
    async with (
        ServerProcess(tmp_path, store=store) as first,
        RecordingProxy(first.address) as proxy,
        Household(tmp_path, proxy.address) as home,
    ):
        laptop = await home.found("laptop")
        async with laptop.edit() as edit:
            record = edit.add("login")
        phone = await home.link("phone", laptop)
        await home.settle()
        returned_count = 0
        for _ in range(3):
            writing = [
                asyncio.create_task(wallet.set(record, f"{name}{n}", returned_count))
                for name, wallet in home.wallets.items()
                for n in range(20)
            ]
            await asyncio.wait(writing, return_when=asyncio.FIRST_COMPLETED)
            first.signal(signal.SIGKILL)
            await first.exit()
            proxy.cut()
            await asyncio.gather(*writing)
            returned_count += len(writing)
            await first.__aenter__()
            proxy.aim(first.address)
            async with asyncio.timeout(PATIENCE_S):
                await home.settle()
        assert phone.status().quarantined_count == 0
        for name in ("laptop", "phone"):
            for n in range(20):
                assert len(laptop.history(record, f"{name}{n}")) == 3
                assert len(phone.history(record, f"{name}{n}")) == 3


async def test_what_a_full_server_refuses_is_brought_again_on_the_same_connection(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = FaultyLogStore()
    monkeypatch.setattr("billfold_server.app.open_store", lambda _: store)
    monkeypatch.setattr("billfold.dialling.REFUSED_RETRY_S", 0.1)
    async with running_server() as server, Household(tmp_path, server.addresses[0]) as home:
        laptop = await home.found("laptop")
        async with laptop.edit() as edit:
            record = edit.add("login", title="before")
        phone = await home.link("phone", laptop)
        await home.settle()
        store.is_full = True
        await laptop.set(record, "title", "kept here")
        with laptop.events() as events:
            async with asyncio.timeout(PATIENCE_S):
                while not isinstance(laptop.status().last_error, StoreFull):
                    await anext(events)
        assert store.refused_count
        assert laptop.status().unsynced_count
        store.is_full = False
        async with asyncio.timeout(PATIENCE_S):
            await wait_equal(laptop, phone)
        assert phone.record(record).fields["title"].value == "kept here"


async def test_a_connection_that_breaks_again_and_again_loses_nothing(tmp_path: Path) -> None:
    async with (
        running_server() as server,
        RecordingProxy(server.addresses[0]) as proxy,
        Household(tmp_path, proxy.address) as home,
    ):
        laptop = await home.found("laptop")
        async with laptop.edit() as edit:
            record = edit.add("login")
        phone = await home.link("phone", laptop)
        await home.settle()
        for number in range(10):
            await asyncio.gather(
                laptop.set(record, f"laptop{number}", number),
                phone.set(record, f"phone{number}", number),
            )
            proxy.cut()
        await home.settle()
        assert len(phone.record(record).fields) == 1 + 2 * 10


async def test_the_server_tells_strangers_nothing(tmp_path: Path) -> None:
    async with running_server() as server, Household(tmp_path, server.addresses[0]) as home:
        laptop = await home.found("laptop")
        wallet_id = laptop.wallet_id.hex()
        async with aiohttp.ClientSession() as http:
            for path in ("/", "/healthz", "/readyz", "/metrics", "/v1/server", f"/{wallet_id}"):
                async with http.get(server.addresses[0] + path) as answer:
                    body = await answer.text()
                assert wallet_id not in body
                assert laptop.status().device not in body
