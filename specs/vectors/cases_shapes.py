"""Vectors of membership entries that are signed by an owner and have the wrong shape.

Each differs from a good entry in one place, so that only the reader of that place can refuse it.

Spec: 13-membership.md
"""

from collections.abc import Iterable, Sequence

from billfold_protocol import codec
from billfold_protocol.crypto.domains import Domain
from billfold_protocol.membership import rotation_of
from specs.vectors import story
from specs.vectors.wallets import START_S, Vector, Wallet, secret

_LENGTH = 3
_LAPTOP = story.LAPTOP
_KEYS = [_LAPTOP.keys.signing, _LAPTOP.keys.wrapping]
_ENTRY_ID = secret("an entry id")
_SIZE_MAX = 128 * 1024

Payload = tuple[str, str, list[object]]
"""Name of the vector, kind of the entry, payload."""


def build(wallet: Wallet) -> list[Vector]:
    """Return the refusals of `membership.json` that are about shape."""
    return [*_headers(wallet), *_bytes(wallet), *_payloads(wallet)]


def _fields(wallet: Wallet) -> list[object]:
    before = wallet.chain.state_at(_LENGTH - 1)
    home = [["https://two.example", story.server("two").key], []]
    return [1, "home", _LENGTH, START_S, wallet.id, before.hash, _LAPTOP.id, home]


def _sign(wallet: Wallet, body: bytes) -> bytes:
    return _LAPTOP.signing.sign(Domain.MEMBERSHIP_SIGNATURE, wallet.id, body) + body


def _headers(wallet: Wallet) -> Iterable[Vector]:
    good = _fields(wallet)
    for name, index, value, expect, comment in (
        ("version-0", 0, 0, "Downgrade", "an older version"),
        ("version-2", 0, 2, "Downgrade", "a newer version"),
        ("version-true", 0, True, "Downgrade", "`true` is not 1"),
        ("version-nil", 0, None, "Downgrade", "no version"),
        ("kind-unknown", 1, "promote", "Malformed", "a kind that nobody has defined"),
        ("kind-case", 1, "Home", "Malformed", "kinds are in lower case"),
        ("kind-bytes", 1, b"home", "Malformed", "a kind is text"),
        ("k-negative", 2, -1, "Malformed", "an index begins at 0"),
        ("k-true", 2, True, "Malformed", "`true` is not an integer"),
        ("k-4096", 2, 4096, "Malformed", "a chain has at most 4,096 entries"),
        ("k-text", 2, "3", "Malformed", "an index is an integer"),
        ("time-negative", 3, -1, "Malformed", "time begins in 1970"),
        ("time-beyond", 3, 2**53 + 1, "Malformed", "an integer above 2^53"),
        ("time-nil", 3, None, "Malformed", "a time is an integer"),
        ("wallet-nil", 4, None, "Malformed", "only `create` has no wallet"),
        ("wallet-short", 4, wallet.id[:31], "Malformed", "a wallet id has 32 bytes"),
        ("previous-nil", 5, None, "Malformed", "only `create` has no entry before it"),
        ("previous-long", 5, bytes(33), "Malformed", "a hash has 32 bytes"),
        ("author-short", 6, _LAPTOP.id[:15], "Malformed", "a device id has 16 bytes"),
        ("author-nil", 6, None, "Malformed", "every entry has an author"),
        ("payload-nil", 7, None, "Malformed", "a payload is an array"),
        ("payload-map", 7, {}, "Malformed", "a payload is an array"),
    ):
        fields = [*good[:index], value, *good[index + 1 :]]
        raw = _sign(wallet, codec.encode(fields))
        yield story.refusal(f"header-{name}", _LENGTH, raw, expect, comment)
    for name, fields, expect, comment in (
        ("seven-fields", good[:7], "Malformed", "the payload is missing"),
        ("nine-fields", [*good, None], "Malformed", "a field too many"),
        ("no-fields", [], "Downgrade", "an empty array has no version"),
    ):
        raw = _sign(wallet, codec.encode(fields))
        yield story.refusal(f"header-{name}", _LENGTH, raw, expect, comment)
    for name, fields, comment in (
        ("home-at-0", [1, "home", 0, START_S, None, None, *good[6:]], "`home` begins no chain"),
        ("wallet-at-0", [1, "home", 0, *good[3:]], "the first entry has no wallet"),
        (
            "create-later",
            [1, "create", *good[2:7], [_KEYS, secret("h", 16), secret("c")]],
            "`create` stands at index 0 only",
        ),
    ):
        raw = _sign(wallet, codec.encode(fields))
        yield story.refusal(f"header-{name}", _LENGTH, raw, "Malformed", comment)


def _bytes(wallet: Wallet) -> Iterable[Vector]:
    body = codec.encode(_fields(wallet))
    large = [*_fields(wallet)[:7], [bytes(_SIZE_MAX)]]
    for name, changed, comment in (
        ("map", codec.encode({"version": 1}), "a map"),
        ("text", codec.encode("home"), "text"),
        ("longer", body + b"\0", "a byte after the array"),
        ("cut", body[:-1], "the last byte is missing"),
        ("not-minimal", b"\xdc\x00\x08" + body[1:], "eight fields as array 16"),
        ("too-large", codec.encode(large), "more than 131,072 bytes"),
    ):
        raw = _sign(wallet, changed)
        yield story.refusal(f"bytes-{name}", _LENGTH, raw, "Malformed", comment)
    bare = _sign(wallet, body)[:64]
    yield story.refusal("bytes-none", _LENGTH, bare, "Malformed", "a signature of nothing")
    yield story.refusal("bytes-few", _LENGTH, bare[:63], "Malformed", "less than a signature")


def _payloads(wallet: Wallet) -> Iterable[Vector]:
    good = _fields(wallet)
    for name, kind, payload in (
        *_of_home(),
        *_of_link(),
        *_of_revoke(wallet),
        *_of_the_rest(wallet),
    ):
        raw = _sign(wallet, codec.encode([1, kind, *good[2:7], payload]))
        comment = f"`{kind}`: {name.split('-', 1)[1].replace('-', ' ')}"
        yield story.refusal(f"shape-{name}", _LENGTH, raw, "Malformed", comment)


def _of_home() -> Iterable[Payload]:
    key = story.server("two").key
    good = ["https://two.example", key]
    yield "home-one-field", "home", [good]
    yield "home-three-fields", "home", [good, [], []]
    yield "home-address-of-257-bytes", "home", [["x" * 257, key], []]
    yield "home-address-of-257-bytes-in-129-letters", "home", [["é" * 128 + "x", key], []]
    yield "home-address-as-bytes", "home", [[b"https://two.example", key], []]
    yield "home-key-of-31-bytes", "home", [["https://two.example", key[:31]], []]
    yield "home-nine-fallbacks", "home", [good, [good] * 9]
    yield "home-fallbacks-nil", "home", [good, None]
    yield "home-fallback-without-key", "home", [good, [["https://one.example"]]]


def _of_link() -> Iterable[Payload]:
    names = ("keys", "holder", "role", "kind", "session", "acceptance", "wrap-hash")
    good: list[object] = [_KEYS, bytes(16), "editor", "device", bytes(16), bytes(64), bytes(32)]
    for index, value, what in (
        (0, [_KEYS[0]], "one-key"),
        (0, [_KEYS[0][:31], _KEYS[1]], "signing-key-of-31-bytes"),
        (0, [_KEYS[0], _KEYS[1][:1215]], "wrapping-key-of-1215-bytes"),
        (0, [*reversed(_KEYS)], "swapped"),
        (1, bytes(15), "of-15-bytes"),
        (2, "admin", "unknown"),
        (2, "Owner", "in-another-case"),
        (2, 0, "as-a-number"),
        (3, "person", "unknown"),
        (4, bytes(17), "of-17-bytes"),
        (5, bytes(63), "of-63-bytes"),
        (5, None, "nil"),
        (6, bytes(31), "of-31-bytes"),
        (6, None, "nil"),
    ):
        yield f"link-{names[index]}-{what}", "link", [*good[:index], value, *good[index + 1 :]]
    yield "link-six-fields", "link", good[:6]
    yield "invite-eight-fields", "invite", [*good, None]


def _rotation(wallet: Wallet) -> list[object]:
    found = rotation_of(wallet.chain, 10)
    assert found is not None
    return [found.commitment, list(found.wrap_hashes), found.back_link]


def _of_revoke(wallet: Wallet) -> Iterable[Payload]:
    rotation = _rotation(wallet)
    target: list[object] = ["device", bytes(16)]
    for what, changed in (
        ("target-kind-unknown", ["wallet", bytes(16)]),
        ("target-id-of-15-bytes", ["device", bytes(15)]),
        ("target-without-id", ["device"]),
    ):
        yield f"revoke-{what}", "revoke", [changed, [], rotation]
    for what, cut in _bad_cuts():
        yield f"revoke-cut-{what}", "revoke", [target, cut, rotation]
    yield "revoke-without-rotation", "revoke", [target, []]
    yield "revoke-rotation-nil", "revoke", [target, [], None]


def _bad_cuts() -> Iterable[tuple[str, object]]:
    low, high = [b"\0" * 16, 1, _ENTRY_ID], [b"\1" * 16, 1, _ENTRY_ID]
    yield "nil", None
    yield "map", {}
    yield "descending", [high, low]
    yield "with-a-feed-twice", [low, [low[0], 2, _ENTRY_ID]]
    yield "feed-of-15-bytes", [[bytes(15), 1, _ENTRY_ID]]
    yield "seq-negative", [[low[0], -1, _ENTRY_ID]]
    yield "seq-beyond", [[low[0], 2**53 + 1, _ENTRY_ID]]
    yield "id-of-31-bytes", [[low[0], 1, _ENTRY_ID[:31]]]
    yield "without-id", [[low[0], 1]]
    yield "of-1025-feeds", [[n.to_bytes(16, "big"), 1, _ENTRY_ID] for n in range(1025)]


def _of_the_rest(wallet: Wallet) -> Iterable[Payload]:
    rotation = _rotation(wallet)
    for what, index, value in (
        ("commitment-of-31-bytes", 0, bytes(31)),
        ("wrap-hash-of-31-bytes", 1, [bytes(31)]),
        ("wrap-hashes-nil", 1, None),
        ("257-wraps", 1, [bytes(32)] * 257),
        ("back-link-of-71-bytes", 2, bytes(71)),
        ("back-link-of-73-bytes", 2, bytes(73)),
        ("back-link-nil", 2, None),
    ):
        changed = [*rotation[:index], value, *rotation[index + 1 :]]
        yield f"rotate-{what}", "rotate", [changed]
    yield "rotate-bare", "rotate", rotation
    yield "role-unknown", "set_role", [bytes(16), "admin", []]
    yield "role-device-of-17-bytes", "set_role", [bytes(17), "viewer", []]
    yield "role-without-cut", "set_role", [bytes(16), "viewer"]
    cut: Sequence[object] = [[b"\1" * 16, 1, _ENTRY_ID], [b"\0" * 16, 1, _ENTRY_ID]]
    yield "role-cut-descending", "set_role", [bytes(16), "viewer", cut]
    yield "close-with-a-field", "close", [None]
