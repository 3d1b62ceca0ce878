"""A verified membership chain with the state at each of its indices.

Everything in it has been checked; appending is the only way in. A shorter chain than the one held
is a rollback, a different entry at a held index is a fork.

Spec: 13-membership.md
"""

from collections.abc import Sequence

from billfold_protocol.crypto import hashing, signing
from billfold_protocol.crypto.domains import Domain
from billfold_protocol.errors import (
    ChainFork,
    LocalProtocolError,
    UnsignedMember,
    WrongContext,
)
from billfold_protocol.ids import ChainHead, DeviceId, WalletId
from billfold_protocol.membership.entries import membership_hash, parse
from billfold_protocol.membership.records import (
    DeviceKeys,
    Link,
    MembershipEntry,
    Revoke,
    Rotate,
    Rotation,
)
from billfold_protocol.membership.state import MembershipState, begin


class MembershipChain:
    """The entries of one wallet's chain, verified, and the state after each."""

    def __init__(self, create: bytes) -> None:
        """Begin with the signed bytes of a `create` entry.

        Raises:
            VerificationError: the entry does not verify.
            Malformed: it is not a membership entry.
        """
        signed = parse(create)
        self._states = [begin(signed)]
        self._entries = [signed.value]
        self._raws = [create]

    @classmethod
    def load(cls, raws: Sequence[bytes]) -> "MembershipChain":
        """Verify a whole chain from `create` on.

        Raises:
            VerificationError, AccessError, Malformed: the first entry that may not stand there.
            WrongContext: there is no entry at all.
        """
        if not raws:
            raise WrongContext("a membership chain has at least its `create` entry")
        chain = cls(raws[0])
        for raw in raws[1:]:
            chain.append(raw)
        return chain

    @property
    def wallet_id(self) -> WalletId:
        """The hash of the `create` entry."""
        return self._states[0].wallet_id

    @property
    def state(self) -> MembershipState:
        """The state after the newest entry."""
        return self._states[-1]

    @property
    def raws(self) -> Sequence[bytes]:
        """The signed bytes of each entry, by index."""
        return self._raws

    @property
    def entries(self) -> Sequence[MembershipEntry]:
        """The entries, by index."""
        return self._entries

    def __len__(self) -> int:
        return len(self._states)

    def state_at(self, k: int) -> MembershipState:
        """Return the state after the entry at index `k`, which must be below the length."""
        return self._states[k]

    def keys_of(self, device: DeviceId) -> DeviceKeys | None:
        """Return the keys of a device that is or was a member; None if it never was."""
        member = self.state.members.get(device)
        if member is not None:
            return member.keys
        removed_k = self.state.removed.get(device)
        return None if removed_k is None else self._states[removed_k - 1].members[device].keys

    def find(self, k: int, head: ChainHead) -> MembershipState | None:
        """Return the state that a feed entry names, or None if the chain does not reach it yet.

        Raises:
            ChainFork: the chain holds another entry at that index.
        """
        if k >= len(self._states):
            return None
        state = self._states[k]
        if state.head != head:
            raise ChainFork("the entry names a membership entry that is not in this chain")
        return state

    def append(self, raw: bytes) -> MembershipState | None:
        """Verify and append one entry; None if it is held already.

        Raises:
            ChainFork: the chain holds another entry at its index, and a member signed this one.
            VerificationError, AccessError, Malformed: the entry may not follow.
        """
        signed = parse(raw)
        k = signed.value.k
        if k < len(self._states):
            # The author's signature may differ; the signed bytes are what the chain links.
            if raw[64:] != self._raws[k][64:]:
                self._require_fork(signed)
                raise ChainFork("two membership entries claim one place in the chain")
            return None
        state = self.state.apply(signed)
        self._states.append(state)
        self._entries.append(signed.value)
        self._raws.append(raw)
        return state

    def undo(self) -> None:
        """Take back the newest entry, when what must come with it is missing.

        Raises:
            LocalProtocolError: only `create` is left.
        """
        if len(self._states) == 1:
            raise LocalProtocolError("a chain keeps its `create` entry")
        for items in (self._states, self._entries, self._raws):
            items.pop()

    def _require_fork(self, signed: signing.Signed[MembershipEntry]) -> None:
        """Check that another entry at a held index proves anything: anyone can make up bytes."""
        entry = signed.value
        if (entry.wallet_id or membership_hash(signed.body)) != self.wallet_id:
            raise WrongContext("the membership entry belongs to another wallet")
        keys = self.keys_of(entry.author)
        if keys is None:
            raise UnsignedMember("the membership entry is not signed by a member")
        signing.verify(signed, keys.signing, Domain.MEMBERSHIP_SIGNATURE, self.wallet_id)


def rotation_of(chain: MembershipChain, k: int) -> Rotation | None:
    """Return the rotation that the entry at index `k` carries, if it starts an epoch."""
    match chain.entries[k].payload:
        case Revoke(rotation=rotation) | Rotate(rotation=rotation):
            return rotation
        case _:
            return None


def listed_wraps(chain: MembershipChain, k: int) -> dict[DeviceId, bytes]:
    """Return, by device, the hash of each wrap that the entry at index `k` lists."""
    payload = chain.entries[k].payload
    if isinstance(payload, Link):
        return {payload.keys.device_id: payload.wrap_hash}
    rotation = rotation_of(chain, k)
    if rotation is None:
        return {}
    members = sorted(chain.state_at(k).members)
    return dict(zip(members, rotation.wrap_hashes, strict=True))


def wrap_hash(wrapped: bytes) -> bytes:
    """Return the 32-byte hash by which a membership entry lists a wrap."""
    return hashing.digest(Domain.WRAP_HASH, wrapped)
