import hashlib
import zlib
from collections.abc import Callable
from typing import Any

import pytest

from billfold.document import (
    Change,
    Document,
    Edit,
    EditText,
    FieldEdit,
    SetAside,
    random_record_id,
)
from billfold.document.changes import parse_change
from billfold.document.columns import encode_unsigned, read_unsigned
from billfold.document.identifiers import change_tag
from billfold.document.limits import (
    CHANGE_INFLATED_SIZE_MAX,
    CHANGE_SIZE_MAX,
    PENDING_COUNT_MAX,
    PENDING_SIZE_MAX,
    VALUE_SIZE_MAX,
)
from billfold_protocol.errors import (
    BillfoldError,
    LimitExceeded,
    Malformed,
    PeerPoison,
    Quarantined,
)

ALICE = b"a feed of alice1"
BOB = b"a feed of bob 01"
MALLORY = b"mallory's feed 1"
RECORD = random_record_id(bytes(16))


def make(document: Document, *edits: Edit) -> Change:
    change = document.change(edits, time_ms=1_700_000_000_000)
    assert change is not None
    return change


def counted(actor: bytes, count: int, field: str = "field") -> list[bytes]:
    """Return a feed of changes that set one field to 0, 1, 2 …"""
    document = Document(actor)
    return [make(document, FieldEdit(RECORD, field, number)).raw for number in range(count)]


def contents(raw: bytes) -> bytes:
    _, start = read_unsigned(raw, 9)
    return raw[start:] if raw[8] == 1 else zlib.decompress(raw[start:], -15)


def sealed(body: bytes, kind: int = 1) -> bytes:
    """Return a change's frame with the checksum that these contents have."""
    frame = b"\x01" + encode_unsigned(len(body)) + body
    checksum = hashlib.sha256(frame).digest()[:4]
    if kind == 1:
        return b"\x85oJ\x83" + checksum + frame
    deflater = zlib.compressobj(wbits=-15)
    deflated = deflater.compress(body) + deflater.flush()
    return b"\x85oJ\x83" + checksum + b"\x02" + encode_unsigned(len(deflated)) + deflated


def forged(raw: bytes, old: bytes, new: bytes) -> bytes:
    body = contents(raw)
    assert body.count(old) == 1
    return sealed(body.replace(old, new))


def only(items: tuple[SetAside, ...]) -> SetAside:
    (item,) = items
    return item


def test_changes_wait_for_those_they_build_on() -> None:
    feed = counted(ALICE, 3)
    document = Document(BOB)
    applied = document.apply([feed[2], feed[1]], feed=ALICE)
    assert applied.hashes == ()
    assert applied.missing == {parse_change(feed[0]).hash}
    assert set(document.waiting) == {feed[1], feed[2]}
    applied = document.apply([feed[0]], feed=ALICE)
    assert applied.hashes == tuple(parse_change(raw).hash for raw in feed)
    assert (document.waiting, applied.missing) == ((), frozenset())
    state = document.field(RECORD, "field")
    assert state is not None
    assert state.value == 2


def test_known_changes_are_passed_over() -> None:
    feed = counted(ALICE, 3)
    document = Document(BOB)
    document.apply([*feed, *feed])
    applied = document.apply(feed)
    assert (applied.hashes, applied.set_aside, applied.touched) == ((), (), frozenset())


def test_changes_by_another_than_the_feeds_author_are_set_aside() -> None:
    """They do not keep the author's own feed from bringing the very same change."""
    (raw,) = counted(ALICE, 1)
    document = Document(BOB)
    item = only(document.apply([raw], feed=MALLORY).set_aside)
    assert isinstance(item.error, Quarantined)
    assert item.actor == MALLORY
    assert document.apply([raw], feed=ALICE).hashes == (parse_change(raw).hash,)
    later = Document(BOB)
    later.apply([raw], feed=ALICE)
    later.apply([raw], feed=MALLORY)
    assert later.state_hash() == document.state_hash()


def test_the_second_change_with_one_number_is_set_aside_and_the_feed_goes_on() -> None:
    feed = counted(ALICE, 3)
    rival = counted(ALICE, 1, "rival")[0]
    document = Document(BOB)
    applied = document.apply([feed[0], rival, *feed[1:]], feed=ALICE)
    assert only(applied.set_aside).raw == rival
    assert len(applied.hashes) == 3
    # Also where it arrives while the first one waits.
    other = Document(BOB)
    other.apply([feed[1], feed[2]], feed=ALICE)
    other.apply([feed[0], rival], feed=ALICE)
    assert other.state_hash() == document.state_hash()


def test_what_builds_on_a_change_set_aside_is_set_aside_and_others_go_on() -> None:
    document = Document(MALLORY)
    make(document, FieldEdit(RECORD, "field", 0))
    second = make(document, FieldEdit(RECORD, "field", 2)).raw
    third = make(document, FieldEdit(RECORD, "field", 3)).raw
    first = counted(MALLORY, 2)[0]
    bad = forged(second, MALLORY + b"\x02\x02", MALLORY + b"\x02\x03")
    follower = forged(third, parse_change(third).dependencies[0], parse_change(bad).hash)
    honest = counted(ALICE, 2)
    bob = Document(BOB)
    applied = bob.apply([first, bad, follower], feed=MALLORY)
    assert [item.raw for item in applied.set_aside] == [bad, follower]
    assert applied.set_aside[0].stops_at == 2
    assert len(bob.apply(honest, feed=ALICE).hashes) == 2
    # The same after a restart that knows what was set aside, whatever comes then.
    good = Document.load(b"", [first], actor=MALLORY)
    detour = make(good, FieldEdit(RECORD, "detour", 1)).raw
    reopened = Document.load(bob.save(), actor=BOB, set_aside=bob.set_aside)
    for device in (bob, reopened):
        assert only(device.apply([detour], feed=MALLORY).set_aside).raw == detour
    assert bob.state_hash() == reopened.state_hash()


@pytest.mark.parametrize(
    ("forge", "kind"),
    [
        (lambda raw: raw[:-1], Malformed),
        (lambda raw: raw + b"\x00", Malformed),
        (lambda raw: b"\x00" + raw[1:], Malformed),
        (lambda raw: raw[:8] + b"\x00" + raw[9:], Malformed),
        (lambda raw: raw[:-1] + bytes((raw[-1] ^ 1,)), Malformed),
        (lambda raw: raw[:4] + bytes(4) + raw[8:], Malformed),
        (lambda raw: raw[:9] + bytes((raw[9] | 0x80, 0)) + raw[10:], Malformed),
        (lambda raw: sealed(contents(raw) + b"extra"), Malformed),
        (lambda raw: sealed(contents(raw), 2)[:-2], Malformed),
        (lambda raw: raw + bytes(CHANGE_SIZE_MAX), LimitExceeded),
        (lambda raw: sealed(contents(raw) + bytes(CHANGE_INFLATED_SIZE_MAX), 2), LimitExceeded),
    ],
)
def test_a_frame_that_is_not_in_order_is_set_aside(
    forge: Callable[[bytes], bytes],
    kind: type[BillfoldError],
) -> None:
    (raw,) = counted(MALLORY, 1)
    document = Document(BOB)
    item = only(document.apply([forge(raw)], feed=MALLORY).set_aside)
    assert type(item.error) is kind
    assert (item.stops_at, len(item.hash)) == (None, 32)
    # Nothing of that number is in the feed yet, so the honest bytes still count.
    assert len(document.apply([raw], feed=MALLORY).hashes) == 1


def test_a_deflated_change_is_the_same_change() -> None:
    (raw,) = counted(ALICE, 1)
    assert parse_change(sealed(contents(raw), 2)).hash == parse_change(raw).hash
    document = Document(BOB)
    document.apply([sealed(contents(raw), 2)], feed=ALICE)
    assert document.apply([raw], feed=ALICE).hashes == ()


@pytest.mark.parametrize("counter", [0, 2, 2**53, 2**63 - 1])
def test_a_counter_that_does_not_follow_is_malformed(counter: int) -> None:
    """P05: nobody can make its values win over what others write later."""
    body = contents(counted(MALLORY, 1)[0])
    head = b"\x00\x10" + MALLORY + b"\x01"
    assert body.startswith(head + b"\x01")
    raw = sealed(head + encode_unsigned(counter) + body[len(head) + 1 :])
    item = only(Document(BOB).apply([raw], feed=MALLORY).set_aside)
    assert type(item.error) is Malformed


# The action column of a change with one put is one literal: 7f 01.
@pytest.mark.parametrize(
    ("old", "new", "kind"),
    [
        (b"\x7f\x01\x7f\x14", b"\x7f\x05\x7f\x14", Quarantined),  # An increment.
        (b"\x7f\x01\x7f\x14", b"\x7f\x00\x7f\x14", Quarantined),  # A map.
        (b"\x7f\x01\x7f\x14", b"\x7f\x01\x7f\x18", Quarantined),  # A counter.
        (b"\x7f\x01\x7f\x14", b"\x7f\x01\x7f\x19", Quarantined),  # A timestamp.
        (b"\x7f\x01\x7f\x14", b"\x7f\x03\x7f\x14", Quarantined),  # A deletion of nothing.
        (b"\x7f\x01\x7f\x14", b"\x7f\x01\x7f\x24", Malformed),  # A value cut short.
        (b"\x7f\x01\x7f\x14", b"\x7f\x01\x7f\x11", Malformed),  # A false of one byte.
    ],
)
def test_operations_without_a_place_in_a_wallet_are_set_aside(
    old: bytes,
    new: bytes,
    kind: type[BillfoldError],
) -> None:
    document = Document(BOB)
    raw = forged(counted(MALLORY, 1)[0], old, new)
    assert type(only(document.apply([raw], feed=MALLORY).set_aside).error) is kind
    assert document.heads == ()


def test_a_run_that_stands_for_very_many_operations_is_refused_at_once() -> None:
    """P02: a few bytes announce 2^62 rows."""
    body = contents(counted(MALLORY, 1)[0])
    run = encode_unsigned(2**61) + b"\x00"
    old, size = b"\x70\x02", len(run) + 1
    assert body.count(old) == 1
    announced = body.replace(old, bytes((0x70, size)))
    assert announced.endswith(b"\x7f\x00")
    raw = sealed(announced[:-2] + run + b"\x01")
    item = only(Document(BOB).apply([raw], feed=MALLORY).set_aside)
    assert isinstance(item.error, LimitExceeded)


def test_a_key_of_another_change_cannot_be_put() -> None:
    """Else two changes could put one key, and deleting it would depend on who has seen both."""
    alice = counted(ALICE, 1)[0]
    mallory = counted(MALLORY, 1)[0]
    (stolen,), (own,) = parse_change(alice).operations.keys, parse_change(mallory).operations.keys
    raw = forged(mallory, own.encode(), stolen.encode())
    item = only(Document(BOB).apply([raw], feed=MALLORY).set_aside)
    assert isinstance(item.error, Quarantined)


def test_a_change_cannot_write_one_field_twice() -> None:
    """Neither under one key nor under two, which differ in their time."""
    raw = make(Document(MALLORY), FieldEdit(RECORD, "a", 1), FieldEdit(RECORD, "b", 1)).raw
    tag = change_tag(1_700_000_000_000, MALLORY, 1)
    earlier = change_tag(1_600_000_000_000, MALLORY, 1)
    for other in (tag, earlier):
        old, new = f"{RECORD}/b#{tag}".encode(), f"{RECORD}/a#{other}".encode()
        item = only(Document(BOB).apply([forged(raw, old, new)], feed=MALLORY).set_aside)
        assert isinstance(item.error, Quarantined)


def test_a_value_that_its_author_had_not_seen_cannot_be_superseded() -> None:
    """The change names Alice's value but does not build on her change, so it might come first."""
    alice = Document(ALICE)
    base = make(alice, FieldEdit(RECORD, "field", 1))
    mallory = Document.load(b"", [base.raw], actor=MALLORY)
    seen = make(mallory, FieldEdit(RECORD, "field", 2)).raw
    body = contents(seen)
    unseen = sealed(b"\x00" + body[33:].replace(MALLORY + b"\x01\x02", MALLORY + b"\x01\x01"))
    assert parse_change(unseen).dependencies == ()
    before, after = Document(BOB), Document(BOB)
    before.apply([unseen], feed=MALLORY)
    before.apply([base.raw], feed=ALICE)
    after.apply([base.raw], feed=ALICE)
    after.apply([unseen], feed=MALLORY)
    for document in (before, after):
        assert isinstance(only(document.set_aside).error, Quarantined)
        assert [value.actor for value in document.fields(RECORD)["field"].values] == [ALICE]
    assert before.state_hash() == after.state_hash()


def test_a_deletion_names_the_operation_that_put_what_it_deletes() -> None:
    """Else the library would keep what the change says it deletes."""
    document = Document(MALLORY)
    base = make(document, FieldEdit(RECORD, "field", 1), FieldEdit(RECORD, "other", 1)).raw
    second = make(document, FieldEdit(RECORD, "field", 2)).raw
    # The columns of predecessors: actor 0 and counter 1, at the end.
    assert contents(second).endswith(b"\x7f\x00\x7f\x01")
    wrong = sealed(contents(second)[:-1] + b"\x02")
    bob = Document(BOB)
    bob.apply([base, wrong], feed=MALLORY)
    assert isinstance(only(bob.set_aside).error, Quarantined)
    of_nobody = sealed(contents(second)[:-3] + b"\x05\x7f\x01")
    carol = Document(ALICE)
    carol.apply([base, of_nobody], feed=MALLORY)
    assert isinstance(only(carol.set_aside).error, Malformed)


def unreadable_number() -> bytes:
    """Return a whole number in two bytes that fits in one: the library raises an error."""
    raw = forged(counted(MALLORY, 1)[0], b"\x7f\x14\x00", b"\x7f\x24\x80\x00")
    return sealed(contents(raw).replace(b"\x57\x01", b"\x57\x02"))


def test_a_change_that_the_library_fails_on_is_poison_and_others_go_on() -> None:
    """P01: bytes that pass every check here, but not the library's own."""
    base = Document(ALICE)
    start = make(base, FieldEdit(RECORD, "field", 1)).raw
    honest = [make(base, FieldEdit(RECORD, "field", number)).raw for number in range(2, 40)]
    poison = unreadable_number()
    bob = Document(BOB)
    bob.apply([start], feed=ALICE)
    applied = bob.apply([*honest[:20], poison, *honest[20:]])
    item = only(applied.set_aside)
    assert (item.raw, item.stops_at) == (poison, 1)
    assert isinstance(item.error, PeerPoison)
    assert len(applied.hashes) == len(honest)
    reopened = Document.load(bob.save(), actor=BOB, set_aside=bob.set_aside)
    assert reopened.state_hash() == bob.state_hash()


def test_a_document_with_a_change_that_the_library_cannot_save_is_read_again() -> None:
    """A run of one instead of a literal: taken in, but it cannot be made anew from operations."""
    raw = forged(counted(MALLORY, 1)[0], b"\x14\x00\x7f\x00", b"\x14\x00\x01\x00")
    bob = Document(BOB)
    make(bob, FieldEdit(RECORD, "own", 1))
    assert len(bob.apply([raw], feed=MALLORY).hashes) == 1
    make(bob, FieldEdit(RECORD, "own", 2))
    for saved in (bob.save(), bob.save()):
        reopened = Document.load(saved, actor=BOB)
        assert (reopened.heads, reopened.state_hash()) == (bob.heads, bob.state_hash())


def test_a_feed_that_waits_without_end_is_refused_beyond_a_bound_and_others_are_not() -> None:
    """P04: the parents never come."""
    feed = counted(MALLORY, PENDING_COUNT_MAX + 3)
    document = Document(BOB)
    applied = document.apply(feed[1:], feed=MALLORY)
    assert applied.refused == tuple(feed[PENDING_COUNT_MAX + 1 :])
    assert len(document.apply(counted(ALICE, 2), feed=ALICE).hashes) == 2
    assert len(document.apply([feed[0]], feed=MALLORY).hashes) == PENDING_COUNT_MAX + 1
    assert len(document.apply(applied.refused, feed=MALLORY).hashes) == 2


def test_an_interrupt_passes_and_leaves_the_document_as_it_was() -> None:
    class Interrupted(list[bytes]):
        def __getitem__(self, index: Any) -> Any:
            yield super().__getitem__(0)
            raise KeyboardInterrupt

    document = Document(BOB)
    make(document, FieldEdit(RECORD, "own", 1))
    before = document.heads, document.state_hash()
    feed = counted(ALICE, 2)
    with pytest.raises(KeyboardInterrupt):
        document.apply(Interrupted(feed))
    assert (document.heads, document.state_hash()) == before
    assert len(document.apply(feed).hashes) == 2


def test_notes_can_be_built_on_only_where_they_are_seen() -> None:
    """An edit of a note at a character that only a later change brings."""
    alice = Document(ALICE)
    first = make(alice, EditText(RECORD, "abc"))
    second = make(alice, EditText(RECORD, "abcd"))
    mallory = Document.load(b"", [first.raw, second.raw], actor=MALLORY)
    third = make(mallory, EditText(RECORD, "abcde"))
    body = contents(third.raw).replace(second.hash, first.hash)
    start = parse_change(third.raw).start_counter
    follows = parse_change(first.raw).last_counter + 1
    body = body.replace(MALLORY + bytes((1, start)), MALLORY + bytes((1, follows)))
    raw = sealed(body)
    documents = Document(BOB), Document(BOB)
    for document, order in zip(documents, ((0, 1, 2), (0, 2, 1)), strict=True):
        for index in order:
            document.apply([(first.raw, second.raw, raw)[index]])
        assert isinstance(only(document.set_aside).error, Quarantined)
        assert document.record(RECORD).notes == "abcd"
    assert documents[0].state_hash() == documents[1].state_hash()
    assert not isinstance(only(documents[0].set_aside).error, PeerPoison)


def test_a_foreign_change_is_reported_each_time_it_comes() -> None:
    """Whoever keeps changes must not keep it as its author's own, the second time either."""
    (raw,) = counted(ALICE, 1)
    document = Document(BOB)
    for _ in range(2):
        assert only(document.apply([raw], feed=MALLORY).set_aside).raw == raw


def test_a_run_of_large_changes_is_taken_in_whole() -> None:
    """Together they are larger than what may wait, but none of them has to."""
    alice = Document(ALICE)
    count = PENDING_SIZE_MAX // (3 * VALUE_SIZE_MAX) + 2
    values = [hashlib.shake_256(bytes([number])).digest(VALUE_SIZE_MAX) for number in range(3)]
    feed = [
        make(alice, *(FieldEdit(RECORD, f"{name} {number}", values[name]) for name in range(3))).raw
        for number in range(count)
    ]
    applied = Document(BOB).apply(feed, feed=ALICE)
    assert (len(applied.hashes), applied.refused) == (count, ())
