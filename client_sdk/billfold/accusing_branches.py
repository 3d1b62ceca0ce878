"""Saying that a wallet's chain goes on in two ways: told once, with a proof of who signed what.

What the server has signed of this device's branch is kept from before; what it says of the other
one came with the connection that showed it.

Spec: 15-feeds.md
"""

from collections.abc import Iterable, Iterator

from billfold.consents import CHECKPOINT_KEY
from billfold.evidence import read_checkpoint
from billfold.findings import Finding
from billfold.replica import Replica
from billfold_protocol import codec
from billfold_protocol.errors import BillfoldError
from billfold_protocol.feed import Checkpoint, statement_hash
from billfold_protocol.ids import ServerKey
from billfold_protocol.membership import Divergence, Home, MembershipChain, membership_hash
from billfold_protocol.proofs import Forked, encode_proof

BRANCHES = (
    "the wallet's list of devices was continued in two ways; both are merged, if need be when you "
    "say so with `merge`, and you should tell the server's operator"
)


def branches_finding(
    replica: Replica, divergence: Divergence, key: ServerKey, statement: bytes
) -> Finding:
    """Return what is told of two branches of the chain, with the proof.

    Args:
        replica: holds the other branch of the divergence, and what the server signed of it.
        divergence: the server's chain, as the main one, and this device's.
        key: the server's.
        statement: the checkpoint by which the server showed its chain.
    """
    proof = fork_proof(replica, divergence, key, statement)
    return Finding(
        kind="ChainFork",
        text=BRANCHES,
        found_s=max(0, replica.core.now_ms() // 1000),
        about=fork_name(proof),
        proof=encode_proof(proof),
    )


def fork_proof(
    replica: Replica, divergence: Divergence, key: ServerKey, statement: bytes
) -> Forked:
    """Return the proof that the chain has two branches, with what the server signed of each."""
    own, k = divergence.other, divergence.branches.fork.k
    members = tuple(own.raws[: k + 1])
    is_named = any(
        isinstance(entry.payload, Home) and entry.payload.server.key == key
        for entry in own.entries[: k + 1]
    )
    # A statement by a server that the shared part does not name cannot be checked.
    kept = _kept_statements(replica, key, k) if is_named else ()
    left, left_checkpoint = _branch(own, k, key, kept)
    right, right_checkpoint = _branch(divergence.main, k, key, [statement] if is_named else ())
    return Forked(
        members=members,
        left=left,
        right=right,
        left_checkpoint=left_checkpoint,
        right_checkpoint=right_checkpoint,
    )


def fork_name(proof: Forked) -> bytes:
    """Return 32 bytes that tell this fork from others, whoever of its branches is which."""
    hashes = sorted(membership_hash(raws[0][64:]) for raws in (proof.left, proof.right))
    return statement_hash(codec.encode(hashes))


def _kept_statements(replica: Replica, key: ServerKey, fork_k: int) -> Iterator[bytes]:
    """Yield what the server signed that may be about this device's branch.

    What is nearest to the fork comes first: it makes the shortest proof.
    """
    for k in range(fork_k + 1, replica.state.k + 1):
        raw = replica.meta(f"{CHECKPOINT_KEY}{k}")
        if raw is not None:
            yield raw
    newest = read_checkpoint(replica, key)
    if newest is not None:
        yield newest.raw


def _branch(
    chain: MembershipChain, fork_k: int, key: ServerKey, statements: Iterable[bytes]
) -> tuple[tuple[bytes, ...], bytes | None]:
    """Return a branch up to the entry that a statement names, or its first entry alone."""
    for raw in statements:
        try:
            checkpoint = Checkpoint.verify(raw, key, chain.wallet_id)
        except BillfoldError:
            continue
        k = checkpoint.k
        if fork_k < k < len(chain) and chain.state_at(k).head == checkpoint.head:
            return tuple(chain.raws[fork_k + 1 : k + 1]), raw
    return (chain.raws[fork_k + 1],), None
