"""A bare machine and a recovery key: find the wallet, and link this device by the recovery member.

    locate ──pin──► subscribe as the recovery member ──chain, wraps──► append `link` of this device

Nothing is changed anywhere before the last step, and everything that a server says is held against
the pin and the kit by then. A wallet that has moved is followed to its home.

Spec: 24-recovery.md
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from billfold.authoring import Author
from billfold.device import DeviceSecrets
from billfold.transport import Connection, Transport
from billfold.transport.interface import SYNC_PATH
from billfold_protocol import limits
from billfold_protocol.client_session import (
    Accepted,
    ChainGrew,
    ClientSession,
    Opened,
    Refused,
)
from billfold_protocol.crypto.domains import Domain
from billfold_protocol.crypto.signing import Signed
from billfold_protocol.envelope import RandomBytes
from billfold_protocol.errors import (
    AuthFailed,
    BillfoldError,
    ChainRollback,
    CommitMismatch,
    LocalProtocolError,
    Malformed,
    NotAuthorised,
    RecoveryRefused,
    RemoteProtocolError,
    ServerIdentity,
    ServerRollback,
    TransportError,
    VerificationError,
)
from billfold_protocol.feed import Dep, Entry, FeedGraph, Reason, vector_hash
from billfold_protocol.ids import (
    ChainHead,
    DeviceId,
    EpochId,
    EpochKey,
    HolderId,
    MembershipHash,
    ServerKey,
    WalletId,
)
from billfold_protocol.key_hierarchy import open_back_links, open_wrap
from billfold_protocol.membership import (
    Kind,
    Link,
    Member,
    MembershipChain,
    acceptance_parts,
)
from billfold_protocol.messages import (
    Append,
    CaughtUp,
    Cursor,
    Ended,
    Located,
    Members,
    Subscribe,
    Wraps,
)
from billfold_protocol.recovery import RecoveryKeys, RecoveryKit, RecoveryPin

RECOVERY_TIMEOUT_S = 60
HOMES_COUNT_MAX = 4
"""Servers to which a wallet that has moved is followed."""

ATTEMPTS_COUNT_MAX = 16
CURSOR_END = 2**53
"""Larger than any arrival number: the entries come later, to the new device."""

SESSION_SIZE = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Recovered:
    """What a device holds after the recovery member has linked it."""

    recovery: DeviceId
    """The recovery member that linked this device."""

    holder: HolderId
    chain: MembershipChain
    epoch_keys: dict[EpochId, EpochKey] = field(repr=False)
    address: str
    pin: RecoveryPin | None
    """How far the wallet had come, by what a device of it has left at the server."""

    doubt: VerificationError | None
    """Why the wallet may be an older one than the newest, if something says so."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Expected:
    """What the chain is held against."""

    wallet_id: WalletId
    server_key: ServerKey
    places: tuple[tuple[int, MembershipHash], ...]
    """Membership entries, by index and hash, that must be in the chain."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One attempt to come back to a wallet."""

    keys: RecoveryKeys
    secrets: DeviceSecrets
    """Of this device, which is to be linked."""

    kit: RecoveryKit | None
    random: RandomBytes
    now_s: Callable[[], int]
    """The clock, in seconds since 1970; advisory."""

    async def run(self, transport: Transport, address: str) -> Recovered:
        """Find the wallet and link this device.

        Raises:
            RecoveryRefused: no wallet there belongs to the key, or the key was revoked.
            VerificationError: what the server says does not match the pin, the kit or the chain.
            TransportError: the server cannot be reached.
        """
        trusted: _Expected | None = None
        for _ in range(HOMES_COUNT_MAX):
            connection = await transport.connect(address, SYNC_PATH)
            try:
                async with asyncio.timeout(RECOVERY_TIMEOUT_S):
                    found = await _Visit(connection, address, self, trusted).run()
            except TimeoutError as error:
                raise TransportError("the server did not answer in time; try again") from error
            finally:
                await connection.close()
            if isinstance(found, Recovered):
                return found
            address, trusted = found
        raise RecoveryRefused("the wallet has moved on and on; name the server where it is now")


class _Visit:
    """One connection to one server."""

    def __init__(
        self,
        connection: Connection,
        address: str,
        attempt: Attempt,
        trusted: "_Expected | None",
    ) -> None:
        self._connection = connection
        self._address = address
        self._trusted = trusted
        self._keys = attempt.keys
        self._secrets = attempt.secrets
        self._kit = attempt.kit
        self._random = attempt.random
        self._now_s = attempt.now_s
        self._session = ClientSession(origin=address)
        self._epoch_keys: dict[EpochId, EpochKey] = {}
        self._wraps: list[tuple[int, bytes]] = []

    async def run(self) -> Recovered | tuple[str, _Expected]:
        """Return what was recovered, or where the wallet lives by now and what it must show."""
        opened = self._session.receive(await self._connection.receive())
        if not isinstance(opened, Opened):
            raise RemoteProtocolError("the server does not begin with its key")
        pin = await self._locate()
        expected = self._expect(pin, opened.server_key)
        chain = await self._fetch(expected)
        self._check(chain, expected)
        home = chain.state.home
        if home is not None and home.server.key != expected.server_key:
            places = (*expected.places, (chain.state.k, chain.state.hash))
            return home.server.address, replace(expected, server_key=home.server.key, places=places)
        self._open_keys(chain, pin)
        await self._link(chain)
        return Recovered(
            recovery=self._keys.device_id,
            holder=self._member(chain).holder,
            chain=chain,
            epoch_keys=open_back_links(chain, self._epoch_keys).keys,
            address=self._address,
            pin=pin,
            doubt=self._doubt(pin),
        )

    async def _locate(self) -> RecoveryPin | None:
        await self._connection.send(self._session.locate(self._keys.locator))
        located = self._session.receive(await self._connection.receive())
        if not isinstance(located, Located):
            raise RemoteProtocolError("the server does not answer the question")
        try:
            return RecoveryPin.open(located.pin, self._keys.pin_key, self._keys.locator)
        except (AuthFailed, Malformed):
            # Unknown locators are answered too, so this is how a stranger's words look.
            return None

    def _expect(self, pin: RecoveryPin | None, server_key: ServerKey) -> _Expected:
        facts = [one for one in (pin, self._kit) if one is not None]
        known = [*facts, *([] if self._trusted is None else [self._trusted])]
        if not known:
            raise RecoveryRefused(
                "no wallet on this server belongs to these words; check the words, their order, "
                "and the server's address"
            )
        if len({one.wallet_id for one in known}) > 1:
            raise RecoveryRefused("the kit is of another wallet than the words")
        # A kit may be older than a move, and a new home may have no pin yet: the chain says where.
        if (self._trusted or known[0]).server_key != server_key:
            raise ServerIdentity("the server's key is not the one that the wallet pins")
        return _Expected(
            wallet_id=known[0].wallet_id,
            server_key=server_key,
            places=(
                *(() if self._trusted is None else self._trusted.places),
                *((one.k, one.hash) for one in facts),
            ),
        )

    async def _fetch(self, expected: _Expected) -> MembershipChain:
        message = Subscribe(
            wallet_id=expected.wallet_id,
            device=self._keys.device_id,
            client_nonce=self._random(32),
            k=-1,
            head=ChainHead(bytes(16)),
            cursor=Cursor(instance=self._session.challenge.instance, n=CURSOR_END),
            vector=None,
        )
        await self._connection.send(
            self._session.subscribe(message, self._keys.signing_key, pinned_key=expected.server_key)
        )
        raws: list[bytes] = []
        k = -1
        while True:
            event = self._session.receive(await self._connection.receive())
            match event:
                case Accepted(checkpoint=checkpoint):
                    k = checkpoint.k
                case Members(entries=entries):
                    raws.extend(entries)
                    if len(raws) > limits.CHAIN_LENGTH_MAX:
                        raise RemoteProtocolError("the server sends too many membership entries")
                case Wraps(wraps=wraps):
                    self._wraps += [(at, wrapped) for at, _, wrapped in wraps]
                case Ended(reason=reason):
                    raise _ended(reason)
                case CaughtUp():
                    if len(raws) <= k:
                        raise ChainRollback("the server does not give what it says it holds")
                    return MembershipChain.load(raws)
                case _:
                    pass

    def _check(self, chain: MembershipChain, expected: _Expected) -> None:
        if chain.wallet_id != expected.wallet_id:
            raise ChainRollback("the server shows another wallet than the one it was asked for")
        for k, hash_ in expected.places:
            if k >= len(chain) or chain.state_at(k).hash != hash_:
                raise ChainRollback(
                    "the server shows an older or another list of the wallet's devices than the "
                    "recovery key's; try again with the wallet's newest server"
                )
        self._member(chain)

    def _member(self, chain: MembershipChain) -> Member:
        member = chain.state.members.get(self._keys.device_id)
        if member is None or member.kind is not Kind.RECOVERY:
            raise _ended(Reason.REVOKED)
        return member

    def _open_keys(self, chain: MembershipChain, pin: RecoveryPin | None) -> None:
        """Open every epoch key there is; a bad wrap costs its own epoch only."""
        failure: BillfoldError | None = None
        for k, wrapped in self._wraps:
            try:
                epoch, key = open_wrap(
                    chain, k, self._keys.device_id, self._keys.unwrapping_key, wrapped
                )
                self._epoch_keys[epoch] = key
            except BillfoldError as error:
                failure = error
        if pin is not None:
            state = chain.state_at(pin.k)
            try:
                self._epoch_keys[state.epoch.id] = self._keys.open_wrap(pin.wrapped, state)
            except BillfoldError as error:
                failure = error
        if chain.state.epoch.id not in self._epoch_keys:
            raise failure or CommitMismatch(
                "the server does not give the wallet's newest key; it comes back when one of the "
                "wallet's devices syncs"
            )

    async def _link(self, chain: MembershipChain) -> None:
        """Have this device's `link` appended; made anew where another entry was quicker."""
        for _ in range(ATTEMPTS_COUNT_MAX):
            if chain.state.epoch.id not in self._epoch_keys:
                raise CommitMismatch("the server does not give the wallet's newest key")
            author = Author(
                secrets=self._keys,
                chain=chain,
                epoch_keys=self._epoch_keys,
                graph=FeedGraph(chain, _no_entry),
                random=self._random,
                time_s=self._now_s(),
            )
            authored = author.link(self._terms(chain))
            message = Append(wallet_id=chain.wallet_id, entry=authored.raw, wraps=authored.wraps)
            await self._connection.send(self._session.send(message))
            if await self._is_appended(chain):
                chain.append(authored.raw)
                return
        raise TransportError("other devices kept changing the membership; try again")

    async def _is_appended(self, chain: MembershipChain) -> bool:
        while True:
            event = self._session.receive(await self._connection.receive())
            match event:
                case ChainGrew():
                    return True
                case Refused(rejection=rejection) if rejection.reason is Reason.STALE_CHAIN:
                    return False
                case Refused(rejection=rejection):
                    raise NotAuthorised(
                        f"the server refused to link this device ({rejection.reason.value})"
                    )
                case Members(entries=entries):
                    for raw in entries:
                        chain.append(raw)
                case Wraps(wraps=wraps):
                    self._wraps = [(at, wrapped) for at, _, wrapped in wraps]
                    self._open_keys(chain, None)
                case Ended(reason=reason):
                    raise _ended(reason)
                case _:
                    pass

    def _terms(self, chain: MembershipChain) -> Link:
        member = self._member(chain)
        link = Link(
            is_invite=False,
            keys=self._secrets.keys,
            holder=member.holder,
            role=member.role,
            kind=Kind.DEVICE,
            session=self._random(SESSION_SIZE),
            acceptance=bytes(64),
            wrap_hash=bytes(32),
        )
        parts = acceptance_parts(chain.wallet_id, self._keys.device_id, link)
        signature = self._secrets.signing_key.sign(Domain.MEMBERSHIP_ACCEPTANCE, *parts)
        return replace(link, acceptance=signature)

    def _doubt(self, pin: RecoveryPin | None) -> VerificationError | None:
        """Return why the server may show an older wallet than the kit's, if it may."""
        kit = self._kit
        if kit is None:
            return None
        if pin is None:
            return ServerRollback(
                "the server has lost how far the wallet had come; compare with another device"
            )
        if pin.server_key != kit.server_key:
            return None  # It has moved since the kit was printed; the chain says so.
        is_same = pin.n == kit.n and vector_hash(pin.vector) == kit.vector_hash
        if is_same or pin.n > kit.n:
            return None
        return ServerRollback("the server shows an older wallet than the one of the printed kit")


def _ended(reason: Reason) -> BillfoldError:
    match reason:
        case Reason.REVOKED:
            return RecoveryRefused("these recovery words were revoked from their wallet")
        case Reason.UNKNOWN_WALLET:
            return RecoveryRefused("the server does not know the wallet of these recovery words")
        case _:
            return TransportError(f"the server does not serve the wallet now ({reason.value})")


def _no_entry(_: Dep) -> Signed[Entry]:
    raise LocalProtocolError("a recovery key holds no entries")
