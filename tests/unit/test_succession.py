from itertools import permutations

import pytest

from billfold.succession import Succession
from billfold_protocol.feed import Dep, Opening
from billfold_protocol.ids import DeviceId, EntryId, FeedId

PHONE, LAPTOP = DeviceId(b"p" * 16), DeviceId(b"l" * 16)
OLD, NEW, NEWER, OTHER = (FeedId(name * 16) for name in (b"a", b"b", b"c", b"d"))


def head(feed: FeedId, seq: int) -> Dep:
    return Dep(feed, seq, EntryId(bytes([seq]) * 32))


def opening(device: DeviceId, previous: Dep | None = None) -> Opening:
    return Opening(device, bytes(16), previous)


class Feeds:
    """Feeds as they arrive: each item opens a feed or lets one grow."""

    def __init__(self) -> None:
        self.vector: dict[FeedId, tuple[int, EntryId]] = {}
        self.torn: set[tuple[FeedId, int]] = set()
        self.succession = Succession(self.head_of, lambda feed, seq: (feed, seq) in self.torn)
        self.found: list[DeviceId] = []

    def head_of(self, feed: FeedId) -> Dep | None:
        found = self.vector.get(feed)
        return None if found is None else Dep(feed, *found)

    def take(self, item: tuple[FeedId, Opening | int]) -> None:
        feed, what = item
        seq = what if isinstance(what, int) else 0
        self.vector[feed] = seq, head(feed, seq).id
        if isinstance(what, Opening):
            found = self.succession.opened(feed, what)
        else:
            found = self.succession.grew(feed, seq)
        if found is not None:
            self.found.append(found)


Item = tuple[FeedId, Opening | int]
FIRST: Item = (OLD, opening(PHONE))

HISTORIES: dict[str, tuple[list[Item], bool]] = {
    "one feed": ([FIRST, (OLD, 1), (OLD, 2)], False),
    "a restored device goes on from the head of its feed": (
        [FIRST, (OLD, 1), (NEW, opening(PHONE, head(OLD, 1))), (NEW, 1)],
        False,
    ),
    "restored twice": (
        [
            FIRST,
            (NEW, opening(PHONE, head(OLD, 0))),
            (NEW, 1),
            (NEWER, opening(PHONE, head(NEW, 1))),
        ],
        False,
    ),
    "two devices": ([FIRST, (OTHER, opening(LAPTOP)), (OTHER, 1)], False),
    "the old feed grows past the head that the new one names": (
        [FIRST, (NEW, opening(PHONE, head(OLD, 0))), (OLD, 1)],
        True,
    ),
    "two feeds follow one": (
        [FIRST, (NEW, opening(PHONE, head(OLD, 0))), (NEWER, opening(PHONE, head(OLD, 0)))],
        True,
    ),
    "two feeds follow none": ([FIRST, (NEW, opening(PHONE))], True),
}


@pytest.mark.parametrize("name", HISTORIES)
def test_a_copy_shows_in_the_feeds_in_any_order_of_arrival(name: str) -> None:
    items, is_copied = HISTORIES[name]
    for order in permutations(items):
        feeds = Feeds()
        opened: set[FeedId] = set()
        is_possible = True
        for feed, what in order:
            previous = what.previous if isinstance(what, Opening) else None
            seq = feeds.vector.get(feed, (-1, b""))[0]
            # The graph admits nothing before what it builds on.
            if isinstance(what, int) and seq != what - 1:
                is_possible = False
                break
            if previous is not None and feeds.vector.get(previous.feed, (-1,))[0] < previous.seq:
                is_possible = False
                break
            opened.add(feed)
            feeds.take((feed, what))
        if is_possible:
            assert feeds.found == ([PHONE] if is_copied else [])
            assert feeds.succession.copied == frozenset(feeds.found)


def test_a_new_feed_follows_the_newest_that_is_here() -> None:
    feeds = Feeds()
    for item in (FIRST, (OLD, 1), (OTHER, opening(LAPTOP))):
        feeds.take(item)
    assert feeds.succession.head_before(PHONE, head(OLD, 0)) == head(OLD, 1)
    feeds.take((NEW, opening(PHONE, head(OLD, 1))))
    feeds.take((NEW, 1))
    assert feeds.succession.head_before(PHONE, head(OLD, 0)) == head(NEW, 1)
    assert feeds.succession.head_before(PHONE, None) == head(NEW, 1)


def test_a_first_feed_follows_what_was_known_or_nothing() -> None:
    feeds = Feeds()
    assert feeds.succession.head_before(PHONE, None) is None
    assert feeds.succession.head_before(PHONE, head(OLD, 3)) == head(OLD, 3)


def test_of_several_ends_a_feed_follows_the_one_from_where_it_was() -> None:
    feeds = Feeds()
    # Two copies from the beginning; each went on by itself.
    for item in (FIRST, (NEWER, opening(PHONE)), (NEW, opening(PHONE, head(OLD, 0)))):
        feeds.take(item)
    assert feeds.succession.head_before(PHONE, head(OLD, 0)) == head(NEW, 0)
    assert feeds.succession.head_before(PHONE, head(NEWER, 0)) == head(NEWER, 0)


@pytest.mark.parametrize("is_opening_first", [True, False])
def test_a_device_that_leaves_a_fallen_branch_behind_is_not_taken_for_copied(
    *, is_opening_first: bool
) -> None:
    feeds = Feeds()
    old, new = FeedId(b"o" * 16), FeedId(b"n" * 16)
    feeds.torn.add((old, 3))
    feeds.take((old, opening(PHONE)))
    items: list[tuple[FeedId, Opening | int]] = [(new, opening(PHONE, head(old, 2))), (old, 3)]
    for item in items if is_opening_first else items[::-1]:
        feeds.take(item)
    assert feeds.found == []
    feeds.torn.clear()
    feeds.take((old, 4))
    assert feeds.found == [PHONE]
