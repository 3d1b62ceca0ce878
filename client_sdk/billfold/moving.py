"""Moving a wallet to another server, from a server that lives or from one that is gone.

    asked ──► fetched ──► planned ──► `home` appended ──► arrived
      └── refused: nothing has changed      └── from here on by itself, whatever is interrupted

Each step is durable before the next, and the membership chain alone decides where the wallet lives.

Spec: 25-moving.md
"""

import asyncio
import contextlib
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from billfold.attachments import Attachment, Attachments
from billfold.home_codes import encode_home_code, parse_home_code
from billfold.homes import (
    HEALING_KEY,
    LIVES_KEY,
    MOVE_KEY,
    Plan,
    read_plan,
    server_of,
)
from billfold.replica import Replica
from billfold.surveying import survey
from billfold.synchronizer import Synchronizer
from billfold.transport import Transport, normalise_address
from billfold_protocol import limits
from billfold_protocol.errors import (
    BillfoldError,
    BlobMissing,
    InputError,
    LocalProtocolError,
    NotAuthorised,
    RegistrationClosed,
    ServerIdentity,
    TransportError,
)
from billfold_protocol.ids import ServerKey
from billfold_protocol.membership import Home, Role, ServerAddress
from billfold_protocol.proofs.checking import server_keys

OLD_SERVER_TIMEOUT_S = 30.0

POLL_S = 0.05
"""How often to look whether the new server holds everything."""

Progress = Callable[[str, int, int], None]
"""Is told of a step, and how much of it is done, of how much."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MoveOptions:
    """What a person chooses when moving."""

    token: str | None = None
    """What the new server's operator gave for registering, if anything."""

    server_key: ServerKey | None = None
    """The new server's key, if the person was told it."""

    is_old_server_gone: bool = False
    leaves_attachments: bool = False
    """Whether to go although this device cannot bring every attachment."""

    fallbacks: Sequence[str] = ()
    """Addresses of servers to which devices turn when the new one does not answer any more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MoveReport:
    """What a move has achieved."""

    server: str
    is_complete: bool
    """Whether the new server holds everything; else it goes on by itself."""

    missing_attachments: tuple[Attachment, ...]
    """What neither this device nor the old server had; another device may bring it."""

    reason: BillfoldError | None


class Moving:
    """One wallet's moves."""

    def __init__(
        self, synchronizer: Synchronizer, attachments: Attachments, transport: Transport
    ) -> None:
        self._synchronizer = synchronizer
        self._attachments = attachments
        self._transport = transport
        self._finishing: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Go on with a move that was begun, if there is one."""
        if read_plan(self._replica) is not None:
            self._finishing = asyncio.create_task(self._finish())

    async def stop(self) -> None:
        """End the work; it goes on when the wallet is opened again."""
        if self._finishing is not None:
            self._finishing.cancel()
            await asyncio.gather(self._finishing, return_exceptions=True)
            self._finishing = None

    async def move(
        self, url: str, options: MoveOptions, *, deadline_s: float, progress: Progress
    ) -> MoveReport:
        """Move; see `Wallet.move`."""
        address, end_s = normalise_address(url), time.monotonic() + deadline_s
        home = self._require_may_move()
        plan = read_plan(self._replica)
        missing: Sequence[Attachment] = ()
        if plan is None or plan.server != home.server or plan.server.address != address:
            plan, entry = await self._ask(address, home, options, progress)
            missing = await self._fetch(options, end_s, progress)
            await self._decide(plan, entry, is_old_server_gone=options.is_old_server_gone)
        elif options.token is not None:
            plan = Plan(server=plan.server, token=options.token)
            self._replica.put_meta(MOVE_KEY, plan.encode())
            await self._synchronizer.committed()
        self._connect()
        return await self._arrive(plan, missing, end_s, progress)

    async def follow(self, text: str) -> str:
        """Go to the server that another device's code names; see `Wallet.follow`."""
        server = parse_home_code(text, self._replica.wallet_id)
        home = self._replica.state.home
        if home is not None and home.server == server:
            return server.address
        await self._synchronizer.go_to(server)
        await self._synchronizer.committed()
        # A server that it names may have sent us on.
        return self._require_home().server.address

    def code(self) -> str:
        """Return the text that tells another device where the wallet lives.

        Raises:
            LocalProtocolError: it lives nowhere yet.
        """
        return encode_home_code(self._replica.wallet_id, self._require_home().server)

    async def _ask(
        self, address: str, home: Home, options: MoveOptions, progress: Progress
    ) -> tuple[Plan, Home]:
        """Ask the new server, and its fallbacks, before anything is changed."""
        if address == home.server.address and not options.fallbacks:
            raise InputError(f"this wallet lives on {address} already")
        if len(options.fallbacks) > limits.FALLBACKS_COUNT_MAX:
            raise InputError(f"a wallet has at most {limits.FALLBACKS_COUNT_MAX} fallbacks")
        fallbacks = [await self._identify(one) for one in options.fallbacks]
        progress("asking the new server", 0, 1)
        replica = self._replica
        found = await survey(
            self._transport,
            address,
            replica.wallet_id,
            size=_size_of(replica),
            token=options.token,
        )
        expected = home.server.key if address == home.server.address else options.server_key
        if expected is not None and found.server.key != expected:
            raise ServerIdentity(
                f"the server at {address} has another key than the one that was named; "
                "the wallet stays where it is"
            )
        # A server that closes its door to new wallets takes back one that it holds.
        was_there = found.server.key in server_keys(replica.core.chain)
        if found.refusal is not None and not (
            was_there and isinstance(found.refusal, RegistrationClosed)
        ):
            raise found.refusal
        progress("asking the new server", 1, 1)
        plan = Plan(server=found.server, token=options.token)
        return plan, Home(server=plan.server, fallbacks=tuple(fallbacks))

    async def _fetch(
        self, options: MoveOptions, end_s: float, progress: Progress
    ) -> Sequence[Attachment]:
        """Have here all that only the old server may hold; return what cannot be had."""
        if not options.is_old_server_gone:
            progress("reading the old server", 0, 1)
            self._connect()
            patience_s = min(OLD_SERVER_TIMEOUT_S, end_s - time.monotonic())
            reason = await self._synchronizer.sync(patience_s)
            if not self._synchronizer.is_synced:
                raise TransportError(
                    "the server on which the wallet lives does not answer; try again later, or, "
                    "if it is gone for good, say so with --old-server-gone"
                ) from reason
            progress("reading the old server", 1, 1)
        missing: list[Attachment] = []
        named = self._attachments.named()
        for done, attachment in enumerate(named):
            progress("fetching attachments", done, len(named))
            if await self._attachments.is_here(attachment):
                continue
            if options.is_old_server_gone:
                missing.append(attachment)
                continue
            try:
                await self._attachments.fetch(attachment)
            except BlobMissing:
                missing.append(attachment)
        if missing and not (options.leaves_attachments or options.is_old_server_gone):
            names = ", ".join(one.name for one in missing)
            raise BlobMissing(
                f"neither this device nor the old server has {names}; open it on a device that "
                "does, or go without it by --leave-attachments: that device brings it later"
            )
        return missing

    async def _decide(self, plan: Plan, entry: Home, *, is_old_server_gone: bool) -> None:
        """Name the new home in the chain; from then on the move goes on by itself."""
        self._replica.put_meta(MOVE_KEY, plan.encode())
        await self._synchronizer.committed()
        if not is_old_server_gone:
            try:
                await self._synchronizer.propose(lambda author: author.home(entry))
            except BillfoldError:
                if self._replica.state.home != entry:
                    self._replica.put_meta(MOVE_KEY, None)
                raise
            return
        self._replica.set_home(entry)
        await self._synchronizer.committed()
        self._connect()

    async def _identify(self, url: str) -> ServerAddress:
        address = normalise_address(url)
        info = await self._transport.info(address)
        return ServerAddress(address=address, key=info.key)

    async def _arrive(
        self, plan: Plan, missing: Sequence[Attachment], end_s: float, progress: Progress
    ) -> MoveReport:
        """Wait until the new server holds everything, or for so long."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(end_s - time.monotonic()):
                await self._until_arrived(plan, progress)
        is_complete = self._has_arrived(plan)
        if is_complete:
            await self._forget_plan()
        elif self._finishing is None:
            self._finishing = asyncio.create_task(self._finish())
        return MoveReport(
            server=plan.server.address,
            is_complete=is_complete,
            missing_attachments=tuple(missing),
            reason=None if is_complete else self._synchronizer.last_error,
        )

    async def _finish(self) -> None:
        """Bring a move that was interrupted to its end."""
        plan = read_plan(self._replica)
        if plan is not None:
            await self._until_arrived(plan, lambda *_: None)
            await self._forget_plan()

    async def _until_arrived(self, plan: Plan, progress: Progress) -> None:
        self._attachments.try_again()
        while not self._has_arrived(plan):
            total = len(self._attachments.named())
            if total:
                progress("filling the new server", total - self._attachments.lacking_count, total)
            await asyncio.sleep(POLL_S)

    def _has_arrived(self, plan: Plan) -> bool:
        replica = self._replica
        return (
            replica.meta(LIVES_KEY) == plan.server.key
            and self._synchronizer.is_synced
            and replica.meta(HEALING_KEY) is None
            and self._attachments.lacking_count == 0
        )

    async def _forget_plan(self) -> None:
        self._replica.put_meta(MOVE_KEY, None)
        await self._synchronizer.committed()

    def _connect(self) -> None:
        self._synchronizer.connect(server_of(self._replica, self._require_home().server))

    @property
    def _replica(self) -> Replica:
        return self._synchronizer.replica

    def _require_home(self) -> Home:
        home = self._replica.state.home
        if home is None:
            raise LocalProtocolError(
                "this wallet has no server yet; `billfold sync --server URL` gives it one"
            )
        return home

    def _require_may_move(self) -> Home:
        replica, home = self._replica, self._require_home()
        replica.require_right_to_write()
        member = replica.core.member
        if member is None or member.role is not Role.OWNER:
            raise NotAuthorised("only an owner of the wallet may move it; do it on such a device")
        return home


def _size_of(replica: Replica) -> int:
    """Return the bytes of membership and feed entries that a new server is given."""
    core = replica.core
    return sum(map(len, core.chain.raws)) + sum(
        len(raw) for feed in core.graph.vector for raw in core.stored_entries(feed)
    )
