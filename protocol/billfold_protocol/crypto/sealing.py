"""Authenticated encryption: XChaCha20-Poly1305 with hedged nonces and Padmé padding.

Spec: 11-cryptography.md
"""

import hmac

import nacl.exceptions
from nacl.bindings import (
    crypto_aead_xchacha20poly1305_ietf_decrypt,
    crypto_aead_xchacha20poly1305_ietf_encrypt,
)

from billfold_protocol import limits
from billfold_protocol.crypto.domains import Domain
from billfold_protocol.crypto.hashing import frame
from billfold_protocol.errors import AuthFailed, Malformed

NONCE_SIZE = 24
"""Bytes of an XChaCha20 nonce (draft-irtf-cfrg-xchacha-03 §2.3)."""

TAG_SIZE = 16
"""Bytes of a Poly1305 tag (RFC 8439 §2.5)."""


def hedged_nonce(nonce_key: bytes, random: bytes, message: bytes) -> bytes:
    """Return a 24-byte nonce that stays unique when the random source or the clock fails.

    Args:
        nonce_key: 32 secret bytes of this device, used for nothing else.
        random: 24 fresh random bytes.
        message: what will be sealed, with its associated data.
    """
    return hmac.digest(nonce_key, frame(Domain.NONCE, random, message), "sha256")[:NONCE_SIZE]


def seal(key: bytes, nonce: bytes, plaintext: bytes, associated_data: bytes) -> bytes:
    """Return the ciphertext followed by its 16-byte tag."""
    return crypto_aead_xchacha20poly1305_ietf_encrypt(plaintext, associated_data, nonce, key)


def unseal(key: bytes, nonce: bytes, ciphertext: bytes, associated_data: bytes) -> bytes:
    """Return the plaintext of `seal`.

    Raises:
        AuthFailed: key, nonce, ciphertext and associated data do not belong together.
    """
    if len(ciphertext) < TAG_SIZE:
        raise AuthFailed("the sealed bytes are shorter than their tag")
    try:
        return crypto_aead_xchacha20poly1305_ietf_decrypt(ciphertext, associated_data, nonce, key)
    except nacl.exceptions.CryptoError as error:
        raise AuthFailed("the sealed bytes do not open with this key") from error


def padded_size(size: int) -> int:
    """Return the Padmé size for `size` bytes, at least `limits.PADDED_SIZE_MIN`.

    Padmé keeps as many leading bits as the length of the length needs (Nikitin et al., "Reducing
    Metadata Leakage from Encrypted Files and Communication with PURBs", PoPETs 2019, §4), so that
    at most 12 % are added.
    """
    if size <= limits.PADDED_SIZE_MIN:
        return limits.PADDED_SIZE_MIN
    exponent = size.bit_length() - 1
    kept_bits = exponent.bit_length()
    mask = (1 << (exponent - kept_bits)) - 1
    return (size + mask) & ~mask


def pad(plaintext: bytes) -> bytes:
    """Append 0x80 and zeros up to the Padmé size (ISO/IEC 7816-4 padding)."""
    size = len(plaintext) + 1
    return plaintext + b"\x80" + bytes(padded_size(size) - size)


def unpad(padded: bytes) -> bytes:
    """Return what `pad` was given.

    Raises:
        Malformed: the bytes are not what `pad` makes of any plaintext.
    """
    plaintext = padded.rstrip(b"\0")
    if not plaintext.endswith(b"\x80") or padded_size(len(plaintext)) != len(padded):
        raise Malformed("the padding is not the one of this length")
    return plaintext[:-1]
