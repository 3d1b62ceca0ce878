"""Entries that wait for something they name: another entry, or a membership entry.

Bounded for each feed and in all, because an entry of a feed that nobody has opened yet can be made
up by anyone.

Spec: 15-feeds.md
"""

from collections.abc import Iterator
from dataclasses import dataclass

from billfold_protocol import limits
from billfold_protocol.crypto.signing import Signed, Verified
from billfold_protocol.errors import LimitExceeded
from billfold_protocol.feed.entry import Dep, Entry
from billfold_protocol.ids import FeedId

PARSED_SIZE = 1024
"""Bytes that a waiting entry takes, besides its own, once it is parsed."""

Awaited = Dep | int
"""An entry, or the index of a membership entry."""


@dataclass(slots=True)
class Candidate:
    """An entry on its way in; its signature is checked once, however often it is tried."""

    signed: Signed[Entry]
    verified: Verified[Entry] | None = None
    is_wanted: bool = False
    """Whether this envelope is to take the place of the one that is here."""

    has_waited: bool = False

    @property
    def size(self) -> int:
        """Bytes that it is charged for."""
        return len(self.signed.body) + PARSED_SIZE


class Waiting:
    """The candidates that wait, by what they wait for."""

    def __init__(self) -> None:
        self._by_awaited: dict[Awaited, dict[tuple[bytes, bytes], Candidate]] = {}
        self._numbers: set[int] = set()
        """The membership entries among what is waited for, by index."""

        self._counts: dict[FeedId, int] = {}
        self._size = 0

    def __iter__(self) -> Iterator[Signed[Entry]]:
        for candidates in self._by_awaited.values():
            for candidate in candidates.values():
                yield candidate.signed

    def __len__(self) -> int:
        return sum(self._counts.values())

    @property
    def awaited(self) -> list[Awaited]:
        """What is waited for, in no order."""
        return list(self._by_awaited)

    @property
    def for_membership(self) -> Iterator[Candidate]:
        """The candidates that wait for a membership entry."""
        for k in self._numbers:
            yield from self._by_awaited[k].values()

    def add(self, awaited: Awaited, candidate: Candidate) -> None:
        """Keep a candidate until what it waits for comes; the same bytes are kept once.

        Raises:
            LimitExceeded: too much waits in this feed or in all.
        """
        signed = candidate.signed
        feed, name = signed.value.feed, (signed.signature, signed.body)
        if name in self._by_awaited.get(awaited, {}):
            return
        count = self._counts.get(feed, 0)
        size = self._size + candidate.size
        if count >= limits.WAITING_COUNT_MAX or size > limits.WAITING_SIZE_MAX:
            raise LimitExceeded("too many entries wait for others")
        candidate.has_waited = True
        self._counts[feed] = count + 1
        self._size = size
        self._by_awaited.setdefault(awaited, {})[name] = candidate
        if isinstance(awaited, int):
            self._numbers.add(awaited)

    def take(self, awaited: Awaited) -> list[Candidate]:
        """Return what waited for something, and keep it no longer."""
        candidates = list(self._by_awaited.pop(awaited, {}).values())
        if isinstance(awaited, int):
            self._numbers.discard(awaited)
        for candidate in candidates:
            feed = candidate.signed.value.feed
            self._size -= candidate.size
            count = self._counts.pop(feed) - 1
            if count:
                self._counts[feed] = count
        return candidates
