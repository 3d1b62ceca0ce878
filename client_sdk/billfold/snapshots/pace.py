"""When a snapshot is due: by what has come since the newest one, and whose turn it is.

Spec: 16-snapshots.md
"""

from collections.abc import Iterator

from billfold.core import Core
from billfold.snapshots.known import KnownSnapshot
from billfold.store import PutEntry
from billfold_protocol import limits

UNIT_SIZE = 1024
"""An entry counts once for each so many bytes that it begins: few large ones are worth as much."""


class Pace:
    """Counts the tail of one replica."""

    def __init__(self, core: Core) -> None:
        self._core = core
        self.units_min = limits.SNAPSHOT_TAIL_COUNT_MIN
        """Units since the last snapshot that are not worth another."""

        self._units = self._size = 0
        self._is_counted = False
        self._patience = 0
        """Units to wait for instead, after a refusal; negative for none at all."""

    def count_anew(self) -> None:
        """Take note that there is a newer snapshot."""
        self._is_counted = False

    def begin_again(self) -> None:
        """Take note that a snapshot of everything has just been made."""
        self._units = self._size = self._patience = 0
        self._is_counted = True

    def hurry(self) -> None:
        """Let the next one be due at once."""
        self._patience = -1

    def rest(self) -> None:
        """Take note of a refusal, whose cause is seldom gone so soon."""
        self._patience = 2 * max(self._patience, self.units_min)

    def give_up(self) -> None:
        """Take note that the wallet is larger than a snapshot may be."""
        self._patience = 1 << 40

    def note_commit(self) -> None:
        """Add what the next commit stores."""
        if self._is_counted:
            for write in self._core.journal.writes:
                if isinstance(write, PutEntry):
                    self._add(len(write.entry.raw))

    def is_due(self, newest: KnownSnapshot | None) -> bool:
        """Whether it is time for this device to make one.

        Raises:
            StoreDamaged: this device's own entries cannot be read.
        """
        if not self._is_counted:
            self.begin_again_from(newest)
        if self._patience < 0:
            return self._units > 0
        size = 0 if newest is None else newest.snapshot.size
        units_min = self._patience or self._my_turn()
        return self._units > units_min and self._size > limits.SNAPSHOT_TAIL_RATIO * size

    def begin_again_from(self, newest: KnownSnapshot | None) -> None:
        """Count what the store holds beyond a snapshot."""
        self._units = self._size = 0
        for size in self._sizes_beyond(newest):
            self._add(size)
        self._is_counted = True

    def _add(self, size: int) -> None:
        self._units += -(-size // UNIT_SIZE)
        self._size += size

    def _my_turn(self) -> int:
        """Return after how many units it is up to this device: not all make one at once."""
        members = self._core.chain.state.members
        writers = sorted(id_ for id_, member in members.items() if member.may_write)
        return self.units_min + self.units_min * writers.index(self._core.device_id) // 4

    def _sizes_beyond(self, newest: KnownSnapshot | None) -> Iterator[int]:
        covered = {} if newest is None else newest.snapshot.covered
        for feed in self._core.graph.vector:
            from_seq = covered[feed].seq + 1 if feed in covered else 0
            yield from (len(raw) for raw in self._core.stored_entries(feed, from_seq))
