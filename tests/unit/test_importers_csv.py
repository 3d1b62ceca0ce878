import pytest

from billfold.importers import ImportedRecord, read_import
from billfold_protocol.errors import LimitExceeded, Malformed

CHROME = """name,url,username,password,note
Library,https://library.example,ada,not-a-real-password,"two
lines"
"""
FIREFOX = (
    '"url","username","password","httpRealm","formActionOrigin","guid","timeCreated",'
    '"timeLastUsed","timePasswordChanged"\n'
    '"https://library.example","ada","pw","","https://library.example","{1-2}","1700000000123",'
    '"1700000001123","1700000002123"\n'
)
KEEPASS = "Group;Title;User Name;Password;URL;Notes;Strange\nBooks;Library;ada;pw;;;x\n"


def one(text: str) -> ImportedRecord:
    (record,) = read_import(text.encode()).records
    return record


def test_each_program_has_its_own_names_for_the_columns() -> None:
    chrome = one(CHROME)
    assert chrome.fields["title"] == "Library"
    assert chrome.fields["urls/0"] == "https://library.example"
    assert chrome.notes == "two\nlines"
    firefox = one(FIREFOX)
    assert firefox.fields["created_at"] == 1_700_000_000
    assert firefox.fields["password_changed_at"] == 1_700_000_002
    assert firefox.natural_key == ("csv", "{1-2}")
    keepass = one(KEEPASS)
    assert keepass.fields["username"] == "ada"
    assert keepass.tags == ("Books",)


def test_an_unknown_column_is_kept_and_reported() -> None:
    report = read_import(KEEPASS.encode())
    assert report.records[0].fields["source/-strange"] == '"x"'
    assert [item.kept_as for item in report.unmapped] == ["source/-strange"]


def test_a_changed_password_is_the_same_login() -> None:
    assert one(CHROME).natural_key == one(CHROME.replace("not-a-real", "a-new")).natural_key
    assert one(CHROME).natural_key != one(CHROME.replace("ada", "bob")).natural_key


def test_a_row_with_nothing_but_a_note_is_a_note() -> None:
    record = one("title,username,password,notes\nDoor,,,the blue one\n")
    assert (record.type, record.fields["kind"], record.notes) == (
        "document",
        "note",
        "the blue one",
    )


def test_a_row_that_is_longer_than_the_header_loses_nothing() -> None:
    record = one("name,password\nLibrary,pw,more\n")
    assert record.fields["source/column:20:3"] == '"more"'


@pytest.mark.parametrize("text", ["a,b\n1,2\n", "name,colour\nx,y\n", "password\nx\n"])
def test_a_table_of_something_else_is_refused(text: str) -> None:
    with pytest.raises(Malformed, match="not a file that Billfold can import"):
        read_import(text.encode())


def test_a_broken_table_is_refused_whole() -> None:
    with pytest.raises(Malformed, match="table is broken"):
        read_import(b'name,password\n"never closed,x\n')
    with pytest.raises(LimitExceeded):
        read_import(f"name,password\n{'x' * 200_000},x\n".encode())
    with pytest.raises(LimitExceeded):
        read_import(f"name,password{',x' * 300}\nx,y\n".encode())
