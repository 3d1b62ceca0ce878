import json
from collections import Counter
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from billfold.exporters import ExportedRecord, export_json
from billfold.formats.cxf_vocabulary import ATTACHED, CREDENTIALS
from billfold.importers import ImportReport, read_import
from billfold_protocol.errors import BillfoldError
from tests.support.examples import examples

TEXT = st.text(max_size=8)
SCALAR = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**70), 2**70),
    st.floats(allow_nan=False, allow_infinity=False),
    TEXT,
    st.sampled_from(
        ["2024-05-01T17:02:11.640Z", "a", "b", -11644473600, 1700000000, 1700000000500]
    ),
)
JSON = st.recursive(
    SCALAR,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=5,
)


def objects(*names: str, **members: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Objects with some of the known members, of the right shape or not, and some unknown ones."""
    known = dict.fromkeys(names, JSON) | {
        name: st.one_of(member, JSON) for name, member in members.items()
    }
    return st.builds(
        lambda unknown, mapped: unknown | mapped,
        st.dictionaries(TEXT, JSON, max_size=2),
        st.fixed_dictionaries({}, optional=known),
    )


def lists(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.lists(st.one_of(inner, SCALAR), max_size=3)


BITWARDEN_ITEM = objects(
    "name",
    "notes",
    "favorite",
    "reprompt",
    "organizationId",
    "creationDate",
    "deletedDate",
    "card",
    "identity",
    id=st.sampled_from(["i1", "i2"]),
    type=st.integers(0, 6),
    folderId=st.sampled_from(["f1", "f2"]),
    collectionIds=st.lists(st.sampled_from(["f1", "f3"]), max_size=2),
    fields=lists(objects("name", "value", "linkedId", type=st.integers(0, 4))),
    passwordHistory=lists(objects("password", "lastUsedDate")),
    secureNote=objects("type"),
    login=objects(
        "username",
        "password",
        "totp",
        "uri",
        uris=lists(objects("uri", "match", "uriChecksum")),
        fido2Credentials=lists(objects("credentialId", "rpId", "counter", "creationDate")),
    ),
).map(lambda item: item if isinstance(item, dict) else {})
CARD = objects("number", "brand", expYear=st.just("2027"), expMonth=st.sampled_from(["4", "x"]))
BITWARDEN = st.builds(
    lambda rest, items, card: {**rest, "encrypted": False, "items": [*items, card]},
    objects(folders=lists(objects(id=st.just("f1"), name=TEXT)), collections=JSON),
    lists(BITWARDEN_ITEM),
    st.builds(lambda card: {"type": 3, "card": card}, CARD),
)

EDITABLE = objects("value", "fieldType", "id", "label", "extensions") | SCALAR
KINDS = sorted(CREDENTIALS) + sorted(ATTACHED)
MEMBERS = sorted({name for kind in CREDENTIALS.values() for name in kind.members})
CREDENTIAL = objects(
    **dict.fromkeys(MEMBERS, EDITABLE),
    type=st.sampled_from(KINDS),
    content=EDITABLE,
    label=TEXT,
    fields=lists(EDITABLE),
    reference=objects("item", "account"),
    urls=lists(TEXT),
)
CXF_ITEM = objects(
    "title",
    "subtitle",
    "favorite",
    "creationAt",
    "extensions",
    id=st.sampled_from(["i1", "i2"]),
    tags=lists(TEXT),
    scope=objects(urls=lists(TEXT), androidApps=lists(objects("bundleId", "name", "certificate"))),
    credentials=lists(CREDENTIAL),
)
COLLECTION = objects(
    "id", title=TEXT, items=lists(objects(item=st.just("i1"))), subCollections=JSON
)
ACCOUNT = st.builds(
    lambda rest, items: {**rest, "items": items, "collections": rest.get("collections")},
    objects("username", "email", "fullName", id=TEXT, collections=lists(COLLECTION)),
    lists(CXF_ITEM),
)
HEADER = st.builds(
    lambda rest, accounts: {**rest, "accounts": accounts},
    objects("exporterRpId", "exporterDisplayName", "timestamp", version=objects("major", "minor")),
    lists(ACCOUNT),
)


def leaves(value: Any) -> set[tuple[str, Any]]:
    """The scalars of a JSON value that carry something, each with its type."""
    match value:
        case dict():
            return set().union(*map(leaves, value.values()))
        case list():
            return set().union(*map(leaves, value))
        case None | "":
            return set()
        case _:
            return {(type(value).__name__, value)}


def imported_leaves(report: ImportReport) -> set[tuple[str, Any]]:
    found: set[tuple[str, Any]] = set()
    for record in report.records:
        for name, value in record.fields.items():
            found |= leaves(value)
            if name.startswith("source/"):
                found |= leaves(json.loads(str(value)))
        found |= leaves([*record.tags, record.notes])
    return found


def assert_nothing_is_lost(export: dict[str, Any]) -> None:
    report = read_import(json.dumps(export).encode())
    assert report.refused == ()
    expected = leaves({name: export[name] for name in export if name != "encrypted"})
    assert expected - imported_leaves(report) == set()
    keys = Counter((record.type, record.natural_key) for record in report.records)
    assert set(keys.values()) <= {1}
    places = {entry.kept_as for entry in report.unmapped}
    assert places <= {name for record in report.records for name in record.fields}


@settings(max_examples=examples(60))
@given(BITWARDEN)
def test_nothing_of_a_bitwarden_export_is_lost(export: dict[str, Any]) -> None:
    assert_nothing_is_lost(export)


@settings(max_examples=examples(60))
@given(st.one_of(HEADER, ACCOUNT))
def test_nothing_of_a_cxf_file_is_lost(export: dict[str, Any]) -> None:
    assert_nothing_is_lost(export)


FIELD = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**63), 2**63 - 1),
    st.floats(allow_nan=False),
    st.text(),
    st.binary(max_size=20),
)
FIELD_NAME = st.from_regex(r"[a-z][a-z0-9_.:/-]{0,20}", fullmatch=True).filter(
    lambda name: name != "type" and not name.startswith(("tags/", "notes/", "source/"))
)


@settings(max_examples=examples(50))
@given(
    st.dictionaries(
        st.from_regex(r"[0-9a-f]{4}", fullmatch=True),
        st.tuples(
            st.dictionaries(FIELD_NAME, FIELD, max_size=5),
            st.lists(st.text(min_size=1, max_size=9), unique=True, max_size=3),
            st.none() | st.text(),
        ),
        max_size=4,
    )
)
def test_what_is_exported_comes_back(wallet: dict[str, Any]) -> None:
    records = [
        ExportedRecord(id=key, type="login", fields=fields, tags=tuple(tags), notes=notes)
        for key, (fields, tags, notes) in wallet.items()
    ]
    report = read_import(export_json(records))
    assert (report.unmapped, report.refused) == ((), ())
    back = {record.record_id: record for record in report.records}
    assert back.keys() == wallet.keys()
    for key, (fields, tags, notes) in wallet.items():
        assert dict(back[key].fields) == fields
        assert list(map(type, back[key].fields.values())) == [
            type(fields[name]) for name in sorted(fields)
        ]
        assert (list(back[key].tags), back[key].notes) == (sorted(tags), notes)


@settings(max_examples=examples(150))
@given(st.one_of(st.binary(max_size=200), JSON.map(lambda value: json.dumps(value).encode())))
def test_any_bytes_give_a_report_or_one_of_our_errors(data: bytes) -> None:
    try:
        message = read_import(data).format
    except BillfoldError as error:
        message = str(error)
    assert message
