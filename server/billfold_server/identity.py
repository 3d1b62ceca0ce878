"""The server's own secret: the 32-byte seed of its Ed25519 key, in a file beside the store.

Wallets pin the key that grows from it, so the file is made once, at the first start, and never
again: a store whose key file is gone is refused, not given another identity.

Spec: 30-server-api.md
"""

import os
import secrets
import stat
from contextlib import suppress
from pathlib import Path

from billfold_protocol.errors import StoreDamaged, StoreError, StoreMissing

from .store import store_path

SEED_SIZE = 32


def load_server_seed(address: str) -> bytes:
    """Return the seed for the store of this address, made at the first start; call before opening.

    32 secret bytes. The file is the store's with `.key` appended. A store in memory gets a fresh
    seed each time.

    Raises:
        InputError: The address names no store.
        StoreMissing: The store is there but its key file is not, or the folder is not there.
        StoreDamaged: The key file has the wrong size.
        StoreError: The key file is open to others, or cannot be read or made.
    """
    store_file = store_path(address)
    if store_file is None:
        return secrets.token_bytes(SEED_SIZE)
    key_file = store_file.with_name(store_file.name + ".key")
    try:
        if not key_file.exists():
            if store_file.exists():
                raise StoreMissing(
                    f"The key file {key_file} is missing and wallets know this server by it; "
                    "bring it back from a backup."
                )
            _make(key_file)
        return _load(key_file)
    except FileNotFoundError as error:
        raise StoreMissing(
            f"The folder {key_file.parent} does not exist; make it first."
        ) from error
    except OSError as error:
        raise StoreError(f"The key file {key_file} cannot be used: {error.strerror}.") from error


def _load(key_file: Path) -> bytes:
    with key_file.open("rb") as file:
        status = os.fstat(file.fileno())
        if not stat.S_ISREG(status.st_mode) or status.st_mode & (stat.S_IRWXG | stat.S_IRWXO):
            raise StoreError(
                f"The key file {key_file} is open to others than its owner; "
                "give it mode 600 and consider whether they have copied it."
            )
        seed = file.read(SEED_SIZE + 1)
    if len(seed) != SEED_SIZE:
        raise StoreDamaged(
            f"The key file {key_file} does not hold {SEED_SIZE} bytes; bring it back from a backup."
        )
    return seed


def _make(key_file: Path) -> None:
    """Make the key file whole or not at all, and never over another one."""
    draft = key_file.with_name(f"{key_file.name}.{secrets.token_hex(8)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(secrets.token_bytes(SEED_SIZE))
            file.flush()
            os.fsync(file.fileno())
        # Unlike a rename, a link refuses a name that is taken: then the other start's seed counts.
        with suppress(FileExistsError):
            os.link(draft, key_file)
    finally:
        draft.unlink()
    folder = os.open(key_file.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
