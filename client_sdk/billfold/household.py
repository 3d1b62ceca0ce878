"""The devices of a wallet: who they are, linking another, removing one.

Spec: 13-membership.md
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

from billfold.authoring import Author, Authored
from billfold.beacons import last_heard_s
from billfold.document import FieldEdit
from billfold.evidence import welcome_beacon
from billfold.exposure import ReadableRecord, readable_records
from billfold.model import DEVICE
from billfold.other_history import OtherHistory, agree_to_merge, read_other_history
from billfold.pairing import Confirm, ShowCode, Sponsor
from billfold.recovery_words import seed_of
from billfold.replacing import ask, find_request, record_of, request_edits
from billfold.replica import Replica
from billfold.short_ids import is_start_of
from billfold.synchronizer import Synchronizer
from billfold.transport import Transport
from billfold_protocol.errors import (
    InputError,
    LocalProtocolError,
    NotAuthorised,
    NotFound,
    RecoveryRefused,
)
from billfold_protocol.ids import DeviceId, FeedId
from billfold_protocol.linking import Hello, LinkResponder, Welcome
from billfold_protocol.membership import (
    Kind,
    Link,
    Member,
    Role,
    ServerAddress,
    Target,
    TargetKind,
    check_replacement,
)
from billfold_protocol.recovery import RecoveryKeys

DEVICE_TYPE = DEVICE
SESSION_SIZE = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Device:
    """One device of the wallet, as a person sees it."""

    id: str
    """32 hexadecimal digits."""

    name: str
    role: Role | None
    """None once it is removed."""

    kind: Kind | None
    is_this: bool
    is_removed: bool
    is_copied: bool
    """Whether two copies of it have written: somebody runs a copy of its data."""

    linked_by: str | None
    """The id of the device that linked it; None for the first."""

    last_heard_s: int | None
    """When it last said something, by its own clock, in seconds since 1970."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Revoked:
    """What came of removing a device."""

    device: Device
    """As it was before."""

    could_read: tuple[ReadableRecord, ...]
    """What it held when it was removed, and may still hold."""

    is_alone: bool
    """Whether this is the person's only device from now on."""


class Household:
    """The devices of one open wallet."""

    def __init__(self, synchronizer: Synchronizer, transport: Transport) -> None:
        self._synchronizer = synchronizer
        self._transport = transport

    @property
    def this_device(self) -> DeviceId:
        """The id of the device we run on."""
        return self._replica.core.device_id

    def devices(self) -> list[Device]:
        """Return the devices in the order they joined, removed ones last."""
        state = self._replica.state
        here = [self._describe(device, member) for device, member in state.members.items()]
        return here + [self._describe(device, None) for device in state.removed]

    def owner_of(self, feed: FeedId) -> Device | None:
        """Return the device that writes a feed."""
        replica = self._replica
        device = (
            replica.core.device_id
            if feed == replica.core.feed
            else replica.core.graph.device_of(feed)
        )
        if device is None:
            return None
        return self._describe(device, replica.state.members.get(device))

    def find(self, text: str) -> DeviceId:
        """Return the member with this name, or this id or the start of it.

        Raises:
            NotFound: there is none.
            InputError: there are several.
        """
        here = [device for device in self.devices() if not device.is_removed]
        found = (
            [d for d in here if d.id == text]
            or [d for d in here if d.name == text]
            or [d for d in here if is_start_of(text, d.id)]
        )
        if not found:
            gone = [d for d in self.devices() if d.is_removed]
            if any(text == d.name or is_start_of(text, d.id) for d in gone):
                raise NotFound(f"the device {text!r} was revoked before; there is nothing to do")
            raise NotFound(f"no device of this wallet is called {text!r}; `devices` lists them")
        if len(found) > 1:
            raise InputError(f"several devices are called {text!r}; name one by its id")
        return DeviceId(bytes.fromhex(found[0].id))

    async def rename(self, device: DeviceId, name: str) -> None:
        """Keep a device's name in the wallet, where all devices see it."""
        record = self._record_of(device)
        await self._synchronizer.edit(
            [FieldEdit(record, "type", DEVICE_TYPE), FieldEdit(record, "name", name)]
        )

    async def link_by_qr(self, uri: str, confirm: Confirm) -> Hello:
        """Link the device that shows a QR code.

        Raises:
            WrongContext, PairingFailed, TransportError: see `Wallet.link_device`.
        """
        sponsor = Sponsor(self._transport, random=self._replica.core.random)
        return await sponsor.by_qr(uri, confirm=confirm, propose=self._propose, append=self._append)

    async def link_by_words(self, show: ShowCode, confirm: Confirm) -> Hello:
        """Show words, and link the device into which they are typed.

        Raises:
            PairingFailed, TransportError: see `Wallet.link_device_by_words`.
        """
        home = self._require_home()
        sponsor = Sponsor(self._transport, random=self._replica.core.random)
        return await sponsor.by_words(
            home.address,
            show=show,
            confirm=confirm,
            propose=self._propose,
            append=self._append,
        )

    async def revoke(self, text: str) -> Revoked:
        """Remove a device.

        Raises:
            NotFound, InputError, AccessError, TransportError: see `Wallet.revoke`.
        """
        device = self.find(text)
        self._require_home()
        before = self._describe(device, self._replica.state.members[device])
        target = Target(TargetKind.DEVICE, device)
        self._replica.check_revoke(target)
        return await self._remove(before, lambda author: author.revoke(target))

    async def ask_for_keys(self) -> str:
        """Draw new keys for this device, and return the code by which another confirms them.

        Raises:
            AccessError, StoreError: see `Wallet.begin_replacement`.
        """
        self._require_home()
        self._replica.require_right_to_write()
        asked = ask(self._replica)
        await self._synchronizer.edit([*request_edits(self._replica, asked)])
        return asked.code

    async def replace(self, text: str, code: str) -> Revoked:
        """Confirm the new keys of another device.

        Raises:
            NotFound, InputError, AccessError, TransportError: see `Wallet.replace_device`.
        """
        device = self.find(text)
        self._require_home()
        check_replacement(self._replica.state, self.this_device, device)
        before = self._describe(device, self._replica.state.members[device])
        wanted = find_request(self._replica, device, code)
        return await self._remove(before, lambda author: author.replace(wanted))

    async def replace_this(self, words: str) -> Revoked:
        """Give this device new keys, confirmed by the recovery words.

        Raises:
            RecoveryRefused, AccessError, TransportError: see `Wallet.replace_this_device`.
        """
        self._require_home()
        keys, replica = RecoveryKeys(seed_of(words)), self._replica
        if keys.device_id not in replica.state.members:
            raise RecoveryRefused("these are not the recovery words of this wallet")
        check_replacement(replica.state, keys.device_id, self.this_device)
        before = self._describe(self.this_device, replica.state.members[self.this_device])
        asked = ask(replica)
        await self._synchronizer.edit([*request_edits(replica, asked)])
        return await self._remove(
            before, lambda author: replace(author, secrets=keys).replace(asked.wanted)
        )

    async def _remove(self, before: Device, entry: Callable[[Author], Authored]) -> Revoked:
        could_read: tuple[ReadableRecord, ...] = ()

        def make(author: Author) -> Authored:
            nonlocal could_read
            could_read = readable_records(self._replica)
            return entry(author)

        removed = DeviceId(bytes.fromhex(before.id))
        await self._synchronizer.propose(make, removes=removed)
        own = [
            member
            for member in self._replica.state.members.values()
            if member.holder == self._replica.core.holder and member.kind is Kind.DEVICE
        ]
        return Revoked(device=before, could_read=could_read, is_alone=len(own) == 1)

    async def rotate(self) -> None:
        """Begin a new epoch for the same devices.

        Raises:
            AccessError, TransportError: see `Wallet.rotate`.
        """
        self._require_home()
        await self._synchronizer.propose(lambda author: author.rotate())

    def other_history(self) -> OtherHistory | None:
        """Return how the server's history of devices differs from ours, if it does."""
        return read_other_history(self._replica)

    async def merge(self) -> None:
        """Agree to merge the server's history of devices with ours.

        Raises:
            LocalProtocolError: there is one history only.
            NotAuthorised: this device may not merge them.
        """
        history = self.other_history()
        if history is not None and not history.may_merge:
            raise NotAuthorised(
                "only an owner of the wallet on both histories may merge them; "
                "do it on another device"
            )
        agree_to_merge(self._replica)
        await self._synchronizer.committed()

    @property
    def _replica(self) -> Replica:
        return self._synchronizer.replica

    def _require_home(self) -> ServerAddress:
        home = self._replica.state.home
        if home is None:
            raise LocalProtocolError("this wallet has no server yet; connect it to one first")
        return home.server

    def _propose(self, responder: LinkResponder, hello: Hello) -> bytes:
        core = self._replica.core
        member = core.member
        if member is None or hello.keys.device_id in core.chain.state.members:
            raise InputError("this device cannot link that one")
        return responder.propose(
            wallet_id=core.wallet_id,
            sponsor=core.device_id,
            holder=core.holder,
            role=member.role,
            session=core.random(SESSION_SIZE),
        )

    async def _append(self, link: Link) -> Welcome:
        await self._synchronizer.propose(lambda author: author.link(link))
        server, replica = self._require_home(), self._replica
        state = next(
            state
            for state in map(replica.core.chain.state_at, range(len(replica.core.chain)))
            if link.keys.device_id in state.members
        )
        return Welcome(
            wallet_id=replica.wallet_id,
            holder=link.holder,
            address=server.address,
            server_key=server.key,
            k=state.k,
            hash=state.hash,
            beacon=welcome_beacon(replica, server.key),
        )

    def _record_of(self, device: DeviceId) -> str:
        return record_of(self._replica, device)

    def _describe(self, device: DeviceId, member: Member | None) -> Device:
        name = self._replica.document.field(self._record_of(device), "name")
        return Device(
            id=device.hex(),
            name=str(name.value) if name is not None else _unnamed(device, member),
            role=None if member is None else member.role,
            kind=None if member is None else member.kind,
            is_this=device == self.this_device,
            is_removed=member is None,
            is_copied=device in self._replica.core.succession.copied,
            linked_by=None if member is None or member.sponsor == device else member.sponsor.hex(),
            last_heard_s=last_heard_s(self._replica, device, member),
        )


def _unnamed(device: DeviceId, member: Member | None) -> str:
    is_recovery = member is not None and member.kind is Kind.RECOVERY
    return "recovery words" if is_recovery else device.hex()[:8]
