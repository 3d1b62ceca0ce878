import hashlib
import random

from billfold.document import Document, FieldState, random_record_id, record_id
from billfold.document.identifiers import change_tag, field_key, note_key
from billfold.document.values import encode_scalar
from billfold.editing import natural_key_text
from billfold.importers.field_names import field_name
from specs.vectors.notation import describe, read
from tests.vectors.vector_files import Vector, each, load

READER = bytes(15) + b"\1"
ORDERS_COUNT = 10


def pairs(vector: Vector, name: str) -> list[tuple[bytes, bytes]]:
    return [(bytes.fromhex(feed), bytes.fromhex(raw)) for feed, raw in vector[name]]


@each("document", "random")
def test_bytes_make_this_record_id(vector: Vector) -> None:
    assert random_record_id(bytes.fromhex(vector["random"])) == vector["record"]


@each("document", "natural_key")
def test_a_natural_key_makes_this_record_id(vector: Vector) -> None:
    text = natural_key_text(tuple(vector["natural_key"]))
    assert text == vector["text"]
    wallet_id = bytes.fromhex(vector["wallet_id"])
    assert record_id(wallet_id, vector["type"], text, vector["incarnation"]) == vector["record"]


@each("document", "time_ms")
def test_a_change_writes_a_field_under_this_key(vector: Vector) -> None:
    actor = bytes.fromhex(vector["actor"])
    record, field = vector["record"], vector["field"]
    tag = change_tag(vector["time_ms"], actor, vector["seq"])
    assert (tag, field_key(record, field, tag)) == (vector["tag"], vector["key"])


@each("document", id="name-note")
def test_a_change_makes_a_note_under_this_key(vector: Vector) -> None:
    actor = bytes.fromhex(vector["actor"])
    assert note_key(vector["record"], actor, vector["seq"]) == vector["key"]


@each("document", "encoded")
def test_a_value_is_hashed_as_these_bytes(vector: Vector) -> None:
    assert encode_scalar(read(vector["value"])).hex() == vector["encoded"]


@each("document", "path")
def test_a_foreign_name_becomes_this_field(vector: Vector) -> None:
    assert field_name(vector["prefix"], tuple(vector["path"]))[0] == vector["name"]


def applied(changes: list[tuple[bytes, bytes]]) -> Document:
    document = Document(READER)
    for feed, raw in changes:
        document.apply([raw], feed=feed)
    return document


def values(state: FieldState) -> list[object]:
    return [describe(value.value) for value in state.values]


@each("document", "state_hash")
def test_changes_end_in_this_state(vector: Vector) -> None:
    document = applied(pairs(vector, "changes"))
    found = [
        [record, field, values(state)]
        for record in document.record_ids()
        for field, state in document.fields(record).items()
    ]
    assert found == vector["fields"]
    assert [item.hash.hex() for item in document.set_aside] == vector["set_aside"]
    assert hashlib.sha256(bytes.fromhex(vector["hashed"])).hexdigest() == vector["state_hash"]
    assert document.state_hash().hex() == vector["state_hash"]


@each("document", "state_hash")
def test_the_state_does_not_depend_on_how_feeds_interleave(vector: Vector) -> None:
    changes = pairs(vector, "changes")
    feeds: dict[bytes, list[bytes]] = {}
    for feed, raw in changes:
        feeds.setdefault(feed, []).append(raw)
    draw = random.Random(vector["id"])
    for _ in range(ORDERS_COUNT):
        order = [feed for feed, _ in changes]
        draw.shuffle(order)
        left = {feed: iter(raws) for feed, raws in feeds.items()}
        document = applied([(feed, next(left[feed])) for feed in order])
        assert document.state_hash().hex() == vector["state_hash"]


def test_different_states_have_different_hashes() -> None:
    vectors = [vector for vector in load("document")["vectors"] if "state_hash" in vector]
    by_hash = {vector["state_hash"]: vector["hashed"] for vector in vectors}
    assert len(by_hash) == len(set(by_hash.values()))


@each("document", "before")
def test_a_change_is_taken_in_or_set_aside_with_its_error(vector: Vector) -> None:
    document = applied(pairs(vector, "before"))
    aside = set(document.set_aside)
    before = document.heads
    result = document.apply([bytes.fromhex(vector["change"])], feed=bytes.fromhex(vector["feed"]))
    new = [item for item in document.set_aside if item not in aside]
    change_hash = bytes.fromhex(vector["hash"])
    if vector["expect"] == "ok":
        assert result.hashes == (change_hash,)
        assert not new
        return
    (item,) = new
    assert (type(item.error).__name__, item.hash) == (vector["expect"], change_hash)
    assert document.heads == before
