"""Vectors of feed entries: made, sealed again, opened, and refused at each step.

Spec: 14-change-envelope.md
"""

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from billfold_protocol import codec
from billfold_protocol.crypto import hashing, sealing
from billfold_protocol.crypto.domains import Domain
from billfold_protocol.envelope import Content, Place, Sealer
from billfold_protocol.feed import Dep, Entry, Opening, entry_id, feed_id
from billfold_protocol.feed.entry import header, sign_entry
from billfold_protocol.ids import EntryId, EpochKey, FeedId
from billfold_protocol.key_hierarchy import entry_key
from specs.vectors import story
from specs.vectors.wallets import (
    START_S,
    Stream,
    Vector,
    Wallet,
    create_wallet,
    flip,
    salt_of,
    secret,
    sign_body,
)

_LAPTOP = story.LAPTOP
_DEVICE_SECRET = secret("device secret laptop")
_SALT = salt_of("laptop")
_FEED = feed_id(_LAPTOP.id, _SALT)
_K = 6
"""The index in the story at which most of the entries are made."""

_PREV = EntryId(secret("the entry before"))
_LOW = Dep(FeedId(b"\0" * 16), 7, EntryId(secret("dep low")))
_HIGH = Dep(FeedId(b"\xff" * 16), 300, EntryId(secret("dep high")))
_CONTENT = Content(changes=(b"a change",), time_ms=START_S * 1000)
_PLACE = Place(feed=_FEED, seq=1, prev=_PREV, deps=())


def build(wallet: Wallet) -> list[Vector]:
    """Return the vectors of `envelope.json`."""
    good = _make(wallet, _PLACE, _CONTENT, Stream("good"), _K)
    return [
        *_made(wallet),
        *_resealed(wallet, good),
        *_flipped(wallet, good),
        *_openings(wallet, good),
        *_elsewhere(wallet, good),
        *_headers(wallet, good),
        *_deps(wallet, good),
        *_contents(wallet, good),
        *_sizes(good),
        *_too_large(wallet),
    ]


def _make(wallet: Wallet, place: Place, content: Content, random: Stream, k: int) -> Entry:
    state = wallet.chain.state_at(k)
    key = wallet.keys[state.epoch.id]
    sealer = Sealer(_LAPTOP.signing, _DEVICE_SECRET)
    return sealer.seal(content, place, state=state, key=key, random=random).value


def _raw(wallet: Wallet, entry: Entry) -> bytes:
    return sign_entry(entry, wallet.id, _LAPTOP.signing).raw


def _opening(wallet: Wallet, raw: bytes, name: str, comment: str, expect: str) -> Vector:
    """Return a vector of opening: parse, check the laptop's signature, open, read."""
    return {
        "id": name,
        "comment": comment,
        "wallet_id": wallet.id.hex(),
        "public_key": _LAPTOP.signing.public_key.hex(),
        "epoch_key": wallet.keys[wallet.chain.state_at(_K).epoch.id].hex(),
        "entry": raw.hex(),
        "expect": expect,
    }


def _prev_as_json(prev: EntryId | Opening) -> object:
    if not isinstance(prev, Opening):
        return prev.hex()
    previous = prev.previous and _dep_as_json(prev.previous)
    return [prev.device.hex(), prev.salt.hex(), previous]


def _dep_as_json(dep: Dep) -> object:
    return [dep.feed.hex(), dep.seq, dep.id.hex()]


def _made(wallet: Wallet) -> Iterable[Vector]:
    first = Place(feed=_FEED, seq=0, prev=Opening(_LAPTOP.id, _SALT, None), deps=())
    reopened = replace(first, prev=Opening(_LAPTOP.id, _SALT, _HIGH))
    long = Content(changes=tuple(secret(f"long {n}", 900) for n in range(3)), time_ms=0)
    for name, place, content, k, comment in (
        ("next", _PLACE, _CONTENT, _K, "the second entry of a feed"),
        ("first", first, _CONTENT, _K, "the first entry, which names its device"),
        ("reopened", reopened, _CONTENT, _K, "the first entry of a device's second feed"),
        ("deps", replace(_PLACE, deps=(_LOW, _HIGH)), _CONTENT, _K, "builds on two other feeds"),
        ("vouch", replace(_PLACE, deps=(_LOW,)), replace(_CONTENT, changes=()), _K, "no changes"),
        ("long", _PLACE, long, _K, "2,700 bytes in three changes"),
        ("before-1970", _PLACE, replace(_CONTENT, time_ms=-(2**53)), _K, "a clock that is off"),
        ("far-future", _PLACE, replace(_CONTENT, time_ms=2**53), _K, "a clock that is off"),
        ("empty-change", _PLACE, replace(_CONTENT, changes=(b"",)), _K, "a change of no bytes"),
        ("large-seq", replace(_PLACE, seq=2**53), _CONTENT, _K, "the largest sequence number"),
        ("later-epoch", _PLACE, _CONTENT, 12, "made under another epoch: equal id, other bytes"),
    ):
        random = Stream("good")
        entry = _make(wallet, place, content, random, k)
        plaintext = codec.encode([random.drawn[0], list(content.changes), content.time_ms])
        yield {
            "id": f"seal-{name}",
            "comment": comment,
            "chain": "story",
            "k": k,
            "epoch_key": wallet.keys[entry.epoch].hex(),
            "signing_seed": secret("signing seed laptop").hex(),
            "device_secret": _DEVICE_SECRET.hex(),
            "random": [drawn.hex() for drawn in random.drawn],
            "feed": place.feed.hex(),
            "seq": place.seq,
            "prev": _prev_as_json(place.prev),
            "deps": [_dep_as_json(dep) for dep in place.deps],
            "changes": [change.hex() for change in content.changes],
            "time_ms": content.time_ms,
            "expect": "ok",
            "plaintext": plaintext.hex(),
            "body": entry.body.hex(),
            "entry_id": entry.id.hex(),
            "nonce": entry.nonce.hex(),
            "associated_data": _associated_data(wallet, entry).hex(),
            "entry": _raw(wallet, entry).hex(),
        }


def _associated_data(wallet: Wallet, entry: Entry) -> bytes:
    return hashing.frame(Domain.ENTRY_SEAL, wallet.id, codec.encode(header(entry)))


def _resealed(wallet: Wallet, good: Entry) -> Iterable[Vector]:
    state, random = wallet.chain.state_at(10), Stream("resealed")
    old_key = wallet.keys[good.epoch]
    sealed = Sealer(_LAPTOP.signing, _DEVICE_SECRET).reseal(
        good, old_key=old_key, state=state, key=wallet.keys[state.epoch.id], random=random
    )
    yield {
        "id": "reseal",
        "comment": "sealed again under a newer epoch: other bytes, and the same id",
        "chain": "story",
        "k": 10,
        "entry": _raw(wallet, good).hex(),
        "old_epoch_key": old_key.hex(),
        "epoch_key": wallet.keys[state.epoch.id].hex(),
        "signing_seed": secret("signing seed laptop").hex(),
        "device_secret": _DEVICE_SECRET.hex(),
        "random": [drawn.hex() for drawn in random.drawn],
        "expect": "ok",
        "entry_id": good.id.hex(),
        "resealed": sealed.raw.hex(),
    }


def _flipped(wallet: Wallet, good: Entry) -> Iterable[Vector]:
    """Change each field: without a new signature, and with one by the author."""
    raw, other = _raw(wallet, good), EpochKey(secret("x"))
    for bit in (0, 511):
        vector = _opening(wallet, flip(raw, bit), f"signature-bit-{bit}", "one bit", "AuthFailed")
        yield vector
    for name, changed, expect in (
        ("feed", replace(good, feed=FeedId(flip(good.feed, 0))), "AuthFailed"),
        ("seq", replace(good, seq=good.seq + 1), "AuthFailed"),
        ("prev", replace(good, prev=EntryId(flip(_PREV, 0))), "AuthFailed"),
        ("deps", replace(good, deps=(_LOW,)), "AuthFailed"),
        ("body", replace(good, body=flip(good.body, 0)), "AuthFailed"),
        ("document", replace(good, document=1), "AuthFailed"),
        ("k", replace(good, k=good.k + 1), "AuthFailed"),
        ("head", replace(good, head=wallet.chain.state_at(1).head), "AuthFailed"),
        ("epoch", replace(good, epoch=wallet.chain.state_at(10).epoch.id), "AuthFailed"),
        ("nonce", replace(good, nonce=flip(good.nonce, 0)), "AuthFailed"),
        ("ciphertext", replace(good, ciphertext=flip(good.ciphertext, 0)), "AuthFailed"),
        ("tag", replace(good, ciphertext=flip(good.ciphertext, 2175)), "AuthFailed"),
        ("cut", replace(good, ciphertext=good.ciphertext[:-1]), "AuthFailed"),
        ("emptied", replace(good, ciphertext=b""), "AuthFailed"),
    ):
        resigned = _raw(wallet, changed)
        kept = raw[:64] + resigned[64:]
        comment = f"`{name}` changed after signing"
        yield _opening(wallet, kept, f"changed-{name}", comment, "AuthFailed")
        comment = f"`{name}` changed after sealing, and signed by the author"
        yield _opening(wallet, resigned, f"resigned-{name}", comment, expect)
    vector = _opening(wallet, raw, "other-epoch-key", "opened with another key", "AuthFailed")
    yield {**vector, "epoch_key": other.hex()}
    plaintext = codec.encode([bytes(16), [b"another change"], 0])
    lying = _seal(wallet, good, sealing.pad(plaintext), body=good.body)
    comment = "another plaintext than the one `body` names, sealed and signed well"
    yield _opening(wallet, lying, "other-plaintext", comment, "CommitMismatch")
    named = hashing.digest(Domain.ENTRY_BODY, secret("elsewhere"), plaintext)
    lying = _seal(wallet, good, sealing.pad(plaintext), body=named)
    comment = "`body` is the hash of the plaintext in another wallet"
    yield _opening(wallet, lying, "other-wallets-body", comment, "CommitMismatch")


def _openings(wallet: Wallet, good: Entry) -> Iterable[Vector]:
    """Open feeds that are not the author's to open; all are signed by the laptop."""
    opening = Opening(_LAPTOP.id, _SALT, None)
    phones = feed_id(story.PHONE.id, salt_of("phone"))
    for name, feed, prev, comment in (
        ("other-feed", FeedId(flip(_FEED, 0)), opening, "the feed has another id"),
        ("other-device", _FEED, replace(opening, device=story.PHONE.id), "another device"),
        ("other-salt", _FEED, replace(opening, salt=flip(_SALT, 0)), "another salt"),
        ("phones-feed", phones, opening, "the phone's feed, in the laptop's name"),
        (
            "phones-feed-and-salt",
            phones,
            replace(opening, salt=salt_of("phone")),
            "the phone's feed and salt, in the laptop's name",
        ),
    ):
        raw = _raw(wallet, replace(good, feed=feed, seq=0, prev=prev))
        yield _opening(wallet, raw, f"opening-{name}", comment, "WrongContext")


def _elsewhere(wallet: Wallet, good: Entry) -> Iterable[Vector]:
    raw = _raw(wallet, good)
    other = create_wallet("other", _LAPTOP)
    moved = _opening(wallet, raw, "other-wallet", "presented in another wallet", "AuthFailed")
    yield {**moved, "wallet_id": other.id.hex()}
    signed = sign_body(raw[64:], _LAPTOP, other.id, Domain.ENTRY_SIGNATURE)
    moved = _opening(wallet, signed, "other-wallet-resigned", "and signed for it", "AuthFailed")
    yield {**moved, "wallet_id": other.id.hex()}
    for name, label, comment in (
        ("beacon", Domain.BEACON_SIGNATURE, "signed under the label of beacons"),
        ("membership", Domain.MEMBERSHIP_SIGNATURE, "signed under the label of the chain"),
    ):
        signed = sign_body(raw[64:], _LAPTOP, wallet.id, label)
        yield _opening(wallet, signed, f"other-label-{name}", comment, "AuthFailed")
    vector = _opening(wallet, raw, "other-author", "checked with the phone's key", "AuthFailed")
    yield {**vector, "public_key": story.PHONE.signing.public_key.hex()}


def _signed_fields(wallet: Wallet, fields: list[Any]) -> bytes:
    return sign_body(codec.encode(fields), _LAPTOP, wallet.id, Domain.ENTRY_SIGNATURE)


def _headers(wallet: Wallet, good: Entry) -> Iterable[Vector]:
    fields = [*header(good), good.ciphertext]
    opening = [_LAPTOP.id, _SALT, None]
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
        ("prev-short", 3, _PREV[:31], "Malformed", "an entry id has 32 bytes"),
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
        yield _opening(wallet, raw, f"shape-{name}", comment, expect)
    first = [*fields[:2], 0, opening, *fields[4:]]
    for name, changed, expect, comment in (
        ("eleven-fields", fields[:11], "Malformed", "the ciphertext is missing"),
        ("thirteen-fields", [*fields, None], "Malformed", "a field too many"),
        ("no-fields", [], "Downgrade", "an empty array has no version"),
        (
            "opening-device-short",
            [*first[:3], [_LAPTOP.id[:15], _SALT, None], *first[4:]],
            "Malformed",
            "a device id has 16 bytes",
        ),
        (
            "opening-salt-short",
            [*first[:3], [_LAPTOP.id, _SALT[:15], None], *first[4:]],
            "Malformed",
            "a salt has 16 bytes",
        ),
        (
            "opening-two-fields",
            [*first[:3], [_LAPTOP.id, _SALT], *first[4:]],
            "Malformed",
            "no previous feed is nil",
        ),
        (
            "opening-previous-two-fields",
            [*first[:3], [_LAPTOP.id, _SALT, [_LOW.feed, 7]], *first[4:]],
            "Malformed",
            "the head of the previous feed has three fields",
        ),
    ):
        raw = _signed_fields(wallet, changed)
        yield _opening(wallet, raw, f"shape-{name}", comment, expect)
    raw = _raw(wallet, good)
    for name, data, comment in (
        ("longer", _resign(wallet, raw[64:] + b"\0"), "a byte after the array"),
        ("cut", _resign(wallet, raw[64:-1]), "the last byte is missing"),
        ("array-16", _resign(wallet, b"\xdc\x00\x0c" + raw[65:]), "twelve fields as array 16"),
        ("seq-as-uint-8", _resign(wallet, _lengthen_seq(raw[64:])), "a sequence number too long"),
        ("signature-only", raw[:64], "no body"),
        ("nothing", b"", "no bytes"),
    ):
        yield _opening(wallet, data, f"bytes-{name}", comment, "Malformed")


def _resign(wallet: Wallet, body: bytes) -> bytes:
    return sign_body(body, _LAPTOP, wallet.id, Domain.ENTRY_SIGNATURE)


def _lengthen_seq(body: bytes) -> bytes:
    # The array's head, the version, and the feed with its head of two bytes come first.
    return body[:20] + b"\xcc" + body[20:]


def _deps(wallet: Wallet, good: Entry) -> Iterable[Vector]:
    fields = [*header(good), good.ciphertext]
    low, high = list(_LOW), list(_HIGH)
    many = [[n.to_bytes(16, "big"), 0, _LOW.id] for n in range(257)]
    for name, deps, comment in (
        ("descending", [high, low], "deps are in ascending order of feed"),
        ("twice", [low, low], "a feed is named once"),
        ("twice-with-two-seqs", [low, [low[0], 8, high[2]]], "a feed is named once"),
        ("own-feed", [[good.feed, 0, _PREV]], "an entry's own feed is in `prev`"),
        ("257", many, "more than 256"),
        ("two-fields", [low[:2]], "a dep has three fields"),
        ("id-short", [[low[0], 7, _LOW.id[:31]]], "an entry id has 32 bytes"),
        ("seq-negative", [[low[0], -1, _LOW.id]], "a sequence begins at 0"),
        ("map", {}, "deps are an array"),
    ):
        raw = _signed_fields(wallet, [*fields[:4], deps, *fields[5:]])
        yield _opening(wallet, raw, f"deps-{name}", comment, "Malformed")


def _seal(wallet: Wallet, like: Entry, padded: bytes, *, body: bytes) -> bytes:
    """Return an entry whose padded plaintext may be anything, sealed and signed well."""
    named = entry_id(
        wallet.id, feed=like.feed, seq=like.seq, prev=like.prev, deps=like.deps, body=body
    )
    entry = replace(like, id=named, body=body)
    key = entry_key(wallet.keys[like.epoch], wallet.id)
    sealed = sealing.seal(key, entry.nonce, padded, _associated_data(wallet, entry))
    return _raw(wallet, replace(entry, ciphertext=sealed))


def _contents(wallet: Wallet, good: Entry) -> Iterable[Vector]:
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
        raw = _seal(wallet, good, sealing.pad(plaintext), body=body)
        yield _opening(wallet, raw, f"content-{name}", comment, "Malformed")
    plaintext = codec.encode([salt, [b"a change"], 0])
    body = hashing.digest(Domain.ENTRY_BODY, wallet.id, plaintext)
    for name, padded, comment in (
        ("none", plaintext, "no padding"),
        ("zeros", plaintext.ljust(256, b"\0"), "zeros without 0x80"),
        ("too-much", (plaintext + b"\x80").ljust(272, b"\0"), "more than Padmé asks for"),
        ("too-little", (plaintext + b"\x80").ljust(255, b"\0"), "below the floor of 256 bytes"),
        ("not-zero", (plaintext + b"\x80").ljust(255, b"\0") + b"\1", "a byte that is not zero"),
    ):
        raw = _seal(wallet, good, padded, body=body)
        yield _opening(wallet, raw, f"padding-{name}", comment, "Malformed")


def _sizes(good: Entry) -> Iterable[Vector]:
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


def _too_large(wallet: Wallet) -> Iterable[Vector]:
    for name, size, count, comment in (
        ("large", 262_144, 1, "one change of 262,144 zeros does not fit an entry"),
        ("many", 1, 4097, "4,097 changes of one zero each are more than an entry may hold"),
    ):
        yield {
            "id": f"seal-too-{name}",
            "comment": comment,
            "chain": "story",
            "k": _K,
            "epoch_key": wallet.keys[wallet.chain.state_at(_K).epoch.id].hex(),
            "change_size": size,
            "change_count": count,
            "expect": "LimitExceeded",
        }
