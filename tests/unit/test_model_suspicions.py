import pytest

from billfold.document import Document, FieldEdit, RecordView, Scalar, random_record_id
from billfold.model import lookalikes, misfits, wallet_merge_kinds
from billfold.model.suspicions import mixes_alphabets
from billfold_protocol.errors import Malformed

RECORD = random_record_id(bytes(16))


def view_of(**fields: Scalar) -> RecordView:
    document = Document(b"feed of laptop 1", wallet_merge_kinds)
    document.change([FieldEdit(RECORD, name, value) for name, value in fields.items()], time_ms=0)
    return document.record(RECORD)


def test_a_value_that_its_field_cannot_hold_is_named() -> None:
    found = misfits(view_of(type="login", username=5, title="Library", totp_digits="six", other=1))
    assert list(found) == ["totp_digits", "username"]
    assert all(type(error) is Malformed for error in found.values())
    assert "'username' of a login holds a text" in str(found["username"])


def test_a_record_of_a_type_that_is_not_known_has_no_misfits() -> None:
    assert misfits(view_of(type="of a later version", username=5)) == {}


@pytest.mark.parametrize(
    "text",
    ["pay\u202eee", "zero\u200bwidth", "private\ue000", "b\u0430nk", "\u0391lpha", "\u13a0BC"],
)
def test_a_text_that_looks_like_another_is_pointed_out(text: str) -> None:
    assert list(lookalikes(view_of(type="login", title=text, username="ada"))) == ["title"]


@pytest.mark.parametrize(
    "text",
    [
        *("bank", "B\u00e4nk", "\u0431\u0430\u043d\u043a", "Bank \u0431\u0430\u043d\u043a"),
        *(
            "\u03bc\u03b1\u03ca\u03bf\u03c2",
            "\u6771\u4eac",
            "caf\u00e9",
            "two\nlines",
            "\U0001f511 key",
        ),
    ],
)
def test_a_text_in_its_own_alphabet_is_not(text: str) -> None:
    assert lookalikes(view_of(type="login", title=text)) == {}
    assert not any(mixes_alphabets(word) for word in text.split())


def test_secrets_are_not_looked_at() -> None:
    assert lookalikes(view_of(type="login", password="b\u0430nk\u200b")) == {}
