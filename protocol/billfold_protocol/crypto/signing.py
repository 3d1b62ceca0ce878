"""Ed25519 signatures (RFC 8032), made from seeds and verified by libsodium only.

`Signed` bytes have not been checked; `Verified` values have, and nothing but this module's
`verify` can make them. libsodium refuses small-order keys, non-canonical points and S ≥ L,
which other verifiers accept.

Spec: 11-cryptography.md
"""

from dataclasses import InitVar, dataclass
from typing import Generic, TypeVar

import nacl.exceptions
from nacl.bindings import (
    crypto_sign,
    crypto_sign_open,
    crypto_sign_seed_keypair,
)

from billfold_protocol.crypto.domains import Domain
from billfold_protocol.crypto.hashing import frame
from billfold_protocol.errors import AuthFailed, LocalProtocolError, Malformed
from billfold_protocol.ids import SigningPublicKey

SEED_SIZE = 32
PUBLIC_KEY_SIZE = 32
SIGNATURE_SIZE = 64

T = TypeVar("T")


class SigningKey:
    """An Ed25519 key pair made from its 32-byte seed; it never shows the seed."""

    __slots__ = ("_secret", "public_key")

    public_key: SigningPublicKey

    def __init__(self, seed: bytes) -> None:
        if len(seed) != SEED_SIZE:
            raise LocalProtocolError("a signing seed has 32 bytes")
        public_key, self._secret = crypto_sign_seed_keypair(seed)
        self.public_key = SigningPublicKey(public_key)

    def __repr__(self) -> str:
        return f"SigningKey(public_key={self.public_key.hex()})"

    def sign(self, domain: Domain, *parts: bytes) -> bytes:
        """Return the 64-byte signature over a label and length-prefixed parts."""
        return crypto_sign(frame(domain, *parts), self._secret)[:SIGNATURE_SIZE]


@dataclass(frozen=True, slots=True)
class Signed(Generic[T]):
    """A value as it was parsed, whose signature has not been checked."""

    value: T
    body: bytes
    """The exact bytes that are signed."""

    signature: bytes
    """64 bytes."""

    @property
    def raw(self) -> bytes:
        """The signature followed by the body, as stored and sent."""
        return self.signature + self.body


_VERIFIED = object()


@dataclass(frozen=True, slots=True)
class Verified(Generic[T]):
    """A value whose signature holds; only `verify` and the signer itself make one."""

    value: T
    raw: bytes
    """The signature followed by the signed bytes."""

    _seal: InitVar[object]

    def __post_init__(self, _seal: object) -> None:
        if _seal is not _VERIFIED:
            raise LocalProtocolError("verified values are made by verification only")


def split(raw: bytes) -> tuple[bytes, bytes]:
    """Return the signature and the body of signed bytes.

    Raises:
        Malformed: there is no room for a signature and a body.
    """
    if len(raw) <= SIGNATURE_SIZE:
        raise Malformed("signed bytes are shorter than a signature")
    return raw[:SIGNATURE_SIZE], raw[SIGNATURE_SIZE:]


def check_signature(public_key: bytes, signature: bytes, domain: Domain, *parts: bytes) -> None:
    """Check one signature over a label and length-prefixed parts.

    Raises:
        AuthFailed: it does not verify.
    """
    # libsodium reads 32 bytes of key and splits after 64 bytes of signature, whatever it is given.
    if len(public_key) != PUBLIC_KEY_SIZE or len(signature) != SIGNATURE_SIZE:
        raise AuthFailed("the signature or its key has another size")
    try:
        crypto_sign_open(signature + frame(domain, *parts), public_key)
    except (nacl.exceptions.CryptoError, ValueError) as error:
        raise AuthFailed("the signature does not verify") from error


def verify(
    signed: Signed[T], public_key: SigningPublicKey, domain: Domain, *context: bytes
) -> Verified[T]:
    """Check the signature over the label, the context and the body.

    Raises:
        AuthFailed: it does not verify.
    """
    check_signature(public_key, signed.signature, domain, *context, signed.body)
    return Verified(signed.value, signed.raw, _VERIFIED)


def sign_value(
    key: SigningKey, value: T, body: bytes, domain: Domain, *context: bytes
) -> Verified[T]:
    """Sign a body that we made ourselves, which is thereby verified."""
    return Verified(value, key.sign(domain, *context, body) + body, _VERIFIED)
