"""Vectors of key wrapping. Wraps are random, so they are kept from run to run.

Spec: 11-cryptography.md
"""

from collections.abc import Iterable

from billfold_protocol.crypto.domains import Domain
from billfold_protocol.crypto.wrapping import UnwrappingKey
from specs.vectors.wallets import KeptWraps, Vector, flip, secret

_X_WING_DRAFT_SEED = "7f9c2ba4e88f827d616045507605853ed73b8093f6efbc88eb1a6eacfa66ef26"
_CONTEXT = (b"one", b"two")
_X25519_SMALL_ORDER = {  # RFC 7748 §6.1 and §7: what gives an all-zero secret.
    "zero": bytes(32),
    "one": b"\1" + bytes(31),
    "order-8-a": bytes.fromhex("e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800"),
    "order-8-b": bytes.fromhex("5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157"),
    "p-minus-1": (2**255 - 20).to_bytes(32, "little"),
    "p": (2**255 - 19).to_bytes(32, "little"),
    "p-plus-1": (2**255 - 18).to_bytes(32, "little"),
    "p-with-the-unused-bit": (2**256 - 19).to_bytes(32, "little"),
}


def build(kept: KeptWraps) -> list[Vector]:
    """Return the vectors of `wrapping.json`, after all others have asked for their wraps."""
    wrapped = kept.wrap("plain", secret("wrapped"), "laptop", Domain.EPOCH_WRAP, *_CONTEXT)
    kept.wrap("empty", b"", "laptop", Domain.LINKING_WRAP)
    kept.wrap("long", secret("long", 500), "phone", Domain.LINKING_WRAP, bytes(300), b"")
    return [*_public_keys(), *kept.vectors, *_not_opened(wrapped), *_weak()]


def _public_keys() -> Iterable[Vector]:
    seeds = {
        "laptop": (secret("wrapping seed laptop").hex(), "32 bytes make the key pair"),
        "zeros": ("00" * 32, "32 bytes make the key pair"),
        "x-wing-draft": (
            _X_WING_DRAFT_SEED,
            "the seed of the first test vector of draft-connolly-cfrg-xwing-kem, appendix C",
        ),
    }
    for name, (seed, comment) in seeds.items():
        yield {
            "id": f"public-key-{name}",
            "comment": comment,
            "seed": seed,
            "expect": "ok",
            "public_key": UnwrappingKey(bytes.fromhex(seed)).public_key.hex(),
        }


def _not_opened(wrapped: bytes) -> Iterable[Vector]:
    seed, label = secret("wrapping seed laptop").hex(), Domain.EPOCH_WRAP.value.decode()
    for name, comment, changed in (
        ("ml-kem-first", "first bit of the ML-KEM part", {"wrapped": flip(wrapped, 0)}),
        ("ml-kem-last", "last bit of the ML-KEM part", {"wrapped": flip(wrapped, 8703)}),
        ("x25519", "first bit of the X25519 part", {"wrapped": flip(wrapped, 8704)}),
        ("ciphertext", "first bit of the ciphertext", {"wrapped": flip(wrapped, 8960)}),
        ("tag", "last bit of the tag", {"wrapped": flip(wrapped, 8 * len(wrapped) - 1)}),
        ("cut-short", "the last byte is missing", {"wrapped": wrapped[:-1]}),
        ("longer", "one byte more", {"wrapped": wrapped + b"\0"}),
        ("encapsulation-only", "nothing after the encapsulation", {"wrapped": wrapped[:1120]}),
        ("cut-within", "a cut within the encapsulation", {"wrapped": wrapped[:1119]}),
        ("nothing", "no bytes", {"wrapped": b""}),
        ("x25519-zero", "the X25519 part is zero", {"wrapped": _without_x25519(wrapped)}),
        ("other-device", "another device's key", {"seed": secret("wrapping seed phone")}),
        ("other-label", "another purpose", {"label": Domain.LINKING_WRAP.value.decode()}),
        ("other-context", "one part differs", {"context": [b"one", b"Two"]}),
        ("context-missing", "one part is left out", {"context": [b"one"]}),
        ("context-moved", "the boundary of the parts moved", {"context": [b"onet", b"wo"]}),
    ):
        vector: Vector = {
            "id": f"refuse-{name}",
            "comment": comment,
            "seed": seed,
            "label": label,
            "context": [part.hex() for part in _CONTEXT],
            "wrapped": wrapped.hex(),
            "expect": "AuthFailed",
        }
        for field, value in changed.items():
            vector[field] = _as_json(value)
        yield vector


def _weak() -> Iterable[Vector]:
    good = UnwrappingKey(secret("wrapping seed laptop")).public_key
    # FIPS 203 §7.2: coefficients are 12 bits each, and below 3329.
    unreduced = {
        "first-coefficient": b"\x01\x0d" + good[2:],
        "every-coefficient": b"\xff" * 1152 + good[1152:],
    }
    yield {
        "id": "enrol-wrapping-key",
        "comment": "a valid key",
        "enrol": good.hex(),
        "expect": "ok",
    }
    for name, comment, key in (
        *(
            (f"x25519-{name}", "the X25519 half has small order", good[:1184] + point)
            for name, point in _X25519_SMALL_ORDER.items()
        ),
        *((f"unreduced-{name}", "ML-KEM half not reduced", key) for name, key in unreduced.items()),
        ("x25519-only", "half a key is no key", good[1184:]),
        ("ml-kem-only", "half a key is no key", good[:1184]),
        ("too-short", "1215 bytes", good[:-1]),
        ("too-long", "1217 bytes", good + b"\0"),
        ("nothing", "no bytes", b""),
    ):
        yield {
            "id": f"enrol-{name}",
            "comment": comment,
            "enrol": key.hex(),
            "expect": "WeakKey",
        }


def _without_x25519(wrapped: bytes) -> bytes:
    return wrapped[:1088] + bytes(32) + wrapped[1120:]


def _as_json(value: str | bytes | list[bytes]) -> str | list[str]:
    match value:
        case str():
            return value
        case bytes():
            return value.hex()
        case _:
            return [part.hex() for part in value]
