import asyncio
import os
import resource
import time
import zlib
from base64 import b64encode
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from billfold import Wallet
from billfold_protocol import limits
from billfold_server import connections
from tests.support.adversaries.findings import named, scaled, show
from tests.support.adversaries.socket_stage import SocketStage, socket_stage
from tests.support.net import unmask

pytestmark = pytest.mark.attack("N02")

SLOW_COUNT = scaled(small=40, whole=2000)
FLOODS_COUNT = scaled(small=1, whole=5)
BODY_SIZE = 10 * 1024**3
SENT_SIZE_MAX = 16 * 1024 * 1024
"""What the network between may hold of a body that the server does not read."""

EDITS_COUNT = scaled(small=10, whole=60)
GROWTH_MAX = 64 * 1024 * 1024
SLOWEST_S_MIN = 0.5
"""Below this an edit is not slow on a machine that does other things too."""

HEAD = b"GET /v1/sync HTTP/1.1\r\nHost: localhost\r\n"
UPGRADE = HEAD + b"Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
PIECE = bytes(256 * 1024)


def resident_size() -> int:
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * resource.getpagesize()


class Stranger:
    """A connection of somebody who proves nothing."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    @classmethod
    async def at(cls, address: str) -> "Stranger":
        parts = urlsplit(address)
        return cls(*await asyncio.open_connection(parts.hostname, parts.port))

    async def floods(self, head: bytes, piece: bytes = PIECE, size: int = BODY_SIZE) -> int:
        """Send until the server wants no more; return how much that was."""
        sent = 0
        try:
            self.writer.write(head)
            while sent < size:
                self.writer.write(piece)
                await asyncio.wait_for(self.writer.drain(), 5.0)
                sent += len(piece)
        except (ConnectionError, TimeoutError):
            pass
        return sent

    async def answer(self) -> bytes:
        """Return what the server said before it closed."""
        try:
            return await asyncio.wait_for(self.reader.read(), 20.0)
        except ConnectionError:
            return b""
        except TimeoutError:
            return b"nothing: it is open still"
        finally:
            self.writer.close()


def frame(opcode: int, payload: bytes, *, size: int | None = None, flags: int = 0x80) -> bytes:
    """Return a client's frame, of which the named size may be more than there is."""
    mask = os.urandom(4)
    head = bytes((flags | opcode, 0xFF)) + (len(payload) if size is None else size).to_bytes(8)
    return head + mask + unmask(payload, mask)


async def slowest_edit_s(wallets: tuple[Wallet, Wallet], stage: SocketStage) -> float:
    """Return how long the slowest of some edits takes to reach the other device."""
    first, second = wallets
    slowest_s = 0.0
    for number in range(EDITS_COUNT):
        began_s = time.perf_counter()
        await first.set(stage.record, "pace", f"{began_s} {number}")
        await stage.home.settle()
        slowest_s = max(slowest_s, time.perf_counter() - began_s)
    assert second.record(stage.record).fields["pace"].value == f"{began_s} {EDITS_COUNT - 1}"
    return slowest_s


async def require_refused_floods(address: str) -> None:
    """Send what no stranger may: each is refused before it is read to its end."""
    bomb = zlib.compress(bytes(8 * 1024 * 1024))
    key = b"Sec-WebSocket-Key: " + b64encode(os.urandom(16)) + b"\r\n\r\n"
    length = b"Content-Length: %d\r\n\r\n"
    floods: list[tuple[bytes, bytes, bytes]] = [
        (HEAD + length % BODY_SIZE, PIECE, b"413"),
        (b"POST" + HEAD[3:] + length % BODY_SIZE, PIECE, b"405"),
        (HEAD + b"Transfer-Encoding: chunked\r\n\r\n", b"40000\r\n" + PIECE + b"\r\n", b"413"),
        (HEAD + b"Content-Encoding: deflate\r\n" + length % len(bomb), bomb, b"415"),
        (HEAD, b"X-Fill: " + b"x" * 2000 + b"\r\n", b"400"),
        (HEAD + b"X-Long: ", b"x" * 100_000, b"400"),
    ]
    for head, piece, status in floods:
        stranger = await Stranger.at(address)
        is_whole = head.endswith(b"\r\n\r\n")
        await stranger.floods(head, piece, 0 if is_whole else 100 * len(piece))
        answer = await stranger.answer()
        with named("error"):
            # What is sent behind an answer may reset the connection before the answer is read.
            assert answer.startswith(b"HTTP/1.1 " + status) or (not is_whole and not answer)
        stranger = await Stranger.at(address)
        sent = await stranger.floods(head, piece)
        await stranger.answer()
        with named("error"):
            assert sent <= SENT_SIZE_MAX, f"{sent} B were taken after {head!r}"
    for payload, size, flags in (
        (b"", 50 * 1024**2, 0x80),
        (bytes(limits.FRAME_SIZE_MAX + 2), limits.FRAME_SIZE_MAX + 2, 0x80),
        (zlib.compress(bytes(10**6)), None, 0xC0),
    ):
        stranger = await Stranger.at(address)
        stranger.writer.write(UPGRADE + key)
        await stranger.reader.readuntil(b"\r\n\r\n")
        sent = await stranger.floods(frame(2, payload, size=size, flags=flags), PIECE)
        answer = await stranger.answer()
        with named("error"):
            assert sent <= SENT_SIZE_MAX, f"{sent} B of a frame were taken"
            code = (1009 if size else 1002).to_bytes(2)
            assert answer == b"" or code in answer, answer


async def test_strangers_who_prove_nothing_slow_nobody_down(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "IDLE_S_MAX", scaled(small=3, whole=connections.IDLE_S_MAX))
    async with socket_stage("N02", tmp_path, connections_per_address=SLOW_COUNT + 50) as stage:
        wallets = await stage.pair()
        address = stage.server.addresses[0]
        usual_s = await slowest_edit_s(wallets, stage)
        before = resident_size()
        slow = [await Stranger.at(address) for _ in range(SLOW_COUNT)]
        for number, stranger in enumerate(slow):
            stranger.writer.write(b"" if number % 2 else HEAD + b"X-Slow: ")
        for _ in range(FLOODS_COUNT):
            await require_refused_floods(address)
        slowest_s = await slowest_edit_s(wallets, stage)
        grown = resident_size() - before
        with named("others"):
            assert slowest_s <= max(2 * usual_s, SLOWEST_S_MIN)
            assert grown <= GROWTH_MAX, f"{grown >> 20} MiB more"
        with named("error"):
            # Who never ends its request is sent away, without a word.
            for stranger in slow:
                assert await stranger.answer() == b""
        show(f"{SLOW_COUNT} slow heads", "413, 405, 415, 400, 1009, 1002")
        stage.look()
        await stage.ends()
