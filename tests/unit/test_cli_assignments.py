import pytest

from billfold.cli.assignments import VALUE_SIZE_MAX, parse_assignments
from billfold_protocol.errors import BillfoldError, InputError, LimitExceeded

FILES = {"secret.txt": b"geheim\n", "note.txt": b"two\nlines\r\n", "odd": b"\xff", "-": b"piped"}


def parse(*texts: str) -> dict[str, object]:
    return parse_assignments(
        texts, read_file=lambda name: FILES[name], ask_secret=lambda field: f"typed {field}"
    )


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("title=Library", {"title": "Library"}),
        ("title=", {"title": ""}),
        ("formula=a:=b@=c", {"formula": "a:=b@=c"}),
        ("age:=30", {"age": 30}),
        ("ratio:=0.5", {"ratio": 0.5}),
        ("is_open:=false", {"is_open": False}),
        ("gone:=null", {"gone": None}),
        ('text:="=x"', {"text": "=x"}),
        ('photo:={"base64": "AAE="}', {"photo": {"base64": "AAE="}}),
        ("password@=secret.txt", {"password": "geheim"}),
        ("notes@=note.txt", {"notes": "two\nlines"}),
        ("notes@=-", {"notes": "piped"}),
        ("password", {"password": "typed password"}),
        ("urls/0=https://example.org/?a=b", {"urls/0": "https://example.org/?a=b"}),
        ("claims/a:b=1", {"claims/a:b": "1"}),
    ],
)
def test_a_field_is_written_in_one_of_four_ways(text: str, expected: dict[str, object]) -> None:
    assert parse(text) == expected


def test_several_fields_keep_their_order() -> None:
    assert list(parse("b=1", "a=2", "c")) == ["b", "a", "c"]


@pytest.mark.parametrize(
    ("texts", "error"),
    [
        (["=x"], InputError),
        ([""], InputError),
        (["a=1", "a=2"], InputError),
        (["a:=one"], InputError),
        (["a:=[1]"], InputError),
        (['a:={"b": 1}'], InputError),
        (["a@=odd"], InputError),
    ],
)
def test_what_is_no_field_is_refused(texts: list[str], error: type[BillfoldError]) -> None:
    with pytest.raises(error):
        parse(*texts)


def test_a_file_that_is_too_large_for_a_value_is_refused() -> None:
    with pytest.raises(LimitExceeded):
        parse_assignments(
            ["a@=big"], read_file=lambda _: bytes(VALUE_SIZE_MAX + 1), ask_secret=lambda _: ""
        )
