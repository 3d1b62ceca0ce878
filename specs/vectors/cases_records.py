"""Vectors of records: how values are read, what is refused, the activity log, who answers.

What is shown and hashed is written down by hand, not taken from the code.

Spec: 41-records.md
"""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from billfold.document import Scalar
from specs.vectors.notation import describe
from specs.vectors.wallets import Vector

_LATER: Final = '200 "valid"'
_EARLIER: Final = '100 "invalid"'
_STATES: Final = ["received", "read", "answered"]


def build() -> Iterable[Vector]:
    """Return the vectors of `records.json`."""
    return [*_reads(), *_refusals(), *_fields(), *_entries(), *_answers()]


def _reads() -> Iterable[Vector]:
    rows: tuple[tuple[str, str, list[Scalar], Scalar, bool], ...] = (
        ("multi-value", "multi_value", ["b", "a"], "b", True),
        ("multi-value-equal", "multi_value", ["a", "a"], "a", False),
        ("multi-value-types", "multi_value", [1, True], 1, True),
        ("last-writer", "last_writer", ["b", "a"], "b", False),
        ("add-wins", "add_wins", [False, True], True, False),
        ("add-wins-out", "add_wins", [False, False], False, False),
        ("remove-wins", "remove_wins", [True, False], False, False),
        ("remove-wins-in", "remove_wins", [True, True], True, False),
        ("monotone", "monotone", [False, True], True, False),
        ("immutable", "immutable", ["b", "a"], "b", True),
        ("grow-only", "grow_only", ["b", "a"], "a", False),
        ("issuer-ordered", "issuer_ordered", [_EARLIER, _LATER], _LATER, False),
        ("issuer-ordered-one-time", "issuer_ordered", ["5 1", "5 2"], "5 2", False),
        ("issuer-ordered-no-fact", "issuer_ordered", ["valid", _EARLIER], _EARLIER, False),
    )
    for name, kind, values, shown, is_conflict in rows:
        yield _read(name, {"kind": kind}, values, shown, is_conflict=is_conflict)
    climbs: tuple[tuple[str, list[Scalar], str], ...] = (
        ("ladder", ["received", "answered", "read"], "answered"),
        ("ladder-unknown", ["answered", "archived"], "archived"),
        ("ladder-two-unknown", ["archived", "burned", "read"], "burned"),
        ("ladder-no-text", [5, "received"], "received"),
    )
    for name, values, state in climbs:
        yield _read(name, {"states": _STATES}, values, state, is_conflict=False)


def _read(
    name: str, merge: Vector, values: Sequence[Scalar], shown: Scalar, *, is_conflict: bool
) -> Vector:
    return {
        "id": f"read-{name}",
        "comment": "these values are live, the newest first",
        **merge,
        "values": [describe(value) for value in values],
        "expect": "ok",
        "shown": describe(shown),
        "is_conflict": is_conflict,
    }


def _refusals() -> Iterable[Vector]:
    ladder = {"states": _STATES}
    for name, merge, current, value, comment in (
        ("immutable", {"kind": "immutable"}, ["a"], "b", "it has another value"),
        ("grow-only", {"kind": "grow_only"}, ["a"], "b", "the element is there"),
        ("monotone", {"kind": "monotone"}, [True], False, "it is set"),
        ("no-fact", {"kind": "issuer_ordered"}, [], "valid", "no time of the issuer"),
        ("ladder", ladder, ["read"], "lost", "no state of this field"),
    ):
        yield {
            "id": f"refuse-{name}",
            "comment": comment,
            **merge,
            "current": [describe(one) for one in current],
            "value": describe(value),
            "expect": "InputError",
        }
    for name, merge, current, value, is_edit in (
        ("earlier-fact", {"kind": "issuer_ordered"}, [_LATER], _EARLIER, False),
        ("later-fact", {"kind": "issuer_ordered"}, [_EARLIER], _LATER, True),
        ("lower-state", ladder, ["answered"], "read", False),
        ("higher-state", ladder, ["read"], "answered", True),
        ("consent-again", {"kind": "remove_wins"}, [False], True, True),
    ):
        yield {
            "id": f"set-{name}",
            "comment": "whether this is an edit at all",
            **merge,
            "current": [describe(one) for one in current],
            "value": describe(value),
            "expect": "ok",
            "is_edit": is_edit,
        }


def _fields() -> Iterable[Vector]:
    for name, record_type, fields, comment in (
        ("wrong-type", "login", {"password": 5}, "a password is a text"),
        ("group", "login", {"urls/0": True}, "an address is a text"),
        ("required", "relationship", {"name": "Acme"}, "no organisation"),
        ("time", "credential", {"raw": "e30~", "expires_at": "soon"}, "a time is whole seconds"),
        ("fact", "pass", {"balance": 5}, "a balance is its issuer's fact"),
        ("state", "message", {"state": "lost"}, "no state of a message"),
        ("binding", "credential", {"raw": "e30~", "binding": "ink"}, "no binding"),
        ("own", "login", {"trashed": True}, "a record is trashed in another way"),
        ("closed", "activity", _entry({"given_name": "Ada"}), "an activity has no such field"),
    ):
        yield _record(name, record_type, fields, comment, "InputError")
    for name, record_type, fields, comment in (
        ("unknown-field", "login", {"orbit": 3}, "a field of a later version"),
        ("unknown-type", "hologram", {"depth": 3}, "a type of a later version"),
        ("entry", "activity", _entry({"claims_presented/age": "urn:pid"}), "a claim by its name"),
    ):
        yield _record(name, record_type, fields, comment, "ok")
    for name, field, value, comment in (
        ("space", "claims_presented/Ada Lovelace", "urn:pid", "a name with a space"),
        ("value", "claims_presented/given_name", "Ada Lovelace", "no credential's type"),
        ("long", "purpose", "x" * 2_049, "too long for a name"),
    ):
        yield {
            "id": f"entry-{name}",
            "comment": comment,
            "entry": {field: value},
            "expect": "InputError",
        }


def _entry(more: dict[str, Scalar]) -> dict[str, Scalar]:
    return {
        "transaction_identifier": "1",
        "time": 1,
        "transaction_type": "Presentation",
        "transaction_result": "Completed",
        **more,
    }


def _record(
    name: str, record_type: str, fields: Mapping[str, Scalar], comment: str, expect: str
) -> Vector:
    return {
        "id": f"add-{name}",
        "comment": comment,
        "type": record_type,
        "fields": {field: describe(value) for field, value in fields.items()},
        "expect": expect,
    }


def _entries() -> Iterable[Vector]:
    fields: dict[str, Scalar] = {"device": "aa", "number": 1, "time": 5, "tags/a": True}
    parts = [b"device", b"saa", b"number", b"i1", b"time", b"i5"]
    yield {
        "id": "entry-hash",
        "comment": "names ascend; what any record may have does not count",
        "hashed": {name: describe(value) for name, value in fields.items()},
        "expect": "ok",
        "hash": _digest(b"billfold/v1/hash/activity", parts),
    }


def _answers() -> Iterable[Vector]:
    yield {
        "id": "answer-id",
        "comment": "the id of the one answer to a message",
        "sender": "https://acme.example",
        "message_id": "1",
        "expect": "ok",
        "answer": _digest(b"billfold/v1/hash/answer", [b"https://acme.example", b"1"])[:32],
    }
    for name, claims, gone, turn in (
        ("alone", {"bb": "claimed"}, [], "send"),
        ("greater", {"bb": "claimed", "aa": "claimed"}, [], "yield"),
        ("least", {"bb": "claimed", "cc": "claimed"}, [], "wait"),
        ("others-yielded", {"bb": "claimed", "cc": "yielded"}, [], "send"),
        ("other-sends", {"bb": "claimed", "cc": "sending"}, [], "yield"),
        ("after-a-crash", {"bb": "sending", "aa": "claimed"}, [], "send"),
        ("sent", {"bb": "sent"}, [], "done"),
        ("gone", {"bb": "claimed", "aa": "claimed"}, ["aa"], "send"),
        ("gone-while-sending", {"bb": "claimed", "aa": "sending"}, ["aa"], "ask"),
    ):
        yield {
            "id": f"turn-{name}",
            "comment": "what the device bb does next",
            "claims": claims,
            "gone": gone,
            "expect": "ok",
            "turn": turn,
        }


def _digest(label: bytes, parts: Sequence[bytes]) -> str:
    framed = [len(part).to_bytes(4, "big") + part for part in (label, *parts)]
    return hashlib.sha256(b"".join(framed)).hexdigest()
