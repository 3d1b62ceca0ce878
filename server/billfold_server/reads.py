"""A piece of what a peer lacks, read from the store at the peer's pace.

Spec: 21-sync.md
"""

from collections.abc import Sequence
from dataclasses import dataclass

from billfold_protocol import limits
from billfold_protocol.ids import WalletId
from billfold_server.hub import FetchJob, Peer, SnapshotJob
from billfold_server.store import LogStore, StoredEntry

Piece = Sequence[StoredEntry] | bytes
"""Entries, or bytes of a snapshot."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadRequest:
    """A piece of a log, or of a snapshot, that a peer lacks."""

    peer: Peer
    wallet_id: WalletId
    after_n: int = 0
    durable_n: int = 0
    """The newest arrival number when this was asked for."""

    fetch: FetchJob | SnapshotJob | None = None

    def run(self, store: LogStore) -> Piece:
        """Read it; safe in another thread.

        Raises:
            StoreError: the store is closed or damaged.
        """
        if isinstance(self.fetch, SnapshotJob):
            job = self.fetch
            return store.read_snapshot(self.wallet_id, job.snapshot, offset=job.offset)
        if self.fetch is not None:
            return store.read_feed(
                self.wallet_id,
                self.fetch.feed,
                from_seq=self.fetch.from_seq,
                count_max=self.fetch.count,
                size_max=limits.BATCH_SIZE_MAX,
            )
        return store.read_entries(
            self.wallet_id,
            after_n=self.after_n,
            count_max=limits.BATCH_COUNT_MAX,
            size_max=limits.BATCH_SIZE_MAX,
        )
