import asyncio
import re
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp
import pytest

from billfold_protocol import limits
from billfold_server import rendezvous
from billfold_server.app import Server
from tests.support.running_server import running_server, settings

POLICY = 1008

Socket = aiohttp.ClientWebSocketResponse


@asynccontextmanager
async def meeting(server: Server, name: str) -> AsyncIterator[Socket]:
    async with (
        aiohttp.ClientSession() as http,
        http.ws_connect(f"{server.addresses[0]}/v1/rendezvous/{name}") as connection,
    ):
        yield connection


async def receive(connection: Socket) -> bytes:
    async with asyncio.timeout(10):
        return await connection.receive_bytes()


async def closing_code(connection: Socket) -> int | None:
    async with asyncio.timeout(10):
        while not connection.closed:
            await connection.receive()
    return connection.close_code


async def test_two_parties_at_one_address_exchange_frames_both_ways() -> None:
    name = secrets.token_hex(16)
    async with running_server() as server, meeting(server, name) as one:
        async with meeting(server, name) as two:
            await one.send_bytes(b"from one")
            assert await receive(two) == b"from one"
            await two.send_bytes(b"from two")
            assert await receive(one) == b"from two"
        assert await closing_code(one) == 1000


async def test_what_the_first_sends_early_waits_for_the_second() -> None:
    name = secrets.token_hex(16)
    frames = [bytes([number]) * limits.RENDEZVOUS_FRAME_SIZE_MAX for number in range(16)]
    async with running_server() as server, meeting(server, name) as one:
        for frame in frames:
            await one.send_bytes(frame)
        async with meeting(server, name) as two:
            assert [await receive(two) for _ in frames] == frames


async def test_the_last_frame_arrives_though_its_sender_leaves_at_once() -> None:
    name = secrets.token_hex(16)
    async with running_server() as server, meeting(server, name) as one:
        async with meeting(server, name) as two:
            await two.send_bytes(b"hello")
            assert await receive(one) == b"hello"
            await two.send_bytes(b"farewell")
        assert await receive(one) == b"farewell"
        assert await closing_code(one) == 1000


async def test_a_free_number_is_given_and_can_be_joined() -> None:
    async with running_server() as server, meeting(server, "new") as one:
        number = (await receive(one)).decode()
        assert re.fullmatch(r"[1-9][0-9]{0,2}", number)
        async with meeting(server, number) as two:
            await two.send_bytes(b"hello")
            assert await receive(one) == b"hello"


async def test_numbers_given_at_one_time_differ() -> None:
    async with running_server() as server:
        connections = [meeting(server, "new") for _ in range(8)]
        opened = [await connection.__aenter__() for connection in connections]
        numbers = {await receive(connection) for connection in opened}
        assert len(numbers) == len(connections)
        for connection in connections:
            await connection.__aexit__(None, None, None)


async def test_a_third_party_is_refused_and_the_two_go_on() -> None:
    name = secrets.token_hex(16)
    async with (
        running_server() as server,
        meeting(server, name) as one,
        meeting(server, name) as two,
    ):
        await two.send_bytes(b"here")
        assert await receive(one) == b"here"
        async with meeting(server, name) as three:
            assert await closing_code(three) == POLICY
        await one.send_bytes(b"still here")
        assert await receive(two) == b"still here"


async def test_a_burnt_place_stays_closed() -> None:
    name = secrets.token_hex(16)
    async with running_server() as server:
        async with meeting(server, name) as one, meeting(server, name) as two:
            await one.send_bytes(b"here")
            assert await receive(two) == b"here"
        async with meeting(server, name) as late:
            assert await closing_code(late) == POLICY


async def test_a_number_that_was_not_given_is_refused() -> None:
    async with running_server() as server, meeting(server, "7") as guess:
        assert await closing_code(guess) == POLICY


async def test_a_place_whose_time_is_over_ends_and_is_free_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(rendezvous.Rendezvous.__init__, "__kwdefaults__", {"lifetime_s": 0.05})
    name = secrets.token_hex(16)
    async with running_server() as server:
        async with meeting(server, name) as one:
            assert await closing_code(one) == 1000
        async with meeting(server, name) as two:
            assert await closing_code(two) == 1000


@pytest.mark.parametrize(
    ("frames", "code"),
    [
        ([b"x"] * (limits.RENDEZVOUS_FRAMES_COUNT_MAX + 1), POLICY),
        ([bytes(limits.RENDEZVOUS_FRAME_SIZE_MAX + 1)], 1009),
        (["text"], 1003),
    ],
)
async def test_a_party_that_breaks_the_bounds_ends_the_meeting(
    frames: list[bytes | str], code: int
) -> None:
    name = secrets.token_hex(16)
    async with (
        running_server() as server,
        meeting(server, name) as one,
        meeting(server, name) as two,
    ):
        for frame in frames:
            await (two.send_str(frame) if isinstance(frame, str) else two.send_bytes(frame))
        assert await closing_code(two) == code
        assert await closing_code(one) == 1000


async def test_places_of_one_address_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rendezvous, "PLACES_PER_ADDRESS_MAX", 2)
    async with running_server() as server, meeting(server, "new") as one:
        await receive(one)
        async with meeting(server, "new") as two:
            await receive(two)
            async with meeting(server, "new") as three:
                assert await closing_code(three) == POLICY
        await one.send_bytes(b"still waiting")


async def test_burnt_places_make_room_for_new_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rendezvous, "PLACES_COUNT_MAX", 2)
    async with running_server() as server, meeting(server, "new") as one:
        await receive(one)
        for _ in range(3):
            async with meeting(server, "new") as passing:
                await receive(passing)
                async with meeting(server, "new") as third:
                    assert await closing_code(third) == POLICY
                await passing.close()


async def test_arrivals_of_one_address_are_limited() -> None:
    async with running_server(settings(rendezvous_per_address_per_hour=1)) as server:
        async with meeting(server, "new") as one:
            await receive(one)
        async with meeting(server, "new") as two:
            assert await closing_code(two) == POLICY
