"""A server that lies, in the simulation and over a socket: the real one, in an attacker's hands.

Spec: 02-threat-model.md
"""

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from billfold_protocol.crypto.signing import SigningKey
from billfold_protocol.errors import RemoteProtocolError
from billfold_server.app import Server
from billfold_server.config import ServerConfig
from billfold_server.connections import GuardedServer
from billfold_server.relay import Relay
from billfold_server.store import LogStore
from tests.support.adversaries.evil_relay import Answers, EvilRelay
from tests.support.adversaries.evil_store import EvilStore, Picture
from tests.support.running_server import settings
from tests.support.seeded_bytes import bytes_of
from tests.support.simulation_clock import Clock, Weather
from tests.support.simulation_server import Link, SimulatedServer


class EvilServer(SimulatedServer):
    """The simulation's server with hooks on its answers and on its store; its key can be used."""

    store: EvilStore

    def __init__(self, clock: Clock, weather: Weather, seed: str) -> None:
        self.answers = Answers()
        super().__init__(clock, weather, seed)
        self.store = EvilStore(seed)
        self.relay = self._start()

    @property
    def key(self) -> SigningKey:
        """The server's own key: what it signs is not trusted for being signed."""
        return self._key

    def receive(self, link: Link, frame: bytes) -> None:
        """Take one frame; whoever breaks the protocol is sent away, as over a socket."""
        assert link.peer is not None
        try:
            self.relay.receive(link.peer, frame)
        except RemoteProtocolError:
            link.cut()
            return
        self._kick()
        self.read_on(link)

    def note_outbox(self, size: int) -> None:
        """Say as much as it likes."""
        self.outbox_size_max = max(self.outbox_size_max, size)

    def forget_all(self) -> None:
        """Cut every connection and read all wallets from the store again."""
        self._life += 1
        self._commit = None
        for link in tuple(self._links):
            link.cut()
        self._links.clear()
        self.relay = self._start()

    def roll_back(self, picture: Picture) -> None:
        """Be as it was then, and say so to everybody who comes."""
        self.forget_all()
        self.store.roll_back(picture)

    def _start(self) -> Relay:
        return EvilRelay(
            self.store,
            self._key,
            self.config,
            now_s=lambda: self.clock.now_s,
            answers=self.answers,
        )


class EvilSocketServer(Server):
    """The whole server on a free port, with the same hooks; its store is in memory."""

    def __init__(self, config: ServerConfig, seed: str) -> None:
        super().__init__(config)
        self.answers = Answers()
        self.store = EvilStore(seed)
        self.key = SigningKey(bytes_of(f"{seed}/server", 32))
        self._evil_config = config

    def _serve(self, store: LogStore, relay: Relay) -> GuardedServer:
        del store, relay
        evil = EvilRelay(
            self.store, self.key, self._evil_config.relay, now_s=time.time, answers=self.answers
        )
        return super()._serve(self.store, evil)


@asynccontextmanager
async def evil_socket_server(seed: str, **quotas: int) -> AsyncIterator[EvilSocketServer]:
    """Run a server that lies until the block ends; its address is the first of `addresses`."""
    server = EvilSocketServer(settings("memory:", **quotas), seed)
    await server.start()
    try:
        yield server
    finally:
        await server.stop()
