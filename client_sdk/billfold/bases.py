"""The snapshot that a replica stands on, as it is kept beside the wallet.

Spec: 16-snapshots.md
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from billfold_protocol import codec, limits
from billfold_protocol.errors import BillfoldError, StoreDamaged
from billfold_protocol.feed import BaseHead, Opening
from billfold_protocol.ids import FeedId, SnapshotId, WalletId
from billfold_protocol.snapshot import Snapshot, parse_snapshot
from billfold_protocol.snapshot_sealing import encode_openings, parse_openings

BASE_KEY = "base"
"""The statement of the snapshot, and how the feeds that it covers began."""

ENDORSEMENTS_KEY = "base_endorsements"
"""Who stands by it, in their own words."""

KEPT_KEY = "kept_snapshots"
"""The snapshots that are kept as they were sealed, and when this device had found them right."""

ENDORSEMENTS_SIZE_MAX = limits.MEMBERS_COUNT_MAX * 512

Openings = Sequence[tuple[FeedId, Opening]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Base:
    """What a replica stands on."""

    raw: bytes
    """The signed statement."""

    snapshot: Snapshot
    openings: Openings
    endorsements: tuple[bytes, ...]


def base_heads(snapshot: Snapshot) -> dict[FeedId, BaseHead]:
    """Return what a snapshot covers, as the feed graph stands on it."""
    return {feed: BaseHead(*covered) for feed, covered in snapshot.covered.items()}


def encode_base(statement: bytes, openings: Openings) -> bytes:
    """Return what is kept of a snapshot."""
    return codec.encode([statement, encode_openings(openings)])


def encode_verdicts(verdicts: Sequence[bytes]) -> bytes:
    """Return what is kept of those who stand by a snapshot."""
    return codec.encode(list(verdicts[: limits.MEMBERS_COUNT_MAX]))


def read_base(meta: Mapping[str, bytes], wallet_id: WalletId) -> Base | None:
    """Read what a replica stands on, if it does; it was verified before it was kept.

    Raises:
        StoreDamaged: the bytes are something else.
    """
    data = meta.get(BASE_KEY)
    if data is None:
        return None
    size_max = limits.SNAPSHOT_STATEMENT_SIZE_MAX + limits.FEEDS_COUNT_MAX * 128
    # A wallet that an older version wrote has none: it cannot give its snapshot back.
    endorsements = meta.get(ENDORSEMENTS_KEY, codec.encode([]))
    try:
        fields = codec.as_array(codec.decode(data, size_max=size_max), 2)
        statement = codec.as_bytes(fields[0])
        verdicts = codec.as_list(
            codec.decode(endorsements, size_max=ENDORSEMENTS_SIZE_MAX),
            count_max=limits.MEMBERS_COUNT_MAX,
        )
        return Base(
            raw=statement,
            snapshot=parse_snapshot(statement, wallet_id).value,
            openings=parse_openings(fields[1]),
            endorsements=tuple(codec.as_bytes(raw) for raw in verdicts),
        )
    except BillfoldError as error:
        raise StoreDamaged("the wallet's file is damaged: its snapshot cannot be read") from error


def encode_kept(kept: Mapping[SnapshotId, int]) -> bytes:
    """Return which snapshots are kept, and since when, in milliseconds since 1970."""
    return codec.encode([[id_, time_ms] for id_, time_ms in sorted(kept.items())])


def read_kept(data: bytes | None) -> dict[SnapshotId, int]:
    """Read what `encode_kept` made; nothing is kept where there is none.

    Raises:
        StoreDamaged: the bytes are something else.
    """
    if data is None:
        return {}
    try:
        items = codec.as_list(codec.decode(data, size_max=4096), count_max=64)
        pairs = [codec.as_array(item, 2) for item in items]
        return {
            SnapshotId(codec.as_bytes(id_, 32)): codec.as_integer(time_ms) for id_, time_ms in pairs
        }
    except BillfoldError as error:
        raise StoreDamaged("the wallet's file is damaged: its snapshots cannot be read") from error
