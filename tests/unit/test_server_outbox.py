import asyncio

import pytest

from billfold_server import outbox
from billfold_server.outbox import OutboxPool, SocketOutbox

FRAME = bytes(outbox.HIGH_WATER // 4)


class SlowPeer:
    """A peer that takes frames only while `is_reading` is set, and can be lost."""

    def __init__(self) -> None:
        self.is_reading = asyncio.Event()
        self.is_reading.set()
        self.is_lost = False
        self.frames: list[bytes] = []
        self.calls: list[str] = []
        self.pool = OutboxPool()
        self.outbox = SocketOutbox(
            self.write,
            self.pool,
            on_room=lambda: self.calls.append("room"),
            on_broken=lambda: self.calls.append("broken"),
        )

    async def write(self, frame: bytes) -> None:
        if not self.is_reading.is_set():
            await self.is_reading.wait()
        if self.is_lost:
            raise ConnectionResetError
        self.frames.append(frame)


async def test_a_frame_leaves_at_once_while_the_peer_keeps_up() -> None:
    peer = SlowPeer()
    peer.outbox.send(b"one")
    peer.outbox.send(b"two")
    assert peer.frames == [b"one", b"two"]
    assert (peer.outbox.size, peer.pool.size) == (0, 0)


async def test_frames_wait_in_order_for_a_slow_peer_and_room_is_told_once() -> None:
    peer = SlowPeer()
    peer.is_reading.clear()
    frames = [bytes([number]) + FRAME for number in range(6)]
    for frame in frames:
        peer.outbox.send(frame)
    assert peer.outbox.is_congested
    assert peer.pool.size == peer.outbox.size == sum(map(len, frames))
    peer.is_reading.set()
    await peer.outbox.wait_for_room()
    await peer.outbox.flush()
    assert peer.frames == frames
    assert peer.calls == ["room"]
    assert peer.pool.size == 0


async def test_a_peer_that_only_asks_and_never_reads_is_given_up() -> None:
    peer = SlowPeer()
    peer.is_reading.clear()
    for _ in range(outbox.OUTBOX_SIZE_MAX // len(FRAME) + 2):
        peer.outbox.send(FRAME)
    assert peer.calls == ["broken"]
    assert (peer.outbox.size, peer.pool.size) == (0, 0)
    await peer.outbox.flush()


@pytest.mark.parametrize("is_slow", [False, True])
async def test_a_lost_peer_is_told_of_once_and_nothing_is_kept(*, is_slow: bool) -> None:
    peer = SlowPeer()
    if is_slow:
        peer.is_reading.clear()
    peer.is_lost = True
    for _ in range(3):
        peer.outbox.send(b"frame")
    peer.is_reading.set()
    await peer.outbox.flush()
    assert (peer.calls, peer.frames, peer.pool.size) == (["broken"], [], 0)


async def test_closing_releases_who_waits_for_room() -> None:
    peer = SlowPeer()
    peer.is_reading.clear()
    for _ in range(6):
        peer.outbox.send(FRAME)
    waiting = asyncio.create_task(peer.outbox.wait_for_room())
    await asyncio.sleep(0)
    peer.outbox.close()
    await waiting
    assert (peer.frames, peer.pool.size) == ([], 0)


async def test_room_is_told_though_it_was_the_pool_that_was_full(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(outbox, "POOL_SIZE_AIM", 3 * len(FRAME) - 1)
    peer = SlowPeer()
    peer.is_reading.clear()
    peer.outbox.send(FRAME)
    assert not peer.outbox.is_congested
    peer.pool.size += 2 * len(FRAME)
    assert peer.outbox.is_congested
    peer.pool.size -= 2 * len(FRAME)
    peer.is_reading.set()
    await peer.outbox.flush()
    assert peer.calls == ["room"]
