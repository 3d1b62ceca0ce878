"""A verified membership chain with the state at each of its indices.

Everything in it has been checked; appending is the only way in. A shorter chain than the one held
is a rollback, a different entry at a held index is a fork.

Spec: 13-membership.md
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from billfold_protocol import limits
from billfold_protocol.crypto import hashing, signing
from billfold_protocol.crypto.domains import Domain
from billfold_protocol.errors import (
    ChainFork,
    LimitExceeded,
    LocalProtocolError,
    UnsignedMember,
    WrongContext,
)
from billfold_protocol.ids import ChainHead, DeviceId, EpochId, HolderId, MembershipHash, WalletId
from billfold_protocol.membership.entries import membership_hash, parse
from billfold_protocol.membership.members import CutRecord
from billfold_protocol.membership.merging import Branches, merge_states
from billfold_protocol.membership.records import (
    Consent,
    DeviceKeys,
    Home,
    Link,
    MembershipEntry,
    Merge,
    Replace,
    Revoke,
    Rotate,
    Rotation,
)
from billfold_protocol.membership.replacing import replaced_state
from billfold_protocol.membership.state import MembershipState, begin
from billfold_protocol.membership.tenure import check_tenure


class MembershipChain:
    """The entries of one wallet's chain, verified, and the state after each."""

    def __init__(self, create: bytes, *, depth: int = 0) -> None:
        """Begin with the signed bytes of a `create` entry.

        Args:
            create: signature and body.
            depth: how many merges this chain is a branch inside of.

        Raises:
            VerificationError: the entry does not verify.
            Malformed: it is not a membership entry.
        """
        signed = parse(create)
        self._depth = depth
        self._states = [begin(signed)]
        self._entries = [signed.value]
        self._raws = [create]
        self._keys = {signed.value.author: self.state.members[signed.value.author].keys}
        self._holders = {device: one.holder for device, one in self.state.members.items()}
        self._branches: dict[int, MembershipChain] = {}
        """The chain up to the end of the branch that a merge carries, by the merge's index."""

        self._cut_by: dict[ChainHead, frozenset[MembershipHash]] = {}
        """The entries whose cuts a state has; once something was merged."""

    @classmethod
    def load(cls, raws: Sequence[bytes], *, depth: int = 0) -> "MembershipChain":
        """Verify a whole chain from `create` on; `depth` as for a new one.

        Raises:
            VerificationError, AccessError, Malformed: the first entry that may not stand there.
            WrongContext: there is no entry at all.
        """
        if not raws:
            raise WrongContext("a membership chain has at least its `create` entry")
        chain = cls(raws[0], depth=depth)
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
        return self._keys[device] if device in self.state.sponsors else None

    def holder_of(self, device: DeviceId) -> HolderId | None:
        """Return whose a device is that is or was a member; None if it never was."""
        return self._holders[device] if device in self.state.sponsors else None

    @property
    def keys(self) -> Mapping[DeviceId, DeviceKeys]:
        """The keys of every device that is or was a member; perhaps of one more after `undo`."""
        return self._keys

    def branch_at(self, k: int) -> "MembershipChain | None":
        """Return the chain that ends with the branch which the merge at index `k` carries."""
        return self._branches.get(k)

    def find(self, k: int, head: ChainHead) -> MembershipState | None:
        """Return the state that a feed entry names, or None if the chain does not reach it yet.

        Raises:
            ChainFork: the chain holds another entry at that index, and no merge carries this one.
        """
        state = self.look_up(k, head)
        if state is None and k < len(self._states):
            raise ChainFork("the entry names a membership entry that is not in this chain")
        return state

    def look_up(self, k: int, head: ChainHead) -> MembershipState | None:
        """Return the state with this name, on this chain or on a branch that it merged."""
        if k < len(self._states) and self._states[k].head == head:
            return self._states[k]
        found = (branch.look_up(k, head) for branch in self._branches.values())
        return next((state for state in found if state is not None), None)

    def knows_cut(self, k: int, head: ChainHead, cut: CutRecord) -> bool:
        """Whether the state with this name, of this chain, comes after the entry that cut.

        An index above every other knows all cuts.
        """
        if not self._branches or k >= limits.CHAIN_LENGTH_MAX:
            return k >= cut.k
        # With branches an index alone does not say what comes after what.
        known = self._cut_by.get(head)
        if known is None:
            state = self.look_up(k, head)
            found = () if state is None else state.cuts
            known = self._cut_by[head] = frozenset(one.entry for one in found)
        return cut.entry in known

    def holds(self, state: MembershipState) -> bool:
        """Whether a state is one of this chain's or of a branch that it merged."""
        return self.look_up(state.k, state.head) is not None

    def continuation_of(self, k: int, head: ChainHead) -> int | None:
        """Return the index of the first entry that one who stops at this state lacks.

        None if the state is neither on this chain nor on a branch that it merged.
        """
        if 0 <= k < len(self) and self._states[k].head == head:
            return k + 1
        for merge_k, branch in sorted(self._branches.items()):
            if branch.look_up(k, head) is not None:
                payload = self._entries[merge_k].payload
                assert isinstance(payload, Merge)
                return len(branch) - len(payload.branch)
        return None

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
        payload, branch = signed.value.payload, None
        if isinstance(payload, Merge):
            branch, state = self._merge(signed, payload)
            self._branches[k] = branch
            self._keys.update(branch.keys)
            gone = ((device, branch.holder_of(device)) for device in branch.keys)
            self._holders.update((device, holder) for device, holder in gone if holder)
        elif isinstance(payload, Replace):
            state = replaced_state(self.state, *self.state.follow(signed), payload)
        else:
            state = self.state.apply(signed)
            if isinstance(payload, Revoke) and payload.consent is not None:
                self._require_tenure(signed.value.author, payload.consent)
        self._keys.update((device, member.keys) for device, member in state.members.items())
        self._holders.update((device, member.holder) for device, member in state.members.items())
        self._states.append(state)
        self._entries.append(signed.value)
        self._raws.append(raw)
        return state

    def replaced(self, raws: Sequence[bytes]) -> "MembershipChain":
        """Return this chain with other entries from the place of the first on.

        They must lead to an entry of which this chain's newest is a part: a merge that knows it.

        Raises:
            ChainFork: they leave out what this device holds.
            VerificationError, AccessError, Malformed: an entry that may not stand there.
        """
        first = parse(raws[0]).value if raws else None
        if first is None or not 0 < first.k <= len(self):
            raise WrongContext("the membership entries do not continue this chain")
        chain = self._until(first.k, depth=self._depth)
        for raw in raws:
            chain.append(raw)
        if not chain.holds(self.state):
            raise ChainFork("the membership entries leave out some that this device holds")
        return chain

    def become(self, chain: "MembershipChain") -> None:
        """Go on as another chain of the wallet, one that holds this one's newest entry.

        Raises:
            ChainFork: it does not.
        """
        if chain.wallet_id != self.wallet_id or not chain.holds(self.state):
            raise ChainFork("the membership entries leave out some that this device holds")
        # Whoever holds this object goes on with the new chain.
        vars(self).update(vars(chain))

    def _require_tenure(self, author: DeviceId, consent: Consent) -> None:
        """Check that the two devices who remove a recovery member have belonged for long."""
        members = self.state.members
        homes = [entry.payload for entry in self._entries if isinstance(entry.payload, Home)]
        check_tenure(
            consent,
            since_k=max(members[device].since_k for device in (author, consent.device)),
            wallet_id=self.wallet_id,
            server_keys=tuple(dict.fromkeys(home.server.key for home in homes)),
            holds=lambda k, head: self.look_up(k, head) is not None,
        )

    def _until(self, length: int, *, depth: int) -> "MembershipChain":
        """Return the chain of the first entries, checked again."""
        return MembershipChain.load(self._raws[:length], depth=depth)

    def _merge(
        self, signed: signing.Signed[MembershipEntry], merge: Merge
    ) -> tuple["MembershipChain", MembershipState]:
        """Return the chain with the branch that a merge carries, and the state after the merge."""
        author, moved = self.state.follow(signed)
        if self._depth >= limits.MERGE_DEPTH_MAX:
            raise LimitExceeded("too many merges carry one another")
        first = parse(merge.branch[0]).value if merge.branch else None
        if first is None or not 0 < first.k < len(self):
            raise WrongContext("a merge carries a branch that parts from its own")
        if merge.branch[0][signing.SIGNATURE_SIZE :] == self._raws[first.k][64:]:
            raise WrongContext("the branch that a merge carries parts with its first entry")
        branch = self._until(first.k, depth=self._depth + 1)
        for raw in merge.branch:
            branch.append(raw)
        branches = Branches(fork=self._states[first.k - 1], main=self.state, other=branch.state)
        return branch, merge_states(branches, moved, author.device, merge)

    def undo(self) -> None:
        """Take back the newest entry, when what must come with it is missing.

        Raises:
            LocalProtocolError: only `create` is left.
        """
        if len(self._states) == 1:
            raise LocalProtocolError("a chain keeps its `create` entry")
        for items in (self._states, self._entries, self._raws):
            items.pop()
        self._branches.pop(len(self), None)
        self._cut_by.clear()

    def _require_fork(self, signed: signing.Signed[MembershipEntry]) -> None:
        """Check that another entry at a held index proves anything: anyone can make up bytes."""
        entry = signed.value
        if (entry.wallet_id or membership_hash(signed.body)) != self.wallet_id:
            raise WrongContext("the membership entry belongs to another wallet")
        keys = self.keys_of(entry.author)
        if keys is None:
            raise UnsignedMember("the membership entry is not signed by a member")
        signing.verify(signed, keys.signing, Domain.MEMBERSHIP_SIGNATURE, self.wallet_id)


@dataclass(frozen=True, slots=True, kw_only=True)
class Divergence:
    """Two chains of one wallet that part: the one a merge is to stand on, and the other."""

    main: MembershipChain
    other: MembershipChain
    branches: Branches

    @property
    def carried(self) -> tuple[bytes, ...]:
        """The entries of the other chain since the fork."""
        return tuple(self.other.raws[self.branches.fork.k + 1 :])


def divergence_of(main: MembershipChain, other: MembershipChain) -> Divergence | None:
    """Return how two chains part; None if one of them holds the newest entry of the other.

    Raises:
        WrongContext: they are chains of different wallets.
    """
    if main.wallet_id != other.wallet_id:
        raise WrongContext("these are the membership chains of different wallets")
    if main.holds(other.state) or other.holds(main.state):
        return None
    shorter = min(len(main), len(other))
    k = next(k for k in range(shorter) if main.state_at(k).hash != other.state_at(k).hash)
    branches = Branches(fork=main.state_at(k - 1), main=main.state, other=other.state)
    return Divergence(main=main, other=other, branches=branches)


def rotation_of(chain: MembershipChain, k: int) -> Rotation | None:
    """Return the rotation that the entry at index `k` carries, if it starts an epoch."""
    match chain.entries[k].payload:
        case (
            Revoke(rotation=rotation)
            | Replace(rotation=rotation)
            | Rotate(rotation=rotation)
            | Merge(rotation=rotation)
        ):
            return rotation
        case _:
            return None


@dataclass(frozen=True, slots=True, kw_only=True)
class EpochLink:
    """The way back from one epoch's key to the one before."""

    k: int
    """Index of the membership entry that carries it."""

    epoch: EpochId
    before: MembershipState
    """The state whose epoch's key it holds."""

    back_link: bytes


def epoch_links(chain: MembershipChain, *, from_k: int = 0) -> Iterator[EpochLink]:
    """Yield the back-links of a chain and of its merged branches, the newest first.

    Args:
        chain: the chain.
        from_k: yield none of entries at or before this index.
    """
    for k in range(len(chain) - 1, from_k, -1):
        payload, epoch = chain.entries[k].payload, chain.state_at(k).epoch.id
        rotation, branch = rotation_of(chain, k), chain.branch_at(k)
        if rotation is not None:
            before = chain.state_at(k - 1)
            yield EpochLink(k=k, epoch=epoch, before=before, back_link=rotation.back_link)
        if isinstance(payload, Rotate):
            for link in reversed(payload.older):
                before = chain.state_at(link.k)
                yield EpochLink(k=k, epoch=epoch, before=before, back_link=link.back_link)
        if isinstance(payload, Merge) and branch is not None:
            yield EpochLink(
                k=k, epoch=epoch, before=branch.state, back_link=payload.other_back_link
            )
            yield from epoch_links(branch, from_k=len(branch) - len(payload.branch) - 1)


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
