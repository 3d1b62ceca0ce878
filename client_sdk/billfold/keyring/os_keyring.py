"""Unlock with the operating system's keyring: it keeps a random key that seals the store key.

The keyring library is imported when it is needed, because it looks for services as it loads.

Spec: 11-cryptography.md
"""

import contextlib
import importlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from types import ModuleType

from billfold.keyring.unlock_file import UnlockFile, UnlockMethod, unlock_context
from billfold_protocol.crypto.derivation import KEY_SIZE
from billfold_protocol.crypto.passwords import seal_with_key, unseal_with_key
from billfold_protocol.crypto.sealing import NONCE_SIZE
from billfold_protocol.errors import UnlockFailed

_ACCOUNT_SIZE = 8


@dataclass(frozen=True, slots=True)
class OsKeyring:
    """Unlock with the keyring of the person's session."""

    service: str = "billfold"
    """The name under which the keyring shows the key."""


def seal_store_key(
    unlock: OsKeyring, store_key: bytes, random: Callable[[int], bytes]
) -> UnlockFile:
    """Keep a new key in the keyring and seal the store key under it.

    Raises:
        UnlockFailed: there is no keyring, it is locked, or it does not keep what it is given.
    """
    key = random(KEY_SIZE)
    account = random(_ACCOUNT_SIZE).hex()
    with _library() as keyring:
        keyring.set_password(unlock.service, account, key.hex())
        # Some services accept a secret and keep nothing; the wallet would be lost.
        is_kept = keyring.get_password(unlock.service, account) == key.hex()
    if not is_kept:
        raise UnlockFailed(
            "The keyring of this computer does not keep keys; unlock with a passphrase instead."
        )
    sealed = seal_with_key(
        store_key,
        key=key,
        context=unlock_context(UnlockMethod.OS_KEYRING, account),
        nonce=random(NONCE_SIZE),
    )
    return UnlockFile(method=UnlockMethod.OS_KEYRING, reference=account, sealed=sealed)


def unseal_store_key(unlock: OsKeyring, file: UnlockFile) -> bytes:
    """Return the store key.

    Raises:
        UnlockFailed: there is no keyring, it is locked, or it has no key for this wallet.
        VerificationError: the keyring's key is not the one that sealed it.
        Malformed: the sealed bytes are not of their form.
    """
    with _library() as keyring:
        secret = keyring.get_password(unlock.service, file.reference)
    if secret is None:
        raise UnlockFailed("The keyring of this computer has no key for this wallet.")
    try:
        key = bytes.fromhex(secret)
    except ValueError:
        key = b""
    if len(key) != KEY_SIZE:
        raise UnlockFailed("What the keyring of this computer has for this wallet is not a key.")
    return unseal_with_key(file.sealed, key=key, context=file.context, plaintext_size_max=KEY_SIZE)


def forget_key(unlock: OsKeyring, file: UnlockFile) -> None:
    """Remove a key from the keyring that seals nothing any more.

    Raises:
        UnlockFailed: the keyring does not let go of it.
    """
    with _library() as keyring:
        keyring.delete_password(unlock.service, file.reference)


@contextlib.contextmanager
def _library() -> Iterator[ModuleType]:
    try:
        keyring = importlib.import_module("keyring")
        errors = importlib.import_module("keyring.errors")
    except ImportError as error:
        raise UnlockFailed(
            "The Python package keyring is not installed; install it, "
            "or unlock with a passphrase instead."
        ) from error
    try:
        yield keyring
    except errors.NoKeyringError as error:
        raise UnlockFailed(
            "This computer has no keyring service; unlock with a passphrase instead."
        ) from error
    except (errors.KeyringError, OSError, RuntimeError) as error:
        raise UnlockFailed(
            "The keyring of this computer is locked or refused; unlock it and try again."
        ) from error
