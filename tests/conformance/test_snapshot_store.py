from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from billfold_protocol.errors import StoreError
from billfold_protocol.ids import SnapshotId
from billfold_server.store import (
    DropSnapshot,
    LogStore,
    Pruned,
    PutEndorsement,
    PutSnapshot,
    PutSnapshotPart,
    SnapshotStanding,
    StoredSnapshot,
    open_store,
)
from tests.support.log_writes import (
    DEVICE,
    FEED,
    append,
    arrivals,
    birth,
    entry,
    feed,
    wallet,
)

W = wallet(0)


@pytest.fixture(params=["memory", "sqlite"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[LogStore]:
    address = "memory:" if request.param == "memory" else f"sqlite:{tmp_path / 'wallets.db'}"
    opened = open_store(address)
    opened.commit([birth(W)])
    yield opened
    opened.close()


def snapshot(number: int, due_s: int | None = None) -> StoredSnapshot:
    return StoredSnapshot(
        snapshot_id=SnapshotId(number.to_bytes(32, "big")),
        number=number,
        n=7,
        tail_n=5,
        standing=SnapshotStanding.OFFERED,
        due_s=due_s,
        received=0,
        raw=b"statement %d" % number,
    )


def put(number: int, due_s: int | None = None, of: int = 0) -> PutSnapshot:
    return PutSnapshot(wallet_id=wallet(of), snapshot=snapshot(number, due_s))


def part(number: int, offset: int, data: bytes) -> PutSnapshotPart:
    id_ = snapshot(number).snapshot_id
    return PutSnapshotPart(wallet_id=W, snapshot_id=id_, offset=offset, data=data)


def test_a_snapshot_is_given_back_with_what_is_said_about_it_last(store: LogStore) -> None:
    store.commit([put(2), put(1), part(1, 0, b"abc"), part(1, 3, b"de")])
    log = store.load_wallet(W)
    assert log is not None
    assert log.snapshots == (replace(snapshot(1), received=5), snapshot(2))
    changed = replace(snapshot(1), standing=SnapshotStanding.ACCEPTED, due_s=9)
    store.commit([PutSnapshot(wallet_id=W, snapshot=changed)])
    log = store.load_wallet(W)
    assert log is not None
    assert log.snapshots[0] == replace(changed, received=5)


def test_a_snapshot_is_read_from_any_offset_to_its_end(store: LogStore) -> None:
    store.commit([put(1), part(1, 0, b"abc"), part(1, 3, b"de")])
    id_ = snapshot(1).snapshot_id
    for offset in range(6):
        read = b""
        while data := store.read_snapshot(W, id_, offset=offset + len(read)):
            read += data
        assert read == b"abcde"[offset:]
    assert store.read_snapshot(W, snapshot(2).snapshot_id, offset=0) == b""
    assert store.read_snapshot(wallet(1), id_, offset=0) == b""


def test_a_dropped_snapshot_leaves_nothing(store: LogStore) -> None:
    id_ = snapshot(1).snapshot_id
    endorsed = PutEndorsement(wallet_id=W, snapshot_id=id_, device=DEVICE, raw=b"verdict")
    store.commit([put(1, due_s=1), part(1, 0, b"abc"), endorsed])
    log = store.load_wallet(W)
    assert log is not None
    assert log.endorsements == ((id_, DEVICE, b"verdict"),)
    drop = DropSnapshot(wallet_id=W, snapshot_id=id_)
    store.commit([drop, drop, part(1, 3, b"late"), endorsed])
    log = store.load_wallet(W)
    assert log is not None
    assert log.snapshots == ()
    assert log.endorsements == ()
    assert store.read_snapshot(W, id_, offset=0) == b""
    assert store.due_snapshots(now_s=100, count_max=10) == []
    store.commit([put(1), part(1, 0, b"xyz")])
    assert store.read_snapshot(W, id_, offset=0) == b"xyz"


def test_a_wallet_that_is_not_there_has_no_snapshots(store: LogStore) -> None:
    with pytest.raises(StoreError):
        store.commit([put(1, of=1)])


def test_what_is_due_is_found_in_all_wallets_the_longest_due_first(store: LogStore) -> None:
    store.commit([birth(wallet(1)), put(1, 30), put(2, 10), put(3), put(4, 20, of=1)])
    ids = [snapshot(number).snapshot_id for number in (2, 4, 1)]
    wallets = [W, wallet(1), W]
    due = list(zip(wallets, ids, strict=True))
    assert store.due_snapshots(now_s=9, count_max=10) == []
    assert store.due_snapshots(now_s=20, count_max=10) == due[:2]
    assert store.due_snapshots(now_s=99, count_max=10) == due
    assert store.due_snapshots(now_s=99, count_max=1) == due[:1]


def test_pruning_takes_the_oldest_of_each_feed_and_leaves_heads_and_numbers(
    store: LogStore,
) -> None:
    other = feed(1)
    store.commit([append(W, *(entry(n, seq=n - 1) for n in range(1, 6)))])
    store.commit([append(W, entry(6, seq=0, of=other), entry(7, seq=1, of=other))])
    before = store.load_wallet(W)
    assert before is not None
    covered = {FEED: 2, other: 0, feed(2): 9}
    steps = [store.prune(W, covered, count_max=3) for _ in range(3)]
    assert steps == [
        Pruned(count=3, size=300),
        Pruned(count=1, size=100),
        Pruned(count=0, size=0),
    ]
    assert arrivals(store, W) == [4, 5, 7]
    after = store.load_wallet(W)
    assert after == replace(before, size=before.size - 400)
    assert store.find_entry(W, FEED, 2) is None
    assert [e.seq for e in store.read_feed(W, FEED, from_seq=0, count_max=9, size_max=999)] == [
        3,
        4,
    ]
    store.commit([append(W, entry(8, seq=5))])
    log = store.load_wallet(W)
    assert log is not None
    assert log.size == before.size - 300
    assert arrivals(store, W) == [4, 5, 7, 8]


def test_pruning_leaves_other_wallets_alone(store: LogStore) -> None:
    store.commit([birth(wallet(1)), append(wallet(1), entry(1, seq=0))])
    assert store.prune(W, {FEED: 9}, count_max=9).count == 0
    assert store.prune(wallet(2), {FEED: 9}, count_max=9).count == 0
    assert arrivals(store, wallet(1)) == [1]
