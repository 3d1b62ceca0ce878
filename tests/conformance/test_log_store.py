import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from billfold_protocol.errors import StoreError
from billfold_server.store import (
    AppendEntries,
    AppendMembers,
    FeedHead,
    LogStore,
    PutBeacon,
    Run,
    Write,
    open_store,
)
from tests.support.log_writes import (
    DEVICE,
    FEED,
    append,
    arrivals,
    birth,
    device,
    entry,
    feed,
    members,
    wallet,
    wrap,
)

W = wallet(0)
HUGE = 2**64 - 1


@pytest.fixture(params=["memory", "sqlite"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[LogStore]:
    address = "memory:" if request.param == "memory" else f"sqlite:{tmp_path / 'wallets.db'}"
    opened = open_store(address)
    yield opened
    opened.close()


def test_a_new_store_holds_nothing(store: LogStore) -> None:
    assert store.wallet_count() == 0
    assert store.load_wallet(W) is None
    assert store.read_entries(W, after_n=0, count_max=10, size_max=1000) == []
    assert store.read_feed(W, FEED, from_seq=0, count_max=10, size_max=1000) == []
    assert store.read_wraps(W, DEVICE, after_k=-1) == []
    assert store.find_entry(W, FEED, 0) is None


def test_an_instance_id_is_16_bytes_and_stays(store: LogStore) -> None:
    assert len(store.instance_id) == 16
    assert store.instance_id == store.instance_id


def test_two_stores_have_two_instance_ids(store: LogStore, tmp_path: Path) -> None:
    other = open_store(f"sqlite:{tmp_path / 'other.db'}")
    assert other.instance_id != store.instance_id
    other.close()


def test_a_wallet_is_given_back_whole(store: LogStore) -> None:
    first, second = entry(1, seq=0), entry(2, seq=0, of=feed(1))
    store.commit(
        [
            members(W, 0, 2, [wrap(0), wrap(1)]),
            append(W, first, second),
            PutBeacon(wallet_id=W, device=DEVICE, raw=b"beacon"),
        ]
    )
    log = store.load_wallet(W)
    assert log is not None
    assert log.wallet_id == W
    assert log.members == (b"member 0", b"member 1")
    assert log.heads == {
        FEED: FeedHead(seq=0, entry_id=first.entry_id, device=DEVICE, k=0),
        feed(1): FeedHead(seq=0, entry_id=second.entry_id, device=DEVICE, k=0),
    }
    assert log.n == 2
    assert log.beacons == {DEVICE: b"beacon"}
    assert store.wallet_count() == 1


def test_a_wallets_size_counts_entries_members_and_wraps(store: LogStore) -> None:
    store.commit([members(W, 0, 1, [wrap(0)]), append(W, entry(1, seq=0, size=300))])
    store.commit([append(W, entry(2, seq=1, size=50))])
    store.commit([PutBeacon(wallet_id=W, device=DEVICE, raw=b"not counted")])
    log = store.load_wallet(W)
    assert log is not None
    assert log.size == len(b"member 0") + len(wrap(0).raw) + 300 + 50


def test_the_new_head_of_a_feed_takes_the_place_of_the_old(store: LogStore) -> None:
    store.commit([birth(W), append(W, entry(1, seq=0))])
    head = FeedHead(seq=1, entry_id=entry(2, seq=1).entry_id, device=device(1), k=7)
    store.commit([AppendEntries(wallet_id=W, entries=(entry(2, seq=1),), heads={FEED: head})])
    log = store.load_wallet(W)
    assert log is not None
    assert log.heads == {FEED: head}


def test_the_last_beacon_of_each_device_is_kept(store: LogStore) -> None:
    beacons = [(device(1), b"old"), (device(2), b"other"), (device(1), b"new")]
    store.commit([birth(W)])
    store.commit([PutBeacon(wallet_id=W, device=owner, raw=raw) for owner, raw in beacons])
    log = store.load_wallet(W)
    assert log is not None
    assert log.beacons == {device(1): b"new", device(2): b"other"}


def test_entries_are_read_in_the_order_of_arrival(store: LogStore) -> None:
    late = [entry(4, seq=1), entry(9, seq=7, of=feed(1)), entry(10, seq=2)]
    store.commit([birth(W), append(W, entry(3, seq=0)), append(W, *late)])
    assert store.read_entries(W, after_n=3, count_max=10, size_max=10_000) == late
    assert arrivals(store, W) == [3, 4, 9, 10]
    assert store.read_entries(W, after_n=10, count_max=10, size_max=10_000) == []


def test_a_feed_is_read_in_the_order_of_its_numbers(store: LogStore) -> None:
    store.commit([birth(W), append(W, entry(1, seq=5), entry(2, seq=0, of=feed(1)))])
    store.commit([append(W, entry(3, seq=6)), append(W, entry(4, seq=2))])
    found = store.read_feed(W, FEED, from_seq=5, count_max=10, size_max=10_000)
    assert [one.seq for one in found] == [5, 6]
    found = store.read_feed(W, FEED, from_seq=0, count_max=10, size_max=10_000)
    assert found == [entry(4, seq=2), entry(1, seq=5), entry(3, seq=6)]


@pytest.mark.parametrize(
    ("count_max", "size_max", "expected"),
    [
        (10, 10_000, [1, 2, 3, 4]),
        (2, 10_000, [1, 2]),
        (10, 200, [1, 2]),
        (10, 299, [1, 2]),
        (10, 300, [1, 2, 3]),
        (10, 99, [1]),
        (10, 0, [1]),
        (1, 10_000, [1]),
    ],
)
def test_a_read_stops_at_its_bounds_but_gives_at_least_one(
    store: LogStore, count_max: int, size_max: int, expected: list[int]
) -> None:
    entries = [entry(n, seq=n - 1, size=100) for n in range(1, 5)]
    store.commit([birth(W), append(W, *entries)])
    by_arrival = store.read_entries(W, after_n=0, count_max=count_max, size_max=size_max)
    by_feed = store.read_feed(W, FEED, from_seq=0, count_max=count_max, size_max=size_max)
    assert [one.n for one in by_arrival] == expected
    assert by_feed == by_arrival


def test_what_is_lost_out_of_a_feed_shows_and_can_be_put_back(store: LogStore) -> None:
    of, whole = feed(1), feed(2)
    store.commit([birth(W), append(W, *(entry(n, seq=n - 1, of=whole) for n in range(1, 4)))])
    assert store.read_runs(W) == {whole: [Run(0, 2)]}
    kept = [entry(n, seq=seq, of=of) for n, seq in ((4, 0), (5, 1), (6, 4), (7, 5), (8, 9))]
    store.commit([append(W, *kept)])
    assert store.read_runs(W) == {whole: [Run(0, 2)], of: [Run(0, 1), Run(4, 5), Run(9, 9)]}
    back = [entry(n, seq=seq, of=of) for n, seq in ((9, 3), (10, 2))]
    store.commit([append(W, *back)])
    assert store.read_runs(W)[of] == [Run(0, 5), Run(9, 9)]
    read = store.read_feed(W, of, from_seq=0, count_max=10, size_max=10_000)
    assert [one.seq for one in read] == [0, 1, 2, 3, 4, 5, 9]
    assert arrivals(store, W) == list(range(1, 11))
    assert store.read_runs(wallet(1)) == {}


def test_a_cursor_beyond_every_number_reads_nothing(store: LogStore) -> None:
    store.commit([members(W, 0, 1, [wrap(0)]), append(W, entry(1, seq=0))])
    assert store.read_entries(W, after_n=HUGE, count_max=10, size_max=1000) == []
    assert store.read_feed(W, FEED, from_seq=HUGE, count_max=10, size_max=1000) == []
    assert store.read_wraps(W, DEVICE, after_k=HUGE) == []
    assert store.find_entry(W, FEED, HUGE) is None


def test_an_entry_is_found_by_its_place_alone(store: LogStore) -> None:
    store.commit([birth(W), append(W, entry(1, seq=0), entry(2, seq=2))])
    assert store.find_entry(W, FEED, 2) == entry(2, seq=2)
    assert store.find_entry(W, FEED, 1) is None
    assert store.find_entry(W, FEED, 3) is None
    assert store.find_entry(W, feed(1), 0) is None
    assert store.find_entry(wallet(1), FEED, 0) is None


def test_each_device_reads_its_own_wraps_in_order(store: LogStore) -> None:
    store.commit([members(W, 0, 3, [wrap(2), wrap(1), wrap(1, device(2))])])
    store.commit([AppendMembers(wallet_id=W, members=(), wraps=(wrap(0),))])
    assert store.read_wraps(W, DEVICE, after_k=-1) == [wrap(0), wrap(1), wrap(2)]
    assert store.read_wraps(W, DEVICE, after_k=1) == [wrap(2)]
    assert store.read_wraps(W, device(2), after_k=-1) == [wrap(1, device(2))]


def test_wallets_share_numbers_feeds_and_devices_without_meeting(store: LogStore) -> None:
    numbers = range(20)
    store.commit([members(wallet(number), 0, 1, [wrap(0)]) for number in numbers])
    store.commit([append(wallet(number), entry(number + 1, seq=0)) for number in numbers])
    assert store.wallet_count() == 20
    for number in numbers:
        assert arrivals(store, wallet(number)) == [number + 1]
        assert store.find_entry(wallet(number), FEED, 0) == entry(number + 1, seq=0)


BASE: list[Write] = [members(W, 0, 2, [wrap(1)]), append(W, entry(5, seq=0))]

CONFLICTS: dict[str, list[Write]] = {
    "a chain index that is taken": [members(W, 1, 2)],
    "a chain index beyond the next": [members(W, 3, 4)],
    "the first chain entry again": [birth(W)],
    "a wrap that is there": [AppendMembers(wallet_id=W, members=(), wraps=(wrap(1),))],
    "a wrap twice in one commit": [members(W, 2, 3, [wrap(2), wrap(2)])],
    "a wrap of an entry that is not there": [members(W, 2, 3, [wrap(3)])],
    "an arrival number that is taken": [append(W, entry(5, seq=1))],
    "an arrival number before the last": [append(W, entry(4, seq=1))],
    "arrival number 0 of a new wallet": [birth(wallet(1)), append(wallet(1), entry(0, seq=0))],
    "arrival numbers that descend": [append(W, entry(7, seq=1), entry(6, seq=2))],
    "an arrival number twice in two writes": [
        append(W, entry(6, seq=1)),
        append(W, entry(6, seq=2)),
    ],
    "a place in a feed that is taken": [append(W, entry(6, seq=0))],
    "a place in a feed twice in one commit": [
        append(W, entry(6, seq=1)),
        append(W, entry(7, seq=1)),
    ],
    "an entry without its feed's head": [
        AppendEntries(wallet_id=W, entries=(entry(6, seq=1),), heads={})
    ],
    "a number too large to store": [append(W, entry(2**63, seq=1))],
    "a seq too large to store": [append(W, entry(6, seq=2**63))],
    "entries of an unknown wallet": [append(wallet(9), entry(1, seq=0))],
    "a beacon of an unknown wallet": [PutBeacon(wallet_id=wallet(9), device=DEVICE, raw=b"")],
    "wraps of an unknown wallet": [
        AppendMembers(wallet_id=wallet(9), members=(), wraps=(wrap(0),))
    ],
    "entries before their wallet in one commit": [
        append(wallet(9), entry(1, seq=0)),
        birth(wallet(9)),
    ],
}


@pytest.mark.parametrize("case", CONFLICTS)
def test_a_write_that_does_not_continue_the_log_is_refused_with_its_whole_commit(
    store: LogStore, case: str
) -> None:
    store.commit(BASE)
    before = store.load_wallet(W)
    good: list[Write] = [
        birth(wallet(3)),
        append(wallet(3), entry(1, seq=0)),
        PutBeacon(wallet_id=W, device=DEVICE, raw=b"never"),
    ]
    with pytest.raises(StoreError) as refusal:
        store.commit([*good, *CONFLICTS[case], birth(wallet(4))])
    assert type(refusal.value) is StoreError
    assert store.load_wallet(W) == before
    assert arrivals(store, W) == [5]
    assert store.read_wraps(W, DEVICE, after_k=-1) == [wrap(1)]
    assert store.wallet_count() == 1
    for absent in (1, 3, 4, 9):
        assert store.load_wallet(wallet(absent)) is None
        assert arrivals(store, wallet(absent)) == []
    store.commit([*good, birth(wallet(4)), append(W, entry(6, seq=1)), members(W, 2, 3)])
    assert arrivals(store, W) == [5, 6]
    assert store.wallet_count() == 3


def test_a_commit_of_nothing_changes_nothing(store: LogStore) -> None:
    store.commit(BASE)
    before = store.load_wallet(W)
    store.commit([])
    store.commit([append(W), AppendMembers(wallet_id=W, members=(), wraps=())])
    assert store.load_wallet(W) == before


def test_what_was_given_out_does_not_change_later(store: LogStore) -> None:
    store.commit(BASE)
    log = store.load_wallet(W)
    assert log is not None
    store.commit([append(W, entry(6, seq=1)), members(W, 2, 3)])
    store.commit([PutBeacon(wallet_id=W, device=DEVICE, raw=b"later")])
    assert (log.n, len(log.members), log.heads[FEED].seq, log.beacons) == (5, 2, 0, {})


def test_empty_and_large_bytes_come_back_the_same(store: LogStore) -> None:
    entries = [entry(n, seq=n, size=size) for n, size in enumerate([0, 1, 4_096, 1 << 20], 1)]
    store.commit([birth(W), append(W, *entries)])
    assert store.read_entries(W, after_n=0, count_max=10, size_max=1 << 24) == entries


def test_upkeep_changes_nothing_that_can_be_read(store: LogStore) -> None:
    store.commit(BASE)
    before = store.load_wallet(W)
    store.maintain()
    assert store.load_wallet(W) == before
    assert store.size() >= 0


def test_a_closed_store_refuses_everything(store: LogStore) -> None:
    store.commit(BASE)
    store.close()
    store.close()
    questions: list[Callable[[], object]] = [
        lambda: store.load_wallet(W),
        lambda: store.commit([birth(wallet(1))]),
        lambda: store.commit([]),
        lambda: store.read_entries(W, after_n=0, count_max=1, size_max=1),
        lambda: store.read_feed(W, FEED, from_seq=0, count_max=1, size_max=1),
        lambda: store.find_entry(W, FEED, 0),
        lambda: store.read_wraps(W, DEVICE, after_k=-1),
        store.wallet_count,
        store.size,
        store.maintain,
    ]
    for question in questions:
        with pytest.raises(StoreError, match="closed"):
            question()


def test_readers_beside_a_writer_see_whole_commits_only(store: LogStore) -> None:
    store.commit([birth(W)])
    is_over = threading.Event()
    failures: list[str] = []

    def read() -> None:
        last = 0
        while not is_over.is_set():
            log = store.load_wallet(W)
            assert log is not None
            held = store.read_entries(W, after_n=0, count_max=1_000, size_max=1 << 20)
            # Each commit brings two feeds a step on, and a member.
            seqs = {head.seq for head in log.heads.values()}
            if len(seqs) > 1 or log.n != 2 * (len(log.members) - 1) or log.n < last:
                failures.append(f"a torn wallet: {log.n}, {len(log.members)}, {seqs}")
            if len(held) % 2 or len(held) < log.n:
                failures.append(f"torn entries: {len(held)} after {log.n}")
            last = log.n

    readers = [threading.Thread(target=read) for _ in range(6)]
    for reader in readers:
        reader.start()
    for step in range(60):
        pair = entry(2 * step + 1, seq=step), entry(2 * step + 2, seq=step, of=feed(1))
        store.commit([append(W, *pair), members(W, step + 1, step + 2)])
        store.maintain()
    is_over.set()
    for reader in readers:
        reader.join()
    assert failures == []
    assert arrivals(store, W) == list(range(1, 121))
