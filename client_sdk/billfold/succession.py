"""Which feed of a device follows which, and what that says of copies of the device.

A device goes on in a new feed when it is a restored copy; the opening names the head of the feed
before as far as that is known anywhere. So a feed that grows past the head that its successor
names, and two feeds that follow the same one, mean that two copies of one device are alive. It is
decided by entries alone: all devices come to the same answer, whatever arrives when.

Spec: 15-feeds.md
"""

from collections.abc import Callable, Iterable

from billfold_protocol.feed import Dep, Opening
from billfold_protocol.ids import DeviceId, FeedId


class Succession:
    """The openings of all feeds of a wallet."""

    def __init__(
        self, head_of: Callable[[FeedId], Dep | None], is_torn: Callable[[FeedId, int], bool]
    ) -> None:
        """Begin.

        Args:
            head_of: returns the newest entry of a feed.
            is_torn: whether what stands at a place of a feed builds on a fork of another's feed.
                A device leaves such entries behind when it goes on in a new feed.
        """
        self._head_of = head_of
        self._is_torn = is_torn
        self._openings: dict[FeedId, Opening] = {}
        self._followed: dict[FeedId, int] = {}
        """The least sequence number at which another feed follows this one."""

        self._copied: set[DeviceId] = set()

    @property
    def copied(self) -> frozenset[DeviceId]:
        """The devices of which two copies have written."""
        return frozenset(self._copied)

    def feeds_of(self, device: DeviceId) -> list[FeedId]:
        """Return the feeds that a device has opened, in order of id."""
        return sorted(feed for feed, opening in self._openings.items() if opening.device == device)

    def is_followed(self, feed: FeedId) -> bool:
        """Whether another feed of its device follows this one."""
        return feed in self._followed

    def opened(self, feed: FeedId, opening: Opening) -> DeviceId | None:
        """Take note of a feed's first entry; return the device if this shows a copy of it."""
        if feed in self._openings:
            return None
        self._openings[feed] = opening
        previous = opening.previous
        if previous is None:
            firsts = [
                other
                for other in self._openings.values()
                if other.device == opening.device and other.previous is None
            ]
            return self._found(opening.device) if len(firsts) > 1 else None
        is_shared = previous.feed in self._followed
        self._followed[previous.feed] = min(
            previous.seq, self._followed.get(previous.feed, previous.seq)
        )
        head = self._head_of(previous.feed)
        has_grown = (
            head is not None
            and head.seq > previous.seq
            and not self._is_torn(previous.feed, previous.seq + 1)
        )
        return self._found(opening.device) if is_shared or has_grown else None

    def grew(self, feed: FeedId, seq: int) -> DeviceId | None:
        """Take note of an entry; return its device if this shows a copy of it."""
        followed = self._followed.get(feed)
        if followed is None or seq <= followed or self._is_torn(feed, followed + 1):
            return None
        opening = self._openings.get(feed)
        return None if opening is None else self._found(opening.device)

    def suspect(self, device: DeviceId) -> bool:
        """Take note of a copy that showed itself otherwise; return whether that is new."""
        return self._found(device) is not None

    def head_before(self, device: DeviceId, known: Dep | None) -> Dep | None:
        """Return what the next feed of a device follows: the head of its newest feed here.

        Args:
            device: the device.
            known: the head that it knew itself, if any; where several feeds end, the one that
                continues from there.
        """
        ends = [feed for feed in self.feeds_of(device) if feed not in self._followed]
        if not ends:
            return known
        if known is not None:
            ends = self._reaching(known.feed, ends) or ends
        return self._head_of(ends[0]) or known

    def _reaching(self, start: FeedId, ends: Iterable[FeedId]) -> list[FeedId]:
        """Return those ends that follow from a feed."""
        found = []
        for end in ends:
            feed: FeedId | None = end
            while feed is not None and feed != start:
                opening = self._openings.get(feed)
                previous = None if opening is None else opening.previous
                feed = None if previous is None else previous.feed
            if feed == start:
                found.append(end)
        return found

    def _found(self, device: DeviceId) -> DeviceId | None:
        if device in self._copied:
            return None
        self._copied.add(device)
        return device
