"""Vectors of the messages between client and server: each one whole, and wrong in one place.

Spec: 21-sync.md
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from billfold_protocol import codec
from specs.vectors.notation import describe
from specs.vectors.wallets import Vector, secret

WALLET: Final = secret("message wallet")
_DEVICE: Final = secret("message device", 16)
_FEED: Final = secret("message feed", 16)
_HEADS: Final = [
    [feed, seq, secret(f"message entry {seq}")]
    for seq, feed in enumerate(sorted(secret(f"message feed {n}", 16) for n in range(3)))
]
_LOCATOR: Final = secret("message locator")
_WRAP: Final = [3, _DEVICE, secret("message wrap", 1168)]
_SIGNED: Final = secret("message statement", 200)
_ENTRIES: Final = [secret(f"message raw {n}", 80 + n) for n in range(2)]

_STATEMENT_SIZE_MAX: Final = 41_984
_BEACON_SIZE_MAX: Final = 102_400
_WRAP_SIZE_MAX: Final = 2048
_K_MAX: Final = 4096
_INTEGER_MAX: Final = 2**53
_SNAPSHOT_MAX: Final = 67_108_864
_VERDICTS: Final = [secret("message verdict", 160)]
_LONG_STATEMENT: Final = (("text", "text"), ("nil", None), ("long", bytes(131_073)))

_NOT_BYTES: Final = (("text", "text"), ("nil", None))
_NOT_INTEGERS: Final = (("negative", -1), ("true", True), ("bytes", b"\1"))
_NOT_LISTS: Final[tuple[tuple[str, object], ...]] = (("map", {}), ("nil", None), ("bytes", b""))

Wrong = Iterable[tuple[str, object]]
"""Names and values that a field does not take."""


def _bytes_of(size: int) -> Wrong:
    yield from (*_NOT_BYTES, ("short", bytes(size - 1)), ("long", bytes(size + 1)))


def _bytes_up_to(size: int) -> Wrong:
    yield from (*_NOT_BYTES, ("long", bytes(size + 1)))


def _integer(maximum: int = _INTEGER_MAX) -> Wrong:
    yield from (*_NOT_INTEGERS, ("large", maximum + 1))


def _list(count_max: int, item: object, wrong_items: Wrong) -> Wrong:
    yield from (*_NOT_LISTS, (f"{count_max + 1}-items", [item] * (count_max + 1)))
    yield from ((f"item-{name}", [value]) for name, value in wrong_items)


def _raws(count_max: int = 1024) -> Wrong:
    return _list(count_max, b"", _NOT_BYTES)


def _wraps() -> Wrong:
    k, device, wrapped = _WRAP
    wrong = (
        ("two-fields", [k, device]),
        ("k-large", [_K_MAX + 1, device, wrapped]),
        ("device-short", [k, bytes(15), wrapped]),
        ("wrap-long", [k, device, bytes(_WRAP_SIZE_MAX + 1)]),
    )
    return _list(256, [k, device, b""], wrong)


def _vector(*, is_optional: bool = False) -> Wrong:
    feed, seq, id_ = _HEADS[0]
    many = [[n.to_bytes(16, "big"), 0, id_] for n in range(1025)]
    yield from (item for item in _NOT_LISTS if not (is_optional and item[1] is None))
    yield from (("descending", _HEADS[::-1]), ("twice", [_HEADS[0], _HEADS[0]]))
    yield from (("1025-items", many), ("id-short", [[feed, seq, bytes(31)]]))


def _cursor() -> Wrong:
    yield from (("one-field", [bytes(16)]), ("instance-short", [bytes(15), 7]))
    yield from (("negative", [bytes(16), -1]), ("map", {}))


def _token() -> Wrong:
    yield from (("bytes", b"token"), ("long", "t" * 513), ("number", 7))


def _wish() -> Wrong:
    one, two = sorted((secret("message snapshot"), secret("message other snapshot")))
    many = [n.to_bytes(32, "big") for n in range(17)]
    yield from (("map", {}), ("one-field", [[]]), ("descending", [[two, one], None]))
    yield from (("twice", [[one, one], None]), ("17-declined", [many, None]))
    yield from (("id-short", [[one[:31]], None]), ("begun-long", [[], [one, _SNAPSHOT_MAX + 1]]))
    yield from (("begun-id", [[], [one[:31], 0]]), ("begun-two", [[], [one]]))


def _judgement() -> Wrong:
    yield from (("unknown", "doubted"), ("capital", "Endorsed"), ("nil", None), ("true", True))


def _flag() -> Wrong:
    yield from (("one", 1), ("nil", None), ("text", "true"))


def _word() -> Wrong:
    yield from (("unknown", "because"), ("capital", "Full"), ("bytes", b"full"), ("nil", None))


def _reason() -> Wrong:
    yield from (item for item in _word() if item[1] is not None)


Field = tuple[str, object, Wrong]
"""Name, a value that it takes, and values that it does not."""


def _part() -> Sequence[Field]:
    return (
        ("snapshot", secret("message snapshot"), _bytes_of(32)),
        ("offset", 262_144, _integer(_SNAPSHOT_MAX)),
        ("data", secret("message part", 100), (("nil", None), ("long", bytes(262_145)))),
    )


def _challenge() -> Sequence[Field]:
    return (
        ("version", 1, _integer(255)),
        ("nonce", secret("message nonce"), _bytes_of(32)),
        ("server-key", secret("message key"), _bytes_of(32)),
        ("instance", secret("message instance", 16), _bytes_of(16)),
    )


def _about(*fields: Field) -> Sequence[Field]:
    return (("wallet", WALLET, _bytes_of(32)), *fields)


def _statement(name: str) -> Field:
    # Once is enough of 42 kilobytes.
    return name, _SIGNED, _bytes_up_to(_STATEMENT_SIZE_MAX) if name == "ack" else _NOT_BYTES


_MAILBOX: Final = ("address", secret("message mailbox"), _bytes_of(32))
_MAILBOX_STATE: Final[Sequence[Field]] = (
    _MAILBOX,
    ("open", True, _flag()),
    ("last", 7, _integer()),
    ("merged", 5, _integer()),
)
_MAIL: Final = [7, 1_760_000_000, _SIGNED]
_WRONG_MAIL: Final = (("number-0", [0, 1, b""]), ("two", [7, 1]), ("sealed-text", [7, 1, "text"]))
_LONG_MAIL: Final = (*_NOT_BYTES, ("long", bytes(65_537)))


def _mailbox_list() -> Wrong:
    fields: list[object] = [value for _, value, _ in _MAILBOX_STATE]
    yield from (*_NOT_LISTS, ("twice", [fields, fields]), ("short", [fields[:3]]))


_FROM_SERVER: Final[Mapping[int, tuple[str, Sequence[Field]]]] = {
    1: ("Challenge", _challenge()),
    2: ("Subscribed", _about(_statement("checkpoint"), ("count", 12, _integer()))),
    3: ("Members", _about(("k", 4, _integer(_K_MAX)), ("entries", _ENTRIES, _raws()))),
    4: ("Wraps", _about(("wraps", [_WRAP], _wraps()))),
    5: ("Entries", _about(("n", 17, _integer()), ("entries", _ENTRIES, _raws()))),
    6: ("CaughtUp", _about(("n", 17, _integer()))),
    7: ("Pushed", _about(_statement("ack"))),
    8: ("Rejected", _about(_statement("rejection"))),
    9: ("Appended", _about(_statement("checkpoint"))),
    10: ("Registered", _about()),
    11: ("Difference", _about(("vector", _HEADS, _vector()))),
    12: ("HeardBeacon", _about(("beacon", _SIGNED, _bytes_up_to(_BEACON_SIZE_MAX)))),
    13: ("Ended", _about(("reason", "revoked", _word()))),
    18: (
        "SnapshotHeld",
        _about(
            ("statement", _SIGNED, _LONG_STATEMENT),
            ("endorsements", _VERDICTS, _list(256, b"", (*_NOT_BYTES, ("long", bytes(321))))),
            ("resting", True, _flag()),
        ),
    ),
    19: ("SnapshotBytes", _about(*_part())),
    20: ("SnapshotWanted", _about(*_part()[:2])),
    21: (
        "Judged",
        _about(("judgement", "objected", _judgement()), ("verdict", _VERDICTS[0], _NOT_BYTES)),
    ),
    28: ("TellMailbox/State", _about(*_MAILBOX_STATE)),
    29: (
        "TellMailbox/List",
        _about(("mailboxes", [[value for _, value, _ in _MAILBOX_STATE]], _mailbox_list())),
    ),
    30: (
        "TellMailbox/Mail",
        _about(
            _MAILBOX,
            ("items", [_MAIL], _list(1024, [7, 1, b""], _WRONG_MAIL)),
            ("upto", 7, _integer()),
        ),
    ),
    31: (
        "TellMailbox/ReplyKept",
        _about(
            _MAILBOX,
            ("about", secret("message about"), _bytes_of(32)),
            ("item", secret("message item"), _bytes_of(32)),
        ),
    ),
    32: (
        "TellMailbox/Refused",
        _about(
            _MAILBOX,
            ("about", secret("message about"), (("short", bytes(31)), ("text", "text"))),
            ("reason", "quota", _word()),
        ),
    ),
    26: ("ServerState", _about(_statement("checkpoint"), ("vector", _HEADS, _vector()))),
    22: ("LocatorKept", _about(("locator", _LOCATOR, _bytes_of(32)))),
    24: ("Vacancy", _about(("reason", "quota", _reason()))),
    23: ("Located", (("locator", _LOCATOR, _bytes_of(32)), ("pin", _SIGNED, _NOT_BYTES))),
}

_FROM_CLIENT: Final[Mapping[int, tuple[str, Sequence[Field]]]] = {
    32: (
        "Subscribe",
        _about(
            ("device", _DEVICE, _bytes_of(16)),
            ("nonce", secret("message client nonce"), _bytes_of(32)),
            ("k", 4, (("below-minus-1", -2), ("large", _K_MAX + 1), ("true", True))),
            ("head", secret("message head", 16), _bytes_of(16)),
            ("cursor", [secret("message instance", 16), 17], _cursor()),
            ("vector", _HEADS, _vector(is_optional=True)),
            ("wish", [[secret("message snapshot")], [secret("message snapshot"), 7]], _wish()),
            ("proof", secret("message proof", 64), _bytes_of(64)),
        ),
    ),
    33: (
        "Register",
        _about(
            ("device", _DEVICE, _bytes_of(16)),
            ("members", _ENTRIES, _raws(4096)),
            ("wraps", [_WRAP], _wraps()),
            ("token", "a token", _token()),
            ("proof", secret("message proof", 64), _bytes_of(64)),
        ),
    ),
    34: ("Append", _about(("entry", _ENTRIES[0], _NOT_BYTES), ("wraps", [_WRAP], _wraps()))),
    35: ("Push", _about(("entries", _ENTRIES, _raws()))),
    36: ("Offer", _about(("entries", _ENTRIES, _raws()))),
    37: ("Compare", _about(("vector", _HEADS, _vector()))),
    38: (
        "Fetch",
        _about(
            ("feed", _FEED, _bytes_of(16)),
            ("seq", 7, _integer()),
            ("count", 1024, (("none", 0), ("large", 1025), ("true", True))),
        ),
    ),
    39: ("SendBeacon", _about(("beacon", _SIGNED, _bytes_up_to(_BEACON_SIZE_MAX)))),
    40: ("Unsubscribe", _about()),
    46: (
        "OfferSnapshot",
        _about(("statement", _SIGNED, _LONG_STATEMENT), ("verdicts", _VERDICTS, _raws(256))),
    ),
    47: ("SnapshotPart", _about(*_part())),
    48: (
        "Judge",
        _about(("judgement", "endorsed", _judgement()), ("verdict", _VERDICTS[0], _NOT_BYTES)),
    ),
    49: (
        "WantSnapshot",
        _about(
            ("snapshot", secret("message snapshot"), (("short", bytes(31)), ("text", "text"))),
            ("wish", [[], None], (*_wish(), ("nil", None))),
        ),
    ),
    58: (
        "Remind",
        _about(("checkpoint", _SIGNED, (*_NOT_BYTES, ("large", bytes(513))))),
    ),
    59: ("RegisterPart", _about(("members", _ENTRIES, _raws()))),
    57: ("AskState", _about(("nonce", secret("message client nonce"), _bytes_of(32)))),
    51: (
        "PutLocator",
        _about(
            ("device", _DEVICE, _bytes_of(16)),
            ("locator", _LOCATOR, _bytes_of(32)),
            ("proof", secret("message proof", 64), _bytes_of(64)),
            ("pin", _SIGNED, _NOT_BYTES),
        ),
    ),
    54: ("Inquire", _about(("size", 70_000, _integer()), ("token", "a token", _token()))),
    61: (
        "AskMailbox/Open",
        _about(
            ("card", _SIGNED, _bytes_up_to(1536)),
            ("capability", secret("message capability"), _bytes_of(32)),
            ("proof", secret("message proof", 64), _bytes_of(64)),
        ),
    ),
    62: ("AskMailbox/Close", _about(_MAILBOX)),
    63: ("AskMailbox/List", _about()),
    64: ("AskMailbox/Take", _about(_MAILBOX, ("after", 7, _integer()))),
    65: ("AskMailbox/Merged", _about(_MAILBOX, ("upto", 7, _integer()), ("n", 17, _integer()))),
    66: (
        "AskMailbox/Reply",
        _about(
            _MAILBOX,
            ("about", secret("message about"), _bytes_of(32)),
            ("sealed", _SIGNED, _LONG_MAIL),
        ),
    ),
    52: ("Locate", (("locator", _LOCATOR, _bytes_of(32)),)),
}

_SIDES: Final = {"client": _FROM_CLIENT, "server": _FROM_SERVER}


def build() -> Iterable[Vector]:
    """Return the vectors of `messages.json`."""
    for side, messages in _SIDES.items():
        for kind, (name, fields) in messages.items():
            yield from _of_message(side, kind, name, fields)
    yield from _extremes()
    for side, messages in _SIDES.items():
        yield from _of_no_type(side, sorted(messages))


def _accepted(side: str, name: str, title: str, fields: list[object], comment: str) -> Vector:
    return {
        "id": f"{side}-{title}",
        "comment": comment,
        "from": side,
        "message": codec.encode(fields).hex(),
        "expect": "ok",
        "type": fields[0],
        "name": name,
        "fields": describe(fields),
    }


def _refused(side: str, title: str, data: bytes, comment: str) -> Vector:
    return {
        "id": f"{side}-{title}",
        "comment": comment,
        "from": side,
        "message": data.hex(),
        "expect": "Malformed",
    }


def _of_message(side: str, kind: int, name: str, fields: Sequence[Field]) -> Iterable[Vector]:
    name, _, part = name.partition("/")
    title = f"{name}-{part}".strip("-").lower()
    whole: list[object] = [kind, *(value for _, value, _ in fields)]
    yield _accepted(side, name, title, whole, f"a whole `{title}`")
    other = "client" if side == "server" else "server"
    for case, changed, comment in (
        ("longer", [*whole, None], "a field too many"),
        ("shorter", whole[:-1], "a field is missing"),
    ):
        yield _refused(side, f"{title}-{case}", codec.encode(changed), comment)
    data = codec.encode(whole)
    yield _refused(other, f"{title}-reflected", data, f"only a {side} sends this")
    for index, (field, _, wrong) in enumerate(fields, start=1):
        for case, value in wrong:
            changed = [*whole[:index], value, *whole[index + 1 :]]
            comment = f"`{field.replace('-', ' ')}` is {case.replace('-', ' ')}"
            yield _refused(side, f"{title}-{field}-{case}", codec.encode(changed), comment)


def _extremes() -> Iterable[Vector]:
    """Return messages at the ends of what their fields take."""
    first = [32, WALLET, _DEVICE, bytes(32), -1, bytes(16), None, None, None, bytes(64)]
    yield _accepted("client", "Subscribe", "subscribe-bare", first, "a device that holds nothing")
    bare = [33, WALLET, _DEVICE, [], [], None, bytes(64)]
    yield _accepted("client", "Register", "register-bare", bare, "without members, wraps, token")
    for side, name, fields, comment in (
        ("client", "Push", [35, WALLET, []], "no entries"),
        ("client", "Push", [35, WALLET, [b""] * 1024], "as many entries as a message holds"),
        ("client", "Fetch", [38, WALLET, _FEED, _INTEGER_MAX, 1], "the largest number"),
        ("client", "Compare", [37, WALLET, []], "a device that holds no entries"),
        ("client", "WantSnapshot", [49, WALLET, None, [[], None]], "the newest one"),
        ("client", "Inquire", [54, WALLET, 0, None], "an empty wallet"),
        ("server", "Vacancy", [24, WALLET, None], "the wallet would be taken"),
        ("server", "Entries", [5, WALLET, 0, []], "an answer to `fetch` that finds nothing"),
        ("server", "CaughtUp", [6, WALLET, _INTEGER_MAX], "the largest number"),
        ("server", "Challenge", [1, 255, bytes(32), bytes(32), bytes(16)], "another version"),
        ("server", "Pushed", [7, WALLET, bytes(_STATEMENT_SIZE_MAX)], "the largest statement"),
    ):
        title = f"{name.lower()}-{comment.replace(' ', '-').replace('`', '')}"
        yield _accepted(side, name, title, list(fields), comment)


def _of_no_type(side: str, kinds: Sequence[int]) -> Iterable[Vector]:
    """Return what is no message of a side at all."""
    for kind in sorted({0, 14, 31, 41, 255, 256} - set(kinds)):
        data = codec.encode([kind, WALLET])
        yield _refused(side, f"type-{kind}", data, "no message has this type")
    last = 40 if side == "client" else 10
    whole = codec.encode([last, WALLET])
    for case, data, comment in (
        ("type-true", codec.encode([True, WALLET]), "true is not 1"),
        ("type-negative", codec.encode([-1, WALLET]), "a type is not negative"),
        ("type-text", codec.encode(["push", WALLET]), "a type is a number"),
        ("type-only", codec.encode([last]), "no wallet"),
        ("empty", codec.encode([]), "no type"),
        ("nothing", b"", "no bytes"),
        ("number", codec.encode(last), "a message is an array"),
        ("map", codec.encode({"type": last}), "a message is an array"),
        ("trailing", whole + b"\0", "a byte after the message"),
        ("cut", whole[:-1], "the last byte is missing"),
        ("type-long", b"\x92\xcd\0\x28" + codec.encode(WALLET), "the type in a longer format"),
    ):
        yield _refused(side, case, data, comment)
