"""A snapshot that the server holds, as this device knows it.

Spec: 16-snapshots.md
"""

from dataclasses import dataclass, field

from billfold_protocol.crypto.signing import Verified
from billfold_protocol.ids import DeviceId
from billfold_protocol.snapshot import Snapshot


@dataclass(slots=True)
class KnownSnapshot:
    """A verified statement, and who stands by it."""

    statement: Verified[Snapshot]
    endorsements: dict[DeviceId, bytes] = field(default_factory=dict)
    is_resting: bool = False
    """Whether the server says that it holds what is covered no more."""

    @property
    def snapshot(self) -> Snapshot:
        """What it says."""
        return self.statement.value

    @property
    def entries_count(self) -> int:
        """How many entries it covers."""
        return sum(covered.seq + 1 for covered in self.snapshot.covered.values())
