from collections.abc import Sequence
from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from billfold.document import Document, EditText, FieldEdit, RemoveField, random_record_id
from billfold.document.changes import parse_header
from tests.support.examples import examples

RECORDS = [random_record_id(bytes([number]) * 16) for number in range(2)]
ACTORS = [bytes([65 + number]) * 16 for number in range(3)]
READER = b"a reader's feed."

edits = st.one_of(
    st.builds(FieldEdit, st.sampled_from(RECORDS), st.sampled_from(["a", "b"]), st.integers(0, 3)),
    st.builds(RemoveField, st.sampled_from(RECORDS), st.sampled_from(["a", "b"])),
    st.builds(EditText, st.sampled_from(RECORDS), st.text("ab", max_size=4)),
)
# One replica makes edits, or takes in another's feed.
steps = st.lists(
    st.tuples(
        st.integers(0, 2), st.one_of(st.lists(edits, min_size=1, max_size=3), st.integers(0, 2))
    ),
    min_size=4,
    max_size=20,
)


def run(
    script: list[tuple[int, list[FieldEdit | RemoveField | EditText] | int]],
) -> list[list[bytes]]:
    replicas = [Document(actor) for actor in ACTORS]
    feeds: list[list[bytes]] = [[] for _ in ACTORS]
    for time_ms, (index, action) in enumerate(script):
        if isinstance(action, int):
            replicas[index].apply(feeds[action])
            continue
        change = replicas[index].change(action, time_ms=time_ms)
        if change is not None:
            feeds[index].append(change.raw)
    return feeds


def carefully(saved: bytes, kept: Sequence[bytes], live: Document) -> Document:
    """Open as if what was kept had just come from others."""
    document = Document.load(saved, actor=READER, set_aside=live.set_aside)
    document.apply(kept)
    return document


def aside(document: Document) -> list[tuple[bytes, int | None, type]]:
    return [(item.raw, item.stops_at, type(item.error)) for item in document.set_aside]


def assert_equal(one: Document, other: Document, feeds: Sequence[Sequence[bytes]]) -> None:
    """Both hold the same, and judge what comes next alike."""
    assert (one.heads, one.state_hash()) == (other.heads, other.state_hash())
    assert (one.waiting, one.missing) == (other.waiting, other.missing)
    assert aside(one) == aside(other)
    for record in one.record_ids():
        assert one.record(record) == other.record(record)
        # Of two concurrent changes either may come first.
        assert set(one.history(record, "a")) == set(other.history(record, "a"))
    for raw in (raw for feed in feeds for raw in feed):
        assert one.has_change(parse_header(raw).hash) == other.has_change(parse_header(raw).hash)
    for feed in feeds:
        assert one.apply(feed).hashes == other.apply(feed).hashes
    assert (one.waiting, aside(one)) == (other.waiting, aside(other))
    changes = [
        document.change([FieldEdit(RECORDS[0], "a", "next")], time_ms=1)
        for document in (one, other)
    ]
    assert changes[0] == changes[1]
    assert one.state_hash() == other.state_hash()


@given(steps, st.data())
@settings(max_examples=examples(40))
def test_what_a_store_has_kept_opens_as_if_it_were_checked_again(
    script: list[tuple[int, list[FieldEdit | RemoveField | EditText] | int]],
    data: st.DataObject,
) -> None:
    """Any order of arrival, with duplicates, gaps, and a second feed under one of the ids."""
    feeds = run(script)
    rivals = Document(ACTORS[0])
    rival = [
        change.raw
        for number in range(data.draw(st.integers(0, 2)))
        if (change := rivals.change([FieldEdit(RECORDS[0], "rival", number)], time_ms=0))
    ]
    everything = [raw for feed in feeds for raw in feed] + rival
    arriving = data.draw(st.permutations(everything))
    arriving = arriving[: data.draw(st.integers(0, len(arriving)))]
    cuts = sorted(
        {0, len(arriving), *data.draw(st.lists(st.integers(0, len(arriving)), max_size=3))}
    )
    live = Document(READER)
    saved, kept = b"", list[bytes]()
    for start, end in pairwise(cuts):
        batch = arriving[start:end]
        aside = {item.raw for item in live.apply(batch).set_aside}
        kept.extend(raw for raw in batch if raw not in aside)
        if data.draw(st.booleans()):
            saved, kept = live.save(), list(live.waiting)
    opened = Document.load(saved, kept, actor=READER, set_aside=live.set_aside)
    assert opened.state_hash() == live.state_hash()
    assert_equal(opened, carefully(saved, kept, live), feeds)
