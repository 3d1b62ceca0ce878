"""The kinds of proof and their canonical bytes: `[version, kind, membership entries, …]`.

The membership entries run from `create` to the last one that is needed: to the `home` that names
the server's key, or to the entry that adds the device.

Spec: 15-feeds.md
"""

from dataclasses import dataclass

from billfold_protocol import codec, limits
from billfold_protocol.errors import Downgrade, Malformed
from billfold_protocol.feed import FEED_SALT_SIZE, Freshness, Vector, parse_vector
from billfold_protocol.feed.checkpoint import STATEMENT_SIZE_MAX
from billfold_protocol.feed.vector import encode_vector
from billfold_protocol.ids import DeviceId

PROOF_VERSION = 1


@dataclass(frozen=True, slots=True)
class Shown:
    """A checkpoint as a proof carries it."""

    checkpoint: bytes
    """The signed bytes."""

    vector: Vector | None = None
    """The heads whose hash it signs, where they are needed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RolledBack:
    """Two checkpoints of one server that cannot both be true, or an ack and a checkpoint."""

    members: tuple[bytes, ...]
    earlier: Shown
    """In place of the checkpoint there may be an ack, which names no heads."""

    later: Shown
    freshness: Freshness | None
    """Shows, where it is needed, that the later one was signed after the earlier one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WronglyAcked:
    """An ack, the entry that it promises, and a checkpoint that does not hold it."""

    members: tuple[bytes, ...]
    ack: bytes
    entry: bytes
    later: Shown
    freshness: Freshness | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Stale:
    """A beacon, and a checkpoint signed after it that does not hold what the beacon names."""

    members: tuple[bytes, ...]
    beacon: bytes
    later: Shown
    freshness: Freshness


@dataclass(frozen=True, slots=True, kw_only=True)
class Equivocated:
    """Two entries that one device signed for one place of its feed."""

    members: tuple[bytes, ...]
    device: DeviceId
    salt: bytes
    """What the feed's id is made of, with the device's."""

    left: bytes
    right: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Forked:
    """Two membership entries that claim one place, and what a server signed of each branch."""

    members: tuple[bytes, ...]
    """The entries that both branches share."""

    left: tuple[bytes, ...]
    right: tuple[bytes, ...]
    left_checkpoint: bytes | None = None
    """Names the last entry of the left branch, if it is here."""

    right_checkpoint: bytes | None = None


Proof = RolledBack | WronglyAcked | Stale | Equivocated | Forked


def encode_proof(proof: Proof) -> bytes:
    """Return a proof as a file."""
    match proof:
        case RolledBack():
            kind, rest = (
                "server-rollback",
                [_shown(proof.earlier), _shown(proof.later), _freshness(proof.freshness)],
            )
        case WronglyAcked():
            kind, rest = (
                "false-ack",
                [proof.ack, proof.entry, _shown(proof.later), _freshness(proof.freshness)],
            )
        case Stale():
            kind, rest = (
                "stale-server",
                [proof.beacon, _shown(proof.later), proof.freshness.fields()],
            )
        case Equivocated():
            kind, rest = "equivocation", [proof.device, proof.salt, proof.left, proof.right]
        case Forked():
            kind, rest = (
                "chain-fork",
                [
                    list(proof.left),
                    list(proof.right),
                    proof.left_checkpoint,
                    proof.right_checkpoint,
                ],
            )
    return codec.encode([PROOF_VERSION, kind, list(proof.members), *rest])


def parse_proof(data: bytes) -> Proof:
    """Parse a file; nothing of it is checked yet.

    Raises:
        Malformed: it is no proof.
        Downgrade: it is of another version.
    """
    fields = codec.as_array(codec.decode(data, size_max=limits.PROOF_SIZE_MAX))
    if not fields or fields[0] != PROOF_VERSION or type(fields[0]) is not int:
        raise Downgrade("the proof is of a version that this program does not read")
    if not fields[2:]:
        raise Malformed("a proof has a kind and membership entries")
    kind, members, rest = codec.as_text(fields[1]), _parse_raws(fields[2]), fields[3:]
    match kind, rest:
        case "server-rollback", [earlier, later, freshness]:
            return RolledBack(
                members=members,
                earlier=_parse_shown(earlier),
                later=_parse_shown(later),
                freshness=_parse_freshness(freshness),
            )
        case "false-ack", [ack, entry, later, freshness]:
            return WronglyAcked(
                members=members,
                ack=codec.as_bytes(ack, size_max=STATEMENT_SIZE_MAX),
                entry=codec.as_bytes(entry, size_max=limits.ENTRY_SIZE_MAX),
                later=_parse_shown(later),
                freshness=_parse_freshness(freshness),
            )
        case "stale-server", [beacon, later, freshness]:
            return Stale(
                members=members,
                beacon=codec.as_bytes(beacon, size_max=limits.BEACON_SIZE_MAX),
                later=_parse_shown(later),
                freshness=Freshness.parse(freshness),
            )
        case "equivocation", [device, salt, left, right]:
            return Equivocated(
                members=members,
                device=DeviceId(codec.as_bytes(device, 16)),
                salt=codec.as_bytes(salt, FEED_SALT_SIZE),
                left=codec.as_bytes(left, size_max=limits.ENTRY_SIZE_MAX),
                right=codec.as_bytes(right, size_max=limits.ENTRY_SIZE_MAX),
            )
        case "chain-fork", [left, right, left_checkpoint, right_checkpoint]:
            return Forked(
                members=members,
                left=_parse_raws(left),
                right=_parse_raws(right),
                left_checkpoint=_parse_statement(left_checkpoint),
                right_checkpoint=_parse_statement(right_checkpoint),
            )
        case _:
            raise Malformed("the proof is of no kind that this program knows")


def _shown(shown: Shown) -> list[object]:
    return [shown.checkpoint, None if shown.vector is None else encode_vector(shown.vector)]


def _parse_shown(value: object) -> Shown:
    checkpoint, vector = codec.as_array(value, 2)
    return Shown(
        codec.as_bytes(checkpoint, size_max=STATEMENT_SIZE_MAX),
        None if vector is None else parse_vector(vector),
    )


def _freshness(freshness: Freshness | None) -> object:
    return None if freshness is None else freshness.fields()


def _parse_freshness(value: object) -> Freshness | None:
    return None if value is None else Freshness.parse(value)


def _parse_statement(value: object) -> bytes | None:
    return None if value is None else codec.as_bytes(value, size_max=STATEMENT_SIZE_MAX)


def _parse_raws(value: object) -> tuple[bytes, ...]:
    items = codec.as_list(value, count_max=limits.CHAIN_LENGTH_MAX)
    return tuple(codec.as_bytes(item, size_max=limits.MEMBERSHIP_ENTRY_SIZE_MAX) for item in items)
