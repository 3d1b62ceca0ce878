from collections.abc import Sequence

from hypothesis import given, settings
from hypothesis import strategies as st

from billfold.document import (
    NOTES,
    Change,
    Document,
    Edit,
    EditText,
    FieldEdit,
    Purge,
    RemoveField,
    Restore,
    Trash,
    random_record_id,
)
from tests.support.examples import examples

RECORDS = [random_record_id(bytes([number]) * 16) for number in range(3)]
ACTORS = [bytes([65 + number]) * 16 for number in range(3)]
FIELDS = ["name", "secret", "tags/red", "x-unknown/of later versions ☀"]

scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**63), 2**63 - 1),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=8),
    st.binary(max_size=8),
)
records = st.sampled_from(RECORDS)
edits = st.one_of(
    st.builds(FieldEdit, records, st.sampled_from(FIELDS), scalars),
    st.builds(FieldEdit, records, st.just("type"), st.just("login")),
    st.builds(RemoveField, records, st.sampled_from(FIELDS)),
    st.builds(EditText, records, st.text("abc \n☀é", max_size=12)),
    st.builds(Trash, records),
    st.builds(Restore, records),
    st.builds(Purge, records),
)
# What happens: one replica makes an edit, or takes in another's changes as far as it gets them.
steps = st.lists(
    st.tuples(
        st.integers(0, 2), st.one_of(st.lists(edits, min_size=1, max_size=3), st.integers(0, 2))
    ),
    max_size=25,
)


def made(document: Document, several: Sequence[Edit], time_ms: int) -> Change | None:
    """Make the edits that are possible; trashing needs a record."""
    possible = [
        edit
        for edit in several
        if not isinstance(edit, Trash | Restore | Purge) or document.has_record(edit.record)
    ]
    return document.change(possible, time_ms=time_ms)


def run(script: list[tuple[int, list[Edit] | int]]) -> tuple[list[Document], list[list[bytes]]]:
    """Run a script; return the replicas and each one's changes."""
    replicas = [Document(actor) for actor in ACTORS]
    feeds: list[list[bytes]] = [[] for _ in ACTORS]
    for time_ms, (index, action) in enumerate(script):
        if isinstance(action, list):
            change = made(replicas[index], action, time_ms)
            if change is not None:
                feeds[index].append(change.raw)
        else:
            replicas[index].apply(feeds[action], feed=ACTORS[action])
    return replicas, feeds


def assert_equal(one: Document, other: Document) -> None:
    assert one.heads == other.heads
    assert one.record_ids() == other.record_ids()
    for record in one.record_ids():
        assert one.record(record) == other.record(record)
    assert one.conflicts() == other.conflicts()
    assert one.state_hash() == other.state_hash()


@given(steps, st.data())
@settings(max_examples=examples(40))
def test_replicas_converge_in_any_order_with_duplicates(
    script: list[tuple[int, list[Edit] | int]],
    data: st.DataObject,
) -> None:
    replicas, feeds = run(script)
    everything = [raw for feed in feeds for raw in feed]
    for replica in replicas:
        shuffled = data.draw(st.permutations(everything))
        cut = data.draw(st.integers(0, len(shuffled)))
        replica.apply(shuffled[:cut])
        applied = replica.apply(shuffled[cut // 2 :])
        assert not applied.missing
        assert not replica.set_aside
        assert not replica.waiting
    for replica in replicas[1:]:
        assert_equal(replicas[0], replica)


@given(steps)
@settings(max_examples=examples(40))
def test_the_view_kept_up_to_date_equals_one_made_anew(
    script: list[tuple[int, list[Edit] | int]],
) -> None:
    replicas, _ = run(script)
    for replica in replicas:
        assert_equal(replica, Document.load(replica.save(), actor=b"new device actor"))


@given(steps)
@settings(max_examples=examples(40))
def test_every_value_that_nobody_superseded_is_live(
    script: list[tuple[int, list[Edit] | int]],
) -> None:
    """A model of the rule: a write supersedes what its author had seen, and nothing else."""
    replicas = [Document(actor) for actor in ACTORS]
    held: list[list[bytes]] = [[] for _ in ACTORS]
    seen: list[set[int]] = [set() for _ in ACTORS]
    writes: dict[int, tuple[str, str]] = {}
    superseded: set[int] = set()
    for number, (index, action) in enumerate(script):
        if isinstance(action, int):
            replicas[index].apply(held[action])
            held[index] += held[action]
            seen[index] |= seen[action]
            continue
        edit = action[0]
        if not isinstance(edit, FieldEdit):
            continue
        change = replicas[index].change([edit], time_ms=number)
        if change is None:
            continue
        held[index].append(change.raw)
        field = (edit.record, edit.field)
        superseded |= {old for old in seen[index] if writes[old] == field}
        writes[number] = field
        seen[index].add(number)
    merged = Document(b"merging device 1")
    for changes in held:
        merged.apply(changes)
    live = {
        value.time_ms
        for record in merged.record_ids()
        for state in merged.fields(record).values()
        for value in state.values
    }
    assert live == writes.keys() - superseded


@given(st.text("ab☀\n", max_size=10), st.text("ab☀\n", max_size=10), st.text("ab\n", max_size=10))
@settings(max_examples=examples(40))
def test_a_note_reads_as_it_was_written_however_many_texts_it_has(
    first: str,
    second: str,
    third: str,
) -> None:
    one, other = Document(ACTORS[0]), Document(ACTORS[1])
    changes = [
        document.change([EditText(RECORDS[0], text)], time_ms=0)
        for document, text in ((one, first), (other, second))
    ]
    for document in (one, other):
        document.apply([change.raw for change in changes if change is not None])
    assert one.record(RECORDS[0]).notes == other.record(RECORDS[0]).notes
    change = one.change([EditText(RECORDS[0], third)], time_ms=0)
    assert one.record(RECORDS[0]).notes == third
    if change is not None:
        assert other.apply([change.raw]).touched == {(RECORDS[0], NOTES)}
    assert other.record(RECORDS[0]).notes == third
