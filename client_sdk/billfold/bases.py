"""The snapshot that a replica stands on, as it is kept beside the wallet.

Spec: 16-snapshots.md
"""

from collections.abc import Sequence

from billfold_protocol import codec, limits
from billfold_protocol.errors import BillfoldError, StoreDamaged
from billfold_protocol.feed import BaseHead, Opening
from billfold_protocol.ids import FeedId, WalletId
from billfold_protocol.snapshot import Snapshot, parse_snapshot
from billfold_protocol.snapshot_sealing import encode_openings, parse_openings

BASE_KEY = "base"
"""The statement of the snapshot, and how the feeds that it covers began."""

Openings = Sequence[tuple[FeedId, Opening]]


def base_heads(snapshot: Snapshot) -> dict[FeedId, BaseHead]:
    """Return what a snapshot covers, as the feed graph stands on it."""
    return {feed: BaseHead(*covered) for feed, covered in snapshot.covered.items()}


def encode_base(statement: bytes, openings: Openings) -> bytes:
    """Return what is kept of a snapshot."""
    return codec.encode([statement, encode_openings(openings)])


def read_base(data: bytes | None, wallet_id: WalletId) -> tuple[Snapshot | None, Openings]:
    """Read what a replica stands on; it was verified before it was kept.

    Raises:
        StoreDamaged: the bytes are something else.
    """
    if data is None:
        return None, ()
    size_max = limits.SNAPSHOT_STATEMENT_SIZE_MAX + limits.FEEDS_COUNT_MAX * 128
    try:
        statement, openings = codec.as_array(codec.decode(data, size_max=size_max), 2)
        snapshot = parse_snapshot(codec.as_bytes(statement), wallet_id).value
        return snapshot, parse_openings(openings)
    except BillfoldError as error:
        raise StoreDamaged("the wallet's file is damaged: its snapshot cannot be read") from error
