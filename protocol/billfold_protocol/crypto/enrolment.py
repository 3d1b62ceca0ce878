"""Public keys are checked once, when a device is enrolled; weak ones never enter a chain.

Apart from the ciphers, because a server checks keys too and must not be able to reach those.

Spec: 11-cryptography.md
"""

from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PublicKey
from cryptography.hazmat.primitives.hpke import MLKEM768X25519PublicKey
from nacl.bindings import crypto_core_ed25519_is_valid_point, crypto_scalarmult
from nacl.exceptions import CryptoError

from billfold_protocol.errors import WeakKey
from billfold_protocol.ids import SigningPublicKey, WrappingPublicKey

SIGNING_KEY_SIZE = 32
WRAPPING_KEY_SIZE = 1216
_ML_KEM_PUBLIC_KEY_SIZE = 1184  # FIPS 203 table 3.


def check_signing_key(public_key: bytes) -> SigningPublicKey:
    """Accept an Ed25519 public key of 32 bytes.

    Raises:
        WeakKey: the point has small order, is outside the prime-order group or not canonical.
    """
    if len(public_key) != SIGNING_KEY_SIZE or not crypto_core_ed25519_is_valid_point(public_key):
        raise WeakKey("the signing key is not a point of the prime-order group")
    return SigningPublicKey(public_key)


def check_wrapping_key(public_key: bytes) -> WrappingPublicKey:
    """Accept an X-Wing public key of 1216 bytes.

    Raises:
        WeakKey: either half is not valid, or the X25519 half gives an all-zero secret.
    """
    try:
        load_wrapping_key(WrappingPublicKey(public_key))
        # RFC 7748 §6.1: libsodium refuses a result of zeros, which small-order points give.
        crypto_scalarmult(b"\x40" + bytes(30) + b"\x40", public_key[_ML_KEM_PUBLIC_KEY_SIZE:])
    except (ValueError, CryptoError, RuntimeError) as error:
        raise WeakKey("the wrapping key is not valid") from error
    return WrappingPublicKey(public_key)


def load_wrapping_key(public_key: WrappingPublicKey) -> MLKEM768X25519PublicKey:
    """Return the library's form of an X-Wing public key: ML-KEM-768, then X25519.

    Raises:
        WeakKey: the size is wrong or the ML-KEM half is not reduced (FIPS 203 §7.2).
    """
    if len(public_key) != WRAPPING_KEY_SIZE:
        raise WeakKey(f"a wrapping key has {WRAPPING_KEY_SIZE} bytes")
    try:
        return MLKEM768X25519PublicKey(
            MLKEM768PublicKey.from_public_bytes(public_key[:_ML_KEM_PUBLIC_KEY_SIZE]),
            X25519PublicKey.from_public_bytes(public_key[_ML_KEM_PUBLIC_KEY_SIZE:]),
        )
    except ValueError as error:
        raise WeakKey("the wrapping key is not valid") from error
