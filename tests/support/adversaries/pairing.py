"""An attacker in the place where two devices meet to link: it sees and replaces their messages.

Spec: 22-linking.md
"""

import asyncio
from collections.abc import Callable
from pathlib import Path

from billfold import Wallet
from billfold.transport import Connection, WebSocketTransport
from billfold.transport.interface import RENDEZVOUS_PATH, ServerInfo
from billfold_protocol.errors import BillfoldError
from tests.support.adversaries.findings import Broken
from tests.support.linked_wallets import UNLOCK

Meddle = Callable[[int, bytes], bytes]
"""Is given the position of a message, from 0, and the message; returns what goes on in its place.

By QR code: 0 the new device's hello, 1 the proposal, 2 the acceptance, 3 the welcome. By words, a
message of the exchange comes from each side before those."""

PATIENCE_S = 30.0


class MeddlingConnection:
    """One side's connection to the meeting place, through the attacker's hands."""

    def __init__(self, inner: Connection, middle: "Middle") -> None:
        self._inner = inner
        self._middle = middle

    async def send(self, frame: bytes) -> None:
        """Send what the attacker makes of a message."""
        await self._inner.send(self._middle.passed(frame))

    async def receive(self) -> bytes:
        """Return what the attacker makes of the other side's message."""
        return self._middle.passed(await self._inner.receive())

    async def close(self) -> None:
        """Close."""
        await self._inner.close()


class Middle:
    """A transport on which the meeting place is the attacker's; the rest of the server is not."""

    def __init__(self, meddle: Meddle | None = None) -> None:
        self._inner = WebSocketTransport()
        self._meddle = meddle
        self.seen: list[bytes] = []
        """The messages as they came to the attacker, in order."""

    async def connect(self, address: str, path: str) -> Connection:
        """Open a connection."""
        connection = await self._inner.connect(address, path)
        if not path.startswith(RENDEZVOUS_PATH):
            return connection
        return MeddlingConnection(connection, self)

    async def info(self, address: str) -> ServerInfo:
        """Ask a server who it is."""
        return await self._inner.info(address)

    async def close(self) -> None:
        """Close every connection."""
        await self._inner.close()

    def passed(self, frame: bytes) -> bytes:
        """Note a message and return what goes on in its place."""
        position = len(self.seen)
        self.seen.append(frame)
        return frame if self._meddle is None else self._meddle(position, frame)


class Attempt:
    """What came of one try to link a device by QR code."""

    def __init__(self, newcomer: Wallet | BaseException, sponsor: object, uri: str) -> None:
        self.uri = uri
        self.newcomer = newcomer
        self.sponsor = sponsor

    @property
    def errors(self) -> list[type[BaseException]]:
        """The types of what the new device and the sponsor were told."""
        return [type(end) for end in (self.newcomer, self.sponsor) if isinstance(end, Exception)]


async def attempt(
    folder: Path,
    sponsor: Wallet,
    address: str,
    middle: Middle,
    *,
    is_confirmed: bool = True,
) -> Attempt:
    """Try to link a device through an attacker.

    Raises:
        Broken: something else than an error of ours came of it, or nothing.
    """
    shown: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    joining = asyncio.create_task(
        Wallet.link(
            folder,
            unlock=UNLOCK,
            server=address,
            name="tablet",
            show=shown.set_result,
            transport=middle,
        )
    )
    try:
        async with asyncio.timeout(PATIENCE_S):
            uri = await shown
            linking = sponsor.link_device(uri, confirm=lambda _: is_confirmed)
            newcomer, answer = await asyncio.gather(joining, linking, return_exceptions=True)
    except TimeoutError as error:
        raise Broken("error", "the devices wait for ever") from error
    for end in (newcomer, answer):
        if isinstance(end, BaseException) and not isinstance(end, BillfoldError):
            raise Broken("error", f"{end!r} is no error of ours") from end
    return Attempt(newcomer, answer, uri)
