"""A relay with its peers in one thread, without network or event loop: every step is the test's.

    bench = RelayBench()
    laptop = bench.connect()
    laptop.register(wallet)
    bench.commit()

Spec: 21-sync.md
"""

from typing import TypeVar

from billfold_protocol.client_session import ClientSession, Event
from billfold_protocol.crypto.signing import SigningKey
from billfold_protocol.ids import ChainHead
from billfold_protocol.messages import (
    ClientMessage,
    Push,
    Register,
    Subscribe,
    encode_client_message,
)
from billfold_server.hub import Peer
from billfold_server.intake import RelayConfig
from billfold_server.relay import Relay
from billfold_server.store import LogStore, MemoryLogStore
from tests.support.sync_client import move_home
from tests.support.wallets import TIME_S, TestDevice, TestWallet

ORIGIN = "https://relay.example"

T = TypeVar("T")


class BenchPeer:
    """One connection to the relay, both of its ends; also its outbox."""

    def __init__(self, relay: Relay) -> None:
        self.is_congested = False
        self.events: list[Event] = []
        self.session = ClientSession(origin=ORIGIN)
        self._relay = relay
        self.peer: Peer = relay.connect(self, nonce=bytes(32), origins=[ORIGIN], address="peer")

    def send(self, frame: bytes) -> None:
        """Take what the relay sends."""
        self.events.append(self.session.receive(frame))

    def take(self, kind: type[T]) -> list[T]:
        """Return the events of a kind so far, and forget them."""
        found: list[T] = [event for event in self.events if isinstance(event, kind)]
        self.events = [event for event in self.events if not isinstance(event, kind)]
        return found

    def say(self, message: ClientMessage) -> None:
        """Send a message past the session's own rules."""
        self._relay.receive(self.peer, encode_client_message(message))

    def register(self, wallet: TestWallet) -> None:
        """Bring a wallet's chain, with a `home` entry for the relay if it has none."""
        if wallet.state.home is None:
            move_home(wallet, ORIGIN, self._relay.server_key)
        message = Register(
            wallet_id=wallet.chain.wallet_id,
            device=wallet.owner.id,
            members=tuple(wallet.chain.raws),
            wraps=tuple((k, to, raw) for (k, to), raw in sorted(wallet.wraps.items())),
            token=None,
        )
        key = wallet.owner.signing_key
        self._relay.receive(self.peer, self.session.register(message, key, pinned_key=None))

    def subscribe(self, wallet: TestWallet, device: TestDevice | None = None) -> None:
        """Ask for a wallet from `create` on."""
        author = device or wallet.owner
        message = Subscribe(
            wallet_id=wallet.chain.wallet_id,
            device=author.id,
            client_nonce=bytes(32),
            k=-1,
            head=ChainHead(bytes(16)),
            cursor=None,
            vector=None,
        )
        key = author.signing_key
        self._relay.receive(self.peer, self.session.subscribe(message, key, pinned_key=None))

    def push(self, wallet: TestWallet, *raws: bytes) -> None:
        """Bring entries, whatever the credit is."""
        self.say(Push(wallet_id=wallet.chain.wallet_id, entries=raws))


class RelayBench:
    """A relay over a store, and the hand that commits and reads for it."""

    def __init__(self, store: LogStore | None = None, config: RelayConfig | None = None) -> None:
        self.store = store or MemoryLogStore()
        self.relay = Relay(
            self.store, SigningKey(bytes(32)), config or RelayConfig(), now_s=lambda: TIME_S
        )

    def connect(self) -> BenchPeer:
        """Open a connection."""
        return BenchPeer(self.relay)

    def commit(self) -> None:
        """Make everything staged durable and say so."""
        while (commit := self.relay.take_commit()) is not None:
            self.store.commit(commit.writes())
            self.relay.committed(commit)

    def read(self, peer: BenchPeer) -> None:
        """Send a peer everything it lacks."""
        while (request := self.relay.next_read(peer.peer)) is not None:
            self.relay.read_done(request, request.run(self.store))

    def join(self, wallet: TestWallet, device: TestDevice | None = None) -> BenchPeer:
        """Return a peer that is live on a wallet, which is registered if it is new."""
        peer = self.connect()
        if self.store.load_wallet(wallet.chain.wallet_id) is None:
            peer.register(wallet)
            self.commit()
        peer.subscribe(wallet, device)
        self.read(peer)
        peer.events.clear()
        return peer
