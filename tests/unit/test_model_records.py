import pytest

from billfold.document import Document, FieldEdit, MergeKind, Scalar, random_record_id
from billfold.model import (
    Credential,
    Login,
    Preference,
    Relationship,
    credential_key,
    relationship_key,
    tag_field,
    tags_of,
    wallet_merge_kinds,
)
from billfold_protocol.errors import InputError

LAPTOP = b"feed of laptop 1"
PHONE = b"feed of phone 01"
RECORD = random_record_id(bytes(16))


def document_with(**fields: Scalar) -> Document:
    document = Document(LAPTOP, wallet_merge_kinds)
    document.change([FieldEdit(RECORD, name, value) for name, value in fields.items()], time_ms=0)
    return document


def test_a_credential_gives_its_fields_names_and_types() -> None:
    fields: dict[str, Scalar] = {
        "type": "credential",
        "format": "dc+sd-jwt",
        "issuer": "https://issuer.example",
        "vct": "pid",
        "raw": "eyJ~",
        "issued_at": 5,
        "expires_at": True,
        "claims/age": 30,
    }
    view = Credential(document_with(**fields).record(RECORD))
    assert (view.format, view.issuer, view.vct, view.raw) == (
        "dc+sd-jwt",
        "https://issuer.example",
        "pid",
        "eyJ~",
    )
    # A value of another type, here a truth value for a time, reads as none.
    assert (view.issued_at, view.expires_at, view.claims) == (5, None, {"age": 30})


def test_a_login_lists_its_addresses_in_order() -> None:
    fields: dict[str, Scalar] = {
        "type": "login",
        "username": "ada",
        "urls/10": "c",
        "urls/2": "b",
        "urls/2/match": 1,
        "urls/0": "a",
    }
    view = Login(document_with(**fields).record(RECORD))
    assert (view.username, view.password, view.title) == ("ada", None, None)
    assert view.urls == ("a", "b", "c")


def test_a_relationship_names_its_organisation() -> None:
    fields: dict[str, Scalar] = {"type": "relationship", "organisation": "acme", "name": "Acme"}
    view = Relationship(document_with(**fields).record(RECORD))
    assert (view.organisation, view.name) == ("acme", "Acme")


def test_a_preference_keeps_all_that_two_devices_said() -> None:
    laptop = document_with(type="preference", subject="diet")
    phone = Document.load(laptop.save(), actor=PHONE, merge_kinds=wallet_merge_kinds)
    laptop.change([FieldEdit(RECORD, "statement", "vegan")], time_ms=0)
    change = phone.change([FieldEdit(RECORD, "statement", "no nuts")], time_ms=0)
    assert change is not None
    laptop.apply([change.raw])
    view = Preference(laptop.record(RECORD))
    assert view.subject == "diet"
    assert set(view.statements) == {"vegan", "no nuts"}
    assert view.statement == view.statements[0]
    assert list(view.record.conflicts) == ["statement"]


def test_tags_that_look_alike_are_one_tag() -> None:
    assert tag_field(" cafe\u0301 ") == tag_field("caf\u00e9")
    document = document_with(**{tag_field("b"): True, tag_field("a"): True, tag_field("c"): False})
    assert tags_of(document.record(RECORD)) == ("a", "b")


@pytest.mark.parametrize("field", ["raw", "issuer", "format", "vct", "type"])
def test_what_an_issuer_signed_is_not_edited(field: str) -> None:
    fields: dict[str, Scalar] = {"type": "credential", field: "credential"}
    document = document_with(**fields)
    with pytest.raises(InputError):
        document.change([FieldEdit(RECORD, field, "other")], time_ms=0)


@pytest.mark.parametrize(
    ("record_type", "field", "kind"),
    [
        ("credential", "raw", MergeKind.IMMUTABLE),
        ("login", "raw", MergeKind.MULTI_VALUE),
        ("login", "password", MergeKind.MULTI_VALUE),
        ("preference", "statement", MergeKind.MULTI_VALUE),
        ("login", "favorite", MergeKind.LAST_WRITER),
        (None, "favorite", MergeKind.LAST_WRITER),
        (None, "anything", MergeKind.MULTI_VALUE),
        ("of a later version", "trashed", MergeKind.LAST_WRITER),
        ("of a later version", "purged", MergeKind.MONOTONE),
        ("login", "tags/red", MergeKind.ADD_WINS),
    ],
)
def test_fields_merge_by_their_kind(record_type: str | None, field: str, kind: MergeKind) -> None:
    assert wallet_merge_kinds(record_type, field) is kind


def test_natural_keys_tell_things_apart() -> None:
    assert credential_key("issuer", serial="5") == ("issuer", "5")
    assert credential_key("issuer", raw=b"a") != credential_key("issuer", raw=b"b")
    assert relationship_key("acme") == ("acme",)
