"""What a proof shows to somebody who has nothing but the file: every byte of it is checked.

Spec: 15-feeds.md
"""

from collections.abc import Collection
from dataclasses import dataclass

from billfold_protocol.errors import (
    AuthFailed,
    CommitMismatch,
    NotProven,
    UnsignedMember,
    WrongContext,
)
from billfold_protocol.feed import (
    Ack,
    Beacon,
    Checkpoint,
    Entry,
    Freshness,
    Vector,
    acked_state,
    contradiction,
    feed_id,
    lost_heads,
    parse_entry,
    vector_hash,
    verify_entry,
)
from billfold_protocol.ids import DeviceId, ServerKey, SigningPublicKey, WalletId
from billfold_protocol.membership import Home, MembershipChain
from billfold_protocol.proofs.records import (
    Equivocated,
    Forked,
    RolledBack,
    Shown,
    Stale,
    WronglyAcked,
    parse_proof,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Proven:
    """What a proof proves."""

    kind: str
    """The name of the finding, such as `ServerRollback`."""

    wallet_id: WalletId
    server: ServerKey | None
    """The key of the server that it is about, or None."""

    devices: tuple[DeviceId, ...]
    """The devices that it is about, or whose word it rests on."""

    text: str
    """What is proven, and what is not, in plain sentences."""

    from_s: int | None = None
    to_s: int | None = None
    """By the server's clock: when it signed the earlier and the later statement, if they say so."""


def check_proof(data: bytes, *, wallet_id: WalletId | None = None) -> Proven:
    """Check a proof that is a file.

    Args:
        data: the file.
        wallet_id: the wallet that it must be about, or None for any.

    Raises:
        Malformed, Downgrade: it is no proof that this program reads.
        WrongContext: it is about another wallet.
        VerificationError, AccessError: a signature or hash in it does not match.
        NotProven: all is genuine, and nothing is wrong with it.
    """
    proof = parse_proof(data)
    chain = MembershipChain.load(proof.members)
    if wallet_id is not None and chain.wallet_id != wallet_id:
        raise WrongContext("the proof is about another wallet")
    match proof:
        case RolledBack():
            return _check_rollback(proof, chain)
        case WronglyAcked():
            return _check_false_ack(proof, chain)
        case Stale():
            return _check_stale(proof, chain)
        case Equivocated():
            return _check_equivocation(proof, chain)
        case Forked():
            return _check_fork(proof, chain)


def server_keys(chain: MembershipChain) -> list[ServerKey]:
    """Return the keys of the servers that a chain names as its homes, the newest first."""
    homes = [entry.payload for entry in chain.entries if isinstance(entry.payload, Home)]
    return list(dict.fromkeys(home.server.key for home in reversed(homes)))


def chain_prefix(
    chain: MembershipChain, *, server: ServerKey | None = None, devices: Collection[DeviceId] = ()
) -> tuple[bytes, ...]:
    """Return the entries from `create` on that a proof needs: no more than these.

    Args:
        chain: a verified chain.
        server: a key that a `home` must name, or None.
        devices: who must have become a member.

    Raises:
        WrongContext: the chain does not name all of them.
    """
    missing = set(devices)
    for k, entry in enumerate(chain.entries):
        missing -= chain.state_at(k).members.keys()
        if isinstance(entry.payload, Home) and entry.payload.server.key == server:
            server = None
        if server is None and not missing:
            return tuple(chain.raws[: k + 1])
    raise WrongContext("the chain names neither this server nor these devices")


def _check_rollback(proof: RolledBack, chain: MembershipChain) -> Proven:
    key, later = _open_checkpoint(proof.later, chain)
    earlier, from_s = _open_earlier(proof.earlier, chain, key)
    is_ordered = _is_ordered(proof.freshness, proof.earlier.checkpoint, later)
    heads = None
    if proof.earlier.vector is not None and proof.later.vector is not None:
        heads = (proof.earlier.vector, proof.later.vector)
    wrong = contradiction(earlier, later, heads=heads, is_ordered=is_ordered)
    if wrong is None:
        raise NotProven("the two statements in the proof do not contradict each other")
    return Proven(
        kind="ServerRollback",
        wallet_id=chain.wallet_id,
        server=key,
        devices=(),
        text=f"The server has lost a part of the wallet that it had said it held: {wrong}. "
        "Both statements carry its signature. Whether a fault, a restored backup or intent did "
        "it is not proven, nor whether it has been given back since.",
        from_s=from_s,
        to_s=later.time_s,
    )


def _check_false_ack(proof: WronglyAcked, chain: MembershipChain) -> Proven:
    entry = parse_entry(proof.entry, chain.wallet_id)
    key, later = _open_checkpoint(proof.later, chain)
    ack = Ack.verify(proof.ack, key, chain.wallet_id)
    author = _author_of(proof.entry, chain)
    is_ordered = _is_ordered(proof.freshness, proof.ack, later)
    vector, value = proof.later.vector, entry.value
    if vector is None or value.id not in ack.ids:
        raise NotProven("the ack in the proof does not name the entry")
    if not is_ordered and later.n < ack.n:
        raise NotProven("nothing shows that the ack was signed before the other statement")
    if not _lacks(vector, value):
        raise NotProven("the server holds what it acknowledged")
    return Proven(
        kind="FalseAck",
        wallet_id=chain.wallet_id,
        server=key,
        devices=(author,),
        text="The server signed that an entry of a device was stored for good, and later signed a "
        "description of everything it held in which that entry is missing. Whether a fault, a "
        "restored backup or intent did it is not proven.",
        to_s=later.time_s,
    )


def _check_stale(proof: Stale, chain: MembershipChain) -> Proven:
    key, later = _open_checkpoint(proof.later, chain)
    device, beacon = _open_beacon(proof.beacon, chain)
    if not _is_ordered(proof.freshness, proof.beacon, later) or proof.later.vector is None:
        raise NotProven("nothing shows that the beacon was signed before the server's statement")
    if not lost_heads(beacon.vector, proof.later.vector):
        raise NotProven("the server holds what the device had seen")
    return Proven(
        kind="StaleServer",
        wallet_id=chain.wallet_id,
        server=key,
        devices=(device,),
        text="A device signed that this server held certain entries, and the server signed after "
        "that a description of everything it held in which they are missing. So either the server "
        "withholds or has lost them, or that device has claimed what is not so: which of the two "
        "is not proven.",
        to_s=later.time_s,
    )


def _check_equivocation(proof: Equivocated, chain: MembershipChain) -> Proven:
    keys = chain.keys_of(proof.device)
    if keys is None:
        raise UnsignedMember("the device in the proof is not one of the wallet's")
    values = []
    for raw in (proof.left, proof.right):
        signed = parse_entry(raw, chain.wallet_id)
        values.append(verify_entry(signed, chain.wallet_id, keys.signing).value)
    left, right = values
    if feed_id(proof.device, proof.salt) != left.feed:
        raise WrongContext("the feed in the proof is not the device's")
    if (left.feed, left.seq) != (right.feed, right.seq) or left.id == right.id:
        raise NotProven("the two entries in the proof do not claim one place")
    return Proven(
        kind="Equivocation",
        wallet_id=chain.wallet_id,
        server=None,
        devices=(proof.device,),
        text=f"A device signed two different entries with the number {left.seq} of one feed. "
        "Either a copy of the device is in use, or its software lies. Which of the two entries "
        "came first is not proven.",
    )


def _check_fork(proof: Forked, chain: MembershipChain) -> Proven:
    branches = [_branch(proof.members, raws) for raws in (proof.left, proof.right)]
    left, right = branches
    k = len(chain)
    if not (len(left) > k and len(right) > k) or (left.state_at(k).hash == right.state_at(k).hash):
        raise NotProven("the two branches in the proof do not part")
    statements = (proof.left_checkpoint, proof.right_checkpoint)
    server = None
    for branch, raw in zip(branches, statements, strict=True):
        if raw is None:
            # What no statement names has no place in the proof.
            if len(branch) != k + 1:
                raise NotProven("a branch in the proof is longer than what is proven of it")
            continue
        key, checkpoint = _open_checkpoint(Shown(raw), chain)
        state = branch.state
        if (checkpoint.k, checkpoint.head) != (state.k, state.head) or server not in {None, key}:
            raise NotProven("a statement in the proof is not about its branch")
        server = key
    authors = tuple(branch.entries[k].author for branch in branches)
    is_server = None not in statements
    text = f"Two different membership entries were signed for the place {k} of the wallet's chain"
    if len(set(authors)) == 1:
        text += ", both by one device: that device, or a copy of it, has forked the chain"
    else:
        text += ", by two devices, which is no fault of either: the server takes only one"
    if is_server:
        text += ". The server signed both branches as the wallet's chain, which it may not"
    return Proven(
        kind="ChainFork",
        wallet_id=chain.wallet_id,
        server=server if is_server else None,
        devices=tuple(dict.fromkeys(authors)),
        text=text + ".",
    )


def _branch(shared: tuple[bytes, ...], own: tuple[bytes, ...]) -> MembershipChain:
    return MembershipChain.load((*shared, *own))


def _open_checkpoint(shown: Shown, chain: MembershipChain) -> tuple[ServerKey, Checkpoint]:
    """Verify a checkpoint under whichever of the wallet's servers signed it."""
    for key in server_keys(chain):
        try:
            return key, _open_under(shown, chain, key)
        except AuthFailed:
            continue
    raise AuthFailed("the statement is signed by no server that the wallet names")


def _open_under(shown: Shown, chain: MembershipChain, key: ServerKey) -> Checkpoint:
    checkpoint = Checkpoint.verify(shown.checkpoint, key, chain.wallet_id)
    if shown.vector is not None and vector_hash(shown.vector) != checkpoint.vector_hash:
        raise CommitMismatch("the heads in the proof are not those that the server signed")
    return checkpoint


def _open_earlier(
    shown: Shown, chain: MembershipChain, key: ServerKey
) -> tuple[Checkpoint, int | None]:
    """Verify a checkpoint, or an ack, which says the same but for the time and the heads."""
    try:
        checkpoint = _open_under(shown, chain, key)
    except AuthFailed:
        ack = Ack.verify(shown.checkpoint, key, chain.wallet_id)
        if shown.vector is not None:
            raise CommitMismatch("an ack does not sign the heads of feeds") from None
        return acked_state(ack), None
    return checkpoint, checkpoint.time_s


def _is_ordered(freshness: Freshness | None, earlier: bytes, later: Checkpoint) -> bool:
    """Whether the later statement is shown to have been signed after the earlier one was."""
    if freshness is None:
        return False
    if later.client_nonce != freshness.nonce or not freshness.follows(earlier):
        raise CommitMismatch("the proof does not show the order of its statements")
    return True


def _open_beacon(raw: bytes, chain: MembershipChain) -> tuple[DeviceId, Beacon]:
    for device, key in _signers(chain):
        try:
            beacon = Beacon.verify(raw, key, chain.wallet_id)
        except AuthFailed:
            continue
        if beacon.device == device:
            return device, beacon
    raise AuthFailed("the beacon is signed by no device of the wallet")


def _author_of(raw: bytes, chain: MembershipChain) -> DeviceId:
    signed = parse_entry(raw, chain.wallet_id)
    for device, key in _signers(chain):
        try:
            verify_entry(signed, chain.wallet_id, key)
        except AuthFailed:
            continue
        return device
    raise AuthFailed("the entry is signed by no device of the wallet")


def _signers(chain: MembershipChain) -> list[tuple[DeviceId, SigningPublicKey]]:
    """Return every device that is or was a member, with its key."""
    devices = [*chain.state.members, *chain.state.removed]
    keys = [(device, chain.keys_of(device)) for device in devices]
    return [(device, found.signing) for device, found in keys if found is not None]


def _lacks(vector: Vector, entry: Entry) -> bool:
    """Whether what has these heads does not hold an entry."""
    seq, id_ = vector.get(entry.feed, (-1, entry.id))
    return seq < entry.seq or (seq == entry.seq and id_ != entry.id)
