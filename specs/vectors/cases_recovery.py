"""Vectors of recovery: what follows from a seed, sealed pins, kits; and what is refused of them.

Spec: 24-recovery.md
"""

from collections.abc import Iterable
from dataclasses import replace

from billfold_protocol import codec, limits
from billfold_protocol.crypto import hashing, sealing
from billfold_protocol.crypto.domains import Domain
from billfold_protocol.feed.vector import encode_vector
from billfold_protocol.ids import EntryId, FeedId
from billfold_protocol.recovery import (
    URI_PREFIX,
    VERSION,
    RecoveryKeys,
    RecoveryKit,
    RecoveryPin,
)
from specs.vectors.story import server
from specs.vectors.wallets import KeptWraps, Vector, Wallet, flip, secret

_SEED = secret("recovery seed")
_NONCE = secret("recovery nonce", 24)
_WRAPPED = secret("stands for wrap recovery", 1168)
_STORY_LENGTH = 6
"""Entries of the story's chain when the recovery words have just been linked."""


def build(story: Wallet, kept: KeptWraps) -> list[Vector]:
    """Return the vectors of `recovery.json`."""
    keys, pin = RecoveryKeys(_SEED), _pin(story)
    _keep_wrap(story, kept)
    return [
        *_seeds(story),
        *_pins(keys, pin),
        *_bad_pins(keys, pin),
        *_kits(pin),
    ]


def _pin(story: Wallet) -> RecoveryPin:
    state, home = story.chain.state_at(_STORY_LENGTH - 1), server("one")
    return RecoveryPin(
        wallet_id=story.id,
        address=home.address,
        server_key=home.key,
        n=17,
        k=state.k,
        hash=state.hash,
        vector={FeedId(secret("recovery feed", 16)): (4, EntryId(secret("recovery entry")))},
        wrapped=_WRAPPED,
    )


def _keep_wrap(story: Wallet, kept: KeptWraps) -> None:
    """Put the wrap of an epoch key for a recovery member among those of `wrapping.json`."""
    state = story.chain.state_at(_STORY_LENGTH - 1)
    (words,) = [member for member in state.members.values() if member.kind.value == "recovery"]
    parts = (story.id, words.device, state.epoch.id, state.epoch.commitment)
    kept.wrap("recovery-pin", story.keys[state.epoch.id], "words", Domain.RECOVERY_WRAP, *parts)


def _seeds(story: Wallet) -> Iterable[Vector]:
    keys = RecoveryKeys(_SEED)
    yield {
        "id": "seed",
        "comment": "what follows from 32 random bytes",
        "seed": _SEED.hex(),
        "wallet": story.id.hex(),
        "expect": "ok",
        "signing_key": keys.keys.signing.hex(),
        "wrapping_key": keys.keys.wrapping.hex(),
        "device": keys.device_id.hex(),
        "locator": keys.locator.hex(),
        "pin_key": keys.pin_key.hex(),
        "proof": keys.prove_locator(story.id).hex(),
    }
    for name, seed, comment in (
        ("short", _SEED[:31], "31 bytes"),
        ("twelve-words", _SEED[:16], "128 bits are not what this protocol's words have"),
        ("long", _SEED + b"\0", "33 bytes"),
        ("zeros", bytes(32), "one value 32 times"),
        ("repeated", _SEED[:15] + _SEED[:15] + _SEED[:2], "15 different values"),
    ):
        yield {
            "id": f"seed-{name}",
            "comment": comment,
            "seed": seed.hex(),
            "expect": "RecoveryRefused",
        }


def _pin_vector(name: str, comment: str, keys: RecoveryKeys, sealed: bytes, expect: str) -> Vector:
    return {
        "id": f"pin-{name}",
        "comment": comment,
        "pin_key": keys.pin_key.hex(),
        "locator": keys.locator.hex(),
        "sealed": sealed.hex(),
        "expect": expect,
    }


def _pin_fields(pin: RecoveryPin) -> Vector:
    return {
        "wallet": pin.wallet_id.hex(),
        "address": pin.address,
        "server_key": pin.server_key.hex(),
        "n": pin.n,
        "k": pin.k,
        "hash": pin.hash.hex(),
        "vector": [[feed.hex(), seq, id_.hex()] for feed, (seq, id_) in sorted(pin.vector.items())],
        "wrapped": pin.wrapped.hex(),
        "nonce": _NONCE.hex(),
    }


def _pins(keys: RecoveryKeys, pin: RecoveryPin) -> Iterable[Vector]:
    heads = {
        FeedId(secret(f"recovery feed {n}", 16)): (n, EntryId(secret(f"recovery entry {n}")))
        for n in range(60)
    }
    for name, comment, one in (
        ("small", "a pin of the smallest size", pin),
        ("bare", "a wallet without entries", replace(pin, n=0, vector={})),
        ("large", "more feeds than the smallest size holds", replace(pin, vector=heads)),
    ):
        sealed = one.seal(keys.pin_key, keys.locator, _NONCE)
        yield {**_pin_vector(name, comment, keys, sealed, "ok"), **_pin_fields(one)}


def _bad_pins(keys: RecoveryKeys, pin: RecoveryPin) -> Iterable[Vector]:
    sealed = pin.seal(keys.pin_key, keys.locator, _NONCE)
    other = RecoveryKeys(secret("another recovery seed"))
    bits = {"nonce": 0, "ciphertext": 8 * 24, "tag": 8 * len(sealed) - 1}
    for name, bit in bits.items():
        yield _pin_vector(name, f"one bit of the {name}", keys, flip(sealed, bit), "AuthFailed")
    for name, comment, bad in (
        ("elsewhere", "sealed for another locator", pin.seal(keys.pin_key, other.locator, _NONCE)),
        ("stranger", "sealed by another key", pin.seal(other.pin_key, keys.locator, _NONCE)),
        ("nothing", "no bytes", b""),
        ("cut", "the tag is not whole", sealed[:30]),
    ):
        yield _pin_vector(name, comment, keys, bad, "AuthFailed")
    whole = codec.encode(_array(pin))
    size = limits.RECOVERY_PIN_SIZE_MIN - 40
    for name, comment, plaintext, expect in (
        ("unpadded", "no padding", len(whole).to_bytes(4, "big") + whole, "Malformed"),
        ("longer", "a byte of padding too many", _padded(whole, size + 1), "Malformed"),
        ("filled", "padding that is not zeros", _padded(whole, size - 1) + b"\1", "Malformed"),
        ("overlong", "a length beyond the bytes", b"\xff" * size, "Malformed"),
        ("version", "another version", _padded(_changed(pin, 0, VERSION + 1), size), "Downgrade"),
        ("fields", "a field too many", _padded(codec.encode([*_array(pin), 0]), size), "Malformed"),
        ("hash", "a hash of 31 bytes", _padded(_changed(pin, 6, bytes(31)), size), "Malformed"),
        ("n", "a negative number", _padded(_changed(pin, 4, -1), size), "Malformed"),
    ):
        context = hashing.frame(Domain.RECOVERY_PIN_SEAL, keys.locator)
        bad = _NONCE + sealing.seal(keys.pin_key, _NONCE, plaintext, context)
        yield _pin_vector(name, comment, keys, bad, expect)


def _array(pin: RecoveryPin) -> list[object]:
    return [
        VERSION,
        pin.wallet_id,
        pin.address,
        pin.server_key,
        pin.n,
        pin.k,
        pin.hash,
        encode_vector(pin.vector),
        pin.wrapped,
    ]


def _changed(pin: RecoveryPin, index: int, value: object) -> bytes:
    fields = _array(pin)
    fields[index] = value
    return codec.encode(fields)


def _padded(plaintext: bytes, size: int) -> bytes:
    framed = len(plaintext).to_bytes(4, "big") + plaintext
    return framed + bytes(size - len(framed))


def _kits(pin: RecoveryPin) -> Iterable[Vector]:
    for name, seed, comment in (
        ("bare", None, "without the words"),
        ("whole", _SEED, "with the seed"),
    ):
        kit = RecoveryKit.of(pin, seed)
        yield {
            "id": f"kit-{name}",
            "comment": comment,
            "uri": kit.uri(),
            "expect": "ok",
            "wallet": kit.wallet_id.hex(),
            "address": kit.address,
            "server_key": kit.server_key.hex(),
            "n": kit.n,
            "k": kit.k,
            "hash": kit.hash.hex(),
            "vector_hash": kit.vector_hash.hex(),
            "seed": None if seed is None else seed.hex(),
        }
    text = RecoveryKit.of(pin, None).uri()
    encoded = text.removeprefix(URI_PREFIX)
    for name, uri, expect, comment in (
        ("linking", f"billfold-link:{encoded}", "WrongContext", "the code of something else"),
        ("bare-text", encoded, "WrongContext", "no scheme"),
        ("empty", URI_PREFIX, "RecoveryRefused", "nothing after the scheme"),
        ("cut", text[:-4], "RecoveryRefused", "the last three bytes are missing"),
        ("alphabet", f"{text[:-1]}+", "RecoveryRefused", "a character of another alphabet"),
        ("padded", f"{text}==", "RecoveryRefused", "padding"),
    ):
        yield {"id": f"kit-{name}", "comment": comment, "uri": uri, "expect": expect}
