"""Vectors of signatures and of the keys that may enter a chain.

Spec: 11-cryptography.md
"""

from hashlib import sha512

from nacl.bindings import (
    crypto_core_ed25519_add,
    crypto_scalarmult_ed25519_base_noclamp,
    crypto_sign,
    crypto_sign_seed_keypair,
)

from billfold_protocol.crypto.domains import Domain
from billfold_protocol.crypto.hashing import frame
from billfold_protocol.crypto.signing import SigningKey
from specs.vectors.wallets import Vector, flip, secret

_ORDER = 2**252 + 27742317777372353535851937790883648493  # RFC 8032 §5.1.
_PRIME = 2**255 - 19
_DOMAIN = Domain.ENTRY_SIGNATURE
_PARTS = (secret("wallet id"), b"the signed bytes")

_POINT_OF_ORDER_8 = "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05"
_SMALL_ORDER = {  # The torsion points of edwards25519, as every survey of them lists them.
    "the-neutral-point": "01" + "00" * 31,
    "order-2": "ec" + "ff" * 30 + "7f",
    "order-4": "00" * 32,
    "order-4-negative": "00" * 31 + "80",
    "order-8-a": _POINT_OF_ORDER_8,
    "order-8-a-negative": _POINT_OF_ORDER_8[:-2] + "85",
    "order-8-b": "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
    "order-8-b-negative": "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
}
_NOT_CANONICAL = {
    "neutral-point-with-a-sign": "01" + "00" * 30 + "80",
    "order-2-with-a-sign": "ec" + "ff" * 31,
    "y-is-p": _PRIME.to_bytes(32, "little").hex(),
    "y-is-p-with-a-sign": (_PRIME + 2**255).to_bytes(32, "little").hex(),
    "y-is-p-plus-1": (_PRIME + 1).to_bytes(32, "little").hex(),
    "y-is-p-plus-1-with-a-sign": (_PRIME + 1 + 2**255).to_bytes(32, "little").hex(),
    "y-is-p-plus-3": (_PRIME + 3).to_bytes(32, "little").hex(),
    "y-is-2-to-255-minus-1": (2**255 - 1).to_bytes(32, "little").hex(),
}


def forge_for_the_neutral_point() -> bytes:
    """Return a signature that holds under the neutral point, whatever was signed: R = SB."""
    return _with(crypto_scalarmult_ed25519_base_noclamp(_scalar(5)), 5)


def build() -> list[Vector]:
    """Return the vectors of `signing.json`."""
    key = SigningKey(secret("signing seed laptop"))
    return [*_signed(key), *_refused(key), *_forged_for_weak_keys(), *_keys(key), *_splits()]


def _vector(name: str, comment: str, key: bytes, signature: bytes, expect: str) -> Vector:
    return {
        "id": name,
        "comment": comment,
        "public_key": key.hex(),
        "signature": signature.hex(),
        "label": _DOMAIN.value.decode(),
        "parts": [part.hex() for part in _PARTS],
        "expect": expect,
    }


def _signed(key: SigningKey) -> list[Vector]:
    return [
        {
            "id": f"sign-{domain.name.lower().replace('_', '-')}",
            "comment": "made from the seed; deterministic, and verifies",
            "seed": secret("signing seed laptop").hex(),
            "public_key": key.public_key.hex(),
            "label": domain.value.decode(),
            "parts": [part.hex() for part in _PARTS],
            "signature": key.sign(domain, *_PARTS).hex(),
            "expect": "ok",
        }
        for domain in Domain
        if domain.value.startswith(b"billfold/v1/sign/")
    ]


def _refused(key: SigningKey) -> list[Vector]:
    good = key.sign(_DOMAIN, *_PARTS)
    point, scalar = good[:32], int.from_bytes(good[32:], "little")
    other = SigningKey(secret("signing seed phone"))
    changed: list[tuple[str, str, bytes, bytes]] = [
        ("first-bit", "the first bit of R is flipped", key.public_key, flip(good, 0)),
        ("last-bit-of-r", "the last bit of R is flipped", key.public_key, flip(good, 255)),
        ("first-bit-of-s", "the first bit of S is flipped", key.public_key, flip(good, 256)),
        (
            "s-plus-l",
            "S + L, equal modulo L",
            key.public_key,
            _with(point, scalar + _ORDER),
        ),
        ("s-is-l", "R stands, S is the order", key.public_key, _with(point, _ORDER)),
        ("zeros", "R and S are zero", key.public_key, bytes(64)),
        ("63-bytes", "the last byte is missing", key.public_key, good[:63]),
        ("65-bytes", "one byte more", key.public_key, good + b"\0"),
        ("nothing", "no bytes", key.public_key, b""),
        ("key-of-31-bytes", "the key's last byte is missing", key.public_key[:31], good),
        ("key-of-33-bytes", "the key is one byte longer", key.public_key + b"\0", good),
        (
            "small-order-r",
            "R is a point of small order",
            key.public_key,
            bytes.fromhex(_POINT_OF_ORDER_8) + good[32:],
        ),
        (
            "cofactor",
            "[8]SB = [8](R + hA) holds and SB = R + hA does not",
            key.public_key,
            _with_torsion_in_r(key),
        ),
        ("other-key", "the signature is another key's", other.public_key, good),
        (
            "key-in-other-half",
            "the key's sign bit is flipped",
            flip(key.public_key, 255),
            good,
        ),
        ("without-frame", "made over label and parts without lengths", key.public_key, _unframed()),
    ]
    vectors = [
        _vector(f"verify-{name}", comment, public_key, signature, "AuthFailed")
        for name, comment, public_key, signature in changed
    ]
    for name, comment, overrides in (
        ("other-label", "made for another purpose", {"label": Domain.BEACON_SIGNATURE.value}),
        ("other-wallet", "made for another wallet", {"parts": [bytes(32), _PARTS[1]]}),
        ("part-missing", "made with the wallet id", {"parts": [_PARTS[1]]}),
        ("part-added", "made without the last part", {"parts": [*_PARTS, b""]}),
        ("parts-joined", "made over two parts", {"parts": [b"".join(_PARTS)]}),
        (
            "boundary-moved",
            "the boundary of the parts is one byte later",
            {"parts": [_PARTS[0] + _PARTS[1][:1], _PARTS[1][1:]]},
        ),
        ("parts-swapped", "the parts are in another order", {"parts": [*reversed(_PARTS)]}),
        ("byte-changed", "one signed byte differs", {"parts": [_PARTS[0], b"The signed bytes"]}),
    ):
        vector = _vector(f"verify-{name}", comment, key.public_key, good, "AuthFailed")
        for field, value in overrides.items():
            vector[field] = (
                value.decode() if isinstance(value, bytes) else [part.hex() for part in value]
            )
        vectors.append(vector)
    return vectors


def _forged_for_weak_keys() -> list[Vector]:
    """Forge for each weak key: R = SB holds for every message wherever hA vanishes."""
    forged = forge_for_the_neutral_point()
    identity = bytes.fromhex(_SMALL_ORDER["the-neutral-point"]) + bytes(32)
    return [
        _vector(
            f"verify-forged-{kind}-{name}",
            "a signature that anybody can make for such a key",
            bytes.fromhex(public_key),
            signature,
            "AuthFailed",
        )
        for name, public_key in {**_SMALL_ORDER, **_NOT_CANONICAL}.items()
        for kind, signature in (("r-is-sb", forged), ("r-is-neutral", identity))
    ]


def _keys(key: SigningKey) -> list[Vector]:
    mixed = crypto_core_ed25519_add(key.public_key, bytes.fromhex(_POINT_OF_ORDER_8))
    weak = {
        **{f"small-order-{name}": value for name, value in _SMALL_ORDER.items()},
        **{f"not-canonical-{name}": value for name, value in _NOT_CANONICAL.items()},
        "outside-the-prime-order-group": mixed.hex(),
        "not-on-the-curve": "02" + "00" * 31,
        "too-short": key.public_key[:31].hex(),
        "too-long": key.public_key.hex() + "00",
        "empty": "",
    }
    return [
        {
            "id": "enrol-signing-key",
            "comment": "a point of the prime-order group",
            "enrol": key.public_key.hex(),
            "expect": "ok",
        },
        *(
            {
                "id": f"enrol-{name}",
                "comment": "such a signing key never enters a chain",
                "enrol": value,
                "expect": "WeakKey",
            }
            for name, value in weak.items()
        ),
    ]


def _splits() -> list[Vector]:
    return [
        {
            "id": f"split-{size}-bytes",
            "comment": "signed bytes are a signature of 64 bytes and a body of at least one",
            "signed_bytes": secret("signed bytes", size).hex(),
            "expect": expect,
        }
        for size, expect in ((0, "Malformed"), (63, "Malformed"), (64, "Malformed"), (65, "ok"))
    ]


def _with_torsion_in_r(key: SigningKey) -> bytes:
    """Sign with R moved by a point of small order, which cofactored verifiers do not see."""
    # RFC 8032 §5.1.5: the scalar of a seed is the clamped first half of its SHA-512.
    clamped = bytearray(sha512(secret("signing seed laptop")).digest()[:32])
    clamped[0] &= 248
    clamped[31] = clamped[31] & 127 | 64
    nonce = int.from_bytes(secret("nonce of the moved signature"), "little") % _ORDER
    base = crypto_scalarmult_ed25519_base_noclamp(_scalar(nonce))
    point = crypto_core_ed25519_add(base, bytes.fromhex(_POINT_OF_ORDER_8))
    hashed = sha512(point + key.public_key + frame(_DOMAIN, *_PARTS)).digest()
    challenge = int.from_bytes(hashed, "little")
    return _with(point, (nonce + challenge * int.from_bytes(clamped, "little")) % _ORDER)


def _unframed() -> bytes:
    _, key = crypto_sign_seed_keypair(secret("signing seed laptop"))
    return crypto_sign(b"".join((_DOMAIN.value, *_PARTS)), key)[:64]


def _scalar(value: int) -> bytes:
    return value.to_bytes(32, "little")


def _with(point: bytes, scalar: int) -> bytes:
    return point + _scalar(scalar)
