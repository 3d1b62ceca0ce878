"""The table of merge rules (specs/40 §4, specs/41), each row as a property of three replicas.

A script lets replicas write one field and take in each other's changes in any order. What is live
in the end is worked out beside it, from who knew of what; the rule says what is shown.
"""

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from billfold.document import (
    Document,
    EditText,
    FieldEdit,
    FieldState,
    IssuerFact,
    Ladder,
    Merge,
    MergeKind,
    Scalar,
    encode_scalar,
    parse_issuer_fact,
    random_record_id,
)
from billfold.model import MESSAGE_STATES, RECORD_TYPES, wallet_merge_kinds
from billfold_protocol.errors import InputError
from tests.support.examples import examples

RECORD = random_record_id(bytes(16))
ACTORS = [bytes([65 + number]) * 16 for number in range(3)]

steps = st.lists(st.tuples(st.integers(0, 2), st.integers(0, 5)), min_size=1, max_size=14)
"""Who does it; 0 to 2: takes in that replica's changes; 3 to 5: writes one of three values."""


@dataclass
class Outcome:
    """What one script led to."""

    written: list[Scalar] = field(default_factory=list)
    """Every value that a replica accepted, in the script's order."""

    live: list[Scalar] = field(default_factory=list)
    """Those of them that no later one of somebody who knew of them replaced."""

    states: list[FieldState | None] = field(default_factory=list)
    """What each replica shows in the end."""


def play(script: Sequence[tuple[int, int]], row: "Row", values: Sequence[Scalar]) -> Outcome:
    outcome = Outcome()
    replicas = [Document(actor, wallet_merge_kinds) for actor in ACTORS]
    feeds: list[list[bytes]] = [[] for _ in ACTORS]
    hashes: list[bytes] = []
    replaced: set[int] = set()
    start = replicas[0].change([FieldEdit(RECORD, "type", row.record_type)], time_ms=0)
    assert start is not None
    feeds[0].append(start.raw)
    for replica in replicas[1:]:
        replica.apply([start.raw])
    for who, action in [*script, *itertools.product(range(3), repeat=2)]:
        replica = replicas[who]
        if action < 3:
            replica.apply(feeds[action], feed=ACTORS[action])
            continue
        value = values[action - 3]
        known = {number for number, name in enumerate(hashes) if replica.has_change(name)}
        try:
            change = replica.change([FieldEdit(RECORD, row.field, value)], time_ms=0)
        except InputError:
            continue
        if change is not None:
            feeds[who].append(change.raw)
            hashes.append(change.hash)
            outcome.written.append(value)
            replaced |= known
    assert len({replica.state_hash() for replica in replicas}) == 1
    outcome.live = [one for n, one in enumerate(outcome.written) if n not in replaced]
    outcome.states = [replica.field(RECORD, row.field) for replica in replicas]
    return outcome


def keys(values: Sequence[Scalar]) -> set[bytes]:
    return {encode_scalar(value) for value in values}


def every_live_value_is_kept(outcome: Outcome, state: FieldState) -> None:
    assert keys([one.value for one in state.values]) == keys(outcome.live)
    assert state.is_conflict == (len(keys(outcome.live)) > 1)


def one_live_value_is_shown(outcome: Outcome, state: FieldState) -> None:
    assert encode_scalar(state.value) in keys(outcome.live)
    assert not state.is_conflict


def what_is_added_stays_in(outcome: Outcome, state: FieldState) -> None:
    assert (state.value is True) == any(value is True for value in outcome.live)
    assert not state.is_conflict


def what_is_withdrawn_is_withdrawn(outcome: Outcome, state: FieldState) -> None:
    assert (state.value is False) == any(value is False for value in outcome.live)
    assert not state.is_conflict


def once_set_it_is_set(outcome: Outcome, state: FieldState) -> None:
    assert (state.value is True) == (True in outcome.written)
    assert not state.is_conflict


def the_highest_state_stands(outcome: Outcome, state: FieldState) -> None:
    assert state.value == max(map(str, outcome.written), key=MESSAGE_STATES.index)
    assert not state.is_conflict


def what_was_first_is_never_replaced(outcome: Outcome, state: FieldState) -> None:
    assert keys([one.value for one in state.values]) == keys(outcome.written)
    assert state.is_conflict == (len(keys(outcome.written)) > 1)


def every_element_is_there(outcome: Outcome, state: FieldState) -> None:
    assert keys([one.value for one in state.values]) == keys(outcome.written)
    assert not state.is_conflict


def what_the_issuer_said_last_stands(outcome: Outcome, state: FieldState) -> None:
    def time_of(value: Scalar) -> int:
        fact = parse_issuer_fact(value)
        assert fact is not None
        return fact.time_s

    assert time_of(state.value) == max(map(time_of, outcome.written))
    assert not state.is_conflict


@dataclass(frozen=True)
class Row:
    """One row of the table: a field of the kind, three values, and what must hold in the end."""

    record_type: str
    field: str
    values: tuple[Scalar, Scalar, Scalar]
    holds: Callable[[Outcome, FieldState], None]

    @property
    def merge(self) -> Merge:
        return wallet_merge_kinds(self.record_type, self.field)


FACTS = tuple(IssuerFact(value=value, time_s=time_s) for value, time_s in ((3, 9), (1, 5), (2, 7)))
TABLE = {
    MergeKind.MULTI_VALUE: Row(
        "preference", "statement", ("vegan", 1, True), every_live_value_is_kept
    ),
    MergeKind.LAST_WRITER: Row("setting", "value", ("dark", "light", 3), one_live_value_is_shown),
    MergeKind.ADD_WINS: Row("login", "tags/red", (True, False, True), what_is_added_stays_in),
    MergeKind.REMOVE_WINS: Row(
        "agreement", "given", (True, False, True), what_is_withdrawn_is_withdrawn
    ),
    MergeKind.MONOTONE: Row("agent_grant", "revoked", (True, False, True), once_set_it_is_set),
    MergeKind.IMMUTABLE: Row(
        "credential", "raw", (b"one", b"two", "three"), what_was_first_is_never_replaced
    ),
    MergeKind.GROW_ONLY: Row("credential", "uses/1/a", ("x", "y", "z"), every_element_is_there),
    MergeKind.ISSUER_ORDERED: Row(
        "pass",
        "balance",
        (FACTS[0].encode(), FACTS[1].encode(), FACTS[2].encode()),
        what_the_issuer_said_last_stands,
    ),
    Ladder: Row("message", "state", MESSAGE_STATES, the_highest_state_stands),
}
"""By kind; `Ladder` for states that only rise. Text is below, where letters merge."""


def kind_of(merge: Merge) -> MergeKind | type[Ladder]:
    return Ladder if isinstance(merge, Ladder) else merge


def test_the_table_has_a_row_for_every_kind() -> None:
    assert set(TABLE) == {*MergeKind, Ladder}
    used = {kind_of(one.merge) for known in RECORD_TYPES.values() for one in known.fields.values()}
    assert used <= set(TABLE)
    for kind, row in TABLE.items():
        assert kind_of(row.merge) is kind


@pytest.mark.parametrize("row", TABLE.values(), ids=lambda row: f"{row.record_type}-{row.field}")
@given(script=steps)
@settings(max_examples=examples(40), deadline=None)
def test_a_field_merges_as_its_kind_says(row: Row, script: list[tuple[int, int]]) -> None:
    outcome = play(script, row, row.values)
    first = outcome.states[0]
    assert all(state == first for state in outcome.states)
    assert (first is None) == (not outcome.written)
    if first is not None:
        row.holds(outcome, first)


@given(steps)
@settings(max_examples=examples(30), deadline=None)
def test_every_letter_of_a_note_survives(script: list[tuple[int, int]]) -> None:
    replicas = [Document(actor, wallet_merge_kinds) for actor in ACTORS]
    feeds: list[list[bytes]] = [[] for _ in ACTORS]
    written: list[str] = []
    for who, action in [*script, *itertools.product(range(3), repeat=2)]:
        if action < 3:
            replicas[who].apply(feeds[action], feed=ACTORS[action])
            continue
        word = f"[{len(written)}]"
        text = replicas[who].record(RECORD).notes
        place = len(text) if action == 3 else text.find("]") + 1
        edit = EditText(RECORD, text[:place] + word + text[place:])
        change = replicas[who].change([edit], time_ms=0)
        assert change is not None
        feeds[who].append(change.raw)
        written.append(word)
    notes = {replica.record(RECORD).notes for replica in replicas}
    assert len(notes) == 1
    assert sorted(notes.pop().replace("\n", "")) == sorted("".join(written))
