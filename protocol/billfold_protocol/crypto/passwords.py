"""Seal a secret under a password or a key, so that sealed bytes open under one of them only.

Argon2id (RFC 9106) or a given 32-byte key yields two keys: one encrypts with XChaCha20-Poly1305,
the other is published as a commitment and compared first, because the cipher alone lets someone
make bytes that open under two passwords. Version, parameters, salt, nonce and the caller's context
are bound into both keys and the associated data. Parameters outside the compiled-in range are
refused before anything is hashed.

Spec: 11-cryptography.md
"""

import hmac
import unicodedata
from dataclasses import dataclass

import nacl.exceptions
from nacl.bindings import (
    crypto_pwhash_alg,
    crypto_pwhash_ALG_ARGON2ID13,
)

from billfold_protocol.codec import as_array, as_bytes, as_integer, decode, encode
from billfold_protocol.crypto.derivation import KEY_SIZE, derive_key
from billfold_protocol.crypto.domains import Domain
from billfold_protocol.crypto.hashing import HASH_SIZE, frame
from billfold_protocol.crypto.sealing import NONCE_SIZE, TAG_SIZE, seal, unseal
from billfold_protocol.errors import (
    CommitMismatch,
    InputError,
    KdfPolicy,
    LimitExceeded,
    LocalProtocolError,
    Malformed,
    UpdateNeeded,
)

SALT_SIZE = 16
"""Bytes of an Argon2id salt (RFC 9106 §3.1)."""

PASSWORD_SIZE_MAX = 1024
"""UTF-8 bytes of a password."""

MEMORY_SIZE_MIN = 64 * 1024 * 1024
MEMORY_SIZE_DEFAULT = 256 * 1024 * 1024
MEMORY_SIZE_MAX = 1024 * 1024 * 1024
PASSES_MIN = 1
PASSES_DEFAULT = 3
PASSES_MAX = 10
LANES = 1
"""The only parallelism that libsodium computes."""

OVERHEAD_SIZE_MAX = 256
"""Sealed bytes are at most this much longer than what is in them."""

_VERSION = 1
_KIB = 1024
_INTEGER_MAX = 2**64 - 1

assert MEMORY_SIZE_MIN <= MEMORY_SIZE_DEFAULT <= MEMORY_SIZE_MAX
assert PASSES_MIN <= PASSES_DEFAULT <= PASSES_MAX


@dataclass(frozen=True, slots=True, kw_only=True)
class PasswordPolicy:
    """What hashing a password costs; checked when made, so that every policy is an allowed one.

    Raises:
        KdfPolicy: a parameter is outside the compiled-in range.
    """

    memory_size: int = MEMORY_SIZE_DEFAULT
    """Bytes, a multiple of 1024."""

    passes: int = PASSES_DEFAULT
    lanes: int = LANES

    def __post_init__(self) -> None:
        if not MEMORY_SIZE_MIN <= self.memory_size <= MEMORY_SIZE_MAX or self.memory_size % _KIB:
            raise KdfPolicy(
                f"Password hashing takes from {MEMORY_SIZE_MIN >> 20} to {MEMORY_SIZE_MAX >> 20} "
                f"MiB of memory in whole KiB, not {self.memory_size} bytes."
            )
        if not PASSES_MIN <= self.passes <= PASSES_MAX:
            raise KdfPolicy(
                f"Password hashing makes {PASSES_MIN} to {PASSES_MAX} passes, not {self.passes}."
            )
        if self.lanes != LANES:
            raise KdfPolicy(f"Password hashing uses {LANES} lane, not {self.lanes}.")


DEFAULT_POLICY = PasswordPolicy()


def seal_with_password(
    plaintext: bytes,
    *,
    password: str,
    context: bytes,
    salt: bytes,
    nonce: bytes,
    policy: PasswordPolicy = DEFAULT_POLICY,
) -> bytes:
    """Seal bytes under a password.

    Args:
        plaintext: what to seal; its size shows.
        password: 1 to `PASSWORD_SIZE_MAX` bytes of UTF-8 after Unicode normalisation (NFC).
        context: what the bytes are for; they open under the same context only.
        salt: 16 fresh random bytes.
        nonce: 24 fresh random bytes.
        policy: what hashing shall cost.

    Raises:
        InputError: the password is empty, too long or not text.
        LimitExceeded: there is not enough memory to hash it.
        LocalProtocolError: salt or nonce has another size.
    """
    _require_size(salt, SALT_SIZE, "a salt")
    parameters = [policy.memory_size // _KIB, policy.passes, policy.lanes, salt]
    return _seal(plaintext, _hash(password, salt, policy), parameters, context, nonce)


def unseal_with_password(
    sealed: bytes, *, password: str, context: bytes, plaintext_size_max: int
) -> bytes:
    """Open what `seal_with_password` made.

    Raises:
        CommitMismatch: the password, or the context, is another one.
        AuthFailed: the sealed bytes are damaged.
        KdfPolicy: the parameters are outside the compiled-in range; nothing was hashed.
        UpdateNeeded: the bytes are of a later version.
        Malformed: the bytes are not of this form.
        InputError: the password is empty, too long or not text.
        LimitExceeded: there is not enough memory to hash it.
    """
    parts = _parse(sealed, plaintext_size_max)
    policy, salt = _parse_parameters(parts.parameters)
    return _unseal(parts, _hash(password, salt, policy), context)


def policy_of(sealed: bytes, *, plaintext_size_max: int) -> PasswordPolicy:
    """Return what hashing costs for bytes that a password opens.

    They are bound into the seal, and so are believed only once it has opened.

    Raises:
        KdfPolicy: the parameters are outside the compiled-in range.
        UpdateNeeded: the bytes are of a later version.
        Malformed: the bytes are not of this form.
    """
    return _parse_parameters(_parse(sealed, plaintext_size_max).parameters)[0]


def seal_with_key(plaintext: bytes, *, key: bytes, context: bytes, nonce: bytes) -> bytes:
    """Seal bytes under a uniformly random 32-byte key, with the same commitment.

    Args:
        plaintext: what to seal; its size shows.
        key: 32 secret bytes.
        context: what the bytes are for; they open under the same context only.
        nonce: 24 fresh random bytes.

    Raises:
        LocalProtocolError: key or nonce has another size.
    """
    _require_size(key, KEY_SIZE, "a key")
    return _seal(plaintext, key, None, context, nonce)


def unseal_with_key(sealed: bytes, *, key: bytes, context: bytes, plaintext_size_max: int) -> bytes:
    """Open what `seal_with_key` made.

    Raises:
        CommitMismatch: the key, or the context, is another one.
        AuthFailed: the sealed bytes are damaged.
        UpdateNeeded: the bytes are of a later version.
        Malformed: the bytes are not of this form.
        LocalProtocolError: the key has another size.
    """
    _require_size(key, KEY_SIZE, "a key")
    parts = _parse(sealed, plaintext_size_max)
    if parts.parameters is not None:
        raise Malformed("these bytes are sealed with a password, not with a key")
    return _unseal(parts, key, context)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Parts:
    parameters: object
    nonce: bytes
    commitment: bytes
    ciphertext: bytes


def _seal(
    plaintext: bytes, secret: bytes, parameters: object, context: bytes, nonce: bytes
) -> bytes:
    _require_size(nonce, NONCE_SIZE, "a nonce")
    header = encode([_VERSION, parameters, nonce])
    key = derive_key(secret, Domain.PASSWORD_KEY, header, context)
    commitment = derive_key(secret, Domain.PASSWORD_COMMITMENT, header, context)
    ciphertext = seal(key, nonce, plaintext, frame(Domain.PASSWORD_SEAL, header, context))
    return encode([_VERSION, parameters, nonce, commitment, ciphertext])


def _unseal(parts: _Parts, secret: bytes, context: bytes) -> bytes:
    header = encode([_VERSION, parts.parameters, parts.nonce])
    commitment = derive_key(secret, Domain.PASSWORD_COMMITMENT, header, context)
    if not hmac.compare_digest(commitment, parts.commitment):
        raise CommitMismatch("the sealed bytes were made with another password or key")
    key = derive_key(secret, Domain.PASSWORD_KEY, header, context)
    associated_data = frame(Domain.PASSWORD_SEAL, header, context)
    return unseal(key, parts.nonce, parts.ciphertext, associated_data)


def _parse(sealed: bytes, plaintext_size_max: int) -> _Parts:
    items = as_array(decode(sealed, size_max=plaintext_size_max + OVERHEAD_SIZE_MAX))
    if not items:
        raise Malformed("sealed bytes begin with their version")
    # The version decides what follows, so it is read before the rest is looked at.
    if as_integer(items[0], minimum=1) > _VERSION:
        raise UpdateNeeded("A newer version of Billfold sealed this; update Billfold to open it.")
    _, parameters, nonce, commitment, ciphertext = as_array(items, 5)
    return _Parts(
        parameters=parameters,
        nonce=as_bytes(nonce, NONCE_SIZE),
        commitment=as_bytes(commitment, HASH_SIZE),
        ciphertext=as_bytes(ciphertext, size_max=plaintext_size_max + TAG_SIZE),
    )


def _parse_parameters(parameters: object) -> tuple[PasswordPolicy, bytes]:
    if parameters is None:
        raise Malformed("these bytes are sealed with a key, not with a password")
    memory_kib, passes, lanes, raw_salt = as_array(parameters, 4)
    policy = PasswordPolicy(
        memory_size=as_integer(memory_kib, maximum=_INTEGER_MAX) * _KIB,
        passes=as_integer(passes, maximum=_INTEGER_MAX),
        lanes=as_integer(lanes, maximum=_INTEGER_MAX),
    )
    return policy, as_bytes(raw_salt, SALT_SIZE)


def _hash(password: str, salt: bytes, policy: PasswordPolicy) -> bytes:
    is_acceptable = 1 <= len(password) <= PASSWORD_SIZE_MAX
    # Looked for, because the exception of `encode` would carry the password with it.
    if is_acceptable and any("\ud800" <= letter <= "\udfff" for letter in password):
        raise InputError("The passphrase is not valid text.")
    # RFC 8265 §4.2: the same letters typed on two keyboards give the same bytes.
    secret = unicodedata.normalize("NFC", password).encode() if is_acceptable else b""
    if not 1 <= len(secret) <= PASSWORD_SIZE_MAX:
        raise InputError(f"A passphrase has from 1 to {PASSWORD_SIZE_MAX} bytes.")
    try:
        return crypto_pwhash_alg(
            KEY_SIZE, secret, salt, policy.passes, policy.memory_size, crypto_pwhash_ALG_ARGON2ID13
        )
    except (nacl.exceptions.CryptoError, MemoryError) as error:
        raise LimitExceeded(
            f"Checking the passphrase takes {policy.memory_size >> 20} MiB of memory, which this "
            "device does not have free now; close other programs and try again."
        ) from error


def _require_size(value: bytes, size: int, what: str) -> None:
    if len(value) != size:
        raise LocalProtocolError(f"{what} has {size} bytes")
