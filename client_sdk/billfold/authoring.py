"""The membership entries that this device makes: signed bytes and the wraps that go beside them.

Each function takes the chain as it is and returns the entry that may follow; nothing is kept.

Spec: 13-membership.md
"""

import dataclasses
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from billfold.device import DeviceSecrets
from billfold_protocol.crypto.signing import SigningKey
from billfold_protocol.envelope import RandomBytes
from billfold_protocol.errors import NotFound
from billfold_protocol.feed import Dep, FeedGraph, Vector
from billfold_protocol.ids import DeviceId, EpochId, EpochKey, HolderId
from billfold_protocol.key_hierarchy import (
    WrapContext,
    commit_to,
    rotate_epoch,
    seal_back_link,
    seal_older_links,
    wrap_epoch_key,
)
from billfold_protocol.membership import (
    Complain,
    Consent,
    Create,
    Cut,
    Divergence,
    Home,
    Link,
    Member,
    MembershipChain,
    MembershipEntry,
    MembershipState,
    Merge,
    Payload,
    Replace,
    Revoke,
    Role,
    Rotate,
    Rotation,
    SetRole,
    Target,
    check_replacement,
    members_after,
    sign_entry,
    wrap_hash,
)

Wraps = tuple[tuple[int, DeviceId, bytes], ...]


class Signer(Protocol):
    """Whoever signs: a device, or a recovery key."""

    @property
    def device_id(self) -> DeviceId:
        """The member."""

    @property
    def signing_key(self) -> SigningKey:
        """Its key."""


@dataclass(frozen=True, slots=True)
class Authored:
    """A signed membership entry and its wraps."""

    raw: bytes
    wraps: Wraps = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Author:
    """What it takes to make entries."""

    secrets: Signer
    chain: MembershipChain
    epoch_keys: dict[EpochId, EpochKey]
    graph: FeedGraph
    random: RandomBytes
    time_s: int
    served: Vector = field(default_factory=dict)
    """The heads that the wallet's server is known to hold."""

    def home(self, home: Home) -> Authored:
        """Make the entry that names the wallet's server."""
        return Authored(self._sign(home))

    def link(self, link: Link) -> Authored:
        """Make the entry that adds a device, whose terms it has accepted.

        Raises:
            WeakKey: the new device's key is not valid.
        """
        state = self.chain.state
        member = Member(
            device=link.keys.device_id,
            keys=link.keys,
            holder=link.holder,
            role=link.role,
            kind=link.kind,
            sponsor=self.secrets.device_id,
            since_k=state.k + 1,
        )
        context = WrapContext(
            wallet_id=state.wallet_id,
            k=state.k + 1,
            previous=state.hash,
            author=self.secrets.device_id,
            commitment=state.epoch.commitment,
        )
        wrapped = wrap_epoch_key(self.epoch_keys[state.epoch.id], member, context)
        listed = Link(
            is_invite=link.is_invite,
            keys=link.keys,
            holder=link.holder,
            role=link.role,
            kind=link.kind,
            session=link.session,
            acceptance=link.acceptance,
            wrap_hash=wrap_hash(wrapped),
        )
        return Authored(self._sign(listed), ((state.k + 1, member.device, wrapped),))

    def revoke(self, target: Target, consent: Consent | None = None) -> Authored:
        """Make the entry that removes devices, cuts their feeds and begins a new epoch.

        Args:
            target: whom it removes.
            consent: of a second device, for a recovery member.

        Raises:
            NotFound: the target names nobody who is a member.
        """
        state = self.chain.state
        gone = state.resolve(target)
        if not gone:
            raise NotFound("no device of this wallet has this name or id")
        remaining = [member for device, member in state.members.items() if device not in gone]
        rotation, wraps = self._rotate(remaining)
        cut = self._cut(gone)
        revoke = Revoke(target=target, cut=cut, rotation=rotation, consent=consent)
        return Authored(self._sign(revoke), wraps)

    def replace(self, wanted: Replace) -> Authored:
        """Make the entry that gives a device new keys, and shuts out whoever has the old ones.

        Args:
            wanted: what the device has signed; the cut and the epoch are made here.

        Raises:
            NotAuthorised: the device is no member any more, or this one may not confirm.
        """
        members = self.chain.state.members
        old = check_replacement(self.chain.state, self.secrets.device_id, wanted.device)
        new = dataclasses.replace(old, device=wanted.keys.device_id, keys=wanted.keys)
        remaining = [member for device, member in members.items() if device != old.device]
        rotation, wraps = self._rotate([*remaining, new])
        cut = self._cut([old.device])
        return Authored(self._sign(dataclasses.replace(wanted, cut=cut, rotation=rotation)), wraps)

    def rotate(self) -> Authored:
        """Make the entry that begins a new epoch for the same members.

        It leads to every older epoch whose key is here: also past one whose key never came, and
        past a back-link that leads nowhere.
        """
        key = EpochKey(self.random(32))
        rotation, wraps = self._rotate(list(self.chain.state.members.values()), key)
        older = seal_older_links(self.chain, key, self.epoch_keys, self.random)
        return Authored(self._sign(Rotate(rotation=rotation, older=older)), wraps)

    def complain(self) -> Authored:
        """Make the entry that says that the current epoch's key does not open here."""
        return Authored(self._sign(Complain(epoch=self.chain.state.epoch.id)))

    def set_role(self, device: DeviceId, role: Role) -> Authored:
        """Make the entry that changes a device's role.

        Raises:
            NotFound: the device is not a member.
        """
        member = self.chain.state.members.get(device)
        if member is None:
            raise NotFound("no device of this wallet has this name or id")
        cut: Cut = {}
        if member.role.can_write and not role.can_write:
            cut = self._cut([device])
        return Authored(self._sign(SetRole(device=device, role=role, cut=cut)))

    def merge(self, divergence: Divergence, keys: Mapping[EpochId, EpochKey]) -> Authored:
        """Make the entry that merges two branches, onto the main one.

        Args:
            divergence: the branches; the main one is the server's.
            keys: the keys of both branches' newest epochs, by epoch.

        Raises:
            LimitExceeded: the other branch does not fit into an entry.
        """
        main, other = divergence.main.state, divergence.other.state
        key = EpochKey(self.random(32))
        rotation, wraps = rotate_epoch(
            main,
            recipients=members_after(divergence.branches).values(),
            author=self.secrets.device_id,
            previous_key=keys[main.epoch.id],
            key=key,
            nonce=self.random(24),
        )
        merge = Merge(
            branch=divergence.carried,
            rotation=rotation,
            other_back_link=seal_back_link(key, other, keys[other.epoch.id], self.random(24)),
            home=main.home,
        )
        raw = self._sign(merge, after=main)
        return Authored(raw, tuple((main.k + 1, device, w) for device, w in wraps.items()))

    def _cut(self, devices: Iterable[DeviceId]) -> Cut:
        """Return the newest entry of each feed of some devices that shall count.

        Of a forked feed the branch that the server holds stands from now on: it would refuse the
        other, and no device that comes later could get that.
        """
        cut = dict(self.graph.feeds_of(devices))
        for feed in cut:
            head = self.served.get(feed)
            if (
                head is not None
                and self.graph.is_forked(feed)
                and self.graph.find(Dep(feed, *head))
            ):
                cut[feed] = head
        return cut

    def _rotate(
        self, recipients: list[Member], key: EpochKey | None = None
    ) -> tuple[Rotation, Wraps]:
        state = self.chain.state
        rotation, wraps = rotate_epoch(
            state,
            recipients=recipients,
            author=self.secrets.device_id,
            previous_key=self.epoch_keys.get(state.epoch.id),
            key=key or EpochKey(self.random(32)),
            nonce=self.random(24),
        )
        listed = tuple((state.k + 1, device, wrapped) for device, wrapped in wraps.items())
        return rotation, listed

    def _sign(self, payload: Payload, *, after: MembershipState | None = None) -> bytes:
        state = after or self.chain.state
        entry = MembershipEntry(
            k=state.k + 1,
            time_s=self.time_s,
            wallet_id=state.wallet_id,
            previous=state.hash,
            author=self.secrets.device_id,
            payload=payload,
        )
        return sign_entry(entry, self.secrets.signing_key).raw


def create_chain(
    secrets: DeviceSecrets, *, holder: HolderId, key: EpochKey, time_s: int
) -> MembershipChain:
    """Begin a wallet: its first device, holder and epoch key come from the caller."""
    create = Create(keys=secrets.keys, holder=holder, commitment=commit_to(key))
    entry = MembershipEntry(
        k=0,
        time_s=time_s,
        wallet_id=None,
        previous=None,
        author=secrets.device_id,
        payload=create,
    )
    return MembershipChain(sign_entry(entry, secrets.signing_key).raw)
