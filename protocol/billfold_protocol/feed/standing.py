"""What the feed graph says of entries: whether one counts, and what a newly arrived one led to.

Spec: 15-feeds.md
"""

from dataclasses import dataclass, field
from enum import Enum, unique

from billfold_protocol.crypto.signing import Verified
from billfold_protocol.errors import BillfoldError
from billfold_protocol.feed.entry import Dep, Entry
from billfold_protocol.ids import DeviceId


@unique
class Standing(Enum):
    """Whether an admitted entry counts."""

    COUNTED = "counted"
    EXCLUDED = "excluded"


@dataclass(slots=True)
class Node:
    """An admitted entry; `detail` is read back when it is needed after a restart."""

    dep: Dep
    device: DeviceId
    standing: Standing
    detail: tuple[int, tuple[Dep, ...]] | None
    """Its membership index and its ancestors."""

    @property
    def is_counted(self) -> bool:
        """Whether the entry counts."""
        return self.standing is Standing.COUNTED


@dataclass(frozen=True, slots=True)
class Refusal:
    """An entry that was not taken, and why; after `LimitExceeded` it may be offered again."""

    entry: Entry
    error: BillfoldError


@dataclass(slots=True)
class Outcome:
    """What a received entry, or a longer chain, led to."""

    counted: list[Verified[Entry]] = field(default_factory=list)
    """Entries that count from now on, each after everything it builds on."""

    excluded: list[Verified[Entry]] = field(default_factory=list)
    renewed: list[Verified[Entry]] = field(default_factory=list)
    """Entries that counted already, in an envelope that is to be kept in place of the other."""

    refused: list[Refusal] = field(default_factory=list)
