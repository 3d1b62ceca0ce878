import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from billfold.importers import ImportedRecord, ImportReport, read_import
from billfold_protocol.errors import InputError, Malformed

SAMPLE = Path(__file__).parents[1] / "support" / "samples" / "bitwarden-export.json"


def read(*items: Any, **members: Any) -> ImportReport:
    return read_import(json.dumps({"encrypted": False, "items": list(items), **members}).encode())


def find(report: ImportReport, label: str) -> ImportedRecord:
    return next(record for record in report.records if record.label == label)


@pytest.fixture(scope="module")
def report() -> ImportReport:
    return read_import(SAMPLE.read_bytes())


def test_each_item_of_the_sample_becomes_one_record_of_its_type(report: ImportReport) -> None:
    assert report.format == "bitwarden"
    kinds = Counter((record.type, record.fields.get("kind")) for record in report.records)
    assert kinds == {
        ("login", None): 12,
        ("document", "note"): 2,
        ("payment", "credit-card"): 1,
        ("person", None): 1,
        ("key", "ssh-key"): 1,
        ("document", "import"): 1,
    }
    assert report.refused == ()


def test_a_login_carries_its_secrets_addresses_and_history(report: ImportReport) -> None:
    record = find(report, "Harbour Bank")
    assert record.natural_key == ("bitwarden", "731099dd-94c6-53a3-88ca-e50d929b9179")
    assert record.tags == ("Home",)
    expected = {
        "username": "00017334",
        "password": "not-a-real-password-03",
        "totp": "otpauth://totp/Harbour%20Bank:00017334"
        "?secret=JBSWY3DPEHPK3PXP&issuer=Harbour%20Bank",
        "urls/0": "https://online.harbourbank.example",
        "urls/0/match": 3,
        "password_history/1/password": "not-a-real-password-old-2",
        "password_history/1/last_used_at": 1755805445,
        "favorite": True,
        "created_at": 1714755731,
    }
    assert expected.items() <= dict(record.fields).items()


def test_custom_fields_keep_name_value_and_kind(report: ImportReport) -> None:
    fields = find(report, "Northern Rail").fields
    assert fields["custom/1/name"] == "Phone PIN"
    assert fields["custom/1/value"] == "0000"
    assert fields["custom/1/kind"] == "concealed-string"
    linked = find(report, "Power company").fields
    assert (linked["custom/1/kind"], linked["custom/1/linked_id"]) == ("linked", 100)


def test_a_passkey_is_part_of_its_login(report: ImportReport) -> None:
    fields = find(report, "Mail").fields
    assert fields["passkey/rp_id"] == "mail.example"
    assert fields["passkey/key"] == "bm90LWEtcmVhbC1rZXk"
    assert fields["passkey/counter"] == "0"


def test_notes_cards_identities_and_keys_are_mapped(report: ImportReport) -> None:
    assert find(report, "Gate codes").notes == "Bicycle room: 0-0-0-0\nRoof: ask Jonas"
    card = find(report, "Harbour Bank debit card").fields
    assert (card["number"], card["expiry_date"]) == ("4111111111111111", "2029-07")
    assert (card["verification_number"], card["full_name"]) == ("000", "MARA LINDQVIST")
    person = find(report, "Mara Lindqvist").fields
    assert (person["given_name"], person["family_name"]) == ("Mara", "Lindqvist")
    assert (person["street_address"], person["tel"]) == ("12 Kvarngatan", "+46 00 000 00 00")
    key = find(report, "Code forge deploy key").fields
    assert str(key["public_key"]).startswith("ssh-ed25519 ")


def test_what_billfold_does_not_know_is_kept_and_reported(report: ImportReport) -> None:
    (entry,) = report.unmapped
    assert entry.where == "items[10].login.autofillOnPageLoad"
    assert find(report, "Video club").fields[entry.kept_as] == "true"


def test_importing_twice_gives_the_same_records(report: ImportReport) -> None:
    again = read_import(SAMPLE.read_bytes())
    assert again == report
    keys = [(record.type, record.natural_key) for record in again.records]
    assert len(set(keys)) == len(keys)


def test_an_encrypted_export_is_refused_with_the_way_out() -> None:
    for members in ({"encKeyValidation_DO_NOT_EDIT": "2.x"}, {"passwordProtected": True}):
        data = json.dumps({"encrypted": True, "data": "2.abc", **members}).encode()
        with pytest.raises(InputError, match=r"export again with the file format '\.json'"):
            read_import(data)


def test_items_that_are_no_list_are_malformed() -> None:
    with pytest.raises(Malformed, match="not a list"):
        read_import(b'{"encrypted": false, "items": {}}')


def test_an_empty_vault_gives_no_records() -> None:
    assert read().records == ()


def test_items_with_one_id_stay_two_records() -> None:
    report = read({"id": "a", "type": 1, "name": "One"}, {"id": "a", "type": 1, "name": "Two"})
    assert [record.fields["title"] for record in report.records] == ["One", "Two"]
    assert report.records[0].natural_key == ("bitwarden", "a")
    assert report.records[1].natural_key != ("bitwarden", "a")


def test_an_item_without_id_is_known_by_its_content() -> None:
    first, second = (read({"type": 1, "name": "One"}).records[0] for _ in range(2))
    assert first.natural_key == second.natural_key
    assert first.natural_key != read({"type": 1, "name": "Two"}).records[0].natural_key


def test_an_item_of_an_unknown_type_is_kept_whole() -> None:
    report = read({"id": "a", "type": 9, "name": "Boat", "boat": {"sail": "red", "masts": 2}})
    (record,) = report.records
    assert record.type == "document"
    assert record.fields["source/boat"] == '{"sail":"red","masts":2}'
    assert [entry.where for entry in report.unmapped] == ["items[0].type", "items[0].boat"]


def test_members_of_an_unexpected_type_are_kept() -> None:
    report = read(
        {"id": 7, "type": 1, "name": ["x"], "login": "y", "fields": [3], "notes": 4, "uris": {}}
    )
    (record,) = report.records
    assert {name: value for name, value in record.fields.items() if name.startswith("source/")} == {
        "source/fields.0": "3",
        "source/name": '["x"]',
        "source/login": '"y"',
        "source/notes": "4",
        "source/original": '{"type":1,"id":7}',
    }


def test_an_item_from_the_trash_is_imported_and_said_to_be() -> None:
    report = read({"id": "a", "type": 1, "deletedDate": "2025-01-01T00:00:00Z"})
    assert report.records[0].fields["deleted_at"] == 1735689600
    assert report.unmapped[0].kept_as == "deleted_at"


def test_folders_that_are_missing_or_empty_are_not_lost() -> None:
    report = read({"id": "a", "type": 1, "folderId": "gone"}, folders=[{"id": "f", "name": "Old"}])
    assert report.records[0].fields["source/folder-id"] == '"gone"'
    assert report.records[1].fields["source/folders"] == '[{"id":"f","name":"Old"}]'


def test_collections_of_an_organisation_become_tags() -> None:
    report = read(
        {"id": "a", "type": 1, "organizationId": "o", "collectionIds": ["c", "d"]},
        collections=[{"id": "c", "name": "Ops"}, {"id": "d", "name": "Ops/Night"}],
    )
    assert report.records[0].tags == ("Ops", "Ops/Night")
    assert report.records[0].fields["organization_id"] == "o"


def test_a_value_too_long_for_a_field_is_refused_by_name() -> None:
    report = read({"id": "a", "type": 1, "name": "One", "login": {"password": "x" * 70_000}})
    assert "password" not in report.records[0].fields
    assert [entry.where for entry in report.refused] == ["items[0].login.password"]


def test_a_long_unknown_part_is_kept_in_pieces() -> None:
    parts = {f"part{number}": "x" * 30_000 for number in range(5)}
    report = read({"id": "a", "type": 1, "extra": parts})
    fields = report.records[0].fields
    assert all(fields[f"source/extra.{name}"] == json.dumps(parts[name]) for name in parts)
    assert len(report.unmapped) == 5
    assert report.refused == ()


def test_a_record_takes_a_bounded_number_of_fields_and_tags() -> None:
    histories = [{"password": f"p{number}"} for number in range(3_000)]
    report = read({"id": "a", "type": 1, "passwordHistory": histories})
    assert len(report.records[0].fields) == 1_024
    assert len(report.refused) == 3_000 - 1_024 + 1  # One for `source/original`.
    ids = [f"c{number}" for number in range(400)]
    tagged = read(
        {"id": "a", "type": 1, "collectionIds": ids},
        collections=[{"id": name, "name": f"tag {name}"} for name in ids],
    )
    assert len(tagged.records[0].tags) == 256


def test_half_a_character_does_not_stop_an_import() -> None:
    data = b'{"encrypted":false,"items":[{"id":"a","type":1,"name":"Boat \\ud83d"}]}'
    report = read_import(data)
    assert report.records[0].fields["title"] == "Boat \ufffd"
    assert report.unmapped[0].where == "the whole file"
