"""A device's connection that is proven, asks for everything, and then reads nothing.

Its receiving buffers are small, so that the network holds little for it.

Spec: 21-sync.md
"""

import asyncio
import os
import socket
from base64 import b64encode
from urllib.parse import urlsplit

from billfold_protocol.client_session import ClientSession
from billfold_protocol.feed import parse_entry
from billfold_protocol.ids import ChainHead, EntryId
from billfold_protocol.messages import Entries, Subscribe
from tests.support.net import unmask
from tests.support.wallets import TestDevice, TestWallet

RECEIVED_SIZE = 4096
CHUNK_SIZE = 256 * 1024


class Sleeper:
    """One connection."""

    def __init__(self, address: str) -> None:
        self._address = address
        self._session = ClientSession(origin=address)
        self._socket = socket.socket()
        self._data = bytearray()

    async def subscribe(self, wallet: TestWallet, device: TestDevice) -> None:
        """Connect, prove who this is, and fall asleep."""
        loop, parts = asyncio.get_running_loop(), urlsplit(self._address)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVED_SIZE)
        self._socket.setblocking(False)
        await loop.sock_connect(self._socket, (parts.hostname, parts.port))
        head = (
            f"GET /v1/sync HTTP/1.1\r\nHost: {parts.netloc}\r\nUpgrade: websocket\r\n"
            "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
            f"Sec-WebSocket-Key: {b64encode(os.urandom(16)).decode()}\r\n\r\n"
        )
        await loop.sock_sendall(self._socket, head.encode())
        while b"\r\n\r\n" not in self._data:
            await self._read()
        _, _, self._data = self._data.partition(b"\r\n\r\n")
        while (challenge := self._frame()) is None:
            await self._read()
        self._session.receive(challenge)
        message = Subscribe(
            wallet_id=wallet.chain.wallet_id,
            device=device.id,
            client_nonce=device.random(32),
            k=-1,
            head=ChainHead(bytes(16)),
            cursor=None,
            vector=None,
        )
        frame = self._session.subscribe(message, device.signing_key, pinned_key=None)
        await loop.sock_sendall(self._socket, _masked(frame))

    async def wake(self, wallet: TestWallet, count: int) -> list[EntryId]:
        """Read on until so many entries have come; return their ids, in order."""
        wallet_id, ids = wallet.chain.wallet_id, list[EntryId]()
        while len(ids) < count:
            while (frame := self._frame()) is None:
                await self._read()
            event = self._session.receive(frame)
            if isinstance(event, Entries):
                ids += [parse_entry(raw, wallet_id).value.id for raw in event.entries]
        return ids

    def close(self) -> None:
        """End the connection."""
        self._socket.close()

    async def _read(self) -> None:
        data = await asyncio.get_running_loop().sock_recv(self._socket, CHUNK_SIZE)
        if not data:
            raise ConnectionError("the server has closed the connection")
        self._data += data

    def _frame(self) -> bytes | None:
        """Take one whole message out of what was read; a server does not mask (RFC 6455 §5.2)."""
        data = self._data
        if len(data) < 2:
            return None
        size, start = data[1] & 0x7F, 2
        if size >= 126:
            start = 4 if size == 126 else 10
            size = int.from_bytes(data[2:start], "big")
        if len(data) < start + size:
            return None
        opcode, payload = data[0] & 0x0F, bytes(data[start : start + size])
        del data[: start + size]
        # A ping is not answered: the sleeper sleeps.
        return payload if opcode == 2 else self._frame()


def _masked(payload: bytes) -> bytes:
    mask, size = os.urandom(4), len(payload)
    assert 126 <= size < 2**16
    return b"\x82" + bytes((0x80 | 126,)) + size.to_bytes(2, "big") + mask + unmask(payload, mask)
