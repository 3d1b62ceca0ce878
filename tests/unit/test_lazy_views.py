from billfold.document import Document, FieldEdit, Merge, random_record_id
from billfold.model import Login, wallet_merge_kinds

LAPTOP, PHONE = b"feed of laptop 1", b"feed of phone 01"
RECORDS = [random_record_id(number.to_bytes(16, "big")) for number in range(200)]


class CountedKinds:
    """The merge kinds, and for which fields somebody asked."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def __call__(self, record_type: str | None, field: str) -> Merge:
        self.asked.append(field)
        return wallet_merge_kinds(record_type, field)


def filled(kinds: CountedKinds) -> Document:
    document = Document(LAPTOP, kinds)
    for name, value in (("type", "login"), ("title", "Library"), ("username", "ada")):
        document.change([FieldEdit(record, name, value) for record in RECORDS], time_ms=0)
    kinds.asked.clear()
    return document


def test_opening_and_listing_ask_for_no_merge_kind_where_nothing_is_in_conflict() -> None:
    kinds = CountedKinds()
    saved = filled(kinds).save()
    opened = Document.load(saved, actor=PHONE, merge_kinds=kinds)
    views = [Login(record) for record in opened.records("login")]
    assert {view.title for view in views} == {"Library"}
    assert len(views) == len(RECORDS)
    assert kinds.asked == []


def test_only_a_field_with_several_values_asks_for_its_merge_kind() -> None:
    kinds = CountedKinds()
    laptop = filled(kinds)
    phone = Document.load(laptop.save(), actor=PHONE, merge_kinds=kinds)
    laptop.change([FieldEdit(RECORDS[3], "username", "bob")], time_ms=0)
    theirs = phone.change([FieldEdit(RECORDS[3], "username", "cleo")], time_ms=0)
    assert theirs is not None
    laptop.apply([theirs.raw])
    kinds.asked.clear()
    assert [record.id for record in laptop.records() if record.conflicts] == [RECORDS[3]]
    assert kinds.asked == ["username"]


def test_a_view_stays_what_it_was_when_it_was_made() -> None:
    laptop = filled(CountedKinds())
    before = laptop.record(RECORDS[0])
    laptop.change([FieldEdit(RECORDS[0], "username", "bob")], time_ms=0)
    after = laptop.record(RECORDS[0])
    assert before.fields["username"].value == "ada"
    assert after.fields["username"].value == "bob"
    assert before != after
    assert after == laptop.record(RECORDS[0])
    assert list(before.fields) == ["title", "type", "username"]
    assert "title" in before.fields
    assert len(before.fields) == 3
    assert "Library" in repr(before.fields)
