"""Vectors of nonces, authenticated encryption and padding.

Spec: 11-cryptography.md
"""

from collections.abc import Iterable

from billfold_protocol.crypto import sealing
from specs.vectors.wallets import Vector, flip, secret

_SIZES = (
    *(0, 1, 254, 255, 256, 257, 271, 272, 273, 287, 288, 300, 511, 512, 513, 527, 528, 543, 544),
    *(1000, 1023, 1024, 1025, 4096, 10_000, 65_535, 65_536, 65_537, 262_144),
)


def build() -> list[Vector]:
    """Return the vectors of `sealing.json`."""
    return [*_nonces(), *_sealed(), *_not_opened(), *_sizes(), *_padded(), *_badly_padded()]


def _nonces() -> Iterable[Vector]:
    key, random = secret("nonce key"), secret("nonce randomness", 24)
    for name, comment, nonce_key, drawn, message in (
        ("plain", "a nonce for a message", key, random, b"a message"),
        ("empty", "a nonce for nothing", key, random, b""),
        ("other-message", "equal randomness, another message", key, random, b"another message"),
        ("other-device", "equal randomness and message", secret("other"), random, b"a message"),
        ("no-randomness", "the random source gives zeros", key, bytes(24), b"a message"),
    ):
        yield {
            "id": f"nonce-{name}",
            "comment": comment,
            "nonce_key": nonce_key.hex(),
            "random": drawn.hex(),
            "message": message.hex(),
            "expect": "ok",
            "nonce": sealing.hedged_nonce(nonce_key, drawn, message).hex(),
        }


def _vector(name: str, comment: str, plaintext: bytes | None, *sealed: bytes) -> Vector:
    key, nonce, associated_data, ciphertext = sealed
    vector: Vector = {
        "id": name,
        "comment": comment,
        "key": key.hex(),
        "nonce": nonce.hex(),
        "associated_data": associated_data.hex(),
        "sealed": ciphertext.hex(),
        "expect": "AuthFailed" if plaintext is None else "ok",
    }
    return vector if plaintext is None else {**vector, "plaintext": plaintext.hex()}


def _sealed() -> Iterable[Vector]:
    key, nonce = secret("sealing key"), secret("nonce", 24)
    for plaintext, associated_data in (
        (b"", b""),
        (b"", b"only this"),
        (b"a plaintext", b""),
        (bytes(256), b"its place"),
        (secret("long plaintext", 1000), secret("long associated data", 1000)),
    ):
        sealed = sealing.seal(key, nonce, plaintext, associated_data)
        yield _vector(
            f"seal-{len(plaintext)}-bytes-with-{len(associated_data)}",
            "seals to these bytes, and opens",
            plaintext,
            *(key, nonce, associated_data, sealed),
        )


def _not_opened() -> Iterable[Vector]:
    key, nonce, data = secret("sealing key"), secret("nonce", 24), b"its place"
    sealed = sealing.seal(key, nonce, b"a plaintext", data)
    yield from (
        _vector(f"unseal-{name}", comment, None, *parts)
        for name, comment, *parts in (
            ("other-key", "one bit of the key", flip(key, 0), nonce, data, sealed),
            ("other-nonce", "one bit of the nonce", key, flip(nonce, 191), data, sealed),
            ("other-place", "other associated data", key, nonce, b"a place", sealed),
            ("no-place", "associated data left out", key, nonce, b"", sealed),
            ("ciphertext", "one bit of the ciphertext", key, nonce, data, flip(sealed, 3)),
            (
                "tag",
                "one bit of the tag",
                *(key, nonce, data, flip(sealed, 8 * len(sealed) - 1)),
            ),
            ("cut-short", "the last byte is missing", key, nonce, data, sealed[:-1]),
            ("longer", "one byte more", key, nonce, data, sealed + b"\0"),
            ("tag-only", "nothing but a tag", key, nonce, data, sealed[-16:]),
            ("less-than-a-tag", "15 bytes", key, nonce, data, sealed[:15]),
            ("nothing", "no bytes", key, nonce, data, b""),
        )
    )


def _sizes() -> Iterable[Vector]:
    return (
        {
            "id": f"padded-size-{size}",
            "comment": "the size of a plaintext and its padding byte, and what it is padded to",
            "size": size,
            "expect": "ok",
            "padded_size": sealing.padded_size(size),
        }
        for size in _SIZES
    )


def _padded() -> Iterable[Vector]:
    for plaintext in (b"", b"\0", b"\x80", bytes(255), bytes(256), b"\x80" * 256, bytes(271)):
        yield {
            "id": f"pad-{len(plaintext)}-of-{plaintext[:1].hex() or 'nothing'}",
            "comment": "pads to these bytes, and back",
            "plaintext": plaintext.hex(),
            "expect": "ok",
            "padded": sealing.pad(plaintext).hex(),
        }


def _badly_padded() -> Iterable[Vector]:
    for name, comment, padded in (
        ("nothing", "no bytes", b""),
        ("zeros", "no padding byte", bytes(256)),
        ("other-byte", "the padding begins with 0x01", b"text\x01" + bytes(251)),
        ("no-zeros-after", "a byte that is not zero in the padding", b"t\x80" + bytes(253) + b"\1"),
        ("below-the-floor", "255 bytes", b"text\x80" + bytes(250)),
        ("between-sizes", "257 bytes, which is no Padmé size", b"text\x80" + bytes(252)),
        ("too-long", "272 bytes, for a text that fits 256", b"text\x80" + bytes(267)),
        ("too-short", "256 bytes and a padding byte", bytes(256) + b"\x80"),
    ):
        yield {
            "id": f"unpad-{name}",
            "comment": comment,
            "padded": padded.hex(),
            "expect": "Malformed",
        }
