"""A meeting place for two devices that link: it passes opaque frames between exactly two parties.

    FREE ──first comes──► WAITING ──second comes──► MET ──either leaves──► BURNT ──time──► FREE
                             └──────leaves, or time─────────────────────────┘

A place has a name: 32 hexadecimal digits that the first party chose, or a number that it was given.
What the first one sends before the other comes is kept, within the bounds of `limits`. A burnt name
stays taken until its time is over, so that no code works twice. Nothing that passes is logged.

Spec: 22-linking.md
"""

import asyncio
import re
import secrets
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum, unique

from aiohttp import WSCloseCode, WSMsgType, web

from billfold_protocol import limits
from billfold_server.connections import HEADERS, address_of
from billfold_server.quotas import RateLimiter

PLACES_COUNT_MAX = 10_000
"""Places that are not free, the burnt ones included."""

PLACES_PER_ADDRESS_MAX = 64
"""Places in use that one network address has opened."""

NUMBER_END = 1000
"""Numbers are below this while fewer than half of them are taken; then ten times as many are."""

HEARTBEAT_S = 20
CLOSE_S_MAX = 2

NEW = "new"

_CHOSEN = re.compile(r"[0-9a-f]{32}")
_NUMBER = re.compile(r"[1-9][0-9]{0,8}")


@unique
class _Phase(Enum):
    WAITING = "waiting"
    MET = "met"
    BURNT = "burnt"


@dataclass(slots=True, kw_only=True)
class _Place:
    name: str
    opened_by: str
    timer: asyncio.TimerHandle
    phase: _Phase = _Phase.WAITING
    inboxes: tuple[asyncio.Queue[bytes | None], asyncio.Queue[bytes | None]] = field(
        default_factory=lambda: (asyncio.Queue(), asyncio.Queue())
    )
    """What waits for the first and for the second party; None is the end."""


class Rendezvous:
    """Serves every connection of `/v1/rendezvous/…`."""

    def __init__(
        self,
        *,
        arrivals_per_hour: int,
        now_s: Callable[[], float],
        lifetime_s: float = limits.LINKING_LIFETIME_S,
    ) -> None:
        """Begin.

        Args:
            arrivals_per_hour: how often one network address may come.
            now_s: the clock for rates.
            lifetime_s: how long a name is taken after its first party came.
        """
        self._rate = RateLimiter(arrivals_per_hour)
        self._now_s = now_s
        self._lifetime_s = lifetime_s
        self._places: dict[str, _Place] = {}
        self._by_address: Counter[str] = Counter()

    @property
    def places_count(self) -> int:
        """How many places are in use."""
        return self._by_address.total()

    @staticmethod
    def is_name(name: str) -> bool:
        """Whether a place can have this name."""
        return name == NEW or bool(_CHOSEN.fullmatch(name) or _NUMBER.fullmatch(name))

    async def serve(self, request: web.BaseRequest, name: str) -> web.StreamResponse:
        """Serve one party until it or the other one leaves."""
        socket = web.WebSocketResponse(
            compress=False,
            heartbeat=HEARTBEAT_S,
            timeout=CLOSE_S_MAX,
            max_msg_size=limits.RENDEZVOUS_FRAME_SIZE_MAX + 1,  # The first size that is refused.
            decode_text=False,
        )
        socket.headers.update(HEADERS)
        await socket.prepare(request)
        address = address_of(request.transport)
        place = self._enter(name, address)
        if place is None:
            # One answer, whether the name is unknown, taken, burnt or too many are open.
            await socket.close(code=WSCloseCode.POLICY_VIOLATION, message=b"this place is closed")
            return socket
        side = 0 if place.phase is _Phase.WAITING else 1
        if name == NEW:
            place.inboxes[0].put_nowait(place.name.encode())
        writing = asyncio.get_running_loop().create_task(_write(socket, place.inboxes[side]))
        try:
            await _pass_on(socket, place.inboxes[1 - side])
        finally:
            self._burn(place)
            await writing
        return socket

    def close(self) -> None:
        """End every meeting."""
        for place in tuple(self._places.values()):
            self._free(place)

    def _enter(self, name: str, address: str) -> _Place | None:
        """Open a place or come to one that waits; None if that may not be."""
        if not self._rate.take(address, 1, now_s=self._now_s()):
            return None
        place = self._places.get(name)
        if place is not None:
            if place.phase is not _Phase.WAITING:
                return None
            place.phase = _Phase.MET
            return place
        if name != NEW and not _CHOSEN.fullmatch(name):
            return None
        if self._by_address[address] >= PLACES_PER_ADDRESS_MAX or not self._make_room():
            return None
        return self._open(self._free_number() if name == NEW else name, address)

    def _open(self, name: str, address: str) -> _Place:
        loop = asyncio.get_running_loop()
        timer = loop.call_later(self._lifetime_s, self._expire, name)
        place = _Place(name=name, opened_by=address, timer=timer)
        self._places[name] = place
        self._by_address[address] += 1
        return place

    def _make_room(self) -> bool:
        """Free the place that was burnt first if all are taken; False if none is burnt."""
        if len(self._places) < PLACES_COUNT_MAX:
            return True
        burnt = (place for place in self._places.values() if place.phase is _Phase.BURNT)
        place = next(burnt, None)
        if place is not None:
            self._free(place)
        return place is not None

    def _free_number(self) -> str:
        """Return a number that nobody could know before, and that is as short as there is room."""
        end = NUMBER_END
        while 2 * len(self._places) >= end:
            end *= 10
        while True:
            name = str(1 + secrets.randbelow(end - 1))
            if name not in self._places:
                return name

    def _burn(self, place: _Place) -> None:
        """Let both parties go, after what was sent to them, and nobody else come."""
        if place.phase is _Phase.BURNT:
            return
        place.phase = _Phase.BURNT
        self._by_address[place.opened_by] -= 1
        if self._by_address[place.opened_by] == 0:
            del self._by_address[place.opened_by]
        for inbox in place.inboxes:
            inbox.put_nowait(None)

    def _expire(self, name: str) -> None:
        self._free(self._places[name])

    def _free(self, place: _Place) -> None:
        place.timer.cancel()
        self._burn(place)
        del self._places[place.name]


async def _pass_on(socket: web.WebSocketResponse, inbox: asyncio.Queue[bytes | None]) -> None:
    """Pass a party's frames on until it leaves, or breaks the bounds and is made to leave."""
    for _ in range(limits.RENDEZVOUS_FRAMES_COUNT_MAX):
        message = await socket.receive()
        if message.type is WSMsgType.TEXT:
            await socket.close(code=WSCloseCode.UNSUPPORTED_DATA, message=b"frames are binary")
            return
        if message.type is not WSMsgType.BINARY:
            return
        inbox.put_nowait(message.data)
    message = await socket.receive()
    if message.type in {WSMsgType.TEXT, WSMsgType.BINARY}:
        await socket.close(code=WSCloseCode.POLICY_VIOLATION, message=b"too many frames")


async def _write(socket: web.WebSocketResponse, inbox: asyncio.Queue[bytes | None]) -> None:
    """Write what was passed on, then end the connection."""
    try:
        while (frame := await inbox.get()) is not None:
            await socket.send_bytes(frame)
        await socket.close(message=b"the meeting is over")
    except OSError:
        # The party has left; its own task has noticed or will.
        return
