import json
from pathlib import Path

import pytest

from billfold.exporters import ExportedRecord, Scalar, export_cxf
from billfold.importers import ImportedRecord, read_import

SAMPLES = Path(__file__).parents[1] / "support" / "samples"

LOGIN = ExportedRecord(
    id="a" * 26,
    type="login",
    fields={
        "title": "Library",
        "username": "ada",
        "password": "not-a-real-password",
        "password:2": "an-older-one",
        "totp": "JBSWY3DPEHPK3PXP",
        "totp_period_s": 60,
        "urls/0": "https://library.example",
        "urls/1": "https://shop.library.example",
        "custom/0/name": "Reader's number",
        "custom/0/value": "17",
        "custom/0/kind": "string",
        "favorite": True,
        "created_at": 1_700_000_000,
        "password_changed_at": 1_700_000_001,
    },
    conflicts={"username": ("ada", "lovelace")},
    tags=("books",),
    notes="Bring the card.",
)


def exported(*records: ExportedRecord) -> bytes:
    return export_cxf(records, account_id=b"account", exported_at=1_800_000_000).data


def told(record: ImportedRecord) -> dict[str, Scalar]:
    """Return what a record says; `source/original` only tells how the file had said it."""
    fields = {name: value for name, value in record.fields.items() if name != "source/original"}
    return {**fields, **({"notes": record.notes} if record.notes else {})}


def as_exported(record: ImportedRecord, number: int) -> ExportedRecord:
    return ExportedRecord(
        id=f"{number:026}",
        type=record.type,
        fields=record.fields,
        tags=record.tags,
        notes=record.notes,
    )


def test_a_login_comes_back_but_for_what_is_listed() -> None:
    whole = export_cxf([LOGIN], account_id=b"account", exported_at=1)
    record = next(r for r in read_import(whole.data).records if r.type == "login")
    left_out = {item.field for item in whole.left_out}
    assert left_out == {"username", "password_changed_at"}
    assert all(item.record == LOGIN.id for item in whole.left_out)
    expected = {k: v for k, v in LOGIN.fields.items() if k != "password_changed_at"}
    assert expected.items() <= told(record).items()
    assert record.tags == LOGIN.tags
    assert record.notes == LOGIN.notes


@pytest.mark.parametrize("sample", ["cxf-header.json", "cxf-account.json"])
def test_a_published_file_goes_round_without_loss(sample: str) -> None:
    first = read_import((SAMPLES / sample).read_bytes())
    records = [r for r in first.records if r.fields.get("kind") != "import"]
    out = export_cxf(
        [as_exported(record, n) for n, record in enumerate(records)],
        account_id=b"account",
        exported_at=1,
    )
    left_out = {(item.record, item.field) for item in out.left_out}
    again = {
        record.natural_key[2]: record
        for record in read_import(out.data).records
        if record.natural_key is not None and record.fields.get("kind") != "import"
    }
    back = sorted(again.values(), key=lambda record: str(record.natural_key))
    assert len(back) == sum((f"{n:026}", None) not in left_out for n in range(len(records)))
    by_title = {str(record.fields.get("title")): told(record) for record in back}
    for number, record in enumerate(records):
        for name, value in told(record).items():
            if (f"{number:026}", name) not in left_out:
                assert by_title[str(record.fields.get("title"))][name] == value, name


def test_types_that_cxf_does_not_have_are_listed_whole() -> None:
    record = ExportedRecord(id="b" * 26, type="preference", fields={"subject": "diet"})
    out = export_cxf([record], account_id=b"account", exported_at=1)
    assert [(item.record, item.field) for item in out.left_out] == [(record.id, None)]
    assert json.loads(out.data)["accounts"][0]["items"] == []


def test_the_same_records_give_the_same_bytes_in_any_order() -> None:
    other = ExportedRecord(id="c" * 26, type="login", fields={"title": "Bank"})
    assert exported(LOGIN, other) == exported(other, LOGIN)


def test_a_value_of_another_kind_is_listed_and_not_written() -> None:
    odd = ExportedRecord(id="d" * 26, type="login", fields={"password": b"\x00"})
    out = export_cxf([odd], account_id=b"account", exported_at=1)
    assert [item.field for item in out.left_out] == ["password"]
