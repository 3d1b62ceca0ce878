"""Vectors of bytes that are sealed under a password or a key, with a commitment.

Spec: 11-cryptography.md
"""

from collections.abc import Iterable

from billfold_protocol import codec
from billfold_protocol.crypto import derivation, hashing, sealing
from billfold_protocol.crypto.domains import Domain
from billfold_protocol.crypto.passwords import (
    MEMORY_SIZE_MIN,
    PasswordPolicy,
    seal_with_key,
    seal_with_password,
)
from specs.vectors.wallets import Vector, flip, secret

_KEY, _NONCE, _SALT = secret("password key"), secret("nonce", 24), secret("salt", 16)
_CONTEXT, _PLAINTEXT = b"vectors", b"what is sealed"
_TYPED = "correct horse"
_CHEAP = PasswordPolicy(memory_size=MEMORY_SIZE_MIN, passes=1)
_MEMORY_KIB = MEMORY_SIZE_MIN // 1024


def build() -> list[Vector]:
    """Return the vectors of `passwords.json`."""
    sealed = seal_with_key(_PLAINTEXT, key=_KEY, context=_CONTEXT, nonce=_NONCE)
    under_password = seal_with_password(
        _PLAINTEXT,
        password=_TYPED,
        context=_CONTEXT,
        salt=_SALT,
        nonce=_NONCE,
        policy=_CHEAP,
    )
    return [
        *_with_password(under_password),
        *_parameters(),
        *_with_key(sealed, under_password),
        *_shapes(sealed),
    ]


def _vector(name: str, comment: str, sealed: bytes, expect: str) -> Vector:
    return {
        "id": name,
        "comment": comment,
        "key": _KEY.hex(),
        "context": _CONTEXT.hex(),
        "sealed": sealed.hex(),
        "expect": expect,
    }


def _password_vector(name: str, comment: str, sealed: bytes, expect: str) -> Vector:
    vector = _vector(f"password-{name}", comment, sealed, expect)
    del vector["key"]
    return {**vector, "password": _TYPED}


def _with_password(sealed: bytes) -> Iterable[Vector]:
    yield {
        **_password_vector("opens", "the cheapest parameters that are allowed", sealed, "ok"),
        "memory_kib": _MEMORY_KIB,
        "passes": 1,
        "salt": _SALT.hex(),
        "nonce": _NONCE.hex(),
        "plaintext": _PLAINTEXT.hex(),
    }
    composed, decomposed = "caf\u00e9", "cafe\u0301"
    accented = seal_with_password(
        _PLAINTEXT,
        password=composed,
        context=_CONTEXT,
        salt=_SALT,
        nonce=_NONCE,
        policy=_CHEAP,
    )
    yield {
        **_password_vector("normalised", "typed as two letters, sealed as one", accented, "ok"),
        "password": decomposed,
        "plaintext": _PLAINTEXT.hex(),
    }
    other = _password_vector("other", "another password", sealed, "CommitMismatch")
    yield {**other, "password": "Correct horse"}
    empty = _password_vector("empty", "a password has at least one byte", sealed, "InputError")
    yield {**empty, "password": ""}
    long = _password_vector("long", "a password has at most 1,024 bytes", sealed, "InputError")
    yield {**long, "password": "x" * 1025}


def _parameters() -> Iterable[Vector]:
    for name, parameters, expect, comment in (
        ("memory-below", [_MEMORY_KIB - 1, 1, 1, _SALT], "KdfPolicy", "below the floor"),
        ("memory-above", [1024 * 1024 + 1, 1, 1, _SALT], "KdfPolicy", "above the ceiling"),
        ("memory-huge", [2**40, 1, 1, _SALT], "KdfPolicy", "far above the ceiling"),
        ("no-passes", [_MEMORY_KIB, 0, 1, _SALT], "KdfPolicy", "no pass at all"),
        ("eleven-passes", [_MEMORY_KIB, 11, 1, _SALT], "KdfPolicy", "more than 10 passes"),
        ("passes-huge", [_MEMORY_KIB, 2**31, 1, _SALT], "KdfPolicy", "2^31 passes"),
        ("two-lanes", [_MEMORY_KIB, 1, 2, _SALT], "KdfPolicy", "more than one lane"),
        ("salt-short", [_MEMORY_KIB, 1, 1, _SALT[:15]], "Malformed", "a salt has 16 bytes"),
        ("three-fields", [_MEMORY_KIB, 1, 1], "Malformed", "the salt is missing"),
        ("memory-text", ["64 MiB", 1, 1, _SALT], "Malformed", "memory is an integer"),
        ("of-a-key", None, "Malformed", "sealed under a key"),
    ):
        sealed = codec.encode([1, parameters, _NONCE, bytes(32), bytes(30)])
        yield _password_vector(name, comment, sealed, expect)


def _with_key(sealed: bytes, under_password: bytes) -> Iterable[Vector]:
    yield {
        **_vector("key-opens", "sealed under a key of 32 bytes", sealed, "ok"),
        "nonce": _NONCE.hex(),
        "plaintext": _PLAINTEXT.hex(),
    }
    other = _vector("key-other", "one bit of the key", sealed, "CommitMismatch")
    yield {**other, "key": flip(_KEY, 100).hex()}
    other = _vector("key-context", "sealed for another purpose", sealed, "CommitMismatch")
    yield {**other, "context": b"export".hex()}
    for name, index, bit, expect, comment in (
        ("nonce", 2, 0, "CommitMismatch", "one bit of the nonce, which the commitment binds"),
        ("commitment", 3, 255, "CommitMismatch", "one bit of the commitment"),
        ("ciphertext", 4, 0, "AuthFailed", "one bit of the ciphertext"),
        ("tag", 4, 8 * (len(_PLAINTEXT) + 16) - 1, "AuthFailed", "one bit of the tag"),
    ):
        parts = codec.as_array(codec.decode(sealed, size_max=len(sealed)), 5)
        parts[index] = flip(codec.as_bytes(parts[index]), bit)
        yield _vector(f"key-{name}", comment, codec.encode(parts), expect)
    comment = "the ciphertext opens, the commitment is another key's"
    yield _vector("key-uncommitted", comment, _uncommitted(), "CommitMismatch")
    yield _vector("key-of-a-password", "sealed under a password", under_password, "Malformed")


def _uncommitted() -> bytes:
    header = codec.encode([1, None, _NONCE])
    key = derivation.derive_key(_KEY, Domain.PASSWORD_KEY, header, _CONTEXT)
    other = derivation.derive_key(flip(_KEY, 0), Domain.PASSWORD_COMMITMENT, header, _CONTEXT)
    context = hashing.frame(Domain.PASSWORD_SEAL, header, _CONTEXT)
    return codec.encode([1, None, _NONCE, other, sealing.seal(key, _NONCE, _PLAINTEXT, context)])


def _shapes(sealed: bytes) -> Iterable[Vector]:
    good = codec.as_array(codec.decode(sealed, size_max=len(sealed)), 5)
    for name, value, expect, comment in (
        ("version-2", [2, *good[1:]], "UpdateNeeded", "a newer version"),
        ("version-2-longer", [2, *good[1:], 0], "UpdateNeeded", "a newer version of another form"),
        ("version-0", [0, *good[1:]], "Malformed", "there is no version 0"),
        ("version-true", [True, *good[1:]], "Malformed", "`true` is not 1"),
        ("four-fields", good[:4], "Malformed", "the ciphertext is missing"),
        ("six-fields", [*good, 0], "Malformed", "a field too many"),
        ("no-fields", [], "Malformed", "no version"),
        ("nonce-short", [1, None, _NONCE[:23], *good[3:]], "Malformed", "a nonce has 24 bytes"),
        ("commitment-short", [*good[:3], bytes(31), good[4]], "Malformed", "it has 32 bytes"),
        ("ciphertext-nil", [*good[:4], None], "Malformed", "a ciphertext is bytes"),
        ("ciphertext-short", [*good[:4], bytes(15)], "AuthFailed", "shorter than a tag"),
    ):
        yield _vector(f"shape-{name}", comment, codec.encode(value), expect)
    yield _vector("shape-longer", "a byte after the array", sealed + b"\0", "Malformed")
