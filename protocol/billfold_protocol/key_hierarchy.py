"""Epoch keys: committed in the chain, wrapped for each member, linked back to their predecessors.

A device opens one wrap and follows the back-links to read all history; a device that was revoked
holds no key from which a later one can be derived.

Spec: 12-key-hierarchy.md
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from billfold_protocol import limits
from billfold_protocol.crypto import derivation, hashing, sealing, wrapping
from billfold_protocol.crypto.domains import Domain
from billfold_protocol.errors import CommitMismatch, VerificationError
from billfold_protocol.ids import DeviceId, EpochId, EpochKey, MembershipHash, WalletId
from billfold_protocol.membership import (
    Create,
    Member,
    MembershipChain,
    MembershipState,
    OlderLink,
    Rotation,
    epoch_links,
    listed_wraps,
    wrap_hash,
)

NOWHERE = bytes(72)
"""The back-link of an author who has not got the key of the epoch before."""


@dataclass(frozen=True, slots=True)
class OpenedBackLinks:
    """What back-links lead to, and which of them are bad."""

    keys: dict[EpochId, EpochKey]
    """The given keys and all that could be reached from them."""

    errors: dict[int, VerificationError]
    """Why a back-link gives no key, by the index of the membership entry that carries it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WrapContext:
    """Everything a wrapped epoch key is bound to, besides its recipient."""

    wallet_id: WalletId
    k: int
    """Index of the membership entry that lists the wrap's hash."""

    previous: MembershipHash
    """Hash of the membership entry before that one."""

    author: DeviceId
    commitment: bytes
    """Commitment of the wrapped key."""

    def parts(self, recipient: DeviceId) -> tuple[bytes, ...]:
        """Return the context for HPKE's `info`."""
        return (
            self.wallet_id,
            self.k.to_bytes(4, "big"),
            self.previous,
            self.author,
            recipient,
            self.commitment,
        )


def commit_to(key: EpochKey) -> bytes:
    """Return the 32-byte commitment that the chain signs for an epoch key."""
    return hashing.digest(Domain.EPOCH_COMMITMENT, key)


def entry_key(key: EpochKey, wallet_id: WalletId) -> bytes:
    """Return the key that seals the feed entries of an epoch."""
    return derivation.derive_key(key, Domain.ENTRY_KEY, wallet_id)


def wrap_epoch_key(key: EpochKey, member: Member, context: WrapContext) -> bytes:
    """Wrap an epoch key for one member: 1168 bytes.

    Raises:
        WeakKey: the member's key is not valid.
    """
    return wrapping.wrap(
        key, member.keys.wrapping, Domain.EPOCH_WRAP, *context.parts(member.device)
    )


def rotate_epoch(
    state: MembershipState,
    *,
    recipients: Iterable[Member],
    author: DeviceId,
    previous_key: EpochKey | None,
    key: EpochKey,
    nonce: bytes,
) -> tuple[Rotation, Mapping[DeviceId, bytes]]:
    """Prepare the rotation that follows `state` and the wraps that go beside it.

    Args:
        state: the state before the entry that will carry the rotation.
        recipients: the members after that entry.
        author: the device that will sign the entry.
        previous_key: the key of `state.epoch`; None if its author has not got it.
        key: 32 fresh random bytes.
        nonce: 24 fresh random bytes.

    Raises:
        WeakKey: a member's key is not valid.
    """
    context = WrapContext(
        wallet_id=state.wallet_id,
        k=state.k + 1,
        previous=state.hash,
        author=author,
        commitment=commit_to(key),
    )
    members = sorted(recipients, key=lambda member: member.device)
    wraps = {member.device: wrap_epoch_key(key, member, context) for member in members}
    rotation = Rotation(
        commitment=context.commitment,
        wrap_hashes=tuple(wrap_hash(wraps[member.device]) for member in members),
        back_link=NOWHERE
        if previous_key is None
        else seal_back_link(key, state, previous_key, nonce),
    )
    return rotation, wraps


def seal_back_link(
    key: EpochKey, before: MembershipState, previous_key: EpochKey, nonce: bytes
) -> bytes:
    """Return the 72 bytes by which a new epoch's key leads to one before it.

    Args:
        key: the new epoch's key.
        before: the newest state of the branch whose epoch's key is sealed.
        previous_key: that key.
        nonce: 24 fresh random bytes.
    """
    back_link_key = derivation.derive_key(key, Domain.BACK_LINK_KEY, before.wallet_id)
    return nonce + sealing.seal(back_link_key, nonce, previous_key, _back_link_context(before))


def open_wrap(
    chain: MembershipChain, k: int, device: DeviceId, key: wrapping.UnwrappingKey, wrapped: bytes
) -> tuple[EpochId, EpochKey]:
    """Open the wrap that the membership entry at index `k` lists for this device.

    Raises:
        CommitMismatch: the wrap is not listed, or holds another key than the committed one.
        AuthFailed: the wrap does not open.
    """
    if not 0 < k < len(chain):
        raise CommitMismatch("no membership entry lists a wrapped key at this index")
    entry, before = chain.entries[k], chain.state_at(k - 1)
    epoch = chain.state_at(k).epoch
    if listed_wraps(chain, k).get(device) != wrap_hash(wrapped):
        raise CommitMismatch("the wrapped key is not the one the membership entry lists")
    context = WrapContext(
        wallet_id=chain.wallet_id,
        k=k,
        previous=before.hash,
        author=entry.author,
        commitment=epoch.commitment,
    )
    opened = EpochKey(key.unwrap(wrapped, Domain.EPOCH_WRAP, *context.parts(device)))
    if commit_to(opened) != epoch.commitment:
        raise CommitMismatch("the wrapped key is not the one the chain commits to")
    return epoch.id, opened


def open_back_links(chain: MembershipChain, keys: Mapping[EpochId, EpochKey]) -> OpenedBackLinks:
    """Open all epoch keys that the given ones lead to, going back through the chain.

    A bad back-link is noted and passed over: what lies before it may be reached from another key.
    """
    found, errors = dict(keys), {}
    for link in epoch_links(chain):
        before, key = link.before, found.get(link.epoch)
        if key is None or before.epoch.id in found or link.back_link == NOWHERE:
            continue
        try:
            found[before.epoch.id] = _open_back_link(link.back_link, key, before)
        except VerificationError as error:
            errors[link.k] = error
    return OpenedBackLinks(found, errors)


def unreachable_epochs(
    chain: MembershipChain, keys: Mapping[EpochId, EpochKey]
) -> dict[EpochId, EpochKey]:
    """Return the keys, of those held, to which the current epoch's key does not lead.

    A device that is linked now gets none of them. Empty while the current key is not held.
    """
    current = chain.state.epoch.id
    if current not in keys:
        return {}
    reached = open_back_links(chain, {current: keys[current]}).keys
    return {epoch: key for epoch, key in keys.items() if epoch not in reached}


def seal_older_links(
    chain: MembershipChain,
    key: EpochKey,
    keys: Mapping[EpochId, EpochKey],
    random: Callable[[int], bytes],
) -> tuple[OlderLink, ...]:
    """Seal under a new epoch's key those that the epoch before does not lead to.

    The newest ones, and of those only such as another of them does not lead to.

    Args:
        chain: ends before the new epoch.
        key: the new epoch's.
        keys: all that are held, by epoch.
        random: the source of nonces.
    """
    current = chain.state.epoch.id
    reached = set(open_back_links(chain, {e: k for e, k in keys.items() if e == current}).keys)
    older: list[OlderLink] = []
    for k in range(len(chain) - 1, -1, -1):
        before = chain.state_at(k)
        epoch = before.epoch.id
        if epoch in reached or epoch not in keys or len(older) == limits.OLDER_LINKS_COUNT_MAX:
            continue
        reached.update(open_back_links(chain, {epoch: keys[epoch]}).keys)
        back_link = seal_back_link(key, before, keys[epoch], random(24))
        older.append(OlderLink(k=k, back_link=back_link))
    return tuple(reversed(older))


def _open_back_link(back_link: bytes, key: EpochKey, before: MembershipState) -> EpochKey:
    back_link_key = derivation.derive_key(key, Domain.BACK_LINK_KEY, before.wallet_id)
    nonce, sealed = back_link[:24], back_link[24:]
    previous = EpochKey(sealing.unseal(back_link_key, nonce, sealed, _back_link_context(before)))
    if commit_to(previous) != before.epoch.commitment:
        raise CommitMismatch("the linked key is not the one the chain commits to")
    return previous


def _back_link_context(before: MembershipState) -> bytes:
    return hashing.frame(
        Domain.BACK_LINK_SEAL, before.wallet_id, before.k.to_bytes(4, "big"), before.hash
    )


def verify_created_key(chain: MembershipChain, key: EpochKey) -> EpochId:
    """Return the first epoch's id if the key is the one that `create` commits to.

    Raises:
        CommitMismatch: it is another key.
    """
    create = chain.entries[0].payload
    if not isinstance(create, Create) or commit_to(key) != create.commitment:
        raise CommitMismatch("the key is not the one the `create` entry commits to")
    return chain.state_at(0).epoch.id
