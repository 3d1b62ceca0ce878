import json
import math

import pytest

from billfold.exporters import ExportedRecord, Scalar, export_json
from billfold.importers import read_import
from billfold_protocol.errors import InputError, Malformed, UpdateNeeded

LOGIN = ExportedRecord(
    id="0f",
    type="login",
    fields={
        "title": "Mail",
        "password": "not-a-real-password",
        "count": 3,
        "share": 0.5,
        "whole": 2.0,
        "favorite": True,
        "nothing": None,
        "empty": "",
        "key": b"\x00\xff",
        "odd": math.inf,
        "source/original": '{"type":1}',
    },
    conflicts={"password": ("not-a-real-password", "another"), "key": (b"\x01", None)},
    tags=("home", "a/b"),
    notes="One line.\nTwo lines.",
)


def read_records(*records: object, **members: object) -> bytes:
    whole = {"format": "billfold-export", "version": 1, "records": records, **members}
    return json.dumps(whole).encode()


def test_an_exported_record_comes_back_with_everything() -> None:
    report = read_import(export_json([LOGIN]))
    (record,) = report.records
    fields = dict(record.fields)
    conflicts = {name: fields.pop(name) for name in list(fields) if "conflicts" in name}
    assert fields == LOGIN.fields
    assert [type(fields[name]) for name in LOGIN.fields] == list(map(type, LOGIN.fields.values()))
    assert conflicts == {
        "source/conflicts.password": '["not-a-real-password","another"]',
        "source/conflicts.key": '[{"base64":"AQ=="},null]',
    }
    assert (record.type, record.record_id) == ("login", "0f")
    assert record.natural_key == ("billfold", "0f")
    assert (set(record.tags), record.notes, record.label) == (set(LOGIN.tags), LOGIN.notes, "Mail")
    assert {entry.kept_as for entry in report.unmapped} == conflicts.keys()
    assert report.refused == ()


def test_the_same_records_in_any_order_give_the_same_bytes() -> None:
    other = ExportedRecord(id="01", type="note", fields={})
    assert export_json([LOGIN, other]) == export_json([other, LOGIN])
    document = json.loads(export_json([LOGIN, other]))
    assert document["format"] == "billfold-export"
    assert document["version"] == 1
    assert [record["id"] for record in document["records"]] == ["01", "0f"]
    assert document["records"][1]["fields"]["key"] == {"base64": "AP8="}


def test_a_number_that_json_cannot_write_comes_back() -> None:
    record = ExportedRecord(id="1", type="x", fields={"nan": math.nan, "low": -math.inf})
    fields = read_import(export_json([record])).records[0].fields
    assert math.isnan(float(str(fields["nan"])))
    assert fields["low"] == -math.inf


def test_two_records_of_one_id_are_not_exported() -> None:
    with pytest.raises(InputError, match="twice"):
        export_json([LOGIN, LOGIN])


def test_text_that_is_no_unicode_is_not_exported() -> None:
    with pytest.raises(InputError, match="Unicode"):
        export_json([ExportedRecord(id="1", type="x", fields={"a": "\ud800"})])


def test_a_long_record_comes_back_whole() -> None:
    fields: dict[str, Scalar] = {f"claims/{number}": "x" * 100 for number in range(2_000)}
    fields["raw"] = "y" * 100_000
    record = ExportedRecord(id="1", type="credential", fields=fields, notes="z" * 100_000)
    report = read_import(export_json([record]))
    assert report.records[0].fields == fields
    assert report.records[0].notes == record.notes
    assert report.refused == ()


def test_a_conflict_does_not_take_the_place_of_a_field() -> None:
    fields: dict[str, Scalar] = {"source/conflicts.a": "from an earlier import", "a": 1}
    record = ExportedRecord(id="1", type="x", fields=fields, conflicts={"a": (1, 2)})
    (entry,) = read_import(export_json([record])).unmapped
    assert entry.kept_as == "source/conflicts.a:2"


def test_an_export_of_a_newer_version_asks_for_an_update() -> None:
    with pytest.raises(UpdateNeeded, match="update Billfold"):
        read_import(read_records(version=2))


@pytest.mark.parametrize("members", [{"version": None}, {"version": True}, {"records": {}}])
def test_an_export_without_version_or_records_is_malformed(members: dict[str, object]) -> None:
    with pytest.raises(Malformed):
        read_import(read_records(**members))


def test_what_no_export_has_is_refused_or_kept() -> None:
    report = read_import(
        read_records(
            7,
            {"type": "login"},
            {"id": "1", "type": "No Type"},
            {
                "id": "2",
                "type": "login",
                "fields": {
                    "type": "key",
                    "tags/a": True,
                    "": 1,
                    "x" * 129: 1,
                    "list": [1],
                    "half": {"base64": "A"},
                    "large": 2**63,
                },
                "tags": [1, "ok"],
                "notes": 5,
                "colour": "red",
            },
            owner="me",
        )
    )
    (record,) = report.records
    assert record.tags == ("ok",)
    assert record.notes is None
    assert dict(record.fields) == {
        "source/fields.list": "[1]",
        "source/fields.half": '{"base64":"A"}',
        "source/fields.large": str(2**63),
        "source/tags.0": "1",
        "source/notes": "5",
        "source/colour": '"red"',
    }
    assert len(report.unmapped) == 6
    assert [entry.where for entry in report.refused][:4] == [
        "owner",
        "records[0]",
        "records[1]",
        "records[2].type",
    ]
    assert len(report.refused) == 8
