from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from billfold_protocol.errors import BlobMissing, CommitMismatch, LimitExceeded
from billfold_protocol.ids import WalletId
from billfold_server.blobs.store import BlobStore, BlobUsage
from billfold_server.blobs.upkeep import open_blob_store
from billfold_server.quotas import DAY_S, Quotas
from tests.support.blob_parts import CHUNK, WALLET, Clock, Parts, parts, tag
from tests.support.seeded_bytes import bytes_of

SMALL = parts("small")
LARGE = parts("large", 2 * CHUNK + 10)
OTHER_WALLET = WalletId(bytes_of("other blob wallet", 32))

Open = Callable[..., BlobStore]


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(params=["memory", "files"])
def open_store(request: pytest.FixtureRequest, tmp_path: Path, clock: Clock) -> Open:
    path = None if request.param == "memory" else tmp_path / "wallets.db"

    def open_one(**quotas: int) -> BlobStore:
        return open_blob_store(path, replace(Quotas(), **quotas), now_s=clock)

    return open_one


@pytest.fixture
def store(open_store: Open) -> BlobStore:
    return open_store()


def put_all(store: BlobStore, blob: Parts, wallet: WalletId = WALLET) -> None:
    store.offer(wallet, blob.manifest)
    for index, chunk in enumerate(blob.chunks):
        store.put(wallet, blob.id, index, chunk)


def test_a_new_store_holds_nothing(store: BlobStore) -> None:
    assert store.usage(WALLET) == BlobUsage()
    assert store.collect().left == BlobUsage()
    with pytest.raises(BlobMissing):
        store.manifest(WALLET, SMALL.id)
    with pytest.raises(BlobMissing):
        store.read(WALLET, SMALL.id, 0)


def test_a_blob_is_given_back_chunk_by_chunk(store: BlobStore) -> None:
    put_all(store, LARGE)
    assert store.manifest(WALLET, LARGE.id) == LARGE.manifest
    assert [store.read(WALLET, LARGE.id, i) for i in range(3)] == LARGE.chunks
    with pytest.raises(BlobMissing):
        store.read(WALLET, LARGE.id, 3)


def test_chunks_come_in_any_order_and_more_than_once(store: BlobStore) -> None:
    assert store.offer(WALLET, LARGE.manifest) == {0, 1, 2}
    assert store.put(WALLET, LARGE.id, 2, LARGE.chunks[2]) == {0, 1}
    assert store.put(WALLET, LARGE.id, 2, LARGE.chunks[2]) == {0, 1}
    assert store.offer(WALLET, LARGE.manifest) == {0, 1}
    assert store.put(WALLET, LARGE.id, 0, LARGE.chunks[0]) == {1}
    assert store.put(WALLET, LARGE.id, 1, LARGE.chunks[1]) == frozenset()
    assert store.put(WALLET, LARGE.id, 1, LARGE.chunks[1]) == frozenset()
    assert store.offer(WALLET, LARGE.manifest) == frozenset()
    assert store.read(WALLET, LARGE.id, 2) == LARGE.chunks[2]


def test_a_blob_that_is_not_whole_is_neither_read_nor_held(store: BlobStore) -> None:
    store.offer(WALLET, LARGE.manifest)
    store.put(WALLET, LARGE.id, 0, LARGE.chunks[0])
    with pytest.raises(BlobMissing):
        store.manifest(WALLET, LARGE.id)
    with pytest.raises(BlobMissing):
        store.read(WALLET, LARGE.id, 0)
    with pytest.raises(BlobMissing):
        store.hold(WALLET, LARGE.id, tag("record"))


@pytest.mark.parametrize("wrong", ["flipped", "cut", "longer", "other place", "empty"])
def test_a_chunk_that_is_not_the_one_of_its_place_is_refused(store: BlobStore, wrong: str) -> None:
    store.offer(WALLET, LARGE.manifest)
    chunk = LARGE.chunks[0]
    bad = {
        "flipped": bytes([chunk[0] ^ 1]) + chunk[1:],
        "cut": chunk[:-1],
        "longer": chunk + b"\0",
        "other place": LARGE.chunks[1],
        "empty": b"",
    }[wrong]
    with pytest.raises(CommitMismatch):
        store.put(WALLET, LARGE.id, 0, bad)
    assert store.offer(WALLET, LARGE.manifest) == {0, 1, 2}


def test_a_chunk_beyond_the_end_and_one_that_was_not_offered_are_refused(store: BlobStore) -> None:
    store.offer(WALLET, SMALL.manifest)
    with pytest.raises(CommitMismatch):
        store.put(WALLET, SMALL.id, 1, SMALL.chunks[0])
    with pytest.raises(BlobMissing):
        store.put(WALLET, LARGE.id, 0, LARGE.chunks[0])


def test_wallets_do_not_share_blobs(store: BlobStore) -> None:
    put_all(store, SMALL)
    with pytest.raises(BlobMissing):
        store.read(OTHER_WALLET, SMALL.id, 0)
    put_all(store, SMALL, OTHER_WALLET)
    assert store.usage(OTHER_WALLET) == store.usage(WALLET)
    assert store.collect().left.count == 2


def test_an_upload_counts_as_a_whole_from_its_offer_on(store: BlobStore) -> None:
    store.offer(WALLET, LARGE.manifest)
    expected = BlobUsage(count=1, size=LARGE.manifest.sealed_size)
    assert store.usage(WALLET) == expected
    put_all(store, LARGE)
    assert store.usage(WALLET) == expected


def test_what_is_above_the_quota_is_refused_and_takes_no_room(open_store: Open) -> None:
    room = SMALL.manifest.sealed_size + LARGE.manifest.sealed_size
    store = open_store(blobs_size_max=room, blobs_count_max=2)
    put_all(store, SMALL)
    put_all(store, LARGE)
    with pytest.raises(LimitExceeded):
        store.offer(WALLET, parts("third").manifest)
    assert store.usage(WALLET) == BlobUsage(count=2, size=room)
    assert store.offer(WALLET, SMALL.manifest) == frozenset()
    assert store.offer(OTHER_WALLET, parts("third").manifest) == {0}


def test_more_blobs_than_the_quota_allows_are_refused(open_store: Open) -> None:
    store = open_store(blobs_count_max=1)
    put_all(store, SMALL)
    with pytest.raises(LimitExceeded):
        store.offer(WALLET, LARGE.manifest)


def test_a_held_blob_is_never_collected(store: BlobStore, clock: Clock) -> None:
    put_all(store, SMALL)
    store.hold(WALLET, SMALL.id, tag("record"))
    clock.now += 10_000 * DAY_S
    assert store.collect().removed_count == 0
    assert store.read(WALLET, SMALL.id, 0) == SMALL.chunks[0]


def test_a_blob_goes_sixty_days_after_its_last_holder_let_go(
    store: BlobStore, clock: Clock
) -> None:
    put_all(store, SMALL)
    store.hold(WALLET, SMALL.id, tag("first"))
    store.hold(WALLET, SMALL.id, tag("second"))
    store.drop(WALLET, SMALL.id, tag("first"))
    clock.now += 100 * DAY_S
    assert store.collect().removed_count == 0
    store.drop(WALLET, SMALL.id, tag("second"))
    clock.now += 60 * DAY_S - 1
    assert store.collect().removed_count == 0
    clock.now += 1
    assert store.collect().removed_count == 1
    assert store.usage(WALLET) == BlobUsage()
    with pytest.raises(BlobMissing):
        store.hold(WALLET, SMALL.id, tag("first"))


def test_a_blob_that_is_held_again_in_time_stays(store: BlobStore, clock: Clock) -> None:
    put_all(store, SMALL)
    store.hold(WALLET, SMALL.id, tag("record"))
    store.drop(WALLET, SMALL.id, tag("record"))
    clock.now += 59 * DAY_S
    store.hold(WALLET, SMALL.id, tag("record"))
    clock.now += 100 * DAY_S
    assert store.collect().removed_count == 0


def test_letting_go_again_or_of_what_is_not_held_changes_no_deadline(
    store: BlobStore, clock: Clock
) -> None:
    put_all(store, SMALL)
    store.hold(WALLET, SMALL.id, tag("record"))
    store.drop(WALLET, SMALL.id, tag("record"))
    clock.now += 59 * DAY_S
    store.drop(WALLET, SMALL.id, tag("record"))
    store.drop(WALLET, SMALL.id, tag("nobody"))
    store.drop(WALLET, LARGE.id, tag("nobody"))
    store.offer(WALLET, SMALL.manifest)
    clock.now += DAY_S
    assert store.collect().removed_count == 1


def test_what_was_never_held_or_finished_goes_after_seven_days(
    store: BlobStore, clock: Clock
) -> None:
    put_all(store, SMALL)
    store.offer(WALLET, LARGE.manifest)
    store.put(WALLET, LARGE.id, 0, LARGE.chunks[0])
    clock.now += 7 * DAY_S - 1
    assert store.collect().removed_count == 0
    clock.now += 1
    collected = store.collect()
    assert collected.removed_count == 2
    assert collected.left == store.usage(WALLET) == BlobUsage()
    with pytest.raises(BlobMissing):
        store.put(WALLET, LARGE.id, 1, LARGE.chunks[1])


def test_an_upload_that_goes_on_is_given_time_again(store: BlobStore, clock: Clock) -> None:
    store.offer(WALLET, LARGE.manifest)
    for index in range(3):
        clock.now += 6 * DAY_S
        assert store.collect().removed_count == 0
        store.put(WALLET, LARGE.id, index, LARGE.chunks[index])
    clock.now += 6 * DAY_S
    store.offer(WALLET, LARGE.manifest)
    clock.now += 6 * DAY_S
    assert store.collect().removed_count == 0


def test_more_holders_than_a_blob_may_have_are_refused(store: BlobStore) -> None:
    put_all(store, SMALL)
    for number in range(256):
        store.hold(WALLET, SMALL.id, tag(str(number)))
    store.hold(WALLET, SMALL.id, tag("0"))
    with pytest.raises(LimitExceeded):
        store.hold(WALLET, SMALL.id, tag("one more"))
    store.drop(WALLET, SMALL.id, tag("0"))
    store.hold(WALLET, SMALL.id, tag("one more"))


def test_a_collected_blob_may_be_brought_again(store: BlobStore, clock: Clock) -> None:
    put_all(store, SMALL)
    clock.now += 7 * DAY_S
    assert store.collect().removed_count == 1
    assert store.offer(WALLET, SMALL.manifest) == {0}
    put_all(store, SMALL)
    assert store.read(WALLET, SMALL.id, 0) == SMALL.chunks[0]
