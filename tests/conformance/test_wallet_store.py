import threading
from collections.abc import Callable
from contextlib import suppress

import pytest

from billfold.store import (
    AppendChanges,
    DeleteMeta,
    DropPending,
    EntryStatus,
    ForgetEntries,
    ForgetSnapshot,
    KeepSnapshot,
    LocalEntry,
    MarkAcked,
    PendingEdit,
    PutEntry,
    PutEpochKey,
    PutMember,
    PutMeta,
    PutPending,
    PutQuarantined,
    ReplaceDocument,
    WalletState,
    WalletStore,
    Write,
)
from billfold_protocol.errors import LocalProtocolError, StoreFull
from billfold_protocol.ids import EpochId, FeedId, SnapshotId
from tests.support.wallet_stores import (
    FEED_A,
    FEED_B,
    Harness,
    entry,
    set_status,
)

ROOM = 256 * 1024

EMPTY = WalletState(
    meta={}, members=(), epoch_keys={}, pending=(), document=None, changes=(), quarantined=()
)


def test_a_new_store_is_empty(store: WalletStore) -> None:
    assert store.load() == EMPTY
    assert store.entry_index() == []
    assert store.unacked(FEED_A) == []
    assert store.read_quarantined() == []
    assert store.read_entries(FEED_A, from_seq=0, count_max=10, size_max=100) == []


def test_everything_committed_is_there_after_reopening(
    harness: Harness, store: WalletStore
) -> None:
    epoch = EpochId(b"e" * 16)
    set_aside = PutQuarantined(b"h" * 32, b"bad", "not a change")
    kept = entry(FEED_A, 0, raw=b"x" * 5000, status=EntryStatus.WAITING)
    store.commit(
        [
            PutMeta("seed", b"s" * 32),
            PutMember(1, b"link"),
            PutMember(0, b"create"),
            PutEpochKey(epoch, b"k" * 32),
            PutEntry(kept),
            ReplaceDocument(b"saved"),
            AppendChanges((b"one", b"two")),
            AppendChanges((b"three",)),
            PutPending(PendingEdit(7, b"change", b"intents")),
            set_aside,
        ]
    )
    opened = harness.reopen()
    assert opened.load() == WalletState(
        meta={"seed": b"s" * 32},
        members=(b"create", b"link"),
        epoch_keys={epoch: b"k" * 32},
        pending=(PendingEdit(7, b"change", b"intents"),),
        document=b"saved",
        changes=(b"one", b"two", b"three"),
        quarantined=(b"h" * 32,),
    )
    assert opened.read_entries(FEED_A, from_seq=0, count_max=1, size_max=1) == [kept]
    assert opened.read_quarantined() == [set_aside]


@pytest.mark.parametrize(
    ("writes", "expected"),
    [
        ([PutMeta("a", b"1"), PutMeta("a", b"2")], {"a": b"2"}),
        ([PutMeta("a", b"1"), DeleteMeta("a")], {}),
        ([DeleteMeta("a"), PutMeta("a", b"1")], {"a": b"1"}),
        ([DeleteMeta("missing")], {}),
        ([PutMeta("empty", b"")], {"empty": b""}),
    ],
)
def test_writes_apply_in_order(
    store: WalletStore, writes: list[Write], expected: dict[str, bytes]
) -> None:
    store.commit(writes)
    assert store.load().meta == expected


def test_a_new_document_clears_the_changes_before_it_only(store: WalletStore) -> None:
    store.commit([AppendChanges((b"old",)), ReplaceDocument(b"base"), AppendChanges((b"new",))])
    assert (store.load().document, store.load().changes) == (b"base", (b"new",))
    store.commit([ReplaceDocument(b"next")])
    assert (store.load().document, store.load().changes) == (b"next", ())


def test_changes_keep_their_order_over_many_commits(store: WalletStore) -> None:
    changes = tuple(bytes([number]) for number in range(60))
    for start in range(0, 60, 4):
        store.commit([AppendChanges(changes[start : start + 4])])
    assert store.load().changes == changes


def test_pending_edits_come_back_in_order_and_drop_up_to_a_position(store: WalletStore) -> None:
    edits = [PendingEdit(position, b"c", b"i") for position in range(6)]
    store.commit([PutPending(edit) for edit in reversed(edits)])
    store.commit([DropPending(2), PutPending(PendingEdit(4, b"other", b""))])
    assert store.load().pending == (edits[3], PendingEdit(4, b"other", b""), edits[5])
    store.commit([DropPending(100)])
    assert store.load().pending == ()


def test_an_entry_is_replaced_by_the_one_with_its_feed_and_number(store: WalletStore) -> None:
    store.commit([PutEntry(entry(FEED_A, 3, raw=b"old"))])
    sealed_again = entry(FEED_A, 3, raw=b"new", is_acked=True)
    store.commit([PutEntry(sealed_again)])
    assert store.read_entries(FEED_A, from_seq=0, count_max=9, size_max=99) == [sealed_again]
    assert store.unacked(FEED_A) == []
    store.commit([PutEntry(entry(FEED_A, 3, raw=b"new"))])
    assert [found.seq for found in store.unacked(FEED_A)] == [3]


def test_the_index_is_ordered_by_feed_and_number(store: WalletStore) -> None:
    places = [(FEED_B, 1), (FEED_A, 10), (FEED_A, 2), (FEED_B, 0)]
    store.commit([PutEntry(entry(feed, seq)) for feed, seq in places])
    store.commit([set_status(FEED_A, 2, EntryStatus.EXCLUDED), MarkAcked(FEED_B, 0)])
    counted, excluded = EntryStatus.COUNTED, EntryStatus.EXCLUDED
    assert store.entry_index() == [
        (FEED_A, 2, entry(FEED_A, 2).entry_id, excluded, False, False),
        (FEED_A, 10, entry(FEED_A, 10).entry_id, counted, False, False),
        (FEED_B, 0, entry(FEED_B, 0).entry_id, counted, True, False),
        (FEED_B, 1, entry(FEED_B, 1).entry_id, counted, False, False),
    ]


def test_an_ack_covers_all_earlier_entries_of_its_feed(store: WalletStore) -> None:
    store.commit([PutEntry(entry(feed, seq)) for feed in (FEED_A, FEED_B) for seq in range(5)])
    store.commit([MarkAcked(FEED_A, 2)])
    assert [found.seq for found in store.unacked(FEED_A)] == [3, 4]
    assert [found.seq for found in store.unacked(FEED_B)] == [0, 1, 2, 3, 4]
    store.commit([MarkAcked(FEED_A, 1), MarkAcked(FEED_B, 99), MarkAcked(FeedId(b"C" * 16), 1)])
    assert [found.seq for found in store.unacked(FEED_A)] == [3, 4]
    assert store.unacked(FEED_B) == []
    store.commit([PutEntry(entry(FEED_B, 5))])
    assert [found.seq for found in store.unacked(FEED_B)] == [5]


def test_a_status_of_no_entry_changes_nothing(store: WalletStore) -> None:
    store.commit([set_status(FEED_A, 0, EntryStatus.EXCLUDED)])
    assert store.entry_index() == []


@pytest.mark.parametrize(
    ("from_seq", "count_max", "size_max", "expected"),
    [
        (0, 100, 10_000, [0, 1, 2, 3]),
        (2, 100, 10_000, [2, 3]),
        (0, 2, 10_000, [0, 1]),
        (0, 100, 250, [0, 1]),
        (0, 100, 200, [0, 1]),
        (0, 100, 199, [0]),
        (1, 100, 1, [1]),
        (4, 100, 10_000, []),
    ],
)
def test_reading_entries_keeps_the_bounds_and_always_gets_on(
    store: WalletStore, from_seq: int, count_max: int, size_max: int, expected: list[int]
) -> None:
    store.commit([PutEntry(entry(FEED_A, seq, raw=bytes(100))) for seq in range(4)])
    store.commit([PutEntry(entry(FEED_B, 0))])
    found = store.read_entries(FEED_A, from_seq=from_seq, count_max=count_max, size_max=size_max)
    assert [item.seq for item in found] == expected


def test_a_full_disk_keeps_nothing_of_the_refused_write(harness: Harness) -> None:
    store = harness.create(ROOM)
    store.commit([PutMeta("kept", b"1"), AppendChanges((b"kept",))])
    with pytest.raises(StoreFull):
        store.commit([PutMeta("lost", b"1"), DeleteMeta("kept"), AppendChanges((bytes(ROOM),))])
    store.commit([PutMeta("after", b"2")])
    before = store.load()
    assert before.meta == {"kept": b"1", "after": b"2"}
    assert before.changes == (b"kept",)
    assert harness.reopen().load() == before


def test_small_commits_until_the_disk_is_full_are_all_kept(harness: Harness) -> None:
    store = harness.create(ROOM)
    count = 0
    with suppress(StoreFull):
        while count < 1000:
            store.commit([PutPending(PendingEdit(count, bytes(2000), b""))])
            count += 1
    assert 20 < count < 200
    assert [edit.position for edit in harness.reopen().load().pending] == list(range(count))


@pytest.mark.parametrize(
    "write",
    [
        PutMember(-1, b""),
        PutMember(2**63, b""),
        PutEntry(entry(FEED_A, 0)),
        MarkAcked(FEED_A, -1),
        set_status(FEED_A, 2**64, EntryStatus.COUNTED),
        PutPending(PendingEdit(2**63, b"", b"")),
        DropPending(-5),
    ],
    ids=lambda write: type(write).__name__,
)
def test_a_number_out_of_range_refuses_the_whole_commit(store: WalletStore, write: Write) -> None:
    if isinstance(write, PutEntry):
        good = write.entry
        write = PutEntry(
            LocalEntry(
                feed=good.feed,
                seq=2**63,
                entry_id=good.entry_id,
                raw=good.raw,
                status=good.status,
                is_acked=good.is_acked,
            )
        )
    with pytest.raises(LocalProtocolError):
        store.commit([PutMeta("a", b"1"), write])
    assert store.load() == EMPTY


def test_the_largest_numbers_are_kept(store: WalletStore) -> None:
    store.commit([PutEntry(entry(FEED_A, 2**63 - 1)), PutPending(PendingEdit(2**63 - 1, b"", b""))])
    assert store.entry_index()[0].seq == 2**63 - 1
    assert store.load().pending[0].position == 2**63 - 1


def test_the_size_grows_with_what_is_stored(store: WalletStore) -> None:
    before = store.size()
    store.commit([ReplaceDocument(bytes(500_000))])
    assert before + 500_000 <= store.size() <= before + 1_500_000


def test_a_closed_store_refuses_every_call(store: WalletStore) -> None:
    store.close()
    store.close()
    calls: list[Callable[[], object]] = [
        store.load,
        store.entry_index,
        store.read_quarantined,
        store.size,
        lambda: store.commit([]),
        lambda: store.unacked(FEED_A),
        lambda: store.read_beside(FEED_A),
        lambda: store.read_entries(FEED_A, from_seq=0, count_max=1, size_max=1),
    ]
    for call in calls:
        with pytest.raises(LocalProtocolError):
            call()


def test_a_reader_beside_a_writing_thread_sees_whole_commits_only(store: WalletStore) -> None:
    failures: list[BaseException] = []

    def write() -> None:
        try:
            for number in range(100):
                store.commit(
                    [
                        PutPending(PendingEdit(number, b"c", b"")),
                        AppendChanges((bytes([number]),)),
                    ]
                )
        except BaseException as error:
            failures.append(error)
            raise

    writer = threading.Thread(target=write)
    writer.start()
    while writer.is_alive():
        state = store.load()
        assert len(state.pending) == len(state.changes)
    writer.join()
    assert failures == []
    assert len(store.load().changes) == 100


def test_no_value_of_a_wallet_shows_in_a_repr(store: WalletStore) -> None:
    canary = b"canary-in-a-wallet"
    writes: list[Write] = [
        PutMeta("seed", canary),
        PutMember(0, canary),
        PutEpochKey(EpochId(b"e" * 16), canary),
        PutEntry(entry(FEED_A, 0, raw=canary)),
        PutPending(PendingEdit(0, canary, canary)),
        AppendChanges((canary,)),
        PutQuarantined(b"h" * 32, canary, "reason"),
        ReplaceDocument(canary),
    ]
    store.commit(writes)
    shown = [*map(repr, writes), repr(store), repr(store.load()), repr(store.read_quarantined())]
    assert not [text for text in shown if "canary" in text or canary.hex() in text]


def test_the_entries_of_a_feed_are_forgotten_up_to_a_number(
    harness: Harness, store: WalletStore
) -> None:
    store.commit([PutEntry(entry(FEED_A, seq)) for seq in range(5)])
    store.commit([PutEntry(entry(FEED_B, 0))])
    store.commit([ForgetEntries(FEED_A, 2)])
    opened = harness.reopen()
    assert [(row.feed, row.seq) for row in opened.entry_index()] == sorted(
        [(FEED_A, 3), (FEED_A, 4), (FEED_B, 0)]
    )
    found = opened.read_entries(FEED_A, from_seq=0, count_max=10, size_max=1 << 20)
    assert [one.seq for one in found] == [3, 4]
    assert [one.seq for one in opened.unacked(FEED_A)] == [3, 4]


def test_a_snapshot_is_kept_until_it_is_forgotten(harness: Harness, store: WalletStore) -> None:
    first, second = SnapshotId(b"1" * 32), SnapshotId(b"2" * 32)
    store.commit([KeepSnapshot(first, b"sealed" * 70_000), KeepSnapshot(second, b"other")])
    opened = harness.reopen()
    assert opened.read_snapshot(first) == b"sealed" * 70_000
    assert opened.size() > 400_000
    opened.commit([ForgetSnapshot(first), ForgetSnapshot(first)])
    assert opened.read_snapshot(first) is None
    assert opened.read_snapshot(second) == b"other"
