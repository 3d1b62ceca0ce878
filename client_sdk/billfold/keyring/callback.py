"""Unlock with 32 bytes that the application gets: a phone's keystore, a passkey's PRF.

The bytes seal a random store key, so that a wallet can be unlocked otherwise later on.

Spec: 11-cryptography.md
"""

from collections.abc import Callable
from dataclasses import dataclass, field

from billfold.keyring.unlock_file import UnlockFile, UnlockMethod, unlock_context
from billfold_protocol.crypto.derivation import KEY_SIZE
from billfold_protocol.crypto.passwords import seal_with_key, unseal_with_key
from billfold_protocol.crypto.sealing import NONCE_SIZE
from billfold_protocol.errors import InputError


@dataclass(frozen=True, slots=True)
class KeyCallback:
    """Unlock with what a function returns; what it raises reaches the caller unchanged."""

    get_key: Callable[[], bytes] = field(repr=False)
    """Returns the same 32 secret, uniformly random bytes each time."""


def seal_store_key(
    unlock: KeyCallback, store_key: bytes, random: Callable[[int], bytes]
) -> UnlockFile:
    """Seal the store key under the callback's key.

    Raises:
        InputError: the callback does not return 32 bytes.
    """
    sealed = seal_with_key(
        store_key,
        key=_get_key(unlock),
        context=unlock_context(UnlockMethod.CALLBACK, ""),
        nonce=random(NONCE_SIZE),
    )
    return UnlockFile(method=UnlockMethod.CALLBACK, reference="", sealed=sealed)


def unseal_store_key(unlock: KeyCallback, file: UnlockFile) -> bytes:
    """Return the store key.

    Raises:
        VerificationError: the callback's key is not the one that sealed it.
        Malformed: the sealed bytes are not of their form.
        InputError: the callback does not return 32 bytes.
    """
    return unseal_with_key(
        file.sealed, key=_get_key(unlock), context=file.context, plaintext_size_max=KEY_SIZE
    )


def _get_key(unlock: KeyCallback) -> bytes:
    key = unlock.get_key()
    if type(key) is not bytes or len(key) != KEY_SIZE:
        raise InputError(f"The unlocking callback returns {KEY_SIZE} bytes.")
    return key
