"""How the 32-byte key of a wallet's store is kept: passphrase, OS keyring or callback.

The store key is random and never changes; the file `unlock.bin` has it sealed under the key of the
method. Changing the passphrase or the method seals it again and leaves the database alone.

Spec: 11-cryptography.md
"""

import contextlib
from collections.abc import Callable
from pathlib import Path

from billfold.keyring import callback, os_keyring, passphrase
from billfold.keyring.callback import KeyCallback
from billfold.keyring.device_token import DeviceToken
from billfold.keyring.os_keyring import OsKeyring
from billfold.keyring.passphrase import Passphrase
from billfold.keyring.unlock_file import (
    UNLOCK_NAME,
    UnlockFile,
    UnlockMethod,
    read_unlock_file,
    write_unlock_file,
)
from billfold.store.private_files import file_error, make_private_directory
from billfold.store.sqlcipher import DATABASE_NAME
from billfold_protocol.crypto.derivation import KEY_SIZE
from billfold_protocol.errors import (
    KdfPolicy,
    LimitExceeded,
    Malformed,
    StoreDamaged,
    StoreError,
    StoreExists,
    UnlockFailed,
    UpdateNeeded,
    VerificationError,
)

__all__ = [
    "DeviceToken",
    "KeyCallback",
    "OsKeyring",
    "Passphrase",
    "Unlock",
    "UnlockMethod",
    "change_unlock",
    "create_key",
    "discard_key",
    "open_key",
    "unlock_method",
]

Unlock = Passphrase | OsKeyring | KeyCallback
"""How the person unlocks a wallet."""


def create_key(directory: Path, unlock: Unlock, random: Callable[[int], bytes]) -> bytes:
    """Make the 32-byte key of a new store and keep it; the caller holds the wallet's lock.

    An `unlock.bin` without a database, as a crash while a wallet was made leaves it, is kept as
    `unlock.bin.old`.

    Raises:
        StoreExists: there is a wallet already.
        UnlockFailed: the OS keyring is missing, locked or keeps nothing.
        InputError: the passphrase or the callback's key is not acceptable.
        LimitExceeded: there is not enough memory to hash the passphrase.
        StoreFull: the disk has no room.
        StoreError: the directory cannot be written.
    """
    if (directory / DATABASE_NAME).exists():
        raise StoreExists(f"There is a wallet in {directory} already.")
    make_private_directory(directory)
    store_key = random(KEY_SIZE)
    file = _seal(unlock, store_key, random)
    path = directory / UNLOCK_NAME
    try:
        if path.exists():
            path.replace(path.with_name(UNLOCK_NAME + ".old"))
    except OSError as error:
        raise file_error(error, path) from error
    write_unlock_file(directory, file)
    return store_key


def discard_key(directory: Path, unlock: Unlock) -> None:
    """Take back what `create_key` made, where no store came of it; a failure leaves it there.

    Args:
        directory: where the key was made; the caller holds the wallet's lock.
        unlock: how it is unlocked.
    """
    if (directory / DATABASE_NAME).exists():
        return
    with contextlib.suppress(StoreError, UpdateNeeded, UnlockFailed, OSError):
        file = read_unlock_file(directory)
        (directory / UNLOCK_NAME).unlink()
        if isinstance(unlock, OsKeyring):
            os_keyring.forget_key(unlock, file)


def open_key(
    directory: Path, unlock: Unlock, random: Callable[[int], bytes] | None = None
) -> bytes:
    """Return the 32-byte key of a store.

    With `random`, a file whose password hashing is weaker than the passphrase's policy is sealed
    again under that policy, once it has opened; the caller holds the wallet's lock.

    Raises:
        StoreMissing: there is no wallet in the directory.
        UnlockFailed: the passphrase or key is wrong, the wallet is unlocked in another way, or the
            OS keyring is missing or locked.
        KdfPolicy: the file asks for password hashing outside the allowed range.
        UpdateNeeded: a newer version wrote the file.
        StoreDamaged: the file's bytes fail their checks.
        InputError: the passphrase or the callback's key is not acceptable.
        LimitExceeded: there is not enough memory to hash the passphrase.
        StoreError: the file cannot be read.
    """
    file = read_unlock_file(directory)
    try:
        store_key = _unseal(unlock, file)
    except KdfPolicy:
        raise
    except VerificationError as error:
        raise UnlockFailed(_wrong(file.method)) from error
    except Malformed as error:
        raise StoreDamaged(f"The file {directory / UNLOCK_NAME} is damaged.") from error
    if len(store_key) != KEY_SIZE:
        raise StoreDamaged(f"The file {directory / UNLOCK_NAME} does not hold a key.")
    if random is not None and isinstance(unlock, Passphrase):
        stronger = passphrase.strengthened(unlock, file)
        if stronger is not None:
            # The wallet opens all the same; the next opening tries again.
            with contextlib.suppress(StoreError, LimitExceeded):
                write_unlock_file(directory, _seal(stronger, store_key, random))
    return store_key


def change_unlock(
    directory: Path, *, current: Unlock, new: Unlock, random: Callable[[int], bytes]
) -> None:
    """Unlock the wallet in another way from now on; copies of the old file still open as before.

    Raises:
        StoreMissing: there is no wallet in the directory.
        UnlockFailed: the current way does not open it, or the new keyring cannot be used.
        KdfPolicy: the file asks for password hashing outside the allowed range.
        UpdateNeeded: a newer version wrote the file.
        StoreDamaged: the file's bytes fail their checks.
        InputError: a passphrase or a callback's key is not acceptable.
        LimitExceeded: there is not enough memory to hash a passphrase.
        StoreFull: the disk has no room; the wallet opens as before.
        StoreError: the file cannot be read or written.
    """
    old_file = read_unlock_file(directory)
    store_key = open_key(directory, current)
    write_unlock_file(directory, _seal(new, store_key, random))
    if isinstance(current, OsKeyring):
        # The new file is on the disk: a key left behind in the keyring seals nothing.
        with contextlib.suppress(UnlockFailed):
            os_keyring.forget_key(current, old_file)


def unlock_method(directory: Path) -> UnlockMethod:
    """Return how the wallet is unlocked, so that the person can be asked for the right thing.

    Raises:
        StoreMissing: there is no wallet in the directory.
        UpdateNeeded: a newer version wrote the file.
        StoreDamaged: the file's bytes fail their checks.
        StoreError: the file cannot be read.
    """
    return read_unlock_file(directory).method


def _seal(unlock: Unlock, store_key: bytes, random: Callable[[int], bytes]) -> UnlockFile:
    match unlock:
        case Passphrase():
            return passphrase.seal_store_key(unlock, store_key, random)
        case OsKeyring():
            return os_keyring.seal_store_key(unlock, store_key, random)
        case KeyCallback():
            return callback.seal_store_key(unlock, store_key, random)


def _unseal(unlock: Unlock, file: UnlockFile) -> bytes:
    match unlock, file.method:
        case Passphrase(), UnlockMethod.PASSPHRASE:
            return passphrase.unseal_store_key(unlock, file)
        case OsKeyring(), UnlockMethod.OS_KEYRING:
            return os_keyring.unseal_store_key(unlock, file)
        case KeyCallback(), UnlockMethod.CALLBACK:
            return callback.unseal_store_key(unlock, file)
        case _:
            raise UnlockFailed(f"This wallet opens with {_NAMES[file.method]}.")


_NAMES = {
    UnlockMethod.PASSPHRASE: "a passphrase",
    UnlockMethod.OS_KEYRING: "the keyring of this computer",
    UnlockMethod.CALLBACK: "a key that its application gets",
}


def _wrong(method: UnlockMethod) -> str:
    match method:
        case UnlockMethod.PASSPHRASE:
            return "The passphrase is wrong; try again."
        case UnlockMethod.OS_KEYRING:
            return "The key in the keyring of this computer is not this wallet's."
        case UnlockMethod.CALLBACK:
            return "The application's key is not this wallet's."
