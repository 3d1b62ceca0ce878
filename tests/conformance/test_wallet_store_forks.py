from billfold.store import (
    DropEntry,
    DropQuarantined,
    EntryStatus,
    LocalEntry,
    MarkAcked,
    PutEntry,
    PutQuarantined,
    SetStatus,
    WalletStore,
)
from billfold_protocol.ids import EntryId
from tests.support.wallet_stores import FEED_A, FEED_B, entry, set_status


def beside(seq: int, name: bytes, *, is_acked: bool = False) -> LocalEntry:
    return LocalEntry(
        feed=FEED_A,
        seq=seq,
        entry_id=EntryId(name * 32),
        raw=b"other",
        status=EntryStatus.EXCLUDED,
        is_acked=is_acked,
        is_beside=True,
    )


def test_entries_beside_a_line_are_kept_apart_by_their_id(store: WalletStore) -> None:
    line = [entry(FEED_A, seq) for seq in range(3)]
    others = [beside(1, b"y"), beside(1, b"z"), beside(2, b"x", is_acked=True)]
    store.commit([PutEntry(item) for item in (*others, *line, others[0])])
    assert store.read_entries(FEED_A, from_seq=0, count_max=9, size_max=99) == line
    assert store.read_beside(FEED_A) == others
    assert store.read_beside(FEED_B) == []
    rows = [(row.seq, row.entry_id, row.is_beside) for row in store.entry_index()]
    assert rows == [
        *((0, line[0].entry_id, False), (1, line[1].entry_id, False)),
        *((1, others[0].entry_id, True), (1, others[1].entry_id, True)),
        *((2, line[2].entry_id, False), (2, others[2].entry_id, True)),
    ]
    assert [found.entry_id for found in store.unacked(FEED_A)] == [
        *(line[0].entry_id, line[1].entry_id, others[0].entry_id, others[1].entry_id),
        line[2].entry_id,
    ]


def test_a_status_is_of_one_entry_and_an_ack_of_all_up_to_a_place(store: WalletStore) -> None:
    store.commit([PutEntry(entry(FEED_A, 1)), PutEntry(beside(1, b"y"))])
    store.commit([SetStatus(FEED_A, 1, EntryId(b"y" * 32), EntryStatus.COUNTED)])
    assert store.read_beside(FEED_A)[0].status is EntryStatus.COUNTED
    store.commit([set_status(FEED_A, 1, EntryStatus.EXCLUDED), MarkAcked(FEED_A, 1)])
    assert [(row.status, row.is_acked) for row in store.entry_index()] == [
        (EntryStatus.EXCLUDED, True),
        (EntryStatus.COUNTED, True),
    ]
    assert store.unacked(FEED_A) == []


def test_what_was_set_aside_can_be_taken_back(store: WalletStore) -> None:
    store.commit([PutQuarantined(b"h" * 32, b"bad", "why"), PutQuarantined(b"i" * 32, b"", "why")])
    store.commit([DropQuarantined(b"h" * 32), DropQuarantined(b"j" * 32)])
    assert store.load().quarantined == (b"i" * 32,)


def test_one_entry_can_be_forgotten(store: WalletStore) -> None:
    line = [entry(FEED_A, seq) for seq in range(3)]
    others = [beside(1, b"y"), beside(2, b"x")]
    store.commit([PutEntry(item) for item in (*line, *others)])
    wrong = DropEntry(FEED_A, 1, line[2].entry_id)
    last, other = (DropEntry(one.feed, one.seq, one.entry_id) for one in (line[2], others[0]))
    store.commit([wrong, last, other])
    assert store.read_entries(FEED_A, from_seq=0, count_max=9, size_max=99) == line[:2]
    assert store.read_beside(FEED_A) == others[1:]
    assert [row.entry_id for row in store.entry_index()] == [
        *(line[0].entry_id, line[1].entry_id, others[1].entry_id)
    ]
    assert [found.entry_id for found in store.unacked(FEED_A)] == [
        *(line[0].entry_id, line[1].entry_id, others[1].entry_id)
    ]
