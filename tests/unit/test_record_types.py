import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from billfold.document import (
    Document,
    FieldEdit,
    IssuerFact,
    MergeKind,
    RemoveField,
    Scalar,
    random_record_id,
)
from billfold.keyring import KeyCallback
from billfold.model import (
    COMMON_FIELDS,
    RECORD_TYPES,
    Credential,
    Input,
    Login,
    Message,
    Pass,
    check_new,
    field_of,
    wallet_merge_kinds,
)
from billfold.wallet import Wallet
from billfold_protocol.errors import InputError, NotFound
from specs.vectors import record_tables

SD_JWT = Path(__file__).parents[1] / "support" / "samples" / "sd-jwt"
KEY = KeyCallback(lambda: bytes(32))
RECORD = random_record_id(bytes(16))
TYPES = """credential key relationship message agreement activity preference intent pass payment
login document agent_grant pseudonym setting person"""


@pytest.fixture
async def wallet(tmp_path: Path) -> AsyncIterator[Wallet]:
    async with await Wallet.create(tmp_path / "wallet", unlock=KEY) as made:
        yield made


def test_the_tables_and_the_schemas_are_what_the_model_says() -> None:
    assert record_tables.stale() == []


def test_every_promised_type_is_there() -> None:
    assert list(RECORD_TYPES) == TYPES.split()


@pytest.mark.parametrize("name", RECORD_TYPES)
def test_a_type_says_what_each_of_its_fields_is(name: str) -> None:
    record_type = RECORD_TYPES[name]
    assert record_type.fields
    assert record_type.description.endswith(".")
    common = {field.name for field in COMMON_FIELDS}
    assert not common & record_type.fields.keys()
    for field in record_type.fields.values():
        assert field.description
        assert field_of(name, field.name.replace("*", "any")) is field
        assert wallet_merge_kinds(name, field.name) == field.merge


def test_a_schema_lists_the_fields_of_its_type() -> None:
    for name, record_type in RECORD_TYPES.items():
        schema = json.loads((record_tables.SCHEMAS / f"{name}.json").read_text())
        assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
        plain = [field for field in record_type.fields if "*" not in field]
        assert set(plain) <= schema["properties"].keys()
        groups = len(record_type.fields) - len(plain)
        own = len(schema["patternProperties"]) - len([f for f in COMMON_FIELDS if f.is_group])
        assert own == groups


async def test_a_login_is_added_read_found_and_changed(wallet: Wallet) -> None:
    made = await wallet.logins.add(
        {"urls/0": "https://library.example"}, title="Library", username="ada", tags=["city"]
    )
    assert (made.title, made.username, made.urls) == (
        "Library",
        "ada",
        ("https://library.example",),
    )
    assert [login.username for login in wallet.logins] == ["ada"]
    assert wallet.logins.find(title="Library")[0] == made
    assert wallet.logins.find(title="Bank") == []
    changed = await wallet.logins.update(made.record.id, username="ada.l")
    assert changed.username == wallet.typed(Login).get(made.record.id).username == "ada.l"
    with pytest.raises(NotFound, match="there is no preference"):
        wallet.preferences.get(made.record.id)


async def test_a_preference_that_is_added_again_is_the_same_preference(wallet: Wallet) -> None:
    first = await wallet.preferences.add(subject="diet", statement="vegetarian")
    again = await wallet.preferences.add(subject="diet", statement="vegan")
    at_work = await wallet.preferences.add(subject="diet", statement="none", scope="canteen")
    assert first.record.id == again.record.id != at_work.record.id
    assert again.statements == ("vegan",)


async def test_what_a_later_version_wrote_is_kept_and_shown(wallet: Wallet) -> None:
    made = await wallet.logins.add({"orbit/of": "later", "title": "Library"})
    assert made.record.fields["orbit/of"].value == "later"
    async with wallet.edit() as edit:
        record = edit.add_checked("hologram", {"depth": 3})
    assert wallet.record(record).fields["depth"].value == 3


@pytest.mark.parametrize(
    ("record_type", "fields", "message"),
    [
        ("login", {"password": 5}, "the field 'password' of a login is a text"),
        ("login", {"urls/0": True}, "the field 'urls/0' of a login is a text"),
        ("login", {"password:2": 5}, "the field 'password:2' of a login is a text"),
        ("login", {"type": "login"}, "the field 'type' is not set like others"),
        ("login", {"favorite": "yes"}, "the field 'favorite' of a login is true or false"),
        ("credential", {}, "a credential needs the field 'raw'"),
        ("credential", {"raw": "x", "issued_at": 1.5}, "is a time in whole seconds since 1970"),
        ("credential", {"raw": "x", "status": "valid"}, "is an issuer's fact"),
        ("credential", {"raw": "x", "binding": "tattoo"}, "one of none, claims, software, device"),
        ("message", {"state": "eaten"}, "is one of received, read, answered"),
        ("relationship", {"name": "Acme"}, "needs the field 'organisation'"),
        ("preference", {"subject": ""}, "needs the field 'subject'"),
        ("", {}, "a record needs a type"),
    ],
)
def test_a_field_that_cannot_hold_its_value_is_named(
    record_type: str, fields: dict[str, Input], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        check_new(record_type, fields)


def test_a_published_credential_is_one_record_however_much_of_it_is_disclosed() -> None:
    folder = SD_JWT / "simple_structured"
    issued, shown = (
        (folder / f"sd_jwt_{kind}.txt").read_text().strip() for kind in ("issuance", "presentation")
    )
    one, other = (
        check_new(
            "credential", {"raw": raw, "issuer": "https://issuer.example", "format": "sd-jwt"}
        )
        for raw in (issued, shown)
    )
    assert issued != shown
    assert one.fields["raw"] == issued
    assert one.natural_key == other.natural_key


def document_with(**fields: Scalar) -> Document:
    document = Document(bytes(16), wallet_merge_kinds)
    document.change([FieldEdit(RECORD, name, value) for name, value in fields.items()], time_ms=0)
    return document


def test_what_an_issuer_said_earlier_does_not_replace_what_it_said_later() -> None:
    later, earlier = IssuerFact(value=7, time_s=200), IssuerFact(value=9, time_s=100)
    document = document_with(type="pass", stamps=later.encode())
    assert document.change([FieldEdit(RECORD, "stamps", earlier.encode())], time_ms=0) is None
    assert Pass(document.record(RECORD)).stamps == later
    with pytest.raises(InputError, match="what its issuer says"):
        document.change([FieldEdit(RECORD, "stamps", "8")], time_ms=0)
    with pytest.raises(InputError, match="stays once it is set"):
        document.change([RemoveField(RECORD, "stamps")], time_ms=0)


@pytest.mark.parametrize("text", ["", "5", "x 1", "01 1", "1 {}", "1 NaN", "1 [", "9" * 13 + " 1"])
def test_a_text_that_is_no_issuers_fact_reads_as_none(text: str) -> None:
    document = Document(bytes(16))
    edits = [FieldEdit(RECORD, "type", "pass"), FieldEdit(RECORD, "stamps", text)]
    document.change(edits, time_ms=0)
    assert Pass(document.record(RECORD)).stamps is None


def test_the_state_of_a_message_only_rises() -> None:
    document = document_with(type="message", state="read")
    assert document.change([FieldEdit(RECORD, "state", "received")], time_ms=0) is None
    document.change([FieldEdit(RECORD, "state", "answered")], time_ms=0)
    assert Message(document.record(RECORD)).state == "answered"
    with pytest.raises(InputError, match="one of received, read, answered"):
        document.change([FieldEdit(RECORD, "state", "lost")], time_ms=0)


def test_what_an_issuer_signed_stays_byte_for_byte() -> None:
    document = document_with(type="credential", raw=b"signed")
    with pytest.raises(InputError):
        document.change([FieldEdit(RECORD, "raw", b"Signed")], time_ms=0)
    with pytest.raises(InputError):
        document.change([RemoveField(RECORD, "raw")], time_ms=0)
    assert Credential(document.record(RECORD)).raw == b"signed"


def test_a_use_is_never_taken_back() -> None:
    document = document_with(**{"type": "credential", "uses/1": "verifier"})
    with pytest.raises(InputError):
        document.change([RemoveField(RECORD, "uses/1")], time_ms=0)
    assert wallet_merge_kinds("credential", "uses/1") is MergeKind.GROW_ONLY
