"""A real relay under a virtual clock, with connections that fail and commits that are lost.

Spec: 21-sync.md
"""

from collections import deque
from collections.abc import Callable
from typing import Protocol

from billfold_protocol import limits
from billfold_protocol.crypto.signing import SigningKey
from billfold_protocol.errors import RemoteProtocolError
from billfold_server.commits import Commit
from billfold_server.hub import Peer
from billfold_server.intake import RelayConfig
from billfold_server.quotas import Quotas
from billfold_server.reads import ReadRequest
from billfold_server.relay import Relay
from billfold_server.store import MemoryLogStore
from tests.support.seeded_bytes import SeededBytes
from tests.support.simulation_clock import Clock, Weather

ADDRESS = "https://simulated.example"
HIGH_WATER = 24 * 1024
"""Bytes above which a simulated connection is congested: low, so that it happens."""

OUTBOX_SIZE_MAX = HIGH_WATER + 2 * limits.FRAME_SIZE_MAX
"""Entries are not sent to a congested peer; the chain, acks and beacons are, and stay small."""

STEP_COUNT_MAX = 5
"""Entries pruned in one step: few, so that there are several."""

STAGED_SIZE_MAX = 32 * 1024 * 1024


class Client(Protocol):
    """The device's end of a link."""

    def heard(self, link: "Link", frame: bytes) -> None:
        """Take one frame."""

    def lost(self, link: "Link") -> None:
        """Take note that the link is down."""


class Link:
    """One connection: frames arrive in order, and some day no more."""

    def __init__(self, server: "SimulatedServer", client: Client) -> None:
        self._server = server
        self._client = client
        self._clock, self._weather = server.clock, server.weather
        self.is_up = True
        self.is_known = True
        """Whether the server still believes in it."""

        self.is_reading = False
        self._down: deque[bytes] = deque()
        self._size = 0
        self._up_free_s = 0.0
        self.peer: Peer | None = None

    def send_up(self, frame: bytes) -> None:
        """Carry a frame to the server."""
        self._up_free_s = max(self._up_free_s, self._clock.now_s) + self._weather.latency_s()
        self._clock.after(self._up_free_s - self._clock.now_s, lambda: self._arrive_up(frame))

    def send(self, frame: bytes) -> None:
        """Carry a frame to the device; the relay's outbox."""
        if not self.is_known:
            return
        self._down.append(frame)
        self._size += len(frame)
        self._server.note_outbox(self._size)
        if len(self._down) == 1:
            self._clock.after(self._weather.latency_s(), self._arrive_down)

    @property
    def is_congested(self) -> bool:
        """Whether the device reads slower than it is sent to."""
        return self._size > HIGH_WATER

    def cut(self) -> None:
        """Break the link: the device notices soon, the server perhaps much later."""
        if not self.is_up:
            return
        self.is_up = False
        self._clock.after(0.0, lambda: self._client.lost(self))
        delay_s = self._weather.pause_s() if self._weather.happens(0.3) else 0.01
        self._clock.after(delay_s, lambda: self._server.forget(self))

    def _arrive_up(self, frame: bytes) -> None:
        # What was sent before the end may arrive after it: the server cannot tell.
        if self.is_known and (self.is_up or self._weather.happens(0.5)):
            self._server.receive(self, frame)

    def _arrive_down(self) -> None:
        if not self._down:
            return
        frame = self._down.popleft()
        self._size -= len(frame)
        if self._down:
            self._clock.after(self._weather.latency_s(), self._arrive_down)
        if self.is_up:
            self._client.heard(self, frame)
        if self._weather.happens(0.004):
            self.cut()
        self._server.read_on(self)


class SimulatedServer:
    """One server; it may crash and lose what it had not told anybody."""

    def __init__(
        self, clock: Clock, weather: Weather, seed: str, *, grace_s: int | None = None
    ) -> None:
        self.clock = clock
        self.weather = weather
        self.store = MemoryLogStore()
        self.outbox_size_max = 0
        self.is_up = True
        self._bytes = SeededBytes(f"{seed}/server")
        self._key = SigningKey(self._bytes(32))
        self._links: dict[Link, None] = {}
        self._commit: Commit | None = None
        self._life = 0
        grace_s = 10**9 if grace_s is None else grace_s
        quotas = Quotas(
            members_per_device_per_hour=10_000,
            snapshots_per_device_per_hour=10_000,
            snapshot_grace_s=grace_s,
            snapshot_alone_s=2 * grace_s,
        )
        self.config = RelayConfig(quotas=quotas)
        self.relay = self._start()

    def connect(self, client: Client) -> Link | None:
        """Accept a connection, or None while the server is down."""
        if not self.is_up:
            return None
        link = Link(self, client)
        self._links[link] = None
        link.peer = self.relay.connect(
            link, nonce=self._bytes(32), origins=[ADDRESS], address="192.0.2.1"
        )
        return link

    def crash(self) -> None:
        """Lose what is staged; what is on its way to the disk arrives there or does not."""
        if not self.is_up:
            return
        self.is_up = False
        self._life += 1
        if self._commit is not None and self.weather.random.random() < 0.5:
            self.store.commit(self._commit.writes())
        self._commit = None
        for link in tuple(self._links):
            link.is_known = False
            link.cut()
        self._links.clear()
        self.clock.after(self.weather.pause_s(), self._restart)

    def receive(self, link: Link, frame: bytes) -> None:
        """Take one frame as the application around the relay does."""
        assert link.peer is not None
        try:
            self.relay.receive(link.peer, frame)
        except RemoteProtocolError as error:
            raise AssertionError(f"an honest device broke the protocol: {error}") from error
        assert self.relay.staged_size <= STAGED_SIZE_MAX
        self._kick()
        self.read_on(link)

    def compact(self) -> None:
        """Go on with the snapshots that are due, as the application around the relay does."""
        if not self.is_up:
            return
        now_s = int(self.clock.now_s)
        for wallet_id, snapshot_id in self.store.due_snapshots(now_s=now_s, count_max=64):
            job = self.relay.compact(wallet_id, snapshot_id)
            self._kick()
            while job is not None:
                step = self.store.prune(wallet_id, job.covered, count_max=STEP_COUNT_MAX)
                self.relay.pruned(job, step)
                self._kick()
                if step.count == 0:
                    job = None

    def read_on(self, link: Link) -> None:
        """Read what the device lacks from the store, at its pace."""
        if link.is_reading or not link.is_known or link.peer is None or link.is_congested:
            return
        request = self.relay.next_read(link.peer)
        if request is not None:
            link.is_reading = True
            life = self._life
            self._later(life, lambda: self._read(link, request))

    def forget(self, link: Link) -> None:
        """Notice that a link is down."""
        if link.is_known:
            link.is_known = False
            self._links.pop(link, None)
            assert link.peer is not None
            self.relay.disconnect(link.peer)

    def note_outbox(self, size: int) -> None:
        """Check that what waits for one device stays bounded."""
        self.outbox_size_max = max(self.outbox_size_max, size)
        assert size <= OUTBOX_SIZE_MAX, "the server holds too much for one device"

    def _start(self) -> Relay:
        return Relay(self.store, self._key, self.config, now_s=lambda: self.clock.now_s)

    def _restart(self) -> None:
        self.relay = self._start()
        self.is_up = True

    def _later(self, life: int, action: Callable[[], None]) -> None:
        def act() -> None:
            if life == self._life:
                action()

        self.clock.after(self.weather.disk_s(), act)

    def _read(self, link: Link, request: ReadRequest) -> None:
        link.is_reading = False
        if link.is_known:
            self.relay.read_done(request, request.run(self.store))
            self.read_on(link)

    def _kick(self) -> None:
        if self._commit is None:
            self._send_off()

    def _send_off(self) -> None:
        self._commit = self.relay.take_commit()
        if self._commit is not None:
            commit = self._commit
            self._later(self._life, lambda: self._end(commit))

    def _end(self, commit: Commit) -> None:
        if self.weather.happens(0.01):
            # The disk is full: nothing of this was kept.
            self.relay.failed(commit)
            self._send_off()
        else:
            self.store.commit(commit.writes())
            self._send_off()
            self.relay.committed(commit)
        for link in tuple(self._links):
            self.read_on(link)
