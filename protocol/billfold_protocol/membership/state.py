"""What a membership chain means at one index, and which entry may follow.

`MembershipState` is immutable; `apply` returns the next one or says why the entry may not follow.
The rules, by the author's place in the state before the entry:

    create     nobody before it             home, close, invite, set_role   an owner
    link       a device, for its holder     rotate                          a member who may write
    complain   any member, of the current epoch, once
    revoke     an owner for anyone; a device for devices of its own holder
    merge      see `merging`                replace                         see `replacing`

An agent makes none of them; only an owner adds a recovery member, and only that sets its own role.

Spec: 13-membership.md
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from billfold_protocol import limits
from billfold_protocol.crypto import enrolment, signing
from billfold_protocol.crypto.domains import Domain
from billfold_protocol.errors import (
    AuthFailed,
    LimitExceeded,
    NotAuthorised,
    UnsignedMember,
    WalletClosed,
    WrongContext,
)
from billfold_protocol.ids import (
    ChainHead,
    DeviceId,
    EpochId,
    MembershipHash,
    WalletId,
)
from billfold_protocol.membership.entries import acceptance_parts, consent_parts, membership_hash
from billfold_protocol.membership.members import CutRecord, Epoch, Member
from billfold_protocol.membership.records import (
    Close,
    Complain,
    Consent,
    Create,
    Home,
    Kind,
    Link,
    MembershipEntry,
    Merge,
    Replace,
    Revoke,
    Role,
    Rotate,
    Rotation,
    SetRole,
    Target,
    TargetKind,
)
from billfold_protocol.membership.tenure import check_consent


@dataclass(frozen=True, slots=True, kw_only=True)
class MembershipState:
    """Who belongs to the wallet, with which rights, after the entry at index `k`."""

    wallet_id: WalletId
    k: int
    hash: MembershipHash
    members: Mapping[DeviceId, Member]
    removed: Mapping[DeviceId, int]
    """Devices that were revoked, and the index of the entry that did it."""

    sponsors: Mapping[DeviceId, DeviceId]
    """For every device that is or was a member, in the order they joined, who added it."""

    cuts: tuple[CutRecord, ...]
    epoch: Epoch
    home: Home | None
    is_closed: bool
    complaints: frozenset[DeviceId] = frozenset()
    """The members who say that they cannot open the current epoch's key."""

    @property
    def head(self) -> ChainHead:
        """The first 16 bytes of the newest entry's hash, as feed entries name it."""
        return ChainHead(self.hash[:16])

    @property
    def document(self) -> int:
        """The number of the wallet's document; 0 until history is erased for the first time."""
        return 0

    def resolve(self, target: Target) -> frozenset[DeviceId]:
        """Return the members that a target names in this state; empty if none."""
        match target.kind:
            case TargetKind.DEVICE:
                return frozenset(d for d in self.members if d == target.id)
            case TargetKind.HOLDER:
                return frozenset(d for d, m in self.members.items() if m.holder == target.id)
            case TargetKind.DEVICE_AND_LINKED:
                found = {d for d in self.sponsors if d == target.id}
                # They are in the order they joined, so one pass sees every sponsor first. Those
                # who are gone are among them: nobody hides behind a removed device.
                for device, sponsor in self.sponsors.items():
                    if sponsor in found:
                        found.add(device)
                return frozenset(found & self.members.keys())

    def check_revoke(
        self, device: DeviceId, target: Target, consent: Consent | None = None
    ) -> frozenset[DeviceId]:
        """Return whom a revoke by this device, perhaps with another's consent, would remove.

        Raises:
            NotAuthorised: it may not remove them, or they are nobody.
        """
        author, gone = self.members.get(device), self.resolve(target)
        if author is None or author.kind is Kind.AGENT:
            raise NotAuthorised("this device may not revoke")
        if not gone:
            raise NotAuthorised("the revoke names nobody who is a member")
        # Whoever holds the recovery words may end them.
        is_own_end = author.kind is Kind.RECOVERY and gone == {device}
        if device in gone and not is_own_end:
            raise NotAuthorised("a device does not revoke itself; do it on another device")
        for member in (self.members[other] for other in gone):
            if author.role is not Role.OWNER and member.holder != author.holder:
                raise NotAuthorised("only an owner may revoke another person's device")
        has_recovery = any(self.members[other].kind is Kind.RECOVERY for other in gone)
        if consent is None and has_recovery and not is_own_end:
            raise NotAuthorised("a recovery member is not revocable by one device")
        if consent is not None:
            self._check_consent(author, gone, consent)
        require_an_owner_left({d: m for d, m in self.members.items() if d not in gone})
        return gone

    def _check_consent(self, author: Member, gone: frozenset[DeviceId], consent: Consent) -> None:
        """Check that another device wants the same recovery member removed, in this epoch."""
        named, other = [self.members[d] for d in gone], self.members.get(consent.device)
        if other is None or other.device == author.device or {*gone} & {other.device}:
            raise NotAuthorised("it takes two devices to remove a recovery member")
        if {author.kind, other.kind} != {Kind.DEVICE} or [m.kind for m in named] != [Kind.RECOVERY]:
            raise NotAuthorised("a consent is for two devices that remove one recovery member")
        if other.role is not Role.OWNER and other.holder != named[0].holder:
            raise NotAuthorised("only an owner may revoke another person's device")
        parts = consent_parts(self.wallet_id, named[0].device, self.epoch.id)
        check_consent(consent, other.keys.signing, *parts)

    def apply(self, signed: signing.Signed[MembershipEntry]) -> "MembershipState":
        """Return the state after an entry that has been checked against this one.

        Raises:
            WrongContext: the entry is of another wallet or another place in the chain.
            UnsignedMember: the author is not a member, or a new device did not sign.
            AuthFailed: the author's signature does not verify.
            NotAuthorised: the author's role does not allow the entry.
            LimitExceeded: the wallet would have too many members or entries.
            WalletClosed: the wallet has ended.
            WeakKey: a new device's key is not valid.
        """
        author, moved = self.follow(signed)
        entry = signed.value
        match entry.payload:
            case Create():
                raise WrongContext("`create` stands at the beginning only")
            case Merge() | Replace():
                raise WrongContext("this kind of entry is judged by the chain that it follows")
            case Home() as home:
                _require_owner(author)
                return replace(moved, home=home)
            case Link() as link:
                members = _linked(self, author, link, entry.k)
                sponsors = {**self.sponsors, link.keys.device_id: author.device}
                return replace(moved, members=members, sponsors=sponsors)
            case Revoke() as revoke:
                return _revoked(self, moved, author, revoke)
            case Rotate() as rotate:
                if not author.role.can_write:
                    raise NotAuthorised("a viewer may not begin an epoch")
                if any(link.k >= moved.k for link in rotate.older):
                    raise NotAuthorised("an epoch seals the keys of epochs before it")
                return begin_epoch(moved, rotate.rotation)
            case Complain(epoch=epoch):
                if epoch != self.epoch.id or author.device in self.complaints:
                    raise NotAuthorised("a device complains once, of the current epoch")
                return replace(moved, complaints=self.complaints | {author.device})
            case SetRole() as change:
                return _with_role(self, moved, author, change)
            case Close():
                _require_owner(author)
                return replace(moved, is_closed=True)

    def follow(self, signed: signing.Signed[MembershipEntry]) -> tuple[Member, "MembershipState"]:
        """Check what every entry must fulfil, before the rule of its kind.

        Returns:
            Its author, and this state with the entry's `k` and hash.

        Raises:
            WrongContext: the entry is of another wallet or another place in the chain.
            UnsignedMember: the author is not a member.
            AuthFailed: the author's signature does not verify.
            NotAuthorised: the author is an agent.
            WalletClosed: the wallet has ended.
        """
        entry = signed.value
        if self.is_closed:
            raise WalletClosed("the wallet has ended, nothing follows its `close` entry")
        if (entry.wallet_id, entry.k, entry.previous) != (self.wallet_id, self.k + 1, self.hash):
            raise WrongContext("the membership entry belongs to another place")
        author = self.members.get(entry.author)
        if author is None:
            raise UnsignedMember("the membership entry is not signed by a member")
        signing.verify(signed, author.keys.signing, Domain.MEMBERSHIP_SIGNATURE, self.wallet_id)
        if author.kind is Kind.AGENT:
            raise NotAuthorised("an agent may not change who belongs to the wallet")
        return author, replace(self, k=entry.k, hash=membership_hash(signed.body))


def begin(signed: signing.Signed[MembershipEntry]) -> MembershipState:
    """Return the state after a `create` entry.

    Raises:
        WrongContext: it is another kind of entry, or its author is not the device it names.
        AuthFailed: the signature does not verify.
        WeakKey: a key of the device is not valid.
    """
    entry, create = signed.value, signed.value.payload
    if not isinstance(create, Create) or entry.author != create.keys.device_id:
        raise WrongContext("a chain begins with a `create` entry signed by its own device")
    enrolment.check_signing_key(create.keys.signing)
    enrolment.check_wrapping_key(create.keys.wrapping)
    signing.verify(signed, create.keys.signing, Domain.MEMBERSHIP_SIGNATURE, b"")
    created = membership_hash(signed.body)
    first = Member(
        device=entry.author,
        keys=create.keys,
        holder=create.holder,
        role=Role.OWNER,
        kind=Kind.DEVICE,
        sponsor=entry.author,
        since_k=0,
    )
    return MembershipState(
        wallet_id=WalletId(created),
        k=0,
        hash=created,
        members={first.device: first},
        removed={},
        sponsors={first.device: first.device},
        cuts=(),
        epoch=Epoch(id=EpochId(created[:16]), commitment=create.commitment, k=0),
        home=None,
        is_closed=False,
    )


def _require_owner(author: Member) -> None:
    if author.role is not Role.OWNER:
        raise NotAuthorised("only an owner may do this")


def _linked(state: MembershipState, author: Member, link: Link, k: int) -> dict[DeviceId, Member]:
    device = link.keys.device_id
    if len(state.members) >= limits.MEMBERS_COUNT_MAX:
        raise LimitExceeded("the wallet has as many members as it may have")
    if device in state.sponsors:
        raise NotAuthorised("this device has been a member before; a device is listed once")
    if link.kind is Kind.RECOVERY and (author.role is not Role.OWNER or link.is_invite):
        raise NotAuthorised("only an owner may add a recovery member, and as its own")
    if link.is_invite:
        _require_owner(author)
        if any(member.holder == link.holder for member in state.members.values()):
            raise NotAuthorised("an invited person has a holder id of their own")
    elif link.holder != author.holder:
        raise NotAuthorised("a device may link devices of its own holder only")
    elif link.role.rank > author.role.rank:
        raise NotAuthorised("a device may not give a role above its own")
    enrolment.check_signing_key(link.keys.signing)
    enrolment.check_wrapping_key(link.keys.wrapping)
    parts = acceptance_parts(state.wallet_id, author.device, link)
    try:
        signing.check_signature(
            link.keys.signing, link.acceptance, Domain.MEMBERSHIP_ACCEPTANCE, *parts
        )
    except AuthFailed as error:
        raise UnsignedMember("the new device did not sign its own addition") from error
    member = Member(
        device=device,
        keys=link.keys,
        holder=link.holder,
        role=link.role,
        kind=link.kind,
        sponsor=author.device,
        since_k=k,
    )
    return {**state.members, device: member}


def _revoked(
    state: MembershipState, moved: MembershipState, author: Member, revoke: Revoke
) -> MembershipState:
    gone = state.check_revoke(author.device, revoke.target, revoke.consent)
    members = {d: m for d, m in state.members.items() if d not in gone}
    moved = replace(
        moved,
        members=members,
        removed={**state.removed, **dict.fromkeys(gone, moved.k)},
        cuts=state.cuts
        + tuple(
            CutRecord(k=moved.k, entry=moved.hash, device=device, heads=revoke.cut)
            for device in sorted(gone)
        ),
    )
    return begin_epoch(moved, revoke.rotation)


def begin_epoch(moved: MembershipState, rotation: Rotation) -> MembershipState:
    """Return the state with the epoch that a rotation begins, of which nobody complains yet.

    Raises:
        NotAuthorised: it is not wrapped once for each member.
    """
    if len(rotation.wrap_hashes) != len(moved.members):
        raise NotAuthorised("an epoch is wrapped once for each member and for nobody else")
    epoch = Epoch(id=EpochId(moved.hash[:16]), commitment=rotation.commitment, k=moved.k)
    return replace(moved, epoch=epoch, complaints=frozenset())


def _with_role(
    state: MembershipState, moved: MembershipState, author: Member, change: SetRole
) -> MembershipState:
    _require_owner(author)
    member = state.members.get(change.device)
    if member is None:
        raise NotAuthorised("the device whose role is set is not a member")
    if member.kind is Kind.RECOVERY and author.device != member.device:
        raise NotAuthorised("nobody but a recovery member itself may change its role")
    members = {**state.members, change.device: replace(member, role=change.role)}
    require_an_owner_left(members)
    cuts = state.cuts
    if member.role.can_write and not change.role.can_write:
        cuts += (CutRecord(k=moved.k, entry=moved.hash, device=change.device, heads=change.cut),)
    elif change.cut:
        raise NotAuthorised("a cut belongs to a device that loses the right to write")
    return replace(moved, members=members, cuts=cuts)


def require_an_owner_left(members: Mapping[DeviceId, Member]) -> None:
    """Check that somebody is left who may do everything.

    Raises:
        NotAuthorised: nobody is.
    """
    if not any(m.role is Role.OWNER and m.kind is not Kind.AGENT for m in members.values()):
        raise NotAuthorised(
            "this would leave the wallet without an owner; make another device an owner first"
        )
