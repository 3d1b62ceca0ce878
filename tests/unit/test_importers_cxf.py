import json
from pathlib import Path
from typing import Any

import pytest

from billfold.importers import ImportedRecord, ImportReport, read_import
from billfold_protocol.errors import Malformed

SAMPLES = Path(__file__).parents[1] / "support" / "samples"


def read_account(*items: Any, **members: Any) -> ImportReport:
    account = {"id": "acc", "collections": [], "items": list(items), **members}
    return read_import(json.dumps(account).encode())


def read_item(*credentials: Any, **members: Any) -> tuple[ImportedRecord, ...]:
    report = read_account({"id": "i", "credentials": list(credentials), **members})
    return tuple(record for record in report.records if record.fields.get("kind") != "import")


def find(report: ImportReport, label: str) -> ImportedRecord:
    return next(record for record in report.records if record.label == label)


@pytest.fixture(scope="module")
def header() -> ImportReport:
    return read_import((SAMPLES / "cxf-header.json").read_bytes())


@pytest.fixture(scope="module")
def account() -> ImportReport:
    return read_import((SAMPLES / "cxf-account.json").read_bytes())


def test_password_passkey_and_code_of_one_item_are_one_login(header: ImportReport) -> None:
    record = find(header, "Milk delivery")
    assert record.type == "login"
    assert record.natural_key == ("cxf", "YWNjb3VudC1qb25hcw", "aXRlbS1taWxr")
    assert record.tags == ("food", "Household")
    assert record.notes == "Bottles go back on Thursdays."
    expected = {
        "username": "jonas.weber@mail.example",
        "password": "not-a-real-password-21",
        "passkey/rp_id": "milk.example",
        "totp": "JBSWY3DPEHPK3PXP",
        "totp_period_s": 30,
        "urls/1": "https://shop.milk.example",
        "apps/0/bundle_id": "example.milk.app",
        "custom/0/section": "Delivery",
        "custom/1/name": "Bottles",
        "custom/1/value": "2",
        "favorite": True,
        "created_at": 1714550000,
    }
    assert expected.items() <= dict(record.fields).items()


def test_each_type_of_credential_finds_its_record_type(header: ImportReport) -> None:
    types = {record.label: (record.type, record.fields.get("kind")) for record in header.records}
    assert types == {
        "Milk delivery": ("login", None),
        "Home network": ("login", "wifi"),
        "Driving licence": ("document", "drivers-license"),
        "Savings bank card": ("payment", "credit-card"),
        "Home": ("person", None),
        "Weather station": ("key", "api-key"),
        "Bakery stamps": ("document", None),
        "Account jonas": ("document", "import"),
        "Import from Example Keyring": ("document", "import"),
    }


def test_nested_collections_become_tags_with_their_path(header: ImportReport) -> None:
    assert find(header, "Driving licence").tags == ("Household/Car",)


def test_an_unknown_credential_is_kept_raw_and_reported(header: ImportReport) -> None:
    (entry,) = header.unmapped
    assert entry.where == "accounts[0].items[6].credentials[0]"
    kept = json.loads(str(find(header, "Bakery stamps").fields[entry.kept_as]))
    assert kept["programme"]["value"] == "Bäckerei Sommer"


def test_a_bare_account_with_plain_values_is_read(account: ImportReport) -> None:
    record = find(account, "Art school")
    assert record.fields["username"] == "ines.moreau"
    assert record.fields["urls/0"] == "https://art.example/login"
    assert find(account, "Allergies").notes == "None that matter; ask about walnuts."


def test_odd_dates_are_unknown_and_kept(account: ImportReport) -> None:
    record = find(account, "Art school")
    assert "created_at" not in record.fields
    assert record.fields["source/creation-at"] == "-11644473600"
    assert record.fields["modified_at"] == 1771200000  # Given in milliseconds.
    dates = [entry for entry in account.unmapped if entry.where.endswith("creationAt")]
    assert len(dates) == 2


def test_a_file_is_reported_as_being_elsewhere(account: ImportReport) -> None:
    assert find(account, "Passport").fields["file_name"] == "passport-scan.pdf"
    assert any("not in this export" in entry.why for entry in account.unmapped)


def test_importing_twice_gives_the_same_records() -> None:
    for name in ("cxf-header.json", "cxf-account.json"):
        data = (SAMPLES / name).read_bytes()
        assert read_import(data) == read_import(data)


def test_an_item_of_two_kinds_becomes_two_records_with_its_title() -> None:
    login, card = read_item(
        {"type": "basic-auth", "username": "a"},
        {"type": "credit-card", "number": "1"},
        title="Bank",
    )
    assert (login.type, card.type) == ("login", "payment")
    assert login.natural_key == card.natural_key == ("cxf", "acc", "i")
    assert login.fields["title"] == card.fields["title"] == "Bank"
    assert (login.label, card.label) == ("Bank", "Bank (payment)")


def test_a_second_credential_of_one_type_is_numbered() -> None:
    (record,) = read_item(
        {"type": "basic-auth", "password": "one"},
        {"type": "basic-auth", "username": "b", "password": "two"},
    )
    fields = dict(record.fields)
    assert {"password": "one", "username:2": "b", "password:2": "two"}.items() <= fields.items()
    assert "username" not in fields


def test_a_second_note_is_a_field() -> None:
    (record,) = read_item({"type": "note", "content": "one"}, {"type": "note", "content": "two"})
    assert (record.notes, record.fields["note"]) == ("one", "two")


def test_what_an_editable_field_says_besides_its_value_is_kept() -> None:
    editable = {
        "id": "f1",
        "fieldType": "email",
        "value": "a",
        "label": "E-mail",
        "extensions": [{"name": "x"}],
    }
    (record,) = read_item({"type": "basic-auth", "username": editable})
    assert record.fields["username"] == "a"
    assert record.fields["username/label"] == "E-mail"
    assert record.fields["source/credentials.0.username.extensions"] == '[{"name":"x"}]'
    original = json.loads(str(record.fields["source/original"]))
    assert original["credentials.0.username.field-type"] == "email"


def test_strange_shapes_are_kept() -> None:
    report = read_account(
        3,
        {"id": "a", "credentials": "none"},
        {"id": "b", "credentials": [4, {"type": 5}, {"no": "type"}], "scope": ["x"], "tags": [6]},
    )
    kept = {entry.where: entry.kept_as for entry in report.unmapped}
    assert kept == {
        "items[0]": "source/items.0",
        "items[1].credentials": "source/credentials",
        "items[2].credentials[0]": "source/credentials.0",
        "items[2].credentials[1]": "source/credentials.1",
        "items[2].credentials[2]": "source/credentials.2",
        "items[2].scope": "source/scope",
        "items[2].tags[0]": "source/tags.0",
    }


def test_a_section_without_fields_keeps_its_label() -> None:
    (record,) = read_item({"type": "custom-fields", "label": "Empty", "fields": []})
    assert record.fields["source/credentials.0.label"] == '"Empty"'


def test_a_collection_that_names_an_absent_item_is_reported() -> None:
    report = read_account(collections=[{"id": "c", "title": "Shared", "items": [{"item": "z"}]}])
    assert [(entry.where, entry.kept_as) for entry in report.unmapped] == [
        ("collections", "source/collections")
    ]


def test_a_tag_too_long_for_a_tag_is_kept() -> None:
    (record,) = read_item(tags=["x" * 101, "short"])
    assert record.tags == ("short",)
    assert record.fields["source/tags.0"] == json.dumps("x" * 101)


def test_a_header_of_a_later_version_is_read_and_said_to_be() -> None:
    report = read_import(b'{"version": {"major": 3, "minor": 0}, "accounts": []}')
    assert report.format == "cxf"
    assert report.unmapped[0].where == "version"


def test_lists_that_are_none_are_malformed() -> None:
    for data in (b'{"accounts": [{"items": 3}]}', b'{"accounts": 3, "items": []}'):
        with pytest.raises(Malformed):
            read_import(data)
