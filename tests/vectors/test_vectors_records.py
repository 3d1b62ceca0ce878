from billfold.document import Ladder, Merge, MergeKind, read_values
from billfold.document.merge_kinds import check_successor
from billfold.model import check_new
from billfold.model.activity_log import check_activity, hash_of_entry
from billfold.model.answer_turns import answer_id, next_turn
from specs.vectors.notation import read
from tests.vectors.vector_files import Vector, each, expecting


def merge_of(vector: Vector) -> Merge:
    if "states" in vector:
        return Ladder(tuple(vector["states"]))
    return MergeKind(vector["kind"])


@each("records", "shown")
def test_these_values_are_read_as_this_one(vector: Vector) -> None:
    shown, is_conflict = read_values(merge_of(vector), read(vector["values"]))
    assert type(shown) is type(read(vector["shown"]))
    assert (shown, is_conflict) == (read(vector["shown"]), vector["is_conflict"])


@each("records", "current")
def test_a_field_becomes_this_or_does_not(vector: Vector) -> None:
    with expecting(vector):
        is_edit = check_successor(
            merge_of(vector), "field", read(vector["current"]), read(vector["value"])
        )
        assert is_edit == vector["is_edit"]


@each("records", "fields")
def test_a_record_is_added_or_refused(vector: Vector) -> None:
    fields = {name: read(value) for name, value in vector["fields"].items()}
    with expecting(vector):
        assert check_new(vector["type"], fields).fields == fields


@each("records", "entry")
def test_an_entry_of_the_log_that_may_hold_a_value_is_refused(vector: Vector) -> None:
    with expecting(vector):
        check_activity(vector["entry"])


@each("records", "hashed")
def test_an_entry_of_the_log_has_this_hash(vector: Vector) -> None:
    fields = {name: read(value) for name, value in vector["hashed"].items()}
    assert hash_of_entry(fields) == vector["hash"]


@each("records", "sender")
def test_an_answer_has_this_id(vector: Vector) -> None:
    assert answer_id(vector["sender"], vector["message_id"]) == vector["answer"]


@each("records", "claims")
def test_a_device_knows_what_to_do_about_an_answer(vector: Vector) -> None:
    assert next_turn(vector["claims"], "bb", gone=vector["gone"]).value == vector["turn"]
