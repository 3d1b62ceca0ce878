import hashlib
import hmac

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from billfold_protocol import limits
from billfold_protocol.crypto import derivation, hashing, sealing
from billfold_protocol.crypto.domains import Domain
from billfold_protocol.errors import AuthFailed, Malformed

# draft-irtf-cfrg-xchacha-03 appendix A.3.1.
PLAINTEXT = (
    b"Ladies and Gentlemen of the class of '99: If I could offer you only one tip for the future, "
    b"sunscreen would be it."
)
ASSOCIATED = bytes.fromhex("50515253c0c1c2c3c4c5c6c7")
KEY = bytes(range(0x80, 0xA0))
NONCE = bytes(range(0x40, 0x58))
TAG = "c0875924c1c7987947deafd8780acf49"


def test_sealing_is_xchacha20_poly1305_of_the_draft() -> None:
    sealed = sealing.seal(KEY, NONCE, PLAINTEXT, ASSOCIATED)
    assert sealed.hex().startswith("bd6d179d3e83d43b9576579493c0e939")
    assert sealed[-16:].hex() == TAG
    assert sealing.unseal(KEY, NONCE, sealed, ASSOCIATED) == PLAINTEXT


SEALED = sealing.seal(KEY, NONCE, b"secret", b"where")


@pytest.mark.parametrize(
    ("key", "nonce", "ciphertext", "associated"),
    [
        pytest.param(bytes(32), NONCE, SEALED, b"where", id="another key"),
        pytest.param(KEY, bytes(24), SEALED, b"where", id="another nonce"),
        pytest.param(KEY, NONCE, SEALED, b"there", id="another place"),
        pytest.param(KEY, NONCE, SEALED, b"", id="no place"),
        pytest.param(KEY, NONCE, SEALED + b"\0", b"where", id="one byte more"),
        pytest.param(KEY, NONCE[:-1], SEALED, b"where", id="a short nonce"),
        pytest.param(KEY[:-1], NONCE, SEALED, b"where", id="a short key"),
        *(
            pytest.param(KEY, NONCE, SEALED[:size], b"where", id=f"{size} bytes")
            for size in range(len(SEALED))
        ),
    ],
)
def test_sealed_bytes_open_whole_and_in_their_place_only(
    key: bytes, nonce: bytes, ciphertext: bytes, associated: bytes
) -> None:
    with pytest.raises(AuthFailed):
        sealing.unseal(key, nonce, ciphertext, associated)


def test_every_flipped_bit_of_sealed_bytes_is_refused() -> None:
    for bit in range(len(SEALED) * 8):
        changed = bytearray(SEALED)
        changed[bit // 8] ^= 1 << bit % 8
        with pytest.raises(AuthFailed):
            sealing.unseal(KEY, NONCE, bytes(changed), b"where")


def test_hedged_nonces_differ_by_message_even_when_randomness_fails() -> None:
    broken = bytes(24)
    nonces = {sealing.hedged_nonce(KEY, broken, b"%d" % n) for n in range(500)}
    assert len(nonces) == 500
    assert {len(nonce) for nonce in nonces} == {sealing.NONCE_SIZE}
    assert sealing.hedged_nonce(bytes(32), broken, b"0") not in nonces
    assert sealing.hedged_nonce(KEY, b"r" * 24, b"0") not in nonces


@pytest.mark.parametrize(
    ("size", "padded"),
    [
        (0, 256),
        (255, 256),
        (256, 256),
        (257, 272),
        (272, 272),
        (273, 288),
        (1000, 1024),
        (4096, 4096),
        (4097, 4352),
        (65536, 65536),
        (65537, 67584),
    ],
)
def test_padded_sizes_are_those_of_padme_with_a_floor(size: int, padded: int) -> None:
    assert sealing.padded_size(size) == padded


def test_few_sizes_are_left_and_none_costs_more_than_twelve_percent() -> None:
    sizes = {size: sealing.padded_size(size) for size in range(1, 64 * 1024 + 1)}
    assert len(set(sizes.values())) <= 129
    for size, padded in sizes.items():
        assert padded >= size
        assert padded * 100 <= size * 112 or padded == limits.PADDED_SIZE_MIN
        assert sealing.padded_size(padded) == padded


@pytest.mark.parametrize("plaintext", [b"", b"\0", b"\x80", b"\x80\0\0", b"a" * 255, b"\0" * 700])
def test_padding_comes_off_again(plaintext: bytes) -> None:
    padded = sealing.pad(plaintext)
    assert len(padded) == sealing.padded_size(len(plaintext) + 1)
    assert sealing.unpad(padded) == plaintext


@pytest.mark.parametrize(
    "padded",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(bytes(256), id="zeros only"),
        pytest.param(b"a" * 256, id="no mark"),
        pytest.param(b"a\x80" + bytes(253), id="one byte short"),
        pytest.param(b"a\x80" + bytes(255), id="one byte long"),
        pytest.param(b"a\x80" + bytes(270), id="the next size"),
        pytest.param(b"a" * 300 + b"\x80" + bytes(300), id="far too much"),
        pytest.param(b"a\x80" + bytes(253) + b"\x01", id="not zeros"),
    ],
)
def test_padding_that_we_would_not_make_is_malformed(padded: bytes) -> None:
    with pytest.raises(Malformed):
        sealing.unpad(padded)


@pytest.mark.parametrize("context", [(), (b"a",), (b"a", b""), (b"", b"a"), (b"w" * 100,)])
def test_derived_keys_are_those_of_another_hkdf(context: tuple[bytes, ...]) -> None:
    secret = bytes(range(32))
    info = hashing.frame(Domain.ENTRY_KEY, *context)
    other = HKDF(hashes.SHA256(), 32, salt=None, info=info).derive(secret)
    assert derivation.derive_key(secret, Domain.ENTRY_KEY, *context) == other


def test_frames_keep_parts_apart() -> None:
    frames = {
        hashing.frame(Domain.ENTRY_ID, *parts)
        for parts in [(), (b"",), (b"", b""), (b"ab",), (b"a", b"b"), (b"\0\0\0\0",)]
    }
    assert len(frames) == 6
    label = Domain.ENTRY_ID.value
    expected = len(label).to_bytes(4, "big") + label + b"\0\0\0\x02ab"
    assert hashing.frame(Domain.ENTRY_ID, b"ab") == expected
    assert hashing.digest(Domain.ENTRY_ID, b"ab") == hashlib.sha256(expected).digest()


def test_a_hedged_nonce_is_an_hmac_of_randomness_and_message() -> None:
    framed = hashing.frame(Domain.NONCE, b"r" * 24, b"m")
    assert sealing.hedged_nonce(KEY, b"r" * 24, b"m") == hmac.digest(KEY, framed, "sha256")[:24]
