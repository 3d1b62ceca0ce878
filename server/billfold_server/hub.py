"""Who is connected and listens to which wallet, without any network.

A subscription is *live* when the peer has been sent everything that is durable; a peer whose
connection is congested falls back to reading from the store at its own pace, so that a slow
reader never makes the server hold entries in memory.

Spec: 21-sync.md
"""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Protocol

from billfold_protocol.errors import RemoteProtocolError
from billfold_protocol.feed import Vector
from billfold_protocol.ids import DeviceId, FeedId, SnapshotId, WalletId
from billfold_protocol.messages import ServerMessage
from billfold_protocol.server_session import CLOSE_POLICY, ServerSession

FETCHES_COUNT_MAX = 4096
"""Requests for parts of feeds that one connection may have waiting."""


class Outbox(Protocol):
    """The way to a peer, in order; the transport behind it decides when bytes leave."""

    def send(self, frame: bytes) -> None:
        """Queue one WebSocket message."""
        ...

    @property
    def is_congested(self) -> bool:
        """Whether the peer reads slower than it is sent to."""
        ...


@dataclass(slots=True, kw_only=True)
class Subscription:
    """One peer's interest in one wallet."""

    device: DeviceId
    n: int
    """Arrival number up to which the peer has been sent the log."""

    skip: Vector
    """What the peer said it holds; not sent again while it catches up."""

    is_live: bool = False
    reminded_k: int = -1
    """Up to which index the server once held the chain, by its own signature."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FetchJob:
    """A peer's request for part of one feed."""

    wallet_id: WalletId
    feed: FeedId
    from_seq: int
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SnapshotJob:
    """The rest of a snapshot that a peer is to get."""

    wallet_id: WalletId
    snapshot: SnapshotId
    offset: int


class Peer:
    """One connection."""

    def __init__(self, session: ServerSession, outbox: Outbox, *, address: str) -> None:
        self.session = session
        self.outbox = outbox
        self.address = address
        """The network address, for rates only; never stored."""

        self.subscriptions: dict[WalletId, Subscription] = {}
        self.fetches: deque[FetchJob | SnapshotJob] = deque()
        self._behind: dict[WalletId, None] = {}

    def send(self, message: ServerMessage) -> None:
        """Queue one message."""
        self.outbox.send(self.session.send(message))

    @property
    def is_behind(self) -> bool:
        """Whether something must be read from the store for this peer."""
        return bool(self._behind or self.fetches)

    def fall_behind(self, wallet_id: WalletId) -> None:
        """Read a subscribed wallet's log from the store from now on."""
        self.subscriptions[wallet_id].is_live = False
        self._behind[wallet_id] = None

    def go_live(self, wallet_id: WalletId) -> None:
        """Send a subscribed wallet's entries as they come from now on."""
        self.subscriptions[wallet_id].is_live = True
        self._behind.pop(wallet_id, None)

    def leave(self, wallet_id: WalletId) -> None:
        """Forget a subscription; nothing happens if there is none."""
        self.subscriptions.pop(wallet_id, None)
        self._behind.pop(wallet_id, None)

    def next_behind(self) -> WalletId | None:
        """Return a wallet whose log this peer has not been sent to its end, in fair turns."""
        wallet_id = next(iter(self._behind), None)
        if wallet_id is not None:
            # Behind the others next time, so that one long log does not hold up short ones.
            del self._behind[wallet_id]
            self._behind[wallet_id] = None
        return wallet_id

    def ask(self, job: FetchJob | SnapshotJob) -> None:
        """Put a request for part of a feed behind the others.

        Raises:
            RemoteProtocolError: too many of them wait.
        """
        if len(self.fetches) >= FETCHES_COUNT_MAX:
            raise RemoteProtocolError("too many requests are waiting", close_code=CLOSE_POLICY)
        self.fetches.append(job)


@dataclass(slots=True)
class Hub:
    """The peers that listen to each wallet."""

    _listeners: dict[WalletId, dict[Peer, None]] = field(default_factory=dict)

    def join(self, wallet_id: WalletId, peer: Peer, subscription: Subscription) -> None:
        """Let a peer listen to a wallet."""
        peer.subscriptions[wallet_id] = subscription
        peer.fall_behind(wallet_id)
        self._listeners.setdefault(wallet_id, {})[peer] = None

    def leave(self, wallet_id: WalletId, peer: Peer) -> None:
        """Stop a peer from listening; nothing happens if it does not."""
        peer.leave(wallet_id)
        listeners = self._listeners.get(wallet_id, {})
        listeners.pop(peer, None)
        if not listeners:
            self._listeners.pop(wallet_id, None)

    def listeners(self, wallet_id: WalletId) -> Iterator[tuple[Peer, Subscription]]:
        """Return the peers that listen to a wallet; safe while some leave."""
        for peer in tuple(self._listeners.get(wallet_id, ())):
            yield peer, peer.subscriptions[wallet_id]

    def has_listeners(self, wallet_id: WalletId) -> bool:
        """Whether anybody listens to a wallet."""
        return wallet_id in self._listeners

    @property
    def wallets_count(self) -> int:
        """How many wallets somebody listens to."""
        return len(self._listeners)
