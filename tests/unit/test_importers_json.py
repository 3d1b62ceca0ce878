import json

import pytest

from billfold.importers import read_import
from billfold.importers.field_names import field_name, is_field_name, join_path, show_path
from billfold.importers.json_reader import parse_json
from billfold.importers.timestamps import unix_seconds
from billfold_protocol.errors import BillfoldError, LimitExceeded, Malformed


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "empty"),
        (b" \n", "empty"),
        (b"PK\x03\x04zip", "broken zip"),
        (b"name,url,username,secret", "can import"),
        (b"\xff\xfe{\x00}\x00", "UTF-8"),
        (b"[]", "can import"),
        (b"{}", "can import"),
        (b'{"items": 3}', "can import"),
        (b'"text"', "no '~'"),
        (b'{"items": [', "line 1, column 12"),
        (b'{"items": [], "items": []}', "twice"),
        (b'{"encrypted": false, "items": [NaN]}', "NaN"),
        (b'{"encrypted": false, "items": [-Infinity]}', "NaN"),
        (b'{"encrypted": false, "items": [1e400]}', "too large"),
        (b'{"encrypted": false, "items": [' + b"1" * 5_000 + b"]}", "too long"),
    ],
)
def test_what_is_no_import_is_malformed(data: bytes, words: str) -> None:
    with pytest.raises(Malformed, match=words):
        read_import(data)


@pytest.mark.parametrize(
    "data",
    [
        b"[" * 100 + b"]" * 100,
        b"[" * 200_000,
        b'{"a":' * 200_000,
        b"[" + b"0," * 2_100_000 + b"0]",
        b" " * (64 * 1024 * 1024 + 1),
        b'{"' + b"A" * 1_000_000 + b'": 1}',
        b'{"encrypted":false,"items":[' + b"{}," * 100_000 + b"{}]}",
    ],
    ids=["deep", "very deep", "deep objects", "many values", "large", "long name", "many items"],
)
def test_hostile_json_meets_a_bound(data: bytes) -> None:
    with pytest.raises(LimitExceeded):
        read_import(data)


def test_commas_in_texts_do_not_count_as_values() -> None:
    items = [{"id": f"{n}", "type": 2, "notes": ',["{\\"' * 10_000} for n in range(80)]
    data = json.dumps({"encrypted": False, "items": items}).encode()
    assert data.count(b",") + data.count(b"[") + data.count(b"{") > 2_000_000
    assert len(read_import(data).records) == 80


def test_a_report_is_bounded() -> None:
    items = b",".join(b'{"n":%d,"a":0,"b":1,"c":2}' % number for number in range(15_000))
    with pytest.raises(LimitExceeded, match="understood"):
        read_import(b'{"encrypted":false,"items":[' + items + b"]}")


def test_halves_of_characters_are_refused_where_nothing_may_change() -> None:
    with pytest.raises(Malformed, match="half"):
        parse_json('{"a": "\\ud800"}')
    assert parse_json('{"a": "\\ud83d\\ude00"}') == {"a": "😀"}


@pytest.mark.parametrize("cut", range(0, 120, 7))
def test_a_truncated_export_is_malformed(cut: int) -> None:
    whole = json.dumps({"encrypted": False, "items": [{"id": "a", "type": 1, "name": "x" * 80}]})
    with pytest.raises(BillfoldError):
        read_import(whole[:cut].encode())


@pytest.mark.parametrize(
    ("path", "escaped"),
    [
        (("autofillOnPageLoad",), "autofill-on-page-load"),
        (("a-b", 3, "C"), "a--b.3.-c"),
        (("a.b/c:d",), "a:2e:b:2f:c:3a:d"),
        (("Größe", "📚"), "-gr:f6::df:e.:1f4da:"),
        (("a_b", "0"), "a_b.0"),
    ],
)
def test_member_names_are_escaped_readably(path: tuple[str | int, ...], escaped: str) -> None:
    assert join_path(path) == escaped
    assert is_field_name(f"source/{escaped}")


def test_a_long_name_is_cut_and_told_from_its_neighbours() -> None:
    names = {field_name("source", ("x" * 200, end)) for end in ("a", "b")}
    assert len(names) == 2
    assert all(len(name) == 128 and is_cut for name, is_cut in names)


def test_a_part_under_a_cut_name_keeps_its_whole_path() -> None:
    key = "Käse" * 40
    data = json.dumps({"encrypted": False, "items": [{"id": "a", "type": 1, key: "x"}]}).encode()
    (record,) = read_import(data).records
    (name,) = [name for name in record.fields if "::" in name[-18:]]
    assert json.loads(str(record.fields[name])) == {join_path((key,)): "x"}


def test_paths_shown_to_a_person_hold_no_control_characters() -> None:
    assert show_path(("items", 3, "login", "extra")) == "items[3].login.extra"
    assert show_path(("\x1b[31m",)) == '"\\u001b[31m"'
    assert len(show_path(("x" * 5_000,) * 100)) < 310


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        (1700000000, 1700000000),
        (1700000000.9, 1700000000),
        (1700000000123, 1700000000),
        ("1700000000", 1700000000),
        ("2024-05-01T17:02:11.640Z", 1714582931),
        ("2024-05-01T17:02:11.6401234Z", 1714582931),
        ("2024-05-01T19:02:11+02:00", 1714582931),
        ("2024-05-01T17:02:11", 1714582931),
        (0, None),
        (-11644473600, None),
        ("-11644473600", None),
        (10**30, None),
        (True, None),
        (None, None),
        ("", None),
        ("yesterday", None),
        ("0001-01-01T00:00:00+14:00", None),
        ([1700000000], None),
    ],
)
def test_times_are_read_as_seconds_or_are_unknown(value: object, seconds: int | None) -> None:
    assert unix_seconds(json.loads(json.dumps(value))) == seconds
