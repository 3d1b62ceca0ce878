"""Vectors of changes that go into the wallet document, or are set aside, each for one reason.

Spec: 40-wallet-document.md
"""

import hashlib
from collections.abc import Iterable, Sequence

from billfold.document import Change, Document, FieldEdit, RemoveField
from billfold.document.columns import encode_unsigned
from billfold.document.identifiers import change_tag, field_key
from specs.vectors.cases_document import ADA, BEN, OTHER, RECORD, TIME_MS, In, feed_of, make
from specs.vectors.change_bytes import ChangeParts, deflated, framed, hash_of
from specs.vectors.wallets import Vector, flip

_KEY = 0x15
"""The number of the column of keys."""


def build() -> Iterable[Vector]:
    """Return the vectors of `document.json` that are about one change."""
    return [*_taken(), *_refused()]


def _case(
    name: str,
    before: Sequence[In],
    change: bytes,
    comment: str,
    *,
    feed: bytes = ADA,
    expect: str = "ok",
    named: bytes | None = None,
) -> Vector:
    return {
        "id": f"{'change' if expect == 'ok' else 'refuse'}-{name}",
        "comment": comment,
        "before": [[one.hex(), raw.hex()] for one, raw in before],
        "feed": feed.hex(),
        "change": change.hex(),
        "expect": expect,
        "hash": (hash_of(change) if named is None else named).hex(),
    }


def _taken() -> Iterable[Vector]:
    first, second = feed_of(
        ADA, [FieldEdit(RECORD, "title", "Bank")], [FieldEdit(RECORD, "title", "My bank")]
    )
    yield _case("first", [], first[1], "the first change of a feed")
    yield _case("second", [first], second[1], "it deletes what the first has put")
    again = ChangeParts.read(first[1])
    yield _case("deflated", [], deflated(again.body), "the same change, deflated")
    (others,) = feed_of(BEN, [FieldEdit(OTHER, "title", "x")], seen=[first])
    yield _case("other-feed", [first], others[1], "another device goes on", feed=BEN)


def _refused() -> Iterable[Vector]:
    first, second = feed_of(
        ADA, [FieldEdit(RECORD, "title", "Bank")], [FieldEdit(RECORD, "title", "My bank")]
    )
    raw, parts = first[1], ChangeParts.read(first[1])
    yield from _bad_frames(raw, parts)
    yield from _bad_operations(parts, first)
    for name, changed, comment in (
        ("seq-zero", parts.with_(seq=0), "numbers begin at 1"),
        ("counter-zero", parts.with_(start=0), "counters begin at 1"),
        ("counter-ahead", parts.with_(start=2), "a counter that runs ahead"),
        ("counter-huge", parts.with_(start=2**53), "a counter beyond its bound"),
        ("counter-behind", ChangeParts.read(second[1]).with_(start=1), "a counter that repeats"),
    ):
        before = [first] if name == "counter-behind" else []
        yield _case(name, before, changed.raw, comment, expect="Malformed")
    foreign = hashlib.sha256(BEN + raw).digest()
    yield _case(
        "other-author",
        [],
        raw,
        "a change of another author than the feed",
        feed=BEN,
        expect="Quarantined",
        named=foreign,
    )
    rival = feed_of(ADA, [FieldEdit(OTHER, "title", "rival")])[0][1]
    yield _case("rival", [first], rival, "a second change with one number", expect="Quarantined")
    bad = parts.with_(start=2).raw
    follower = ChangeParts.read(second[1]).with_(dependencies=(hash_of(bad),)).raw
    yield _case(
        "follower",
        [(ADA, bad)],
        follower,
        "it follows one of its feed that is set aside",
        expect="Quarantined",
    )
    (others,) = feed_of(BEN, [FieldEdit(OTHER, "title", "x")])
    built_on = ChangeParts.read(others[1]).with_(dependencies=(hash_of(bad),), start=3).raw
    yield _case(
        "built-on-set-aside",
        [(ADA, bad)],
        built_on,
        "it builds on another feed's change that is set aside",
        feed=BEN,
        expect="Quarantined",
    )


def _bad_frames(raw: bytes, parts: ChangeParts) -> Iterable[Vector]:
    sha = hashlib.sha256
    document = b"\x85\x6f\x4a\x83" + raw[4:8] + b"\0" + raw[9:]
    for name, changed, comment in (
        ("no-change", b"no change", "bytes that are none"),
        ("nothing", b"", "no bytes"),
        ("magic", flip(raw, 0), "another program's bytes"),
        ("checksum", flip(raw, 8 * 4), "a checksum that does not match"),
        ("content", flip(raw, 8 * len(raw) - 1), "the last bit changed"),
        ("cut", raw[:-1], "the last byte is missing"),
        ("longer", raw + b"\0", "a byte too many"),
        ("document-chunk", document, "a part of a document, but no change"),
    ):
        named = sha(changed).digest()
        yield _case(name, [], changed, comment, expect="Malformed", named=named)
    bomb = deflated(bytes(4 * 1024 * 1024 + 1))
    named = sha(bomb).digest()
    yield _case("bomb", [], bomb, "it inflates beyond 4 MiB", expect="LimitExceeded", named=named)
    trailing = framed(parts.body + b"\0")
    yield _case("trailing", [], trailing, "contents longer than they say", expect="Malformed")
    size = parts.body.replace(b"\x10" + ADA, b"\x0f" + ADA[:15])
    yield _case("actor-short", [], framed(size), "an actor of 15 bytes", expect="Malformed")
    many = parts.with_columns({0x42: b"\x80\x80\x80\x80\x80\x20\1"})
    comment = "a run that stands for very many operations"
    yield _case("many-operations", [], many.raw, comment, expect="LimitExceeded")
    message = parts.with_(message=bytes(1025)).raw
    yield _case("long-message", [], message, "a message too long", expect="LimitExceeded")


def _bad_operations(parts: ChangeParts, first: In) -> Iterable[Vector]:
    tag = change_tag(TIME_MS, ADA, 1)
    assert parts.columns[_KEY].endswith(field_key(RECORD, "title", tag).encode())
    later = change_tag(TIME_MS, ADA, 2)
    theirs = change_tag(TIME_MS, BEN, 1)
    for name, new, comment in (
        ("key-of-another-seq", field_key(RECORD, "title", later), "a later change's key"),
        ("key-of-another-feed", field_key(RECORD, "title", theirs), "another feed's key"),
        ("key-with-leading-zero", field_key(RECORD, "title", f"{tag[:8]}0{tag[8:]}"), "01 for 1"),
        ("key-without-tag", f"{RECORD}/title-{tag}", "no key of a field"),
        ("key-in-capitals", field_key(RECORD.upper(), "title", tag), "another spelling"),
        (
            "key-with-line-break",
            field_key(RECORD, "tit\ne", tag),
            "a line break in a field's name",
        ),
    ):
        encoded = new.encode()
        column = b"\x7f" + encode_unsigned(len(encoded)) + encoded
        changed = parts.with_columns({_KEY: column}).raw
        yield _case(name, [], changed, comment, expect="Quarantined")
    for name, columns, comment in (
        ("counter-value", {0x56: b"\x7f\x18", 0x57: b"\x02"}, "a counter as value"),
        ("timestamp-value", {0x56: b"\x7f\x19", 0x57: b"\x02"}, "a timestamp as value"),
        ("increment", {0x42: b"\x7f\x05"}, "an increment"),
        ("nested-map", {0x42: b"\x7f\x00", 0x56: b"\x7f\x00", 0x57: b""}, "a map in the map"),
        ("nested-list", {0x42: b"\x7f\x02", 0x56: b"\x7f\x00", 0x57: b""}, "a list in the map"),
        (
            "text-for-field",
            {0x42: b"\x7f\x04", 0x56: b"\x7f\x00", 0x57: b""},
            "a text under a field's key",
        ),
        ("unknown-column", {0x60: b"\x7f\x01"}, "a column of a kind that is not known"),
    ):
        changed = parts.with_columns(columns).raw
        yield _case(name, [], changed, comment, expect="Quarantined")
    for name, columns, comment in (
        ("value-short", {0x57: b"Ban"}, "a value shorter than it says"),
        ("value-long", {0x57: b"Bank!"}, "a value longer than it says"),
        (
            "value-number-long",
            {0x56: b"\x7f\xb4\x01", 0x57: b"\x80" * 10 + b"\x01"},
            "an integer of 11 bytes",
        ),
        ("null-with-size", {0x56: b"\x7f\x40"}, "a null of 4 bytes"),
        ("rows-differ", {0x42: b"\x02\x01"}, "columns that differ in length"),
        ("number-long", {0x42: b"\x7f\x81\x00"}, "a number in a longer format"),
    ):
        changed = parts.with_columns(columns).raw
        yield _case(name, [], changed, comment, expect="Malformed")
    unseen = ChangeParts.read(_unseen(first).raw).with_(dependencies=(), start=1).raw
    yield _case(
        "unseen-value",
        [first],
        unseen,
        "it deletes a value that its author had not seen",
        feed=BEN,
        expect="Quarantined",
    )


def _unseen(first: In) -> Change:
    document = Document(BEN)
    document.apply([first[1]], feed=first[0])
    return make(document, RemoveField(RECORD, "title"))
