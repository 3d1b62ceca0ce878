"""Vectors of feed entries: made, sealed again, opened, and refused at each step.

Spec: 14-change-envelope.md
"""

from collections.abc import Iterable
from dataclasses import replace

from billfold_protocol import codec
from billfold_protocol.crypto import hashing, sealing
from billfold_protocol.crypto.domains import Domain
from billfold_protocol.envelope import Content, Place, Sealer
from billfold_protocol.feed import Dep, Entry, Opening, feed_id
from billfold_protocol.ids import EntryId, EpochKey, FeedId
from specs.vectors import cases_envelope_bytes, story
from specs.vectors.envelope_scene import (
    CONTENT,
    DEVICE_SECRET,
    FEED,
    HIGH,
    LAPTOP,
    LOW,
    PLACE,
    PREV,
    SALT,
    K,
    associated_data_of,
    make_entry,
    opening_vector,
    seal_padded,
    signed_entry,
)
from specs.vectors.wallets import (
    Stream,
    Vector,
    Wallet,
    create_wallet,
    flip,
    salt_of,
    secret,
    sign_body,
)


def build(wallet: Wallet) -> list[Vector]:
    """Return the vectors of `envelope.json`."""
    good = make_entry(wallet, PLACE, CONTENT, Stream("good"), K)
    return [
        *_made(wallet),
        *_resealed(wallet, good),
        *_flipped(wallet, good),
        *_openings(wallet, good),
        *_elsewhere(wallet, good),
        *cases_envelope_bytes.headers(wallet, good),
        *cases_envelope_bytes.deps(wallet, good),
        *cases_envelope_bytes.contents(wallet, good),
        *cases_envelope_bytes.sizes(good),
        *cases_envelope_bytes.too_large(wallet),
    ]


def _prev_as_json(prev: EntryId | Opening) -> object:
    if not isinstance(prev, Opening):
        return prev.hex()
    previous = prev.previous and _dep_as_json(prev.previous)
    return [prev.device.hex(), prev.salt.hex(), previous]


def _dep_as_json(dep: Dep) -> object:
    return [dep.feed.hex(), dep.seq, dep.id.hex()]


def _made(wallet: Wallet) -> Iterable[Vector]:
    first = Place(feed=FEED, seq=0, prev=Opening(LAPTOP.id, SALT, None), deps=())
    reopened = replace(first, prev=Opening(LAPTOP.id, SALT, HIGH))
    long = Content(changes=tuple(secret(f"long {n}", 900) for n in range(3)), time_ms=0)
    for name, place, content, k, comment in (
        ("next", PLACE, CONTENT, K, "the second entry of a feed"),
        ("first", first, CONTENT, K, "the first entry, which names its device"),
        ("reopened", reopened, CONTENT, K, "the first entry of a device's second feed"),
        ("deps", replace(PLACE, deps=(LOW, HIGH)), CONTENT, K, "builds on two other feeds"),
        ("vouch", replace(PLACE, deps=(LOW,)), replace(CONTENT, changes=()), K, "no changes"),
        ("long", PLACE, long, K, "2,700 bytes in three changes"),
        ("before-1970", PLACE, replace(CONTENT, time_ms=-(2**53)), K, "a clock that is off"),
        ("far-future", PLACE, replace(CONTENT, time_ms=2**53), K, "a clock that is off"),
        ("empty-change", PLACE, replace(CONTENT, changes=(b"",)), K, "a change of no bytes"),
        ("large-seq", replace(PLACE, seq=2**53), CONTENT, K, "the largest sequence number"),
        ("later-epoch", PLACE, CONTENT, 12, "made under another epoch: equal id, other bytes"),
    ):
        random = Stream("good")
        entry = make_entry(wallet, place, content, random, k)
        plaintext = codec.encode([random.drawn[0], list(content.changes), content.time_ms])
        yield {
            "id": f"seal-{name}",
            "comment": comment,
            "chain": "story",
            "k": k,
            "epoch_key": wallet.keys[entry.epoch].hex(),
            "signing_seed": secret("signing seed laptop").hex(),
            "device_secret": DEVICE_SECRET.hex(),
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
            "associated_data": associated_data_of(wallet, entry).hex(),
            "entry": signed_entry(wallet, entry).hex(),
        }


def _resealed(wallet: Wallet, good: Entry) -> Iterable[Vector]:
    state, random = wallet.chain.state_at(10), Stream("resealed")
    old_key = wallet.keys[good.epoch]
    sealed = Sealer(LAPTOP.signing, DEVICE_SECRET).reseal(
        good, old_key=old_key, state=state, key=wallet.keys[state.epoch.id], random=random
    )
    yield {
        "id": "reseal",
        "comment": "sealed again under a newer epoch: other bytes, and the same id",
        "chain": "story",
        "k": 10,
        "entry": signed_entry(wallet, good).hex(),
        "old_epoch_key": old_key.hex(),
        "epoch_key": wallet.keys[state.epoch.id].hex(),
        "signing_seed": secret("signing seed laptop").hex(),
        "device_secret": DEVICE_SECRET.hex(),
        "random": [drawn.hex() for drawn in random.drawn],
        "expect": "ok",
        "entry_id": good.id.hex(),
        "resealed": sealed.raw.hex(),
    }


def _flipped(wallet: Wallet, good: Entry) -> Iterable[Vector]:
    """Change each field: without a new signature, and with one by the author."""
    raw, other = signed_entry(wallet, good), EpochKey(secret("x"))
    for bit in (0, 511):
        vector = opening_vector(
            wallet, flip(raw, bit), f"signature-bit-{bit}", "one bit", "AuthFailed"
        )
        yield vector
    for name, changed, expect in (
        ("feed", replace(good, feed=FeedId(flip(good.feed, 0))), "AuthFailed"),
        ("seq", replace(good, seq=good.seq + 1), "AuthFailed"),
        ("prev", replace(good, prev=EntryId(flip(PREV, 0))), "AuthFailed"),
        ("deps", replace(good, deps=(LOW,)), "AuthFailed"),
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
        resigned = signed_entry(wallet, changed)
        kept = raw[:64] + resigned[64:]
        comment = f"`{name}` changed after signing"
        yield opening_vector(wallet, kept, f"changed-{name}", comment, "AuthFailed")
        comment = f"`{name}` changed after sealing, and signed by the author"
        yield opening_vector(wallet, resigned, f"resigned-{name}", comment, expect)
    vector = opening_vector(wallet, raw, "other-epoch-key", "opened with another key", "AuthFailed")
    yield {**vector, "epoch_key": other.hex()}
    plaintext = codec.encode([bytes(16), [b"another change"], 0])
    lying = seal_padded(wallet, good, sealing.pad(plaintext), body=good.body)
    comment = "another plaintext than the one `body` names, sealed and signed well"
    yield opening_vector(wallet, lying, "other-plaintext", comment, "CommitMismatch")
    named = hashing.digest(Domain.ENTRY_BODY, secret("elsewhere"), plaintext)
    lying = seal_padded(wallet, good, sealing.pad(plaintext), body=named)
    comment = "`body` is the hash of the plaintext in another wallet"
    yield opening_vector(wallet, lying, "other-wallets-body", comment, "CommitMismatch")


def _openings(wallet: Wallet, good: Entry) -> Iterable[Vector]:
    """Open feeds that are not the author's to open; all are signed by the laptop."""
    opening = Opening(LAPTOP.id, SALT, None)
    phones = feed_id(story.PHONE.id, salt_of("phone"))
    for name, feed, prev, comment in (
        ("other-feed", FeedId(flip(FEED, 0)), opening, "the feed has another id"),
        ("other-device", FEED, replace(opening, device=story.PHONE.id), "another device"),
        ("other-salt", FEED, replace(opening, salt=flip(SALT, 0)), "another salt"),
        ("phones-feed", phones, opening, "the phone's feed, in the laptop's name"),
        (
            "phones-feed-and-salt",
            phones,
            replace(opening, salt=salt_of("phone")),
            "the phone's feed and salt, in the laptop's name",
        ),
    ):
        raw = signed_entry(wallet, replace(good, feed=feed, seq=0, prev=prev))
        yield opening_vector(wallet, raw, f"opening-{name}", comment, "WrongContext")


def _elsewhere(wallet: Wallet, good: Entry) -> Iterable[Vector]:
    raw = signed_entry(wallet, good)
    other = create_wallet("other", LAPTOP)
    moved = opening_vector(wallet, raw, "other-wallet", "presented in another wallet", "AuthFailed")
    yield {**moved, "wallet_id": other.id.hex()}
    signed = sign_body(raw[64:], LAPTOP, other.id, Domain.ENTRY_SIGNATURE)
    moved = opening_vector(
        wallet, signed, "other-wallet-resigned", "and signed for it", "AuthFailed"
    )
    yield {**moved, "wallet_id": other.id.hex()}
    for name, label, comment in (
        ("beacon", Domain.BEACON_SIGNATURE, "signed under the label of beacons"),
        ("membership", Domain.MEMBERSHIP_SIGNATURE, "signed under the label of the chain"),
    ):
        signed = sign_body(raw[64:], LAPTOP, wallet.id, label)
        yield opening_vector(wallet, signed, f"other-label-{name}", comment, "AuthFailed")
    vector = opening_vector(
        wallet, raw, "other-author", "checked with the phone's key", "AuthFailed"
    )
    yield {**vector, "public_key": story.PHONE.signing.public_key.hex()}
