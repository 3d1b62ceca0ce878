import asyncio
import socket
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path

import aiohttp
import pytest

from billfold_protocol import limits
from billfold_protocol.client_session import Acked, ChainGrew, Refused
from billfold_protocol.feed import Reason
from billfold_protocol.ids import FeedId
from billfold_protocol.messages import (
    Append,
    CaughtUp,
    Ended,
    Fetch,
    Offer,
    Push,
    Registered,
    encode_client_message,
)
from billfold_server import connections, websocket
from billfold_server.intake import RegistrationPolicy, RelayConfig
from tests.support.running_server import running_server, settings
from tests.support.sync_client import SyncClient, move_home
from tests.support.wallets import TestDevice, TestFeed, TestWallet

WALLET_ID = TestWallet().chain.wallet_id

POLICY = 1008
FEED = FeedId(bytes(16))


@pytest.mark.parametrize(
    ("frame", "code"),
    [
        (b"", 1002),
        (b"garbage", 1002),
        (b"\xc1", 1002),
        (bytes([0x91, 0xCC, 0x20]), 1002),
        (b"\xdc\xff\xff" + bytes(100), 1002),
        (encode_client_message(Push(wallet_id=WALLET_ID, entries=())), POLICY),
        (encode_client_message(Offer(wallet_id=WALLET_ID, entries=(b"entry",))), POLICY),
        (
            encode_client_message(Fetch(wallet_id=WALLET_ID, feed=FEED, from_seq=0, count=1)),
            POLICY,
        ),
        (bytes(limits.FRAME_SIZE_MAX + 1), 1009),
    ],
)
async def test_a_frame_against_the_protocol_ends_the_connection_with_its_code(
    frame: bytes, code: int
) -> None:
    async with running_server() as server, SyncClient(server.addresses[0]) as client:
        await client.socket.send_bytes(frame)
        assert await client.close_code() == code
        async with SyncClient(server.addresses[0]) as other:
            await other.join(TestWallet())


async def test_a_frame_of_the_largest_size_is_judged_not_refused() -> None:
    async with running_server() as server, SyncClient(server.addresses[0]) as client:
        await client.socket.send_bytes(bytes(limits.FRAME_SIZE_MAX))
        assert await client.close_code() == 1002


async def test_a_text_frame_ends_the_connection() -> None:
    async with running_server() as server, SyncClient(server.addresses[0]) as client:
        await client.socket.send_str("hello")
        assert await client.close_code() == 1003


async def test_an_entry_that_cannot_be_parsed_ends_the_connection() -> None:
    wallet = TestWallet()
    async with running_server() as server, SyncClient(server.addresses[0]) as client:
        await client.join(wallet)
        await client.send(Offer(wallet_id=wallet.chain.wallet_id, entries=(bytes(100),)))
        assert await client.close_code() == 1002


async def test_every_wrong_subscription_gets_the_same_answer() -> None:
    """The answer must not tell which of wallet, device, proof and origin was wrong."""
    wallet, stranger = TestWallet(), TestDevice("stranger")
    asks: list[Callable[[SyncClient], Awaitable[None]]] = [
        lambda client: client.subscribe(TestWallet("unknown")),
        lambda client: client.subscribe(wallet, stranger),
        lambda client: client.subscribe(wallet, key_of=stranger),
    ]
    async with running_server() as server:
        address = server.addresses[0]
        async with SyncClient(address) as client:
            await client.join(wallet)
        answers = set()
        for ask in asks:
            async with SyncClient(address) as client:
                await ask(client)
                answers.add((await client.until(Ended)).reason)
        async with SyncClient(address, origin="https://evil.example") as client:
            await client.subscribe(wallet)
            answers.add((await client.until(Ended)).reason)
        assert answers == {Reason.UNKNOWN_WALLET}


async def test_a_proof_for_another_origin_than_the_operators_is_refused() -> None:
    wallet = TestWallet()
    config = replace(settings(), origins=("https://wallet.example",))
    async with running_server(config) as server:
        address = server.addresses[0]
        async with SyncClient(address, origin="https://wallet.example") as client:
            await client.join(wallet)
        async with SyncClient(address) as client:
            await client.subscribe(wallet)
            assert (await client.until(Ended)).reason is Reason.UNKNOWN_WALLET


async def test_a_proof_holds_for_one_connection_only() -> None:
    wallet = TestWallet()
    async with running_server() as server:
        address = server.addresses[0]
        async with SyncClient(address) as client:
            await client.join(wallet)
        async with SyncClient(address) as first, SyncClient(address) as second:
            frame = first.subscription(wallet)
            second.subscription(wallet)  # It expects an answer, but the other's frame goes out.
            await second.socket.send_bytes(frame)
            assert (await second.until(Ended)).reason is Reason.UNKNOWN_WALLET
            await first.socket.send_bytes(frame)
            await first.until(CaughtUp)


async def test_asking_for_wrong_wallets_without_end_closes_the_connection() -> None:
    config = settings(refusals_per_address_per_hour=3)
    async with running_server(config) as server, SyncClient(server.addresses[0]) as client:
        for _ in range(3):
            await client.subscribe(TestWallet("unknown"))
            await client.until(Ended)
        await client.subscribe(TestWallet("unknown"))
        assert await client.close_code() == POLICY


@pytest.mark.parametrize(
    ("token", "reason"),
    [("right", None), ("wrong", Reason.REGISTRATION), (None, Reason.REGISTRATION)],
)
async def test_registration_by_token_wants_a_token_of_the_operator(
    token: str | None, reason: Reason | None
) -> None:
    relay = RelayConfig(registration=RegistrationPolicy.TOKEN, tokens=frozenset({"right", "other"}))
    config = replace(settings(), relay=relay)
    async with running_server(config) as server, SyncClient(server.addresses[0]) as client:
        await client.register(TestWallet(), token=token)
        if reason is None:
            await client.until(Registered)
        else:
            assert (await client.until(Ended)).reason is reason


async def test_a_closed_server_takes_no_new_wallet_and_serves_the_old_ones(tmp_path: Path) -> None:
    wallet = TestWallet()
    config = settings(f"sqlite:{tmp_path}/wallets.db")
    async with running_server(config) as server, SyncClient(server.addresses[0]) as client:
        await client.join(wallet)
    closed = replace(config, relay=RelayConfig(registration=RegistrationPolicy.CLOSED))
    async with running_server(closed) as server, SyncClient(server.addresses[0]) as client:
        await client.register(TestWallet("new"))
        assert (await client.until(Ended)).reason is Reason.REGISTRATION
        await client.subscribe(wallet)
        await client.until(CaughtUp)


async def test_a_wallet_whose_home_is_elsewhere_is_not_taken() -> None:
    wallet = TestWallet()
    wallet.home("https://elsewhere.example")
    async with running_server() as server, SyncClient(server.addresses[0]) as client:
        await client.register(wallet)
        assert (await client.until(Ended)).reason is Reason.INVALID


async def test_only_a_member_registers_a_wallet() -> None:
    wallet = TestWallet()
    async with running_server() as server, SyncClient(server.addresses[0]) as client:
        await client.register(wallet, TestDevice("stranger"))
        assert (await client.until(Ended)).reason is Reason.INVALID


async def test_two_who_register_one_wallet_at_once_both_succeed() -> None:
    wallet = TestWallet()
    async with (
        running_server() as server,
        SyncClient(server.addresses[0]) as one,
        SyncClient(server.addresses[0]) as two,
    ):
        move_home(wallet, server.addresses[0], one.server_key)
        await asyncio.gather(one.register(wallet), two.register(wallet))
        await one.until(Registered)
        await two.until(Registered)


async def test_a_full_wallet_is_refused_more_entries() -> None:
    wallet = TestWallet()
    config = settings(wallet_size_max=12_000)
    async with running_server(config) as server, SyncClient(server.addresses[0]) as client:
        await client.join(wallet)
        feed = TestFeed("laptop")
        entries = [wallet.seal(wallet.owner, feed, bytes(4000)) for _ in range(3)]
        await client.push(wallet, entries)
        rejection = (await client.until(Refused)).rejection
        acked = (await client.until(Acked)).ack.ids
        assert rejection.reason is Reason.QUOTA
        assert rejection.ids[0] not in acked
        # It may still rotate its keys and revoke a device.
        raw = wallet.rotate()
        k = wallet.state.k
        wraps = tuple((k, to, wrap) for (at, to), wrap in wallet.wraps.items() if at == k)
        await client.send(Append(wallet_id=wallet.chain.wallet_id, entry=raw, wraps=wraps))
        await client.until(ChainGrew)


async def test_a_device_above_its_rate_is_refused() -> None:
    wallet = TestWallet()
    config = settings(entries_per_device_per_hour=2)
    async with running_server(config) as server, SyncClient(server.addresses[0]) as client:
        await client.join(wallet)
        feed = TestFeed("laptop")
        entries = [wallet.seal(wallet.owner, feed, b"change") for _ in range(3)]
        await client.push(wallet, entries[:2])
        await client.until(Acked)
        await client.push(wallet, entries[2:])
        assert (await client.until(Refused)).rejection.reason is Reason.RATE


async def test_connections_of_one_address_are_capped() -> None:
    async with running_server(settings(connections_per_address=2)) as server:
        address = server.addresses[0]
        async with SyncClient(address) as client:
            async with SyncClient(address):
                with pytest.raises(aiohttp.ClientConnectionError):
                    await SyncClient(address).__aenter__()
            await client.join(TestWallet())


@pytest.mark.parametrize(
    ("method", "path", "headers", "body", "status"),
    [
        ("GET", "/", {}, None, 404),
        ("GET", "/v1/sync", {}, None, 426),
        ("GET", "/v1/rendezvous/new", {}, None, 426),
        ("GET", "/v1/rendezvous/nothing", {}, None, 404),
        ("GET", "/v1/rendezvous/" + "A" * 32, {}, None, 404),
        ("GET", "/v1/rendezvous/../../etc/passwd", {}, None, 404),
        ("POST", "/v1/sync", {}, b"x", 405),
        ("DELETE", "/healthz", {}, None, 405),
        ("GET", "/healthz", {}, b"body", 413),
        ("GET", "/healthz", {"Content-Encoding": "gzip"}, None, 415),
        ("GET", "/healthz", {"X-Long": "x" * 10_000}, None, 400),
        ("GET", "/" + "x" * 10_000, {}, None, 400),
        ("GET", "/v1/sync", {"Upgrade": "websocket", "Connection": "upgrade"}, None, 400),
    ],
)
async def test_a_request_that_no_path_takes_is_refused(
    method: str, path: str, headers: dict[str, str], body: bytes | None, status: int
) -> None:
    async with running_server() as server, aiohttp.ClientSession() as http:
        url = server.addresses[0] + path
        async with http.request(method, url, headers=headers, data=body) as response:
            assert response.status == status
            assert "aiohttp" not in response.headers["Server"]
            assert "Python" not in response.headers["Server"]
            assert len(await response.read()) < 200


@pytest.mark.parametrize(
    "request_bytes",
    [
        b"GARBAGE\r\n\r\n",
        b"GET /healthz HTTP/1.1\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"GET /healthz HTTP/1.1\r\nHost: a\r\nContent-Length: +5\r\n\r\n",
        b"GET /healthz HTTP/1.1\r\nHost : a\r\n\r\n",
        b"GET /healthz HTTP/1.1\r\nHost: a\r\nX: a\x00b\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    ],
)
async def test_a_request_that_could_be_read_two_ways_is_refused_and_closed(
    request_bytes: bytes,
) -> None:
    async with running_server() as server:
        host, port = server.addresses[0].removeprefix("http://").split(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        writer.write(request_bytes + b"GET /v1/server HTTP/1.1\r\nHost: a\r\n\r\n")
        async with asyncio.timeout(10):
            answer = await reader.read()
        writer.close()
        await writer.wait_closed()
        assert answer.split()[1] == b"400"
        assert b"software" not in answer


async def test_a_head_that_does_not_end_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "IDLE_S_MAX", 0.1)
    async with running_server() as server:
        host, port = server.addresses[0].removeprefix("http://").split(":")
        for start in (b"", b"GET /healthz HTTP/1.1\r\nHost: a\r\nX-Slow: "):
            reader, writer = await asyncio.open_connection(host, int(port))
            writer.write(start)
            async with asyncio.timeout(10):
                assert await reader.read() == b""
            writer.close()
            await writer.wait_closed()


async def test_a_connection_that_subscribes_to_nothing_is_closed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(websocket, "HELLO_S_MAX", 0.1)
    async with running_server() as server, SyncClient(server.addresses[0]) as client:
        assert await client.close_code() == POLICY


async def test_a_compressed_websocket_is_not_negotiated() -> None:
    async with (
        running_server() as server,
        aiohttp.ClientSession() as http,
        http.ws_connect(server.addresses[0] + "/v1/sync", compress=15) as connection,
    ):
        assert connection.compress == 0


async def test_a_peer_that_vanishes_leaves_the_others_alone() -> None:
    wallet = TestWallet()
    phone = wallet.link(TestDevice("phone"))
    async with running_server() as server, SyncClient(server.addresses[0]) as client:
        await client.join(wallet)
        gone = SyncClient(server.addresses[0])
        async with gone:
            await gone.join(wallet, phone)
            transport = gone.socket.get_extra_info("socket")
            assert isinstance(transport.getsockname(), tuple)
            _reset(transport)
        entry = wallet.seal(wallet.owner, TestFeed("laptop"), b"change")
        await client.push(wallet, [entry])
        assert (await client.until(Acked)).ack.ids == (entry.value.id,)


def _reset(connection: object) -> None:
    """End a connection without a farewell."""
    assert hasattr(connection, "shutdown")
    connection.shutdown(socket.SHUT_RDWR)
