"""Turns what the person gave into what unlocks a wallet.

Spec: 11-cryptography.md
"""

from functools import partial

from billfold.cli.settings import Settings, read_key, read_passphrase
from billfold.keyring import (
    KeyCallback,
    OsKeyring,
    Passphrase,
    Unlock,
    UnlockMethod,
    unlock_method,
)
from billfold_protocol.errors import StoreMissing, UnlockFailed


def unlock_for_new(settings: Settings) -> Unlock:
    """Return how a wallet that is about to be made is unlocked.

    Raises:
        UnlockFailed: there is no passphrase, or the key file is not one.
        InputError: the passphrase is not acceptable.
    """
    if settings.key_file is not None:
        read_key(settings.key_file)
        return KeyCallback(partial(read_key, settings.key_file))
    if settings.unlock == "keyring":
        return OsKeyring()
    return Passphrase(read_passphrase(settings, is_new=True))


def unlock_for_existing(settings: Settings) -> Unlock:
    """Return how a wallet that is there is unlocked; ask only for what it needs.

    Raises:
        StoreMissing: there is no wallet in the folder.
        UnlockFailed: what it needs was not given.
        UpdateNeeded, StoreDamaged, StoreError: its folder cannot be read, and why.
        InputError: the passphrase is not acceptable.
    """
    try:
        method = unlock_method(settings.folder)
    except StoreMissing as error:
        raise StoreMissing(
            f"there is no wallet in {settings.folder}; make one with `billfold init`, bring one "
            "here with `billfold join`, or name its folder with --wallet"
        ) from error
    if settings.key_file is not None:
        return KeyCallback(partial(read_key, settings.key_file))
    if settings.unlock == "keyring" or (
        settings.unlock is None and method is UnlockMethod.OS_KEYRING
    ):
        return OsKeyring()
    if method is UnlockMethod.CALLBACK:
        raise UnlockFailed("this wallet opens with a key; name its file with --key-file")
    if method is UnlockMethod.OS_KEYRING:
        raise UnlockFailed("this wallet opens with the keyring of this computer: --unlock keyring")
    return Passphrase(read_passphrase(settings, is_new=False))
