"""A device's connection to a real server: the protocol's own client session over a real socket.

    async with SyncClient(server.addresses[0]) as client:
        await client.register(wallet)
        await client.subscribe(wallet, device)
        await client.push(wallet, [entry])
        acked = await client.until(Acked)

Spec: 21-sync.md
"""

import asyncio
import ssl
from collections.abc import Sequence
from types import TracebackType
from typing import Self, TypeVar

import aiohttp

from billfold_protocol.client_session import ClientSession, Event, Opened
from billfold_protocol.crypto.signing import Verified
from billfold_protocol.errors import TransportError
from billfold_protocol.feed import Entry, Vector, parse_entry
from billfold_protocol.ids import ChainHead, EntryId, ServerKey, WalletId
from billfold_protocol.membership import Home, MembershipState, ServerAddress
from billfold_protocol.messages import (
    CaughtUp,
    ClientMessage,
    Cursor,
    Entries,
    Register,
    Registered,
    Subscribe,
)
from tests.support.wallets import TestDevice, TestWallet

PATIENCE_S = 60.0

T = TypeVar("T")


class SyncClient:
    """One connection; everything it has been told is in `events`."""

    def __init__(
        self, address: str, *, origin: str | None = None, tls: ssl.SSLContext | None = None
    ) -> None:
        self.session = ClientSession(origin=origin or address)
        self.events: list[Event] = []
        self._address = address
        self._tls = tls if tls is not None else True
        self._http = aiohttp.ClientSession()
        self._socket: aiohttp.ClientWebSocketResponse | None = None

    async def __aenter__(self) -> Self:
        try:
            self._socket = await self._http.ws_connect(
                f"{self._address}/v1/sync", max_msg_size=0, ssl=self._tls
            )
        except BaseException:
            await self._http.close()
            raise
        await self.until(Opened)
        return self

    async def __aexit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        await self.socket.close()
        await self._http.close()

    @property
    def socket(self) -> aiohttp.ClientWebSocketResponse:
        """The WebSocket, for sending what a session would not."""
        assert self._socket is not None
        return self._socket

    @property
    def server_key(self) -> ServerKey:
        """The key that the server named."""
        return self.session.challenge.server_key

    async def next(self) -> Event:
        """Return the next event.

        Raises:
            TransportError: the server closed the connection.
            TimeoutError: nothing came.
        """
        async with asyncio.timeout(PATIENCE_S):
            message = await self.socket.receive()
        if message.type is not aiohttp.WSMsgType.BINARY:
            raise TransportError(f"closed with {self.socket.close_code}")
        event = self.session.receive(message.data)
        self.events.append(event)
        return event

    async def until(self, kind: type[T]) -> T:
        """Return the next event of a kind, going past others."""
        while True:
            event = await self.next()
            if isinstance(event, kind):
                return event

    async def close_code(self) -> int | None:
        """Return the code with which the server closes the connection, going past all events."""
        while True:
            try:
                await self.next()
            except TransportError:
                return self.socket.close_code

    async def send(self, message: ClientMessage) -> None:
        """Send a message that needs no proof."""
        await self.socket.send_bytes(self.session.send(message))

    async def leave(self, wallet_id: WalletId) -> None:
        """Unsubscribe from a wallet."""
        await self.socket.send_bytes(self.session.unsubscribe(wallet_id))

    async def register(
        self,
        wallet: TestWallet,
        device: TestDevice | None = None,
        *,
        token: str | None = None,
    ) -> None:
        """Bring a wallet's chain, with a `home` entry for this server if it has none."""
        if wallet.state.home is None:
            move_home(wallet, self._address, self.server_key)
        author = device or wallet.owner
        message = Register(
            wallet_id=wallet.chain.wallet_id,
            device=author.id,
            members=tuple(wallet.chain.raws),
            wraps=tuple((k, to, raw) for (k, to), raw in sorted(wallet.wraps.items())),
            token=token,
        )
        key = author.signing_key
        await self.socket.send_bytes(self.session.register(message, key, pinned_key=None))

    async def subscribe(
        self,
        wallet: TestWallet,
        device: TestDevice | None = None,
        *,
        n: int | None = None,
        vector: Vector | None = None,
        key_of: TestDevice | None = None,
        after: MembershipState | None = None,
    ) -> None:
        """Ask for a wallet, from `create` on or after a state; `key_of` signs for the device."""
        frame = self.subscription(wallet, device, n=n, vector=vector, key_of=key_of, after=after)
        await self.socket.send_bytes(frame)

    def subscription(
        self,
        wallet: TestWallet,
        device: TestDevice | None = None,
        *,
        n: int | None = None,
        vector: Vector | None = None,
        key_of: TestDevice | None = None,
        after: MembershipState | None = None,
    ) -> bytes:
        """Return what `subscribe` sends; the answer may come from now on."""
        author = device or wallet.owner
        cursor = None if n is None else Cursor(instance=self.session.challenge.instance, n=n)
        message = Subscribe(
            wallet_id=wallet.chain.wallet_id,
            device=author.id,
            client_nonce=author.random(32),
            k=-1 if after is None else after.k,
            head=ChainHead(bytes(16)) if after is None else after.head,
            cursor=cursor,
            vector=vector,
        )
        return self.session.subscribe(message, (key_of or author).signing_key, pinned_key=None)

    async def join(self, wallet: TestWallet, device: TestDevice | None = None) -> None:
        """Register if need be, subscribe and wait until everything stored has come."""
        if device is None or device is wallet.owner:
            await self.register(wallet)
            await self.until(Registered)
        await self.subscribe(wallet, device)
        await self.until(CaughtUp)

    async def push(self, wallet: TestWallet, entries: Sequence[Verified[Entry]]) -> None:
        """Bring own entries."""
        items = [(entry.value.id, entry.raw) for entry in entries]
        await self.socket.send_bytes(self.session.push(wallet.chain.wallet_id, items))

    async def collect(self, wallet_id: WalletId, count: int) -> list[EntryId]:
        """Return the ids of entries in the order they come, until there are this many."""
        ids: list[EntryId] = []
        while len(ids) < count:
            event = await self.until(Entries)
            assert event.wallet_id == wallet_id
            ids += [parse_entry(raw, wallet_id).value.id for raw in event.entries]
        return ids


def move_home(wallet: TestWallet, address: str, key: ServerKey) -> bytes:
    """Let a wallet name a server as its home."""
    return wallet.append(wallet.owner, Home(server=ServerAddress(address=address, key=key)))


def ids_of(entries: Sequence[Verified[Entry]]) -> list[EntryId]:
    """Return the ids of entries, in order."""
    return [entry.value.id for entry in entries]
