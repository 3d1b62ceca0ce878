"""The snapshot that a replica stands on, as it is kept beside the wallet.

Spec: 16-snapshots.md
"""

from billfold_protocol.errors import BillfoldError, StoreDamaged
from billfold_protocol.feed import BaseHead
from billfold_protocol.ids import FeedId, WalletId
from billfold_protocol.snapshot import Snapshot, parse_snapshot

BASE_KEY = "base"
"""The statement of the snapshot."""


def base_heads(snapshot: Snapshot) -> dict[FeedId, BaseHead]:
    """Return what a snapshot covers, as the feed graph stands on it."""
    return {feed: BaseHead(*covered) for feed, covered in snapshot.covered.items()}


def read_base(data: bytes | None, wallet_id: WalletId) -> Snapshot | None:
    """Read the statement that a replica stands on; it was verified before it was kept.

    Raises:
        StoreDamaged: the bytes are something else.
    """
    if data is None:
        return None
    try:
        return parse_snapshot(data, wallet_id).value
    except BillfoldError as error:
        raise StoreDamaged("the wallet's file is damaged: its snapshot cannot be read") from error
