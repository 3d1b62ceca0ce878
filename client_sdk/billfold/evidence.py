"""What this device keeps of what its server signed, to hold later statements against it.

For each server key the newest checkpoint whose heads are known, and the ack of the newest own
entry: as a feed is dense and linked, who holds its head holds all of it. Older ones say nothing
more. They outlive restarts.

Spec: 21-sync.md
"""

from dataclasses import dataclass

from billfold.beacons import heard, own_beacon
from billfold.homes import former_homes
from billfold.replica import Replica
from billfold_protocol import codec, limits
from billfold_protocol.errors import Malformed, VerificationError
from billfold_protocol.feed import Ack, Checkpoint, Dep, Freshness, Vector, parse_vector
from billfold_protocol.feed.checkpoint import STATEMENT_SIZE_MAX
from billfold_protocol.feed.vector import encode_vector
from billfold_protocol.ids import EntryId, FeedId, ServerKey

CHECKPOINT_KEY = "checkpoint:"
ACK_KEY = "ack:"
KEPT_SIZE_MAX = STATEMENT_SIZE_MAX + limits.FEEDS_COUNT_MAX * 64 + 1024


@dataclass(frozen=True, slots=True)
class KeptCheckpoint:
    """A checkpoint and the heads whose hash it signs."""

    checkpoint: Checkpoint
    raw: bytes
    vector: Vector


@dataclass(frozen=True, slots=True)
class KeptAck:
    """The ack of an own entry."""

    ack: Ack
    raw: bytes
    entry: Dep


def read_checkpoint(replica: Replica, key: ServerKey) -> KeptCheckpoint | None:
    """Return the newest checkpoint of a server, or None; a damaged one is as good as none."""
    data = replica.meta(CHECKPOINT_KEY + key.hex())
    if data is None:
        return None
    try:
        fields = codec.as_array(codec.decode(data, size_max=KEPT_SIZE_MAX), 2)
        raw = codec.as_bytes(fields[0])
        checkpoint = Checkpoint.verify(raw, key, replica.wallet_id)
        return KeptCheckpoint(checkpoint, raw, parse_vector(fields[1]))
    except (Malformed, VerificationError):
        return None


def heads_on_server(replica: Replica) -> Vector:
    """Return the heads that the wallet's server last signed; empty if it has signed none."""
    home = replica.state.home
    kept = None if home is None else read_checkpoint(replica, home.server.key)
    return {} if kept is None else kept.vector


def current_checkpoint(replica: Replica, key: ServerKey) -> bytes | None:
    """Return what a server signed of exactly what the replica knows it to hold, or None."""
    kept = read_checkpoint(replica, key)
    is_current = kept is not None and kept.vector == replica.vector_on_server()
    return kept.raw if kept is not None and is_current else None


def welcome_beacon(replica: Replica, key: ServerKey) -> bytes:
    """Return what a device that is being linked will hold its server against."""
    return own_beacon(
        replica,
        checkpoint=current_checkpoint(replica, key),
        heads_count_max=limits.WELCOME_HEADS_COUNT_MAX,
    )


def keep_checkpoint(replica: Replica, key: ServerKey, raw: bytes, vector: Vector) -> None:
    """Keep a checkpoint with its heads in place of the one before."""
    replica.put_meta(CHECKPOINT_KEY + key.hex(), codec.encode([raw, encode_vector(vector)]))


def had_chain_beyond(replica: Replica, key: ServerKey, k: int) -> bool:
    """Whether a server held more of the chain; after a move only what it signed shows that."""
    kept = read_checkpoint(replica, key)
    return not former_homes(replica.core.chain) or (kept is not None and kept.checkpoint.k > k)


def read_ack(replica: Replica, key: ServerKey) -> KeptAck | None:
    """Return the ack of the newest own entry, or None; a damaged one is as good as none."""
    data = replica.meta(ACK_KEY + key.hex())
    if data is None:
        return None
    try:
        fields = codec.as_array(codec.decode(data, size_max=KEPT_SIZE_MAX), 4)
        raw = codec.as_bytes(fields[0])
        entry = Dep(
            FeedId(codec.as_bytes(fields[1], 16)),
            codec.as_integer(fields[2]),
            EntryId(codec.as_bytes(fields[3], 32)),
        )
        return KeptAck(Ack.verify(raw, key, replica.wallet_id), raw, entry)
    except (Malformed, VerificationError):
        return None


def keep_ack(replica: Replica, key: ServerKey, raw: bytes, newest: Dep) -> None:
    """Keep an ack whose newest own entry is named, in place of the one before."""
    replica.put_meta(ACK_KEY + key.hex(), codec.encode([raw, *newest]))


def keep_newest_ack(replica: Replica, key: ServerKey, raw: bytes, newest: Dep) -> None:
    """Keep an ack, unless the one before is of a later entry of the same feed."""
    kept = read_ack(replica, key)
    if kept is None or kept.entry.feed != newest.feed or kept.entry.seq <= newest.seq:
        keep_ack(replica, key, raw, newest)


def drop_ack(replica: Replica, key: ServerKey) -> None:
    """Forget the ack: a checkpoint covers its entry, or it has been shown to be false."""
    if replica.meta(ACK_KEY + key.hex()) is not None:
        replica.put_meta(ACK_KEY + key.hex(), None)


def freshness(replica: Replica, key: ServerKey, salt: bytes) -> Freshness:
    """Return what makes the next nonce: it shows all that is kept of a server, and of others.

    Args:
        replica: what keeps the evidence.
        key: the server that will sign the nonce.
        salt: 32 fresh random bytes.
    """
    checkpoint, ack = read_checkpoint(replica, key), read_ack(replica, key)
    own = [item.raw for item in (checkpoint, ack) if item is not None]
    others = []
    for raw, beacon in heard(replica):
        # What the server signed for another device is ordered before its answer too.
        others += [raw] if beacon.checkpoint is None else [raw, beacon.checkpoint]
    return Freshness.of(salt, [*own, *others[: limits.KNOWN_STATEMENTS_COUNT_MAX - len(own)]])
