"""`wallet.recovery`: the words that bring the wallet back when all devices are lost.

    words = wallet.recovery.begin()            # show them once; they are kept nowhere
    await wallet.recovery.confirm(typed)       # typed back once; only now they count
    html = await wallet.recovery.kit(words)    # a page to print

Spec: 24-recovery.md
"""

import asyncio
import secrets
import time
from dataclasses import replace

from billfold.authoring import Author, Authored
from billfold.consents import consent_edit, consent_of_another
from billfold.events import Warned
from billfold.recovering import Recovered
from billfold.recovery_kit import render_kit
from billfold.recovery_records import (
    PENDING_KEY,
    SEEN_KEY,
    encode_pending,
    encode_seen,
    kit_edit,
    missing_heads,
    missing_since_kit,
    pending_link,
    record_edits,
    recovery_members,
)
from billfold.recovery_status import RecoveryState, RecoveryStatus, recovery_status
from billfold.recovery_words import seed_of, shares_of, words_of
from billfold.replica import Replica
from billfold.synchronizer import Synchronizer
from billfold_protocol.crypto.domains import Domain
from billfold_protocol.errors import (
    BillfoldError,
    InputError,
    LocalProtocolError,
    NotAuthorised,
    NotFound,
    RecoveryRefused,
    TransportError,
    VerificationError,
)
from billfold_protocol.ids import DeviceId
from billfold_protocol.membership import Kind, Link, Role, Target, TargetKind, acceptance_parts
from billfold_protocol.recovery import SEED_SIZE, RecoveryKeys, RecoveryKit

SESSION_SIZE = 16
SERVER_TIMEOUT_S = 30.0


class Recovery:
    """The recovery words of one open wallet."""

    def __init__(self, synchronizer: Synchronizer) -> None:
        self._synchronizer = synchronizer
        self._begun: bytes | None = None
        """The id of the member that follows from the words that were shown last."""

        self.doubt: VerificationError | None = None
        """Why the wallet that was brought back may be an older one, if something says so."""

    @property
    def status(self) -> RecoveryStatus:
        """How recovery stands."""
        return recovery_status(self._replica)

    def begin(self) -> str:
        """Return 24 new words; they count once `confirm` has had them back.

        Raises:
            NotAuthorised: this device is no owner of the wallet.
        """
        self._require_owner()
        seed = secrets.token_bytes(SEED_SIZE)
        self._begun = RecoveryKeys(seed).device_id
        return words_of(seed)

    async def confirm(self, typed: str) -> RecoveryStatus:
        """Make the words that `begin` returned the recovery words, now that they were typed back.

        Raises:
            RecoveryRefused: these are other words; nothing was changed.
            LocalProtocolError: `begin` was not called.
            NotAuthorised: this device is no owner of the wallet.
            StoreError: they could not be made durable.
        """
        if self._begun is None:
            raise LocalProtocolError("there are no new recovery words to confirm")
        keys = RecoveryKeys(seed_of(typed))
        if keys.device_id != self._begun:
            raise RecoveryRefused("these are not the words that were shown; nothing was changed")
        self._begun = None
        return await self._enrol(keys)

    async def enrol(self, words: str) -> RecoveryStatus:
        """Make words the recovery words that the application itself has had typed back.

        Raises:
            RecoveryRefused: these are no recovery words; nothing was changed.
            NotAuthorised: this device is no owner of the wallet.
            StoreError: they could not be made durable.
        """
        return await self._enrol(RecoveryKeys(seed_of(words)))

    def resume(self) -> None:
        """Have the server take words that were confirmed while it could not be reached."""
        link = pending_link(self._replica)
        if link is None or self._replica.is_removed:
            return

        def make(author: Author) -> Authored:
            if pending_link(self._replica) != link:
                raise RecoveryRefused("other recovery words were confirmed since")
            return author.link(link)

        proposed = asyncio.ensure_future(self._synchronizer.propose(make))
        proposed.add_done_callback(self._settled)

    async def wait_ready(self, *, deadline_s: float = SERVER_TIMEOUT_S) -> RecoveryStatus:
        """Wait until confirmed words count, with their pin at the server, or for so long.

        Raises:
            TransportError: the server did not take them in time; they stay confirmed.
        """
        try:
            async with asyncio.timeout(deadline_s):
                with self._synchronizer.events() as events:
                    while self.status.state is not RecoveryState.READY:
                        await anext(events)
                for member in recovery_members(self._replica):
                    await self._synchronizer.leave_pin(member.device)
        except TimeoutError as error:
            raise TransportError(
                "the server was not reached; the recovery words count once it is"
            ) from error
        return self.status

    def shares(self, words: str) -> tuple[str, ...]:
        """Return three shares of the words; any two bring the wallet back, one tells nothing.

        Raises:
            RecoveryRefused: these are not the recovery words of this wallet.
        """
        seed = seed_of(words)
        self._require_ours(RecoveryKeys(seed))
        return shares_of(seed)

    async def kit(self, words: str | None = None, *, deadline_s: float = SERVER_TIMEOUT_S) -> str:
        """Return the recovery kit: one HTML page to print, with nothing to fetch.

        Args:
            words: the recovery words; without them the page has lines to write them on.
            deadline_s: how long the server may take to keep what the kit is held against.

        Raises:
            RecoveryRefused: these are not the recovery words of this wallet.
            LocalProtocolError: the wallet has no recovery words that count.
            NotAuthorised: this device may not write.
            TransportError: the server was not reached in time.
        """
        seed = None if words is None else seed_of(words)
        if seed is not None:
            device = self._require_ours(RecoveryKeys(seed))
        else:
            members = recovery_members(self._replica)
            if not members:
                raise LocalProtocolError("the wallet has no recovery words that count yet")
            device = members[-1].device
        try:
            async with asyncio.timeout(deadline_s):
                pin = await self._synchronizer.leave_pin(device)
                await self._synchronizer.edit([kit_edit(self._replica, pin, device)])
                # What the printed hash stands for must be on the server before it is printed.
                await self._synchronizer.wait_synced()
        except TimeoutError as error:
            raise TransportError(
                "the server was not reached; a kit says how far the wallet has come there"
            ) from error
        made_on = time.strftime("%Y-%m-%d", time.localtime())
        kit = RecoveryKit.of(pin, seed)
        return render_kit(kit, None if seed is None else words_of(seed), made_on=made_on)

    async def acknowledge(self) -> None:
        """Take note that the person has seen what was done with the recovery words.

        Raises:
            StoreError: it could not be made durable.
        """
        self._replica.put_meta(SEEN_KEY, encode_seen(self._replica.state.k))
        await self._synchronizer.committed()

    async def revoke(self, member: str | None = None) -> bool:
        """Remove recovery words; True once they are gone, False until another device agrees.

        It takes two devices that have both belonged to the wallet for seven days, as its server's
        signed clock proves: each of them calls this, and the second one's call removes the words.

        Args:
            member: the id of the recovery member or the start of it; None if there is but one.

        Raises:
            NotFound: there are no such words.
            InputError: there are several.
            NotAuthorised: this device may not, or has not belonged for long enough.
            TransportError: the wallet was closed before the server answered.
        """
        replica = self._replica
        members = recovery_members(replica)
        found = [one.device for one in members if one.device.hex().startswith(member or "")]
        if not found:
            raise NotFound("the wallet has no such recovery words")
        if len(found) > 1:
            raise InputError("the wallet has several recovery words; name them by their id")
        target, device = Target(TargetKind.DEVICE, found[0]), found[0]
        consent = consent_of_another(replica, device)
        if consent is None:
            await self._synchronizer.edit([consent_edit(replica, device)])
            return False
        await self._synchronizer.propose(lambda author: author.revoke(target, consent))
        return True

    def hold_against(self, found: Recovered, kit: RecoveryKit | None, *, is_complete: bool) -> None:
        """Warn if what came is older than what the recovery key's pin or kit knew.

        Args:
            found: what was recovered.
            kit: the kit by which it was, if there was one.
            is_complete: whether all that the server has is here.
        """
        self.doubt = found.doubt
        if self.doubt is None and is_complete:
            self.doubt = missing_heads(self._replica, found.pin) or missing_since_kit(
                self._replica, kit, found.recovery
            )
        if self.doubt is not None:
            self._synchronizer.tell(Warned(self.doubt))

    @property
    def _replica(self) -> Replica:
        return self._synchronizer.replica

    async def _enrol(self, keys: RecoveryKeys) -> RecoveryStatus:
        core = self._require_owner().core
        link = Link(
            is_invite=False,
            keys=keys.keys,
            holder=core.holder,
            role=Role.OWNER,
            kind=Kind.RECOVERY,
            session=core.random(SESSION_SIZE),
            acceptance=bytes(64),
            wrap_hash=bytes(32),
        )
        if keys.device_id in core.chain.state.sponsors:
            raise RecoveryRefused("these words are, or were, recovery words of this wallet")
        parts = acceptance_parts(core.wallet_id, core.device_id, link)
        acceptance = keys.signing_key.sign(Domain.MEMBERSHIP_ACCEPTANCE, *parts)
        pending = replace(link, acceptance=acceptance)
        self._replica.put_meta(PENDING_KEY, encode_pending(pending))
        await self._synchronizer.edit([*record_edits(self._replica, keys)])
        await self._synchronizer.committed()
        self.resume()
        return self.status

    def _require_owner(self) -> Replica:
        member = self._replica.core.member
        if member is None or member.role is not Role.OWNER or member.kind is not Kind.DEVICE:
            raise NotAuthorised("only an owner's device may make recovery words")
        return self._replica

    def _require_ours(self, keys: RecoveryKeys) -> DeviceId:
        members = {member.device for member in recovery_members(self._replica)}
        if keys.device_id not in members:
            raise RecoveryRefused("these are not the recovery words of this wallet")
        return keys.device_id

    def _settled(self, proposed: "asyncio.Future[None]") -> None:
        """Tell of a refusal; a wallet that was closed tries again when it is opened."""
        if proposed.cancelled():
            return
        error = proposed.exception()
        if isinstance(error, BillfoldError) and not isinstance(
            error, TransportError | RecoveryRefused
        ):
            self._synchronizer.tell(Warned(error))
