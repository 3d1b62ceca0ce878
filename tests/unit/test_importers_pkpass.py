import io
import json
import zipfile
from typing import Any

import pytest

from billfold.document import parse_issuer_fact
from billfold.importers import ImportReport, read_import
from billfold_protocol.errors import LimitExceeded, Malformed

PASS: dict[str, Any] = {
    "formatVersion": 1,
    "passTypeIdentifier": "pass.example.coffee",
    "serialNumber": "17",
    "teamIdentifier": "TEAM",
    "organizationName": "Coffee",
    "description": "Stamps",
    "voided": False,
    "barcodes": [{"message": "17", "format": "PKBarcodeFormatQR", "messageEncoding": "utf-8"}],
    "storeCard": {
        "primaryFields": [{"key": "balance", "label": "Balance", "value": 12.5}],
        "backFields": [{"key": "terms", "value": "None."}, {"label": "no key"}],
    },
    "beacons": [{"major": 3}],
}


def zipped(**members: bytes) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as files:
        for name, data in members.items():
            info = zipfile.ZipInfo(name.replace("__", "."), (2024, 5, 1, 10, 0, 0))
            info.compress_type = zipfile.ZIP_DEFLATED
            files.writestr(info, data)
    return file.getvalue()


def pkpass(value: Any = PASS, **members: bytes) -> bytes:
    return zipped(pass__json=json.dumps(value).encode(), **members)


def read(data: bytes) -> ImportReport:
    return read_import(data)


def test_a_pass_becomes_a_record_with_its_issuers_facts() -> None:
    report = read(pkpass(icon__png=b"x", manifest__json=b"{}", signature=b""))
    (record,) = report.records
    assert record.natural_key == ("17", "pass.example.coffee")
    assert record.label == "Stamps"
    assert record.fields["barcode/message"] == "17"
    assert record.fields["style"] == "storeCard"
    balance = parse_issuer_fact(record.fields["fields/balance"])
    assert balance is not None
    assert (balance.value, balance.time_s) == (12.5, 1_714_557_600)
    voided = parse_issuer_fact(record.fields["voided"])
    assert voided is not None
    assert voided.value is False
    assert record.fields["labels/balance"] == "Balance"
    kept = {item.kept_as for item in report.unmapped}
    assert "source/beacons" in kept
    assert "nothing" in kept


def test_a_file_of_passes_gives_each_of_them() -> None:
    other = {**PASS, "serialNumber": "18"}
    both = zipped(a__pkpass=pkpass(), b__pkpass=pkpass(other), c__pkpass=b"PK\x03\x04 not really")
    report = read(both)
    assert [record.natural_key for record in report.records] == [
        ("17", "pass.example.coffee"),
        ("18", "pass.example.coffee"),
    ]
    assert len(report.refused) == 1


@pytest.mark.parametrize(
    "data",
    [
        b"PK\x03\x04 but nothing more",
        zipped(readme__txt=b"hello"),
        zipped(pass__json=b"[]"),
        zipped(pass__json=b"{broken"),
        pkpass()[:-30],
    ],
)
def test_what_is_no_pass_is_refused(data: bytes) -> None:
    with pytest.raises(Malformed):
        read(data)


def test_a_pass_that_inflates_without_end_is_refused() -> None:
    with pytest.raises(LimitExceeded):
        read(zipped(pass__json=b" " * (8 << 20)))
    with pytest.raises(LimitExceeded):
        read(zipped(**{f"f{n}": b"" for n in range(1_100)}))
