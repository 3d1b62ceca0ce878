"""Devices and wallets that the vectors are about, all made from names.

Every secret is `secret(name)`, so that a reader can make the same devices again; wraps alone are
kept, because HPKE draws its own randomness.

Spec: 13-membership.md
"""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from billfold_protocol import codec
from billfold_protocol.crypto import derivation, hashing, sealing
from billfold_protocol.crypto.domains import Domain
from billfold_protocol.crypto.signing import SigningKey
from billfold_protocol.crypto.wrapping import UnwrappingKey, wrap
from billfold_protocol.envelope import Content, Place, Sealer
from billfold_protocol.errors import BillfoldError
from billfold_protocol.feed import FEED_SALT_SIZE, Dep, Entry, Opening, feed_id
from billfold_protocol.ids import (
    DeviceId,
    EntryId,
    EpochId,
    EpochKey,
    FeedId,
    HolderId,
    MembershipHash,
    WalletId,
)
from billfold_protocol.key_hierarchy import WrapContext, commit_to
from billfold_protocol.membership import (
    Create,
    Cut,
    DeviceKeys,
    Kind,
    Link,
    MembershipChain,
    MembershipEntry,
    MembershipState,
    Payload,
    Revoke,
    Role,
    Rotate,
    Rotation,
    Target,
    TargetKind,
    acceptance_parts,
    sign_entry,
    wrap_hash,
)

Vector = dict[str, Any]
"""One test vector as it stands in a file."""

Json = Mapping[str, Any]

START_S = 1_760_000_000


def secret(name: str, size: int = 32) -> bytes:
    """Return the bytes that a name stands for: SHA-256 of it and a counter, cut to `size`."""
    blocks = (size + 31) // 32
    text = f"billfold test vectors: {name}".encode()
    stream = b"".join(
        hashlib.sha256(text + index.to_bytes(4, "big")).digest() for index in range(blocks)
    )
    return stream[:size]


def flip(data: bytes, bit: int) -> bytes:
    """Return the data with one bit changed; bit 0 is the lowest of the first byte."""
    changed = bytearray(data)
    changed[bit // 8] ^= 1 << bit % 8
    return bytes(changed)


class Stream:
    """A source of bytes that gives the same ones each time: the sealer's randomness."""

    def __init__(self, name: str) -> None:
        self._name = name
        self.drawn: list[bytes] = []

    def __call__(self, size: int) -> bytes:
        """Return the next `size` bytes and take note of them."""
        drawn = secret(f"{self._name} draw {len(self.drawn)}", size)
        self.drawn.append(drawn)
        return drawn


@dataclass(frozen=True, slots=True)
class Device:
    """A device with its secrets."""

    name: str
    holder: HolderId
    signing: SigningKey
    unwrapping: UnwrappingKey

    @property
    def keys(self) -> DeviceKeys:
        """The two public keys."""
        return DeviceKeys(self.signing.public_key, self.unwrapping.public_key)

    @property
    def id(self) -> DeviceId:
        """16 bytes."""
        return self.keys.device_id


def make_device(name: str, holder: str) -> Device:
    """Return the device of a name, which belongs to a named person."""
    return Device(
        name,
        HolderId(secret(f"holder {holder}", 16)),
        SigningKey(secret(f"signing seed {name}")),
        UnwrappingKey(secret(f"wrapping seed {name}")),
    )


class KeptWraps:
    """The wraps of an earlier run, found by everything they are bound to."""

    def __init__(self, vectors: Sequence[Json]) -> None:
        self._kept = {
            (v["seed"], v["label"], tuple(v["context"]), v["secret"]): v["wrapped"]
            for v in vectors
            if v["expect"] == "ok" and "wrapped" in v
        }
        self.vectors: list[Vector] = []

    def wrap(self, name: str, secret_bytes: bytes, to: str, domain: Domain, *ctx: bytes) -> bytes:
        """Return the kept wrap of a secret for the device named `to`, or make one."""
        seed = secret(f"wrapping seed {to}")
        key = UnwrappingKey(seed)
        label, context = domain.value.decode(), [part.hex() for part in ctx]
        found = self._kept.get((seed.hex(), label, tuple(context), secret_bytes.hex()))
        try:
            wrapped = bytes.fromhex(found or "")
            key.unwrap(wrapped, domain, *ctx)
        except BillfoldError:
            wrapped = wrap(secret_bytes, key.public_key, domain, *ctx)
        self.vectors.append(
            {
                "id": f"unwrap-{name.replace(' ', '-')}",
                "comment": f"the wrap of {name.replace('-', ' ')}",
                "seed": seed.hex(),
                "label": label,
                "context": context,
                "wrapped": wrapped.hex(),
                "expect": "ok",
                "secret": secret_bytes.hex(),
            }
        )
        return wrapped


@dataclass(slots=True)
class Wallet:
    """A wallet under construction: its chain, its epoch keys and its devices."""

    name: str
    chain: MembershipChain
    devices: dict[DeviceId, Device]
    keys: dict[EpochId, EpochKey]
    kept: KeptWraps | None
    wraps: dict[tuple[int, DeviceId], bytes] = field(default_factory=dict)

    @property
    def state(self) -> MembershipState:
        """The state after the newest entry."""
        return self.chain.state

    @property
    def id(self) -> WalletId:
        """32 bytes."""
        return self.chain.wallet_id

    @property
    def key(self) -> EpochKey:
        """The key of the current epoch."""
        return self.keys[self.state.epoch.id]

    def fields(
        self, author: Device, payload: Payload, *, state: MembershipState | None = None
    ) -> MembershipEntry:
        """Return the entry by which an author would continue the chain, or follow `state`."""
        before = state or self.state
        return MembershipEntry(
            k=before.k + 1,
            time_s=START_S + 60 * (before.k + 1),
            wallet_id=self.id,
            previous=before.hash,
            author=author.id,
            payload=payload,
        )

    def signed(self, author: Device, payload: Payload, **changed: Any) -> bytes:
        """Return a signed entry that continues the chain, with some fields changed."""
        entry = replace(self.fields(author, payload), **changed)
        return sign_entry(entry, author.signing).raw

    def add(self, author: Device, payload: Payload) -> None:
        """Append an entry."""
        self.chain.append(self.signed(author, payload))

    def link(
        self,
        sponsor: Device,
        new: Device,
        *,
        role: Role = Role.OWNER,
        kind: Kind = Kind.DEVICE,
        is_invite: bool = False,
    ) -> Link:
        """Return the payload that adds a device, accepted by it."""
        self.devices[new.id] = new
        context = self._context(sponsor, self.state.epoch.commitment)
        link = Link(
            is_invite=is_invite,
            keys=new.keys,
            holder=new.holder,
            role=role,
            kind=kind,
            session=secret(f"session {new.name}", 16),
            acceptance=bytes(64),
            wrap_hash=wrap_hash(self._wrap(self.key, new, context)),
        )
        return accepted(link, self.id, sponsor, new)

    def rotation(self, author: Device, recipients: Iterable[DeviceId]) -> Rotation:
        """Return a new epoch for the given members, and keep its key and wraps."""
        k = self.state.k + 1
        key = EpochKey(secret(f"{self.name} epoch key {k}"))
        context = self._context(author, commit_to(key))
        wraps = [self._wrap(key, self.devices[device], context) for device in sorted(recipients)]
        return Rotation(
            commitment=context.commitment,
            wrap_hashes=tuple(wrap_hash(item) for item in wraps),
            back_link=self.back_link(key, self.key, k),
        )

    def back_link(self, key: EpochKey, previous_key: bytes, k: int) -> bytes:
        """Return the nonce and the previous key sealed under the new one: 72 bytes."""
        nonce = secret(f"{self.name} back-link nonce {k}", 24)
        before = self.state
        context = hashing.frame(
            Domain.BACK_LINK_SEAL, self.id, before.k.to_bytes(4, "big"), before.hash
        )
        link_key = derivation.derive_key(key, Domain.BACK_LINK_KEY, self.id)
        return nonce + sealing.seal(link_key, nonce, previous_key, context)

    def begin_epoch(self, author: Device, payload: Payload) -> None:
        """Append an entry that carries a rotation, whose key is then the current one."""
        self.add(author, payload)
        key = EpochKey(secret(f"{self.name} epoch key {self.state.k}"))
        self.keys[self.state.epoch.id] = key

    def rotate(self, author: Device) -> None:
        """Append a `rotate`."""
        self.begin_epoch(author, Rotate(rotation=self.rotation(author, self.state.members)))

    def revocation(self, author: Device, target: Target, cut: Cut) -> Revoke:
        """Return the payload that removes a target."""
        left = set(self.state.members) - self.state.resolve(target)
        return Revoke(target=target, cut=cut, rotation=self.rotation(author, left))

    def revoke(self, author: Device, target: Device, cut: Cut) -> None:
        """Append a `revoke` of one device."""
        named = Target(TargetKind.DEVICE, target.id)
        self.begin_epoch(author, self.revocation(author, named, cut))

    def _context(self, author: Device, commitment: bytes) -> WrapContext:
        return WrapContext(
            wallet_id=self.id,
            k=self.state.k + 1,
            previous=self.state.hash,
            author=author.id,
            commitment=commitment,
        )

    def _wrap(self, key: EpochKey, to: Device, context: WrapContext) -> bytes:
        name = f"{self.name}-{context.k}-{to.name}"
        if self.kept is None:
            return secret(f"stands for wrap {name}", 1168)
        parts = context.parts(to.id)
        wrapped = self.kept.wrap(name, key, to.name, Domain.EPOCH_WRAP, *parts)
        self.wraps[context.k, to.id] = wrapped
        return wrapped


def accepted(link: Link, wallet_id: WalletId, sponsor: Device, new: Device) -> Link:
    """Return the link with the acceptance of the new device."""
    parts = acceptance_parts(wallet_id, sponsor.id, link)
    return replace(link, acceptance=new.signing.sign(Domain.MEMBERSHIP_ACCEPTANCE, *parts))


def create_entry(name: str, first: Device) -> MembershipEntry:
    """Return the `create` entry of a named wallet."""
    return MembershipEntry(
        k=0,
        time_s=START_S,
        wallet_id=None,
        previous=None,
        author=first.id,
        payload=Create(
            keys=first.keys,
            holder=first.holder,
            commitment=commit_to(EpochKey(secret(f"{name} epoch key 0"))),
        ),
    )


def create_wallet(name: str, first: Device, kept: KeptWraps | None = None) -> Wallet:
    """Return a new wallet whose owner is `first`; without `kept`, its wraps are placeholders."""
    chain = MembershipChain(sign_entry(create_entry(name, first), first.signing).raw)
    key = EpochKey(secret(f"{name} epoch key 0"))
    return Wallet(name, chain, {first.id: first}, {chain.state.epoch.id: key}, kept)


def sign_fields(fields: Sequence[object], author: Device, wallet_id: bytes) -> bytes:
    """Return signed membership bytes made of any fields, well-formed or not."""
    return sign_body(codec.encode(list(fields)), author, wallet_id, Domain.MEMBERSHIP_SIGNATURE)


def sign_body(body: bytes, author: Device, wallet_id: bytes, domain: Domain) -> bytes:
    """Return a body after a signature over it."""
    return author.signing.sign(domain, wallet_id, body) + body


def other_hash(name: str) -> MembershipHash:
    """Return 32 bytes that are the hash of nothing in the vectors."""
    return MembershipHash(secret(f"hash of nothing {name}"))


def salt_of(feed: str) -> bytes:
    """Return the salt of the feed of a name."""
    return secret(f"feed salt {feed}", FEED_SALT_SIZE)


@dataclass(slots=True)
class Feed:
    """One feed of a device, with the head it stands at."""

    name: str
    device: Device
    previous: Dep | None = None
    heads: list[Dep] = field(default_factory=list)

    @property
    def id(self) -> FeedId:
        """16 bytes."""
        return feed_id(self.device.id, salt_of(self.name))

    def place(self, *deps: Dep) -> Place:
        """Return the next place in the feed."""
        prev: EntryId | Opening = (
            self.heads[-1].id
            if self.heads
            else Opening(self.device.id, salt_of(self.name), self.previous)
        )
        return Place(feed=self.id, seq=len(self.heads), prev=prev, deps=tuple(sorted(deps)))

    def write(
        self, wallet: Wallet, *deps: Dep, state: MembershipState | None = None, text: str = ""
    ) -> tuple[Entry, bytes]:
        """Return the next entry and its bytes, sealed under a state's epoch, and go on from it."""
        under = state or wallet.state
        name = f"{self.name} {len(self.heads)}{text}"
        entry = Sealer(self.device.signing, secret(f"device secret {self.device.name}")).seal(
            Content(changes=(f"change {name}".encode(),), time_ms=START_S * 1000),
            self.place(*deps),
            state=under,
            key=wallet.keys[under.epoch.id],
            random=Stream(name),
        )
        value = entry.value
        self.heads.append(Dep(value.feed, value.seq, value.id))
        return value, entry.raw
