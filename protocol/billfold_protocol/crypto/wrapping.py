"""Key wrapping: HPKE base mode (RFC 9180) with X-Wing, HKDF-SHA256 and ChaCha20-Poly1305.

X-Wing (draft-connolly-cfrg-xwing-kem) joins ML-KEM-768 and X25519: a wrap stays closed while
either of the two holds. HPKE here takes no associated data, so everything a wrap belongs to is in
`info`. Base mode is enough because the signed membership entry lists the hash of every wrap.

Spec: 11-cryptography.md
"""

import hashlib

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.hpke import (
    AEAD,
    KDF,
    KEM,
    MLKEM768X25519PrivateKey,
    Suite,
)

from billfold_protocol.crypto.domains import Domain
from billfold_protocol.crypto.enrolment import load_wrapping_key
from billfold_protocol.crypto.hashing import frame
from billfold_protocol.errors import AuthFailed, LocalProtocolError, WeakKey
from billfold_protocol.ids import WrappingPublicKey

SEED_SIZE = 32
ENCAPSULATION_SIZE = 1120
"""Bytes of an X-Wing ciphertext: ML-KEM-768's 1088 and X25519's 32."""

_ML_KEM_SEED_SIZE = 64
_SUITE = Suite(KEM.MLKEM768_X25519, KDF.HKDF_SHA256, AEAD.CHACHA20_POLY1305)


class UnwrappingKey:
    """An X-Wing key pair made from its 32-byte seed; it never shows the seed."""

    __slots__ = ("_private_key", "public_key")

    public_key: WrappingPublicKey

    def __init__(self, seed: bytes) -> None:
        if len(seed) != SEED_SIZE:
            raise LocalProtocolError("a wrapping seed has 32 bytes")
        # draft-connolly-cfrg-xwing-kem §5.2, expandDecapsulationKey.
        expanded = hashlib.shake_256(seed).digest(_ML_KEM_SEED_SIZE + 32)
        ml_kem = MLKEM768PrivateKey.from_seed_bytes(expanded[:_ML_KEM_SEED_SIZE])
        x25519 = X25519PrivateKey.from_private_bytes(expanded[_ML_KEM_SEED_SIZE:])
        self._private_key = MLKEM768X25519PrivateKey(ml_kem, x25519)
        self.public_key = WrappingPublicKey(
            ml_kem.public_key().public_bytes_raw() + x25519.public_key().public_bytes_raw()
        )

    def __repr__(self) -> str:
        return f"UnwrappingKey(public_key={self.public_key[-8:].hex()})"

    def unwrap(self, wrapped: bytes, domain: Domain, *context: bytes) -> bytes:
        """Open bytes that `wrap` made for this key under the same label and context.

        Raises:
            AuthFailed: key, bytes, label and context do not belong together.
        """
        try:
            return _SUITE.decrypt(wrapped, self._private_key, info=frame(domain, *context))
        except (InvalidTag, ValueError) as error:
            raise AuthFailed("the wrapped key does not open for this device") from error


def wrap(secret: bytes, recipient: WrappingPublicKey, domain: Domain, *context: bytes) -> bytes:
    """Seal a secret for the holder of an X-Wing key: 1120 bytes, then the secret and its tag.

    HPKE draws its own encapsulation randomness from the operating system.

    Raises:
        WeakKey: the public key is not valid.
    """
    try:
        return _SUITE.encrypt(secret, load_wrapping_key(recipient), info=frame(domain, *context))
    except ValueError as error:
        raise WeakKey("the recipient's wrapping key is not valid") from error
