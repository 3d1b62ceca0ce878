"""Real devices and real wallets for tests: true keys, signatures, wraps and chains, from a seed.

    wallet = TestWallet("seed")                       # create, by wallet.owner
    phone = wallet.link(TestDevice("phone"))          # an own device of the owner
    friend = wallet.invite(TestDevice("friend"))      # another person's
    wallet.revoke(phone, cut={})                      # with a new epoch
    entry = wallet.seal(friend, TestFeed("f"), b"change")

Each change of the membership is appended to `wallet.chain`; `sign` makes an entry without appending
it, for entries that must be refused. All ids and keys come from the seed; hashes of entries that
list wraps do not, because HPKE takes no randomness from outside.

Spec: 13-membership.md
"""

from collections.abc import Sequence
from copy import copy
from dataclasses import replace
from functools import lru_cache

from billfold_protocol import key_hierarchy
from billfold_protocol.crypto.domains import Domain
from billfold_protocol.crypto.signing import SigningKey, Verified
from billfold_protocol.crypto.wrapping import UnwrappingKey
from billfold_protocol.envelope import Content, Place, Sealer
from billfold_protocol.feed import FEED_SALT_SIZE, Dep, Entry, Opening, feed_id
from billfold_protocol.ids import DeviceId, EpochId, EpochKey, FeedId, HolderId, ServerKey
from billfold_protocol.membership import (
    Close,
    Create,
    Cut,
    DeviceKeys,
    Home,
    Kind,
    Link,
    Member,
    MembershipChain,
    MembershipEntry,
    MembershipState,
    Merge,
    Payload,
    Revoke,
    Role,
    Rotate,
    Rotation,
    ServerAddress,
    SetRole,
    Target,
    TargetKind,
    acceptance_parts,
    divergence_of,
    members_after,
    sign_entry,
    wrap_hash,
)
from tests.support.seeded_bytes import SeededBytes, bytes_of

TIME_S = 1_700_000_000


@lru_cache(maxsize=256)
def _keys_of(seed: str) -> tuple[SigningKey, UnwrappingKey]:
    return (
        SigningKey(bytes_of(f"{seed}/signing", 32)),
        UnwrappingKey(bytes_of(f"{seed}/wrapping", 32)),
    )


class TestDevice:
    """A device with both of its key pairs and its own source of seeded bytes."""

    __test__ = False

    def __init__(self, seed: str, *, holder: HolderId | None = None) -> None:
        self.seed = seed
        self.signing_key, self.unwrapping_key = _keys_of(seed)
        self.keys = DeviceKeys(self.signing_key.public_key, self.unwrapping_key.public_key)
        self.id = self.keys.device_id
        self.holder = holder or HolderId(bytes_of(f"{seed}/holder", 16))
        self.random = SeededBytes(f"{seed}/random")
        self.sealer = Sealer(self.signing_key, bytes_of(f"{seed}/device-secret", 32))

    def __repr__(self) -> str:
        return f"TestDevice({self.seed!r})"


class TestFeed:
    """Where one device's next entry goes; `wallet.seal` moves it on.

    It belongs to the device that first writes to it, unless one is named.
    """

    __test__ = False

    def __init__(
        self, seed: str, *, previous: Dep | None = None, device: DeviceId | None = None
    ) -> None:
        self.salt = bytes_of(f"{seed}/feed", FEED_SALT_SIZE)
        self.previous = previous
        self.device = device
        self.entries: list[Entry] = []

    @property
    def id(self) -> FeedId:
        """The feed's id, known from the first entry on."""
        if self.entries:
            return self.entries[0].feed
        assert self.device is not None, "a feed has its id from the device that opens it"
        return feed_id(self.device, self.salt)

    @property
    def head(self) -> Dep:
        """The newest entry; there must be one."""
        entry = self.entries[-1]
        return Dep(self.id, entry.seq, entry.id)

    def place(self, device: DeviceId, deps: Sequence[Dep] = ()) -> Place:
        """Return where the next entry of this feed stands."""
        self.device = self.device or device
        opening = Opening(self.device, self.salt, self.previous)
        return Place(
            feed=self.id,
            seq=len(self.entries),
            prev=self.entries[-1].id if self.entries else opening,
            deps=tuple(sorted(deps)),
        )


class TestWallet:
    """One wallet's true chain and all of its epoch keys; every act is checked by the real chain."""

    __test__ = False

    def __init__(self, seed: str = "wallet", *, owner: TestDevice | None = None) -> None:
        self.owner = owner or TestDevice(f"{seed}/owner")
        self.random = SeededBytes(f"{seed}/wallet")
        key = EpochKey(self.random(32))
        payload = Create(
            keys=self.owner.keys,
            holder=self.owner.holder,
            commitment=key_hierarchy.commit_to(key),
        )
        entry = MembershipEntry(
            k=0,
            time_s=TIME_S,
            wallet_id=None,
            previous=None,
            author=self.owner.id,
            payload=payload,
        )
        self.chain = MembershipChain(sign_entry(entry, self.owner.signing_key).raw)
        self.epoch_keys: dict[EpochId, EpochKey] = {self.chain.state.epoch.id: key}
        self.wraps: dict[tuple[int, DeviceId], bytes] = {}
        self.devices = {self.owner.id: self.owner}

    @property
    def state(self) -> MembershipState:
        """The state after the newest membership entry."""
        return self.chain.state

    @property
    def epoch_key(self) -> EpochKey:
        """The key of the current epoch."""
        return self.epoch_keys[self.state.epoch.id]

    def sign(
        self, author: TestDevice, payload: Payload, *, after: MembershipState | None = None
    ) -> bytes:
        """Return the signed bytes of an entry that follows `after`, without appending it."""
        state = after or self.state
        entry = MembershipEntry(
            k=state.k + 1,
            time_s=TIME_S,
            wallet_id=state.wallet_id,
            previous=state.hash,
            author=author.id,
            payload=payload,
        )
        return sign_entry(entry, author.signing_key).raw

    def append(self, author: TestDevice, payload: Payload) -> bytes:
        """Sign and append an entry; return its signed bytes."""
        raw = self.sign(author, payload)
        self.chain.append(raw)
        return raw

    def addition(
        self,
        device: TestDevice,
        *,
        sponsor: TestDevice | None = None,
        role: Role = Role.EDITOR,
        kind: Kind = Kind.DEVICE,
        is_invite: bool = False,
    ) -> tuple[Link, bytes]:
        """Return the accepted payload that adds a device, and the wrap that goes beside it."""
        author, state = sponsor or self.owner, self.state
        member = Member(
            device=device.id,
            keys=device.keys,
            holder=device.holder,
            role=role,
            kind=kind,
            sponsor=author.id,
            since_k=state.k + 1,
        )
        context = key_hierarchy.WrapContext(
            wallet_id=state.wallet_id,
            k=state.k + 1,
            previous=state.hash,
            author=author.id,
            commitment=state.epoch.commitment,
        )
        wrapped = key_hierarchy.wrap_epoch_key(self.epoch_key, member, context)
        link = Link(
            is_invite=is_invite,
            keys=device.keys,
            holder=device.holder,
            role=role,
            kind=kind,
            session=bytes_of(f"{device.seed}/session", 16),
            acceptance=bytes(64),
            wrap_hash=wrap_hash(wrapped),
        )
        return self.accept(link, device, author), wrapped

    def accept(self, link: Link, device: TestDevice, sponsor: TestDevice) -> Link:
        """Return the payload with the new device's own signature over its terms."""
        parts = acceptance_parts(self.chain.wallet_id, sponsor.id, link)
        acceptance = device.signing_key.sign(Domain.MEMBERSHIP_ACCEPTANCE, *parts)
        return replace(link, acceptance=acceptance)

    def link(
        self,
        device: TestDevice,
        *,
        sponsor: TestDevice | None = None,
        role: Role = Role.EDITOR,
        kind: Kind = Kind.DEVICE,
    ) -> TestDevice:
        """Add a device to its sponsor's holder, the owner's by default; return the device."""
        author = sponsor or self.owner
        device.holder = author.holder
        link, wrapped = self.addition(device, sponsor=author, role=role, kind=kind)
        return self._add(author, device, link, wrapped)

    def invite(
        self, device: TestDevice, *, sponsor: TestDevice | None = None, role: Role = Role.EDITOR
    ) -> TestDevice:
        """Add another person's device, under its own holder; return the device."""
        author = sponsor or self.owner
        link, wrapped = self.addition(device, sponsor=author, role=role, is_invite=True)
        return self._add(author, device, link, wrapped)

    def removal(
        self,
        target: Target,
        *,
        cut: Cut | None = None,
        author: TestDevice | None = None,
    ) -> tuple[Revoke, EpochKey, dict[DeviceId, bytes]]:
        """Return the payload that removes a target, its new epoch key and the wraps."""
        gone = self.state.resolve(target)
        staying = [member for id_, member in self.state.members.items() if id_ not in gone]
        rotation, key, wraps = self.rotation(author=author, recipients=staying)
        return Revoke(target=target, cut=cut or {}, rotation=rotation), key, wraps

    def rotation(
        self, *, author: TestDevice | None = None, recipients: Sequence[Member] | None = None
    ) -> tuple[Rotation, EpochKey, dict[DeviceId, bytes]]:
        """Return a rotation that may follow the newest entry, its key and the wraps."""
        key = EpochKey(self.random(32))
        members = list(self.state.members.values()) if recipients is None else recipients
        rotation, wraps = key_hierarchy.rotate_epoch(
            self.state,
            recipients=members,
            author=(author or self.owner).id,
            previous_key=self.epoch_key,
            key=key,
            nonce=self.random(24),
        )
        return rotation, key, dict(wraps)

    def revoke(
        self,
        target: TestDevice | Target,
        *,
        cut: Cut | None = None,
        author: TestDevice | None = None,
    ) -> bytes:
        """Remove a device or a target, with a cut and a new epoch."""
        named = Target(TargetKind.DEVICE, target.id) if isinstance(target, TestDevice) else target
        revoke, key, wraps = self.removal(named, cut=cut, author=author)
        raw = self.append(author or self.owner, revoke)
        self._keep_epoch(key, wraps)
        return raw

    def rotate(self, author: TestDevice | None = None) -> bytes:
        """Begin a new epoch for the same members."""
        rotation, key, wraps = self.rotation(author=author)
        raw = self.append(author or self.owner, Rotate(rotation=rotation))
        self._keep_epoch(key, wraps)
        return raw

    def set_role(
        self,
        device: TestDevice,
        role: Role,
        *,
        cut: Cut | None = None,
        author: TestDevice | None = None,
    ) -> bytes:
        """Give a device another role."""
        return self.append(
            author or self.owner, SetRole(device=device.id, role=role, cut=cut or {})
        )

    def home(self, address: str = "https://example.org") -> bytes:
        """Name the server on which the wallet lives."""
        key = ServerKey(SigningKey(bytes_of(f"{address}/server", 32)).public_key)
        return self.append(self.owner, Home(server=ServerAddress(address=address, key=key)))

    def fork(self, seed: str) -> "TestWallet":
        """Return the same wallet as it would be if its history went on another way from here."""
        twin = copy(self)
        twin.random = SeededBytes(f"{seed}/wallet")
        twin.chain = MembershipChain.load(self.chain.raws)
        twin.epoch_keys, twin.wraps = dict(self.epoch_keys), dict(self.wraps)
        twin.devices = dict(self.devices)
        return twin

    def merging(
        self,
        other: "TestWallet",
        *,
        author: TestDevice | None = None,
        voided: Sequence[DeviceId] = (),
    ) -> tuple[Merge, EpochKey, dict[DeviceId, bytes]]:
        """Return the payload that merges another history into this, the main one; key and wraps."""
        divergence = divergence_of(self.chain, other.chain)
        assert divergence is not None
        members = members_after(divergence.branches, voided)
        rotation, key, wraps = self.rotation(author=author, recipients=list(members.values()))
        other_back_link = key_hierarchy.seal_back_link(
            key, other.state, other.epoch_key, self.random(24)
        )
        merge = Merge(
            branch=divergence.carried,
            rotation=rotation,
            other_back_link=other_back_link,
            home=self.state.home,
            voided=tuple(sorted(voided)),
        )
        return merge, key, wraps

    def merge(self, other: "TestWallet", *, author: TestDevice | None = None) -> bytes:
        """Merge another history into this one, the main one."""
        merge, key, wraps = self.merging(other, author=author)
        raw = self.append(author or self.owner, merge)
        self._keep_epoch(key, wraps)
        self.epoch_keys = {**other.epoch_keys, **self.epoch_keys}
        self.devices = {**other.devices, **self.devices}
        return raw

    def close(self) -> bytes:
        """End the wallet."""
        return self.append(self.owner, Close())

    def seal(
        self,
        device: TestDevice,
        feed: TestFeed,
        *changes: bytes,
        deps: Sequence[Dep] = (),
        state: MembershipState | None = None,
    ) -> Verified[Entry]:
        """Seal the next entry of a feed as of a state, the newest by default."""
        at = state or self.state
        entry = device.sealer.seal(
            Content(changes=changes, time_ms=TIME_S * 1000),
            feed.place(device.id, deps),
            state=at,
            key=self.epoch_keys[at.epoch.id],
            random=device.random,
        )
        feed.entries.append(entry.value)
        return entry

    def _add(
        self, author: TestDevice, device: TestDevice, link: Link, wrapped: bytes
    ) -> TestDevice:
        self.append(author, link)
        self.wraps[self.state.k, device.id] = wrapped
        self.devices[device.id] = device
        return device

    def _keep_epoch(self, key: EpochKey, wraps: dict[DeviceId, bytes]) -> None:
        self.epoch_keys[self.state.epoch.id] = key
        self.wraps.update({(self.state.k, device): wrap for device, wrap in wraps.items()})
