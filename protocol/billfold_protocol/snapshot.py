"""What is said about a snapshot in the open: who made it, what it covers, who stands by it.

A snapshot is the saved document, sealed. Its statement names, for each feed, the newest entry
whose changes are in it. It never makes an entry count. Other devices open it and then endorse it,
or object; nothing is pruned on the word of one device while another could look.

Spec: 16-snapshots.md
"""

import hashlib
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from enum import Enum, unique
from typing import NamedTuple

from billfold_protocol import codec, limits
from billfold_protocol.crypto import hashing, signing
from billfold_protocol.crypto.domains import Domain
from billfold_protocol.errors import (
    DeviceRevoked,
    Downgrade,
    Gap,
    NotAuthorised,
    UnknownEpoch,
    UnsignedMember,
    WrongContext,
)
from billfold_protocol.feed import Vector
from billfold_protocol.ids import (
    ChainHead,
    DeviceId,
    EntryId,
    EpochId,
    FeedId,
    SnapshotId,
    WalletId,
)
from billfold_protocol.membership import Kind, MembershipChain, MembershipState

VERSION = 1
NONCE_SIZE = 24

_HEADER_COUNT = 10
_VERDICT_SIZE_MAX = 256


class Covered(NamedTuple):
    """The newest entry of one feed whose changes are in a snapshot."""

    seq: int
    id: EntryId
    device: DeviceId
    """The device that owns the feed."""


Cover = Mapping[FeedId, Covered]
"""What a snapshot covers: in each feed, this entry and all before it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """A snapshot's statement."""

    id: SnapshotId
    wallet_id: WalletId
    author: DeviceId
    document: int
    k: int
    head: ChainHead
    epoch: EpochId
    """The epoch whose key seals it."""

    covered: Cover
    time_s: int
    """The author's clock; shown, never relied on."""

    nonce: bytes
    size: int
    """Bytes of the ciphertext."""

    digest: bytes
    """32 bytes: the hash of the ciphertext."""

    @property
    def vector(self) -> Vector:
        """The heads that it covers."""
        return {feed: (covered.seq, covered.id) for feed, covered in self.covered.items()}


def header(snapshot: Snapshot) -> list[object]:
    """Return all fields but those of the ciphertext; sealed with it as associated data."""
    return [
        VERSION,
        snapshot.wallet_id,
        snapshot.author,
        snapshot.document,
        snapshot.k,
        snapshot.head,
        snapshot.epoch,
        [
            [feed, covered.seq, covered.id, covered.device]
            for feed, covered in sorted(snapshot.covered.items())
        ],
        snapshot.time_s,
        snapshot.nonce,
    ]


class CiphertextHash:
    """The hash by which a statement names its sealed bytes, for bytes that come in parts."""

    def __init__(self, size: int) -> None:
        # What `hashing.digest` takes of one part: the frame of the label, its size, the part.
        framed = hashing.frame(Domain.SNAPSHOT_BODY) + size.to_bytes(4, "big")
        self._hash = hashlib.sha256(framed)

    def update(self, data: bytes) -> None:
        """Take the next bytes."""
        self._hash.update(data)

    def digest(self) -> bytes:
        """Return the 32-byte hash of all that was taken."""
        return self._hash.digest()


def ciphertext_hash(ciphertext: bytes) -> bytes:
    """Return the 32-byte hash by which a statement names its sealed bytes."""
    whole = CiphertextHash(len(ciphertext))
    whole.update(ciphertext)
    return whole.digest()


def sign_snapshot(snapshot: Snapshot, key: signing.SigningKey) -> signing.Verified[Snapshot]:
    """Sign a statement of our own; its id is made here."""
    body = codec.encode([*header(snapshot), snapshot.size, snapshot.digest])
    parsed = _parse_body(body, snapshot.wallet_id)
    return signing.sign_value(key, parsed, body, Domain.SNAPSHOT_SIGNATURE)


def parse_snapshot(raw: bytes, wallet_id: WalletId) -> signing.Signed[Snapshot]:
    """Parse a signed statement; the signature is not checked.

    Raises:
        Malformed: the bytes are not a snapshot's statement.
        Downgrade: it is of another version.
        WrongContext: it is about another wallet.
    """
    signature, body = signing.split(raw)
    return signing.Signed(_parse_body(body, wallet_id), body, signature)


def verify_snapshot(
    signed: signing.Signed[Snapshot], chain: MembershipChain
) -> signing.Verified[Snapshot]:
    """Check that a member who might write signed it, under the membership entry that it names.

    Raises:
        UnsignedMember, DeviceRevoked, NotAuthorised: its author might not make it.
        AuthFailed: the signature is not the author's.
        Gap: it names a membership entry that this chain does not reach.
        ChainFork: the chain holds another one there.
        UnknownEpoch: its epoch or document was not the current one then.
    """
    snapshot = signed.value
    keys = chain.keys_of(snapshot.author)
    if keys is None:
        raise UnsignedMember("the snapshot was made by a device that is not a member")
    verified = signing.verify(signed, keys.signing, Domain.SNAPSHOT_SIGNATURE)
    state = chain.find(snapshot.k, snapshot.head)
    if state is None:
        raise Gap("the snapshot names a membership entry that is not here")
    member = state.members.get(snapshot.author)
    if member is None and snapshot.author in state.removed:
        raise DeviceRevoked("the snapshot was made by a device that was revoked before")
    if member is None:
        raise UnsignedMember("the snapshot was made by a device that is not a member")
    if not member.may_write:
        raise NotAuthorised("the snapshot was made by a member who may not write")
    if snapshot.epoch != state.epoch.id or snapshot.document != state.document:
        raise UnknownEpoch("the snapshot is sealed for another epoch than its membership entry")
    return verified


@unique
class Judgement(Enum):
    """What a device says of another's snapshot after it has opened it."""

    ENDORSED = "endorsed"
    """All that it covers is in it, and nothing else."""

    OBJECTED = "objected"
    """It is not what it says."""


_DOMAINS = {
    Judgement.ENDORSED: Domain.SNAPSHOT_ENDORSEMENT,
    Judgement.OBJECTED: Domain.SNAPSHOT_OBJECTION,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """A device's signed judgement of a snapshot."""

    judgement: Judgement
    wallet_id: WalletId
    snapshot: SnapshotId
    device: DeviceId
    time_s: int
    """The device's clock; shown, never relied on."""

    def sign(self, key: signing.SigningKey) -> bytes:
        """Return the signature followed by the statement."""
        body = codec.encode([VERSION, self.wallet_id, self.snapshot, self.device, self.time_s])
        return key.sign(_DOMAINS[self.judgement], body) + body

    @classmethod
    def verify(cls, raw: bytes, judgement: Judgement, chain: MembershipChain) -> "Verdict":
        """Check and parse a verdict of a device that is or was a member.

        Raises:
            AuthFailed: the signature is not the device's, or of another judgement.
            UnsignedMember: the device never was a member.
            WrongContext: it is about another wallet.
            Malformed: it is no verdict.
            Downgrade: it is of another version.
        """
        signature, body = signing.split(raw)
        fields = _versioned(body, _VERDICT_SIZE_MAX)
        _, wallet_id, snapshot, device, time_s = codec.as_array(fields, 5)
        if codec.as_bytes(wallet_id, 32) != chain.wallet_id:
            raise WrongContext("the verdict is about another wallet")
        verdict = cls(
            judgement=judgement,
            wallet_id=chain.wallet_id,
            snapshot=SnapshotId(codec.as_bytes(snapshot, 32)),
            device=DeviceId(codec.as_bytes(device, 16)),
            time_s=codec.as_integer(time_s),
        )
        keys = chain.keys_of(verdict.device)
        if keys is None:
            raise UnsignedMember("the verdict was made by a device that is not a member")
        signing.check_signature(keys.signing, signature, _DOMAINS[judgement], body)
        return verdict


def may_judge(device: DeviceId, state: MembershipState) -> bool:
    """Whether a device's verdict means anything: of a present member that opens what it judges."""
    member = state.members.get(device)
    return member is not None and member.kind is not Kind.RECOVERY


def judges_of(author: DeviceId, chain: MembershipChain, state: MembershipState) -> set[DeviceId]:
    """Return the members of a state whose endorsement of an author's snapshot is needed: one's.

    Devices of other holders where there are any, else the author's own other devices. Recovery
    words are a member that opens nothing.
    """
    others = [
        member
        for member in state.members.values()
        if member.device != author and may_judge(member.device, state)
    ]
    holder = chain.holder_of(author)
    strangers = [member for member in others if member.holder != holder]
    return {member.device for member in strangers or others}


def is_endorsed(
    snapshot: Snapshot, endorsers: Collection[DeviceId], chain: MembershipChain
) -> bool:
    """Whether a present member stands by a snapshot whose word is enough."""
    return not judges_of(snapshot.author, chain, chain.state).isdisjoint(endorsers)


def was_endorsed(
    snapshot: Snapshot, endorsers: Collection[DeviceId], chain: MembershipChain
) -> bool:
    """Whether somebody stands by a snapshot whose word was enough at some time since it was made.

    By this a device takes the snapshot that pruning rests on, though who endorsed it has left.
    """
    newest_k = len(chain) - 1
    states = [chain.state_at(k) for k in range(min(snapshot.k, newest_k), newest_k + 1)]
    made = chain.look_up(snapshot.k, snapshot.head)
    states += [] if made is None else [made]
    return any(
        not judges_of(snapshot.author, chain, state).isdisjoint(endorsers) for state in states
    )


def was_alone(snapshot: Snapshot, chain: MembershipChain) -> bool:
    """Whether nobody could have endorsed a snapshot when it was made: its author was alone.

    Then it covers feeds of devices only that the wallet had until then; an author who dates one
    back cannot speak for those that came later.
    """
    state = chain.look_up(snapshot.k, snapshot.head)
    if state is None:
        return False
    return not judges_of(snapshot.author, chain, state) and all(
        covered.device in state.members or covered.device in state.removed
        for covered in snapshot.covered.values()
    )


def _versioned(body: bytes, size_max: int) -> list[object]:
    fields = codec.as_array(codec.decode(body, size_max=size_max))
    if not fields or fields[0] != VERSION or type(fields[0]) is not int:
        raise Downgrade("the statement is of a version this client does not speak")
    return fields


def _parse_body(body: bytes, wallet_id: WalletId) -> Snapshot:
    fields = _versioned(body, limits.SNAPSHOT_STATEMENT_SIZE_MAX)
    _, wallet, author, document, k, head, epoch, covered, time_s, nonce, size, digest = (
        codec.as_array(fields, _HEADER_COUNT + 2)
    )
    if codec.as_bytes(wallet, 32) != wallet_id:
        raise WrongContext("the snapshot is another wallet's")
    return Snapshot(
        id=SnapshotId(hashing.digest(Domain.SNAPSHOT_ID, body)),
        wallet_id=wallet_id,
        author=DeviceId(codec.as_bytes(author, 16)),
        document=codec.as_integer(document),
        k=codec.as_integer(k, maximum=limits.CHAIN_LENGTH_MAX - 1),
        head=ChainHead(codec.as_bytes(head, 16)),
        epoch=EpochId(codec.as_bytes(epoch, 16)),
        covered=_parse_cover(covered),
        time_s=codec.as_integer(time_s),
        nonce=codec.as_bytes(nonce, NONCE_SIZE),
        size=codec.as_integer(size, minimum=1, maximum=limits.SNAPSHOT_SIZE_MAX),
        digest=codec.as_bytes(digest, 32),
    )


def _parse_cover(value: object) -> Cover:
    cover: list[tuple[FeedId, Covered]] = []
    for item in codec.as_list(value, count_max=limits.FEEDS_COUNT_MAX):
        feed, seq, id_, device = codec.as_array(item, 4)
        covered = Covered(
            codec.as_integer(seq),
            EntryId(codec.as_bytes(id_, 32)),
            DeviceId(codec.as_bytes(device, 16)),
        )
        cover.append((FeedId(codec.as_bytes(feed, 16)), covered))
    codec.require_ascending([feed for feed, _ in cover], "the feeds of a snapshot")
    return dict(cover)
