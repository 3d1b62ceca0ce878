"""What the feed graph says of entries: whether one counts, and what a newly arrived one led to.

Spec: 15-feeds.md
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum, unique
from typing import NamedTuple

from billfold_protocol.crypto.signing import Signed, Verified
from billfold_protocol.errors import BillfoldError
from billfold_protocol.feed.entry import Dep, Entry
from billfold_protocol.ids import ChainHead, DeviceId, EntryId


@unique
class Standing(Enum):
    """Whether an admitted entry counts."""

    COUNTED = "counted"
    EXCLUDED = "excluded"


Detail = tuple[int, tuple[Dep, ...], ChainHead]
"""The membership index of an entry's envelope, its ancestors, and the envelope's chain head."""


class BaseHead(NamedTuple):
    """The newest entry of a feed that a snapshot covers."""

    seq: int
    id: EntryId
    device: DeviceId
    """The feed's owner."""


@dataclass(slots=True)
class Node:
    """An admitted entry; `detail` is read back when it is needed after a restart."""

    dep: Dep
    device: DeviceId
    standing: Standing
    detail: Detail | None

    @property
    def is_counted(self) -> bool:
        """Whether the entry counts."""
        return self.standing is Standing.COUNTED


@dataclass(frozen=True, slots=True)
class Refusal:
    """An entry that was not taken, and why; after `LimitExceeded` it may be offered again."""

    entry: Entry
    error: BillfoldError


@dataclass(frozen=True, slots=True)
class Fork:
    """Two entries of one author at one place: with its key, a proof that anybody can check."""

    first: Verified[Entry]
    """The one with the lower id."""

    second: Verified[Entry]


@dataclass(slots=True)
class Outcome:
    """What a received entry, or a longer chain, led to."""

    counted: list[Verified[Entry]] = field(default_factory=list)
    """Entries that count from now on, each after everything it builds on."""

    excluded: list[Verified[Entry]] = field(default_factory=list)
    """Entries that were admitted, or came in a newer envelope, and do not count."""

    renewed: list[Verified[Entry]] = field(default_factory=list)
    """Entries that counted already, in an envelope that is to be kept in place of the other."""

    passed_over: list[Signed[Entry]] = field(default_factory=list)
    """Envelopes that had waited, of entries of which another one was taken meanwhile."""

    refused: list[Refusal] = field(default_factory=list)
    lost: list[Dep] = field(default_factory=list)
    """Entries that counted and, because of a fork, do not any more."""

    has_lost: bool = False
    """Whether something stopped counting, even what began to count meanwhile.

    What it vouched for may be beyond a cut and reached by no root any more.
    """

    equivocations: list[Fork] = field(default_factory=list)
    """Forks that were not known; one for each entry at a place that has one already."""

    def settle(self, is_counted: Callable[[Dep], bool]) -> None:
        """Say of entries that changed more than once only what came of it.

        Args:
            is_counted: whether an entry counts now.
        """
        if not self.lost:
            return
        counts, losses = Counter(map(_dep, self.counted)), Counter(self.lost)
        turned = counts.keys() & losses.keys()
        lasts = {_dep(entry): place for place, entry in enumerate(self.counted)}
        counted = []  # An entry that turned keeps its last place: what builds on it comes after it.
        lost = [dep for dep in dict.fromkeys(self.lost) if dep not in turned]
        for place, entry in enumerate(self.counted):
            dep = _dep(entry)
            if dep not in turned:
                counted.append(entry)
            elif place == lasts[dep]:
                has_counted_before = losses[dep] + is_counted(dep) > counts[dep]
                if is_counted(dep) and not has_counted_before:
                    counted.append(entry)
                elif has_counted_before and not is_counted(dep):
                    lost.append(dep)
                elif not is_counted(dep):
                    self.excluded.append(entry)
        self.counted, self.lost = counted, lost


def _dep(entry: Verified[Entry]) -> Dep:
    return Dep(entry.value.feed, entry.value.seq, entry.value.id)
