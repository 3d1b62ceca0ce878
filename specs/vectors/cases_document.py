"""Vectors of the wallet document: names, values, states.

What is hashed for a state is written down from the values that are expected, not from the code.

Spec: 40-wallet-document.md
"""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from billfold.document import (
    Change,
    Document,
    Edit,
    EditText,
    FieldEdit,
    Purge,
    RemoveField,
    Restore,
    Scalar,
    Trash,
    random_record_id,
    record_id,
)
from billfold.document.identifiers import change_tag, field_key, note_key
from billfold.editing import natural_key_text
from billfold.importers.field_names import Path, field_name
from billfold_protocol.ids import FeedId
from specs.vectors.notation import describe
from specs.vectors.wallets import START_S, Vector, secret

ADA: Final = FeedId(secret("document feed ada", 16))
BEN: Final = FeedId(secret("document feed ben", 16))
RECORD: Final = random_record_id(secret("document record", 16))
OTHER: Final = random_record_id(secret("document other record", 16))
TIME_MS: Final = START_S * 1000

In = tuple[bytes, bytes]
"""A feed and a change in it."""


def build() -> Iterable[Vector]:
    """Return the vectors of `document.json` that are not about one change."""
    return [*_names(), *_scalars(), *_escapes(), *_states()]


def _names() -> Iterable[Vector]:
    for name, raw in (("zeros", bytes(16)), ("random", secret("document record", 16))):
        yield {
            "id": f"name-record-{name}",
            "comment": "a record id from 16 bytes",
            "random": raw.hex(),
            "expect": "ok",
            "record": random_record_id(raw),
        }
    wallet_id = secret("document wallet")
    for name, record_type, natural_key, incarnation in (
        ("first", "credential", ("https://issuer.example", "4711"), 0),
        ("second", "credential", ("https://issuer.example", "4711"), 1),
        ("text", "relationship", ("Gemeinde Zürich \U0001f3db",), 0),
        ("empty", "device", (), 2**32 - 1),
    ):
        joined = natural_key_text(natural_key)
        yield {
            "id": f"name-natural-{name}",
            "comment": "a record id from what makes the thing what it is",
            "wallet_id": wallet_id.hex(),
            "type": record_type,
            "natural_key": list(natural_key),
            "incarnation": incarnation,
            "expect": "ok",
            "text": joined,
            "record": record_id(wallet_id, record_type, joined, incarnation),
        }
    for name, time_ms, seq, field in (
        ("usual", TIME_MS, 1, "title"),
        ("path", TIME_MS, 2**53, "tags/Zürich"),
        ("before-1970", -1, 2, "title"),
        ("far-future", 2**60, 3, "title"),
    ):
        tag = change_tag(time_ms, ADA, seq)
        yield {
            "id": f"name-field-{name}",
            "comment": "the key under which a change writes a field",
            "record": RECORD,
            "field": field,
            "actor": ADA.hex(),
            "seq": seq,
            "time_ms": time_ms,
            "expect": "ok",
            "tag": tag,
            "key": field_key(RECORD, field, tag),
        }
    yield {
        "id": "name-note",
        "comment": "the key under which a change makes a note",
        "record": RECORD,
        "actor": ADA.hex(),
        "seq": 5,
        "expect": "ok",
        "key": note_key(RECORD, ADA, 5),
    }


_SCALARS: Final[Sequence[tuple[str, Scalar, bytes]]] = (
    ("null", None, b"n"),
    ("true", True, b"t"),
    ("false", False, b"f"),
    ("zero", 0, b"i0"),
    ("one", 1, b"i1"),
    ("smallest", -(2**63), b"i-9223372036854775808"),
    ("largest", 2**63 - 1, b"i9223372036854775807"),
    ("one-point-zero", 1.0, b"d" + bytes.fromhex("3ff0000000000000")),
    ("minus-a-half", -0.5, b"d" + bytes.fromhex("bfe0000000000000")),
    ("text", "Zürich", b"sZ\xc3\xbcrich"),
    ("empty-text", "", b"s"),
    ("bytes", b"\0\xff", b"b\0\xff"),
)


def _scalars() -> Iterable[Vector]:
    for name, value, encoded in _SCALARS:
        yield {
            "id": f"scalar-{name}",
            "comment": "a value as the state hash takes it",
            "value": describe(value),
            "expect": "ok",
            "encoded": encoded.hex(),
        }


def _escapes() -> Iterable[Vector]:
    paths: tuple[tuple[str, Path, str], ...] = (
        ("capital", ("cards", 1, "creditLimit"), "cards.1.credit-limit"),
        ("hyphen", ("a-b",), "a--b"),
        ("capitals", ("URL",), "-u-r-l"),
        ("point", ("a.b", "c"), "a:2e:b.c"),
        ("slash", ("a/b",), "a:2f:b"),
        ("colon", ("a:b",), "a:3a:b"),
        ("accent", ("größe",), "gr:f6::df:e"),
        ("emoji", ("\U0001f511",), ":1f511:"),
        ("space", ("first name", "x_1"), "first:20:name.x_1"),
    )
    for name, path, escaped in paths:
        yield _escape(name, path, f"source/{escaped}", "a name that can be read back")
    whole = "source/" + "x" * 200
    digest = hashlib.sha256(whole.encode()).hexdigest()[:16]
    yield _escape("long", ("x" * 200,), f"{whole[:110]}::{digest}", "a name that is cut")
    yield _escape("longest", ("x" * 121,), "source/" + "x" * 121, "the longest that is not cut")


def _escape(name: str, path: Path, expected: str, comment: str) -> Vector:
    assert field_name("source", path)[0] == expected
    return {
        "id": f"escape-{name}",
        "comment": comment,
        "prefix": "source",
        "path": list(path),
        "expect": "ok",
        "name": expected,
    }


def make(document: Document, *edits: Edit) -> Change:
    """Return the change that makes edits."""
    change = document.change(list(edits), time_ms=TIME_MS)
    assert change is not None
    return change


def feed_of(actor: bytes, *steps: Sequence[Edit], seen: Sequence[In] = ()) -> list[In]:
    """Return the changes that a device makes, one for each step, after it has seen others."""
    document = Document(actor)
    for feed, raw in seen:
        document.apply([raw], feed=feed)
    return [(actor, make(document, *edits).raw) for edits in steps]


Fields = Mapping[tuple[str, str], Sequence[Scalar]]
"""By record and field, the live values, the newest first."""


def _states() -> Iterable[Vector]:
    yield _state("empty", "a wallet without anything", [], {})
    one = feed_of(ADA, [FieldEdit(RECORD, "type", "login"), FieldEdit(RECORD, "title", "Bank")])
    fields: Fields = {(RECORD, "type"): ["login"], (RECORD, "title"): ["Bank"]}
    yield _state("one", "one record", one, fields)
    every = {
        (RECORD, f"field-{name}"): [value] for name, value, _ in _SCALARS if name != "smallest"
    }
    edits = [FieldEdit(record, field, value) for (record, field), (value,) in every.items()]
    yield _state("scalars", "every kind of value", feed_of(ADA, edits), every)
    later = feed_of(BEN, [FieldEdit(RECORD, "title", "My bank")], seen=one)
    replaced: Fields = {**fields, (RECORD, "title"): ["My bank"]}
    yield _state("replaced", "another device sets what it has seen", [*one, *later], replaced)
    yield _state("backwards", "likewise, the later change first", [*later, *one], replaced)
    yield from _concurrent(one, fields)
    removed = feed_of(BEN, [RemoveField(RECORD, "title")], seen=one)
    yield _state("removed", "a field is removed", [*one, *removed], {(RECORD, "type"): ["login"]})
    trashed = feed_of(BEN, [Trash(RECORD)], [Restore(RECORD)], seen=one)
    for name, changes, value in (
        ("trashed", trashed[:1], True),
        ("restored", trashed, False),
    ):
        yield _state(name, name, [*one, *changes], {**fields, (RECORD, "trashed"): [value]})
    yield from _notes(one, fields)
    foreign = feed_of(ADA, [FieldEdit(OTHER, "title", "x")])[0][1]
    aside = [hashlib.sha256(BEN + foreign).digest(), hashlib.sha256(b"no change").digest()]
    yield _state(
        "set-aside",
        "two changes are set aside",
        [*one, (BEN, foreign), (BEN, b"no change")],
        fields,
        aside=aside,
    )


def _concurrent(one: Sequence[In], fields: Fields) -> Iterable[Vector]:
    ada = feed_of(ADA, [FieldEdit(RECORD, "type", "login"), FieldEdit(RECORD, "title", "Bank")],
                [FieldEdit(RECORD, "title", "A")])[1:]  # fmt: skip
    ben = feed_of(BEN, [FieldEdit(RECORD, "title", "B")], seen=one)
    newest = ["A", "B"] if ADA > BEN else ["B", "A"]
    both: Fields = {**fields, (RECORD, "title"): newest}
    comment = "two devices set one field: of equal counters the greater actor is the newest"
    yield _state("conflict", comment, [*one, *ada, *ben], both)
    yield _state("conflict-turned", "likewise, in another order", [*one, *ben, *ada], both)
    same = feed_of(BEN, [FieldEdit(RECORD, "title", "A")], seen=one)
    equal: Fields = {**fields, (RECORD, "title"): ["A", "A"]}
    yield _state("equal", "two devices set one field alike", [*one, *ada, *same], equal)
    settled: Fields = {**fields, (RECORD, "title"): ["A"]}
    both_seen = Document(BEN)
    for feed, raw in [*one, *ben, *ada]:
        both_seen.apply([raw], feed=feed)
    choice = make(both_seen, FieldEdit(RECORD, "title", "A")).raw
    comment = "a person chooses one of two values"
    yield _state("chosen", comment, [*one, *ada, *ben, (BEN, choice)], settled)
    purged = feed_of(BEN, [Purge(RECORD)], seen=one)
    yield _state("purged", "a purge", [*one, *purged], {(RECORD, "purged"): [True]})
    kept: Fields = {(RECORD, "purged"): [True], (RECORD, "title"): ["A"]}
    comment = "an edit made meanwhile survives a purge"
    yield _state("purged-meanwhile", comment, [*one, *ada, *purged], kept)


def _notes(one: Sequence[In], fields: Fields) -> Iterable[Vector]:
    ada = feed_of(ADA, [FieldEdit(RECORD, "type", "login"), FieldEdit(RECORD, "title", "Bank")],
                [EditText(RECORD, "Grüezi")])[1:]  # fmt: skip
    key = note_key(RECORD, ADA, 2)
    yield _state("note", "a note", [*one, *ada], fields, notes={key: "Grüezi"})
    ben = feed_of(BEN, [EditText(RECORD, "Salut")], seen=one)
    others = note_key(RECORD, BEN, 1)
    notes = {key: "Grüezi", others: "Salut"}
    yield _state("notes", "two devices begin one", [*one, *ada, *ben], fields, notes=notes)
    edited = feed_of(BEN, [EditText(RECORD, "Grüezi mitenand")], seen=[*one, *ada])
    notes = {key: "Grüezi mitenand"}
    yield _state(
        "note-edited", "another device goes on", [*one, *ada, *edited], fields, notes=notes
    )
    emptied = feed_of(BEN, [EditText(RECORD, "")], seen=[*one, *ada])
    yield _state("note-emptied", "an empty note has no part", [*one, *ada, *emptied], fields)


def _state(
    name: str,
    comment: str,
    changes: Sequence[In],
    fields: Fields,
    *,
    notes: Mapping[str, str] | None = None,
    aside: Sequence[bytes] = (),
) -> Vector:
    hashed = _hashed(fields, notes or {}, aside)
    return {
        "id": f"state-{name}",
        "comment": comment,
        "changes": [[feed.hex(), raw.hex()] for feed, raw in changes],
        "expect": "ok",
        "fields": [
            [record, field, [describe(value) for value in values]]
            for (record, field), values in sorted(fields.items())
        ],
        "notes": [list(item) for item in sorted((notes or {}).items())],
        "set_aside": sorted(item.hex() for item in aside),
        "hashed": hashed.hex(),
        "state_hash": hashlib.sha256(hashed).hexdigest(),
    }


def _hashed(fields: Fields, notes: Mapping[str, str], aside: Sequence[bytes]) -> bytes:
    def item(part: bytes) -> bytes:
        return len(part).to_bytes(4, "big") + part

    parts = [item(b"billfold/v1/state-hash")]
    for (record, field), values in sorted(fields.items()):
        encoded = [_encoded(value) for value in values]
        others = sorted(set(encoded[1:]) - {encoded[0]})
        parts += [b"f", item(record.encode()), item(field.encode())]
        parts += [item(value) for value in (encoded[0], *others, b"")]
    for key, text in sorted(notes.items()):
        parts += [b"n", item(key.encode()), item(text.encode())]
    parts += [b"q" + item(one) for one in sorted(aside)]
    return b"".join(parts)


def _encoded(value: Scalar) -> bytes:
    known = {(type(one), one): encoded for _, one, encoded in _SCALARS}
    if isinstance(value, str):
        return b"s" + value.encode()
    return known[type(value), value]
