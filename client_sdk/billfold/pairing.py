"""Two devices meet at a server's rendezvous and run the linking handshake.

The new device shows a QR code or takes typed words; the other belongs to the wallet. Whatever goes
wrong spends the code.

Spec: 22-linking.md
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from mnemonic import Mnemonic

from billfold.device import DeviceSecrets
from billfold.transport import Connection, Transport
from billfold.transport.interface import RENDEZVOUS_PATH, SYNC_PATH
from billfold_protocol import limits
from billfold_protocol.client_session import Accepted, ClientSession, Opened
from billfold_protocol.envelope import RandomBytes
from billfold_protocol.errors import (
    BillfoldError,
    ChainRollback,
    PairingFailed,
    RemoteProtocolError,
    TransportError,
)
from billfold_protocol.feed import Beacon
from billfold_protocol.ids import ChainHead, DeviceId, EpochId, EpochKey
from billfold_protocol.key_hierarchy import open_back_links, open_wrap
from billfold_protocol.linking import (
    CODE_WORDS_COUNT,
    CodeExchange,
    Hello,
    LinkingCode,
    LinkInitiator,
    LinkResponder,
    Welcome,
    keys_hash,
    split_code,
)
from billfold_protocol.membership import Kind, Link, MembershipChain
from billfold_protocol.messages import CaughtUp, Ended, Entries, Members, Subscribe, Wraps

ShowCode = Callable[[str], Awaitable[None] | None]
Confirm = Callable[[Hello], Awaitable[bool] | bool]
Append = Callable[[Link], Awaitable[Welcome]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Joined:
    """What a new device holds after it was linked."""

    welcome: Welcome
    sponsor: DeviceId
    """The device that linked this one; its beacon in the welcome has been verified."""

    chain: MembershipChain
    epoch_keys: dict[EpochId, EpochKey]


class Newcomer:
    """The new device's side."""

    def __init__(
        self, transport: Transport, secrets: DeviceSecrets, *, name: str, random: RandomBytes
    ) -> None:
        self._transport = transport
        self._secrets = secrets
        self._name = name
        self._random = random

    async def by_qr(self, address: str, show: ShowCode) -> Joined:
        """Show a QR code and wait until the other device has scanned it.

        Args:
            address: the server at which to meet; it is in the code.
            show: shows the code's text; it is good once, for five minutes.

        Raises:
            PairingFailed: linking did not succeed; the code is spent.
            TransportError: the server cannot be reached.
        """
        code = LinkingCode(
            address=address,
            rendezvous=self._random(16),
            keys_hash=keys_hash(self._secrets.keys),
            secret=self._random(32),
        )
        path = RENDEZVOUS_PATH + code.rendezvous.hex()
        connection = await self._transport.connect(address, path)
        try:
            await _called(show(code.uri()))
            return await self._link(connection, code.secret, address)
        finally:
            await connection.close()

    async def by_words(self, address: str, code: str) -> Joined:
        """Link with the words that the other device shows.

        Raises:
            InputError: the code does not look like one.
            PairingFailed: linking did not succeed; the code is spent.
            TransportError: the server cannot be reached.
        """
        nameplate, words = split_code(code)
        exchange = CodeExchange(words, is_initiator=True, random=self._random)
        connection = await self._transport.connect(address, f"{RENDEZVOUS_PATH}{nameplate}")
        try:
            await connection.send(exchange.message)
            secret = exchange.finish(await _receive(connection))
            return await self._link(connection, secret, address)
        finally:
            await connection.close()

    async def _link(self, connection: Connection, secret: bytes, address: str) -> Joined:
        side = LinkInitiator(
            secret,
            keys=self._secrets.keys,
            signing_key=self._secrets.signing_key,
            unwrapping_key=self._secrets.unwrapping_key,
            random=self._random,
        )
        await connection.send(side.hello(self._name, Kind.DEVICE))
        _, acceptance = side.accept(await _receive(connection))
        await connection.send(acceptance)
        welcome = side.welcome(await _receive(connection))
        return await self._fetch(welcome, address)

    async def _fetch(self, welcome: Welcome, address: str) -> Joined:
        """Ask the wallet's server for the chain, and hold it against what the sponsor said."""
        connection = await self._transport.connect(welcome.address or address, SYNC_PATH)
        try:
            async with asyncio.timeout(FETCH_TIMEOUT_S):
                return await self._read_chain(connection, welcome)
        except TimeoutError as error:
            raise TransportError("the server did not send the wallet's members in time") from error
        finally:
            await connection.close()

    async def _read_chain(self, connection: Connection, welcome: Welcome) -> Joined:
        session = ClientSession(origin=welcome.address)
        raws: list[bytes] = []
        while True:
            event = session.receive(await connection.receive())
            match event:
                case Opened():
                    message = Subscribe(
                        wallet_id=welcome.wallet_id,
                        device=self._secrets.device_id,
                        client_nonce=self._random(32),
                        k=-1,
                        head=ChainHead(bytes(16)),
                        cursor=None,
                        vector=None,
                    )
                    await connection.send(
                        session.subscribe(
                            message, self._secrets.signing_key, pinned_key=welcome.server_key
                        )
                    )
                case Accepted(checkpoint=checkpoint) if checkpoint.k < welcome.k:
                    raise ChainRollback("the server hides that this device was linked")
                case Members(entries=entries):
                    raws.extend(entries)
                    if len(raws) > limits.CHAIN_LENGTH_MAX:
                        raise RemoteProtocolError("the server sends too many membership entries")
                case Wraps(wraps=wraps):
                    # Those of the other members are asked for again once there is a store.
                    me = self._secrets.device_id
                    own = [(k, wrapped) for k, device, wrapped in wraps if device == me]
                    return self._open_chain(raws, own, welcome)
                case Ended() | CaughtUp() | Entries():
                    raise PairingFailed("the server does not give this device the wallet's keys")
                case _:
                    pass

    def _open_chain(
        self, raws: list[bytes], wraps: list[tuple[int, bytes]], welcome: Welcome
    ) -> Joined:
        chain = MembershipChain.load(raws)
        is_ours = chain.wallet_id == welcome.wallet_id and len(chain) > welcome.k
        if not is_ours or chain.state_at(welcome.k).hash != welcome.hash:
            raise ChainRollback("the server shows another wallet than the linking device did")
        sponsor = chain.state_at(welcome.k).sponsors[self._secrets.device_id]
        _check_beacon(welcome, chain, sponsor)
        keys: dict[EpochId, EpochKey] = {}
        for k, wrapped in wraps:
            epoch, key = open_wrap(
                chain, k, self._secrets.device_id, self._secrets.unwrapping_key, wrapped
            )
            keys[epoch] = key
        # A member's bad back-link costs old keys only; the replica warns of it once it is open.
        found = open_back_links(chain, keys).keys
        return Joined(welcome=welcome, sponsor=sponsor, chain=chain, epoch_keys=found)


class Sponsor:
    """The side of the device that belongs to the wallet."""

    def __init__(self, transport: Transport, *, random: RandomBytes) -> None:
        self._transport = transport
        self._random = random

    async def by_qr(
        self,
        uri: str,
        *,
        confirm: Confirm,
        propose: Callable[[LinkResponder, Hello], bytes],
        append: Append,
    ) -> Hello:
        """Link the device that showed this code.

        Raises:
            WrongContext: the text is not a linking code.
            PairingFailed: linking did not succeed, or the person said no; the code is spent.
            TransportError: the server cannot be reached.
        """
        code = LinkingCode.parse(uri)
        responder = LinkResponder(
            code.secret, expected_keys_hash=code.keys_hash, random=self._random
        )
        path = RENDEZVOUS_PATH + code.rendezvous.hex()
        connection = await self._transport.connect(code.address, path)
        try:
            return await self._answer(connection, responder, confirm, propose, append)
        finally:
            await connection.close()

    async def by_words(
        self,
        address: str,
        *,
        show: ShowCode,
        confirm: Confirm,
        propose: Callable[[LinkResponder, Hello], bytes],
        append: Append,
    ) -> Hello:
        """Show words and link the device into which they are typed.

        Raises:
            PairingFailed: linking did not succeed, or the person said no; the code is spent.
            TransportError: the server cannot be reached.
        """
        connection = await self._transport.connect(address, RENDEZVOUS_PATH + "new")
        try:
            nameplate = await _receive(connection)
            if not (nameplate.isdigit() and len(nameplate) < NAMEPLATE_DIGITS_MAX):
                raise RemoteProtocolError("the server did not give a place to meet")
            words = self._draw_words()
            await _called(show(f"{int(nameplate)}-{words}"))
            exchange = CodeExchange(words, is_initiator=False, random=self._random)
            message = await _receive(connection)
            await connection.send(exchange.message)
            responder = LinkResponder(
                exchange.finish(message), expected_keys_hash=None, random=self._random
            )
            return await self._answer(connection, responder, confirm, propose, append)
        finally:
            await connection.close()

    async def _answer(
        self,
        connection: Connection,
        responder: LinkResponder,
        confirm: Confirm,
        propose: Callable[[LinkResponder, Hello], bytes],
        append: Append,
    ) -> Hello:
        hello = responder.hello(await _receive(connection))
        if not await _called(confirm(hello)):
            raise PairingFailed("linking was declined; the code is spent")
        await connection.send(propose(responder, hello))
        link = responder.accepted(await _receive(connection))
        welcome = await append(link)
        await connection.send(responder.welcome(welcome))
        # The rendezvous must stay until the other side has read the last message and left.
        with contextlib.suppress(BillfoldError):
            await _receive(connection)
        return hello

    def _draw_words(self) -> str:
        words = Mnemonic("english").wordlist
        picks = [
            words[int.from_bytes(self._random(8), "big") % len(words)]
            for _ in range(CODE_WORDS_COUNT)
        ]
        return "-".join(picks)


FETCH_TIMEOUT_S = 60
NAMEPLATE_DIGITS_MAX = 10


def _check_beacon(welcome: Welcome, chain: MembershipChain, sponsor: DeviceId) -> None:
    """Check that the sponsor has signed what the server is held against.

    Raises:
        PairingFailed: it has not.
    """
    keys = chain.keys_of(sponsor)
    assert keys is not None, "who adds a device is in the chain"
    try:
        beacon = Beacon.verify(welcome.beacon, keys.signing, welcome.wallet_id)
    except BillfoldError as error:
        raise PairingFailed("the linking device does not say what it holds") from error
    if beacon.device != sponsor:
        raise PairingFailed("the linking device does not say what it holds")


async def _called(result: object) -> bool:
    """Return what a callback returned, awaited if it is asynchronous."""
    return bool(await result if isinstance(result, Awaitable) else result)


async def _receive(connection: Connection) -> bytes:
    """Return the other side's next message.

    Raises:
        PairingFailed: it left, or took too long.
    """
    try:
        async with asyncio.timeout(limits.LINKING_LIFETIME_S):
            return await connection.receive()
    except (TransportError, TimeoutError) as error:
        raise PairingFailed(
            "the other device left or took too long; start again with a new code"
        ) from error
