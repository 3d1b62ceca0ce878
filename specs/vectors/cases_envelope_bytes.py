"""Vectors of entries whose signed bytes are wrong: header, deps, content, sizes.

Spec: 14-change-envelope.md
"""

from collections.abc import Iterable
from typing import Any

from billfold_protocol import codec
from billfold_protocol.crypto import hashing, sealing
from billfold_protocol.crypto.domains import Domain
from billfold_protocol.feed import Entry
from billfold_protocol.feed.entry import header
from specs.vectors.envelope_scene import (
    HIGH,
    LAPTOP,
    LOW,
    PREV,
    SALT,
    K,
    opening_vector,
    seal_padded,
    signed_entry,
)
from specs.vectors.wallets import (
    Vector,
    Wallet,
    sign_body,
)


def _signed_fields(wallet: Wallet, fields: list[Any]) -> bytes:
    return sign_body(codec.encode(fields), LAPTOP, wallet.id, Domain.ENTRY_SIGNATURE)


def headers(wallet: Wallet, good: Entry) -> Iterable[Vector]:
    """Return entries whose clear fields are wrong."""
    fields = [*header(good), good.ciphertext]
    opening = [LAPTOP.id, SALT, None]
    for name, index, value, expect, comment in (
        ("version-0", 0, 0, "Downgrade", "an older version"),
        ("version-2", 0, 2, "Downgrade", "a newer version"),
        ("version-true", 0, True, "Downgrade", "`true` is not 1"),
        ("version-text", 0, "1", "Downgrade", "text is not 1"),
        ("feed-short", 1, good.feed[:15], "Malformed", "a feed id has 16 bytes"),
        ("feed-text", 1, "feed", "Malformed", "a feed id is bytes"),
        ("seq-negative", 2, -1, "Malformed", "a sequence begins at 0"),
        ("seq-beyond", 2, 2**53 + 1, "Malformed", "an integer above 2^53"),
        ("seq-true", 2, True, "Malformed", "`true` is not an integer"),
        ("seq-0-with-id", 2, 0, "Malformed", "the first entry has an opening for `prev`"),
        ("prev-short", 3, PREV[:31], "Malformed", "an entry id has 32 bytes"),
        ("prev-nil", 3, None, "Malformed", "an entry builds on the one before"),
        ("prev-opening", 3, opening, "Malformed", "only the first entry opens a feed"),
        ("deps-nil", 4, None, "Malformed", "no deps are an empty array"),
        ("body-short", 5, good.body[:31], "Malformed", "a hash has 32 bytes"),
        ("document-negative", 6, -1, "Malformed", "documents begin at 0"),
        ("document-nil", 6, None, "Malformed", "a document is a number"),
        ("k-4096", 7, 4096, "Malformed", "a chain has at most 4,096 entries"),
        ("k-negative", 7, -1, "Malformed", "an index begins at 0"),
        ("head-of-32-bytes", 8, bytes(32), "Malformed", "the head is 16 bytes of the hash"),
        ("epoch-short", 9, good.epoch[:15], "Malformed", "an epoch id has 16 bytes"),
        ("nonce-of-12-bytes", 10, good.nonce[:12], "Malformed", "a nonce has 24 bytes"),
        ("ciphertext-nil", 11, None, "Malformed", "a ciphertext is bytes"),
    ):
        raw = _signed_fields(wallet, [*fields[:index], value, *fields[index + 1 :]])
        yield opening_vector(wallet, raw, f"shape-{name}", comment, expect)
    first = [*fields[:2], 0, opening, *fields[4:]]
    for name, changed, expect, comment in (
        ("eleven-fields", fields[:11], "Malformed", "the ciphertext is missing"),
        ("thirteen-fields", [*fields, None], "Malformed", "a field too many"),
        ("no-fields", [], "Downgrade", "an empty array has no version"),
        (
            "opening-device-short",
            [*first[:3], [LAPTOP.id[:15], SALT, None], *first[4:]],
            "Malformed",
            "a device id has 16 bytes",
        ),
        (
            "opening-salt-short",
            [*first[:3], [LAPTOP.id, SALT[:15], None], *first[4:]],
            "Malformed",
            "a salt has 16 bytes",
        ),
        (
            "opening-two-fields",
            [*first[:3], [LAPTOP.id, SALT], *first[4:]],
            "Malformed",
            "no previous feed is nil",
        ),
        (
            "opening-previous-two-fields",
            [*first[:3], [LAPTOP.id, SALT, [LOW.feed, 7]], *first[4:]],
            "Malformed",
            "the head of the previous feed has three fields",
        ),
    ):
        raw = _signed_fields(wallet, changed)
        yield opening_vector(wallet, raw, f"shape-{name}", comment, expect)
    raw = signed_entry(wallet, good)
    for name, data, comment in (
        ("longer", _resign(wallet, raw[64:] + b"\0"), "a byte after the array"),
        ("cut", _resign(wallet, raw[64:-1]), "the last byte is missing"),
        ("array-16", _resign(wallet, b"\xdc\x00\x0c" + raw[65:]), "twelve fields as array 16"),
        ("seq-as-uint-8", _resign(wallet, _lengthen_seq(raw[64:])), "a sequence number too long"),
        ("signature-only", raw[:64], "no body"),
        ("nothing", b"", "no bytes"),
    ):
        yield opening_vector(wallet, data, f"bytes-{name}", comment, "Malformed")


def _resign(wallet: Wallet, body: bytes) -> bytes:
    return sign_body(body, LAPTOP, wallet.id, Domain.ENTRY_SIGNATURE)


def _lengthen_seq(body: bytes) -> bytes:
    # The array's head, the version, and the feed with its head of two bytes come first.
    return body[:20] + b"\xcc" + body[20:]


def deps(wallet: Wallet, good: Entry) -> Iterable[Vector]:
    """Return entries whose deps are out of order or too many."""
    fields = [*header(good), good.ciphertext]
    low, high = list(LOW), list(HIGH)
    many = [[n.to_bytes(16, "big"), 0, LOW.id] for n in range(257)]
    for name, deps, comment in (
        ("descending", [high, low], "deps are in ascending order of feed"),
        ("twice", [low, low], "a feed is named once"),
        ("twice-with-two-seqs", [low, [low[0], 8, high[2]]], "a feed is named once"),
        ("own-feed", [[good.feed, 0, PREV]], "an entry's own feed is in `prev`"),
        ("257", many, "more than 256"),
        ("two-fields", [low[:2]], "a dep has three fields"),
        ("id-short", [[low[0], 7, LOW.id[:31]]], "an entry id has 32 bytes"),
        ("seq-negative", [[low[0], -1, LOW.id]], "a sequence begins at 0"),
        ("map", {}, "deps are an array"),
    ):
        raw = _signed_fields(wallet, [*fields[:4], deps, *fields[5:]])
        yield opening_vector(wallet, raw, f"deps-{name}", comment, "Malformed")


def contents(wallet: Wallet, good: Entry) -> Iterable[Vector]:
    """Return entries whose plaintext is no content."""
    salt = bytes(16)
    for name, plaintext, comment in (
        ("map", codec.encode({"salt": salt}), "a map"),
        ("two-fields", codec.encode([salt, []]), "the time is missing"),
        ("four-fields", codec.encode([salt, [], 0, None]), "a field too many"),
        ("salt-short", codec.encode([salt[:15], [], 0]), "a salt has 16 bytes"),
        ("salt-nil", codec.encode([None, [], 0]), "a salt has 16 bytes"),
        ("changes-nil", codec.encode([salt, None, 0]), "changes are an array"),
        ("change-text", codec.encode([salt, ["a change"], 0]), "a change is bytes"),
        ("4097-changes", codec.encode([salt, [b""] * 4097, 0]), "more than 4,096 changes"),
        ("time-text", codec.encode([salt, [], "now"]), "a time is an integer"),
        ("time-beyond", codec.encode([salt, [], 2**53 + 1]), "a time above 2^53"),
        ("time-before", codec.encode([salt, [], -(2**53) - 1]), "a time below -2^53"),
        ("not-canonical", codec.encode([salt, [], 0])[:-1] + b"\xcc\x00", "0 as uint 8"),
        ("longer", codec.encode([salt, [], 0]) + b"\0", "a byte after the array"),
        ("empty", b"", "no bytes"),
    ):
        body = hashing.digest(Domain.ENTRY_BODY, wallet.id, plaintext)
        raw = seal_padded(wallet, good, sealing.pad(plaintext), body=body)
        yield opening_vector(wallet, raw, f"content-{name}", comment, "Malformed")
    plaintext = codec.encode([salt, [b"a change"], 0])
    body = hashing.digest(Domain.ENTRY_BODY, wallet.id, plaintext)
    for name, padded, comment in (
        ("none", plaintext, "no padding"),
        ("zeros", plaintext.ljust(256, b"\0"), "zeros without 0x80"),
        ("too-much", (plaintext + b"\x80").ljust(272, b"\0"), "more than Padmé asks for"),
        ("too-little", (plaintext + b"\x80").ljust(255, b"\0"), "below the floor of 256 bytes"),
        ("not-zero", (plaintext + b"\x80").ljust(255, b"\0") + b"\1", "a byte that is not zero"),
    ):
        raw = seal_padded(wallet, good, padded, body=body)
        yield opening_vector(wallet, raw, f"padding-{name}", comment, "Malformed")


def sizes(good: Entry) -> Iterable[Vector]:
    """Return entries by rule, because bytes would be larger than all others together."""
    fields = codec.encode([*header(good), b""])[1:-2]
    room = 327_680 - 64 - 1 - len(fields) - 5
    for name, size, expect, comment in (
        ("largest", room, "ok", "as many bytes as an entry may have"),
        ("too-large", room + 1, "Malformed", "one byte more than an entry may have"),
    ):
        yield {
            "id": f"size-{name}",
            "comment": f"{comment}: the rule is in README.md",
            "header": fields.hex(),
            "ciphertext_size": size,
            "expect": expect,
        }


def too_large(wallet: Wallet) -> Iterable[Vector]:
    """Return contents that no entry holds."""
    for name, size, count, comment in (
        ("large", 262_144, 1, "one change of 262,144 zeros does not fit an entry"),
        ("many", 1, 4097, "4,097 changes of one zero each are more than an entry may hold"),
    ):
        yield {
            "id": f"seal-too-{name}",
            "comment": comment,
            "chain": "story",
            "k": K,
            "epoch_key": wallet.keys[wallet.chain.state_at(K).epoch.id].hex(),
            "change_size": size,
            "change_count": count,
            "expect": "LimitExceeded",
        }
