import json
from base64 import urlsafe_b64encode

import pytest

from billfold.exporters import ExportedRecord, export_ts10, export_ts10_plain
from billfold.formats.sealed_json import open_json, seal_json
from billfold.importers import ImportedRecord, read_import
from billfold_protocol.errors import InputError, Malformed, UnlockFailed

PASSWORD = "not a real password"

# As the specification's own example has it: a name before the brace, a comma too many, texts for
# booleans, and no member around what a presentation has.
EXAMPLE = """
MigrationData:
{
  "transactionLog": [
    {
      "interactingPartyIdentifier": {"type": "http://id.example/EUID", "identifier": "PL.17"},
      "interactingPartyName": "ABC Services",
      "interactingPartyContact": ["PL", "info@abc.example"],
      "isIntermediary": "FALSE",
      "purpose": [{"lang": "en-EN", "content": "to register, [maybe]",}],
      "listOfClaimsRequested": [
        {"credentialIdentifier": "urn:eudi:pid:de:1", "claims": ["name", "address"]},
        {"credentialIdentifier": "urn:eudi:ehic:1", "claims": ["name"]}
      ],
      "listOfClaimsPresented": [],
      "transactionIdentifier": "346354209358604",
      "time": "2025-07-29T09:11:20",
      "transactionType": "Presentation",
      "transactionResult": "Completed",
    },
  ],
  "listOfCredentials": [
    {"credentialIdentifier": "urn:eudi:pid:de:1", "format": "dc+sd-jwt",
     "issuerName": "ABC Issuer", "supplyPointURL": "https://issuer.example/"}
  ],
  "nonDeviceBoundCredentials": [{"format": "mso_mdoc", "credential": "omppc3N1ZXJBdXRo"}]
}
"""


def records_of(data: bytes) -> dict[str, ImportedRecord]:
    return {record.type: record for record in read_import(data).records}


def as_exported(record: ImportedRecord) -> ExportedRecord:
    key = "".join(record.natural_key or ())
    return ExportedRecord(id=f"{key}{record.type}", type=record.type, fields=record.fields)


def test_the_published_example_is_read_though_it_is_no_json() -> None:
    records = records_of(EXAMPLE.encode())
    activity = records["activity"]
    assert activity.natural_key == ("346354209358604",)
    assert activity.fields["time"] == 1_753_780_280
    assert activity.fields["is_intermediary"] is False
    assert activity.fields["claims_requested/address"] == "urn:eudi:pid:de:1"
    assert activity.fields["claims_requested/name:2"] == "urn:eudi:ehic:1"
    assert json.loads(str(activity.fields["interacting_party_identifier"]))["identifier"] == "PL.17"
    assert "to register, [maybe]" in str(activity.fields["purpose"])
    assert records["document"].fields["kind"] == "credential-to-request"
    assert records["document"].fields["credential_issuer"] == "https://issuer.example/"
    assert records["credential"].fields["raw"] == "omppc3N1ZXJBdXRo"


def test_what_was_read_goes_round_and_the_rest_is_listed() -> None:
    first = read_import(EXAMPLE.encode())
    preference = ExportedRecord(id="p", type="preference", fields={"subject": "diet"})
    out = export_ts10_plain([*map(as_exported, first.records), preference])
    left_out = {(item.record, item.field) for item in out.left_out}
    assert ("p", None) in left_out
    again = {record.natural_key: record for record in read_import(out.data).records}
    for record in first.records:
        if record.type == "document":
            continue  # Its key is the hash of how the file has it.
        back = again[record.natural_key]
        listed = {field for id_, field in left_out if id_ == as_exported(record).id}
        assert not listed
        for name, value in record.fields.items():
            assert back.fields[name] == value or name == "source/original"
    documents = [record for record in again.values() if record.type == "document"]
    assert [record.fields["vct"] for record in documents] == ["urn:eudi:pid:de:1"]


def test_a_credential_bound_to_a_device_is_listed_without_its_claims() -> None:
    bound = ExportedRecord(
        id="c",
        type="credential",
        fields={
            "binding": "device",
            "raw": "secret~",
            "vct": "urn:eudi:pid:de:1",
            "claims/name": "Ada",
            "issuer_name": "ABC",
        },
    )
    out = export_ts10_plain([bound])
    assert b"Ada" not in out.data
    assert b"secret" not in out.data
    (listed,) = json.loads(out.data)["listOfCredentials"]
    assert listed == {"credentialIdentifier": "urn:eudi:pid:de:1", "issuerName": "ABC"}
    assert {item.field for item in out.left_out} == {"raw", "claims/name"}


def test_details_stand_under_the_member_of_their_kind() -> None:
    activity = ExportedRecord(
        id="a",
        type="activity",
        fields={
            "transaction_identifier": "1",
            "time": 0,
            "transaction_type": "DPAReport",
            "transaction_result": "Completed",
            "dpa_name": "UODO",
            "number": 3,
        },
    )
    out = export_ts10_plain([activity])
    (one,) = json.loads(out.data)["transactionLog"]
    assert one["dpaReport"] == {"dpaName": "UODO"}
    assert one["time"] == "1970-01-01T00:00:00"
    assert [item.field for item in out.left_out] == ["number"]


def test_the_object_is_sealed_and_opens_with_its_password_only() -> None:
    sealed = export_ts10([], PASSWORD).data
    assert b"transactionLog" not in sealed
    assert read_import(sealed, password=PASSWORD).records == ()
    with pytest.raises(InputError, match="sealed with a password"):
        read_import(sealed)
    with pytest.raises(UnlockFailed):
        read_import(sealed, password="another")
    with pytest.raises(InputError):
        export_ts10([], "")
    with pytest.raises(UnlockFailed):
        read_import(sealed, password="")


@pytest.mark.parametrize("place", [0, 2, 3, 4])
def test_a_sealed_object_with_a_changed_part_is_refused(place: int) -> None:
    parts = seal_json(b"{}", PASSWORD).decode().split(".")
    parts[place] = ("A" if parts[place][0] != "A" else "B") + parts[place][1:]
    with pytest.raises((Malformed, UnlockFailed)):
        open_json(".".join(parts), PASSWORD)


def test_other_algorithms_and_more_rounds_are_refused() -> None:
    for header in (
        {"alg": "dir", "enc": "A128GCM"},
        {"alg": "PBES2-HS256+A128KW", "enc": "A256GCM", "p2c": 1000, "p2s": "AAAA"},
        {"alg": "PBES2-HS256+A128KW", "enc": "A128GCM", "p2c": 10**9, "p2s": "AAAA"},
    ):
        first = urlsafe_b64encode(json.dumps(header).encode()).rstrip(b"=").decode()
        with pytest.raises(Malformed, match="sealed in a way"):
            open_json(f"{first}.AAAA.AAAA.AAAA.AAAA", PASSWORD)


def test_a_transaction_without_a_time_is_reported() -> None:
    report = read_import(b'[{"transactionIdentifier": "1", "time": "soon"}, 7]')
    assert report.records == ()
    where = [item.where for item in report.refused]
    assert where == ["transactionLog[0].time", "transactionLog[0]", "transactionLog[1]"]


def test_what_a_log_has_that_is_not_known_is_left_out_and_told() -> None:
    one = {"transactionIdentifier": "1", "time": "2025-07-29T09:11:20", "height": 180}
    report = read_import(json.dumps([one]).encode())
    assert not [name for name in report.records[0].fields if name.startswith("source/")]
    assert [item.where for item in report.refused] == ["transactionLog[0].height"]


def test_a_whole_sd_jwt_that_is_broken_is_reported_and_the_rest_is_read() -> None:
    whole = {
        "nonDeviceBoundCredentials": [
            {"format": "dc+sd-jwt", "credential": "eyJ.x~"},
            {"format": "dc+sd-jwt"},
            {"format": "mso_mdoc", "credential": "AAAA"},
        ]
    }
    report = read_import(json.dumps(whole).encode())
    assert [record.type for record in report.records] == ["credential"]
    assert len(report.refused) == 2
