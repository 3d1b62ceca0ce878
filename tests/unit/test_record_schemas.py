"""The schemas by a validator of others, against what importers and the typed API make."""

import base64
import json
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from billfold.document import IssuerFact, Scalar
from billfold.importers import ImportedRecord, read_import
from billfold.model import RECORD_TYPES, Input, check_fields, check_new
from billfold_protocol.errors import InputError
from specs.vectors.record_tables import SCHEMAS

SAMPLES = Path(__file__).parents[1] / "support" / "samples"
FILES = [
    "bitwarden-export.json",
    "cxf-account.json",
    "cxf-header.json",
    *(f"sd-jwt/{name}/sd_jwt_issuance.txt" for name in ("arf-pid", "pid-03", "w3c-vc", "simple")),
]
FIELDS: dict[str, dict[str, Input]] = {
    "credential": {
        "raw": b"signed",
        "claims/age": 30,
        "status": IssuerFact(value="valid", time_s=5),
        "binding": "device",
        "one_time": True,
        "uses/aa/1/bb": "https://bank.example",
    },
    "key": {"kind": "ssh-key", "revoked": True},
    "relationship": {"organisation": "https://acme.example", "closed": False},
    "message": {"message_id": "1", "from": "acme", "body": "{}", "state": "read"},
    "agreement": {"identifier": "1", "given": True, "purposes/dpv:ServiceProvision": True},
    "activity": {
        "transaction_identifier": "1",
        "time": 1,
        "transaction_type": "Presentation",
        "transaction_result": "Completed",
        "claims_presented/age_over_18": "urn:eudi:pid:1",
    },
    "preference": {"subject": "diet", "statement": None, "tags/food": True},
    "intent": {"item": "a bicycle", "price_max": 500, "state": "open"},
    "pass": {"serial_number": "1", "balance": IssuerFact(value=12.5, time_s=5)},
    "payment": {"kind": "credit-card", "number": "4111111111111111"},
    "login": {"username": "ada", "urls/0": "https://library.example", "urls/0/match": 1},
    "document": {"kind": "passport", "original": True},
    "agent_grant": {"agent": "aa", "actions/read": True, "revoked": False},
    "pseudonym": {"value": "key", "alias": "reader"},
    "setting": {"name": "theme", "value": "dark"},
    "person": {"role": "self", "given_name": "Ada"},
}


@cache
def validator(record_type: str) -> Draft202012Validator:
    schema = json.loads((SCHEMAS / f"{record_type}.json").read_text())
    Draft202012Validator.check_schema(schema)
    return Draft202012Validator(schema)


def as_json(record_type: str, fields: dict[str, Scalar]) -> dict[str, Any]:
    """Return a record as page 40 §11 exports its fields, with its type."""
    encoded = {
        name: {"base64": base64.b64encode(value).decode()} if isinstance(value, bytes) else value
        for name, value in fields.items()
    }
    return {"type": record_type, **encoded}


def faults(record_type: str, fields: dict[str, Scalar]) -> list[str]:
    found = validator(record_type).iter_errors(as_json(record_type, fields))
    return [error.message for error in found]


@pytest.mark.parametrize("record_type", RECORD_TYPES)
def test_what_can_be_added_is_what_the_schema_allows(record_type: str) -> None:
    checked = check_new(record_type, FIELDS[record_type])
    assert faults(record_type, dict(checked.fields)) == []


@pytest.mark.parametrize("record_type", RECORD_TYPES)
def test_what_is_refused_is_what_the_schema_refuses(record_type: str) -> None:
    known = RECORD_TYPES[record_type]
    fields = dict(check_new(record_type, FIELDS[record_type]).fields)
    for name in (field.name for field in known.fields.values() if field.is_required):
        without = {one: value for one, value in fields.items() if one != name}
        assert faults(record_type, without)
        with pytest.raises(InputError):
            check_new(record_type, without)
    for name, value in fields.items():
        wrong: Scalar = "text" if not isinstance(value, str | bytes) else 5
        try:
            check_fields(record_type, {name: wrong})
        except InputError:
            assert faults(record_type, fields | {name: wrong}), name
        else:
            assert not faults(record_type, fields | {name: wrong}), name


@pytest.mark.parametrize("file", FILES)
def test_what_importers_make_of_real_files_fits_the_tables(file: str) -> None:
    report = read_import((SAMPLES / file).read_bytes(), name=file)
    assert report.records
    for record in report.records:
        assert check_fields(record.type, record.fields) == dict(record.fields)
        assert faults(record.type, dict(record.fields)) == []


def test_a_published_pid_becomes_a_credential_under_one_key() -> None:
    data = (SAMPLES / "sd-jwt" / "arf-pid" / "sd_jwt_issuance.txt").read_bytes()
    (record,) = read_import(data, name="pid").records
    assert isinstance(record, ImportedRecord)
    checked = check_new("credential", record.fields)
    assert checked.fields["raw"] == data.decode().strip()
    # Added by its type or imported as a file, it is one record.
    assert checked.natural_key == record.natural_key
    assert any(name.startswith("claims/") for name in checked.fields)
