"""One SQLCipher file: keyed, recognised, brought forward, and its errors made ours.

The first 16 bytes of the file, SQLCipher's salt, are derived from the key, so that a wrong key and
a damaged file are told apart. The only importer of sqlcipher3.

Spec: 40-wallet-document.md
"""

import hmac
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from billfold.store.private_files import file_error
from billfold.store.schema import APPLICATION_ID, Migrations
from billfold_protocol.errors import (
    BillfoldError,
    LocalProtocolError,
    StoreBusy,
    StoreDamaged,
    StoreError,
    StoreFull,
    UnlockFailed,
    UpdateNeeded,
)

if TYPE_CHECKING:
    # sqlcipher3 has no types; its interface is the one of the standard library's module.
    import sqlite3 as sqlcipher
else:
    from sqlcipher3 import dbapi2 as sqlcipher

Connection = sqlcipher.Connection
DatabaseError = sqlcipher.Error

KEY_SIZE = 32
PAGE_SIZE = 4096

_SALT_SIZE = 16
_SALT_LABEL = b"billfold/v1/derive/store-salt"

_SETTINGS = (
    # The format of SQLCipher 4, also under a later library: AES-256, HMAC-SHA512, 4 KiB pages.
    "PRAGMA cipher_compatibility = 4",
    # Wiping each freed block takes bulk commits to 40 % of their speed, and the document lies
    # open in this process anyway.
    "PRAGMA cipher_memory_security = OFF",
    # Keeps the log's index in memory: one file less, and a second guard against two writers.
    "PRAGMA locking_mode = EXCLUSIVE",
    "PRAGMA journal_mode = WAL",
    "PRAGMA synchronous = FULL",
    # macOS: plain fsync leaves data in the drive's cache.
    "PRAGMA fullfsync = ON",
    "PRAGMA checkpoint_fullfsync = ON",
    "PRAGMA journal_size_limit = 4194304",
    "PRAGMA temp_store = MEMORY",
    "PRAGMA trusted_schema = OFF",
)


def connect(path: Path, key: bytes) -> Connection:
    """Open the file with a 32-byte key; several threads may use the connection in turn.

    Raises:
        StoreDamaged: the first page fails its checks.
        StoreBusy: another process has the file open.
        StoreError: the file cannot be used.
    """
    with translated(path):
        connection = sqlcipher.connect(path, isolation_level=None, check_same_thread=False)
        try:
            # Else the library writes its findings to standard error.
            connection.execute("PRAGMA cipher_log_level = NONE")
            connection.execute(f"PRAGMA key = \"x'{key.hex()}{_salt(key).hex()}'\"")
            for setting in _SETTINGS:
                connection.execute(setting).fetchall()
        except BaseException:
            connection.close()
            raise
    return connection


def check_salt(path: Path, key: bytes) -> None:
    """Compare the start of the file with the key.

    Raises:
        UnlockFailed: the key is another file's.
        StoreDamaged: the file is shorter than a page.
        StoreError: the file cannot be read.
    """
    try:
        with path.open("rb") as file:
            salt = file.read(_SALT_SIZE)
        size = path.stat().st_size
    except OSError as error:
        raise file_error(error, path) from error
    if size < PAGE_SIZE:
        raise damaged(path)
    if not hmac.compare_digest(salt, _salt(key)):
        raise UnlockFailed(f"This key does not open the wallet in {path.parent}.")


def check_key(key: bytes) -> None:
    """Check the size of a key.

    Raises:
        LocalProtocolError: it has not 32 bytes.
    """
    if len(key) != KEY_SIZE:
        raise LocalProtocolError(f"a store key has {KEY_SIZE} bytes")


def migrate(connection: Connection, path: Path, migrations: Migrations) -> None:
    """Bring the file to the newest of our versions, in one transaction.

    Raises:
        UpdateNeeded: the file is of a later version; it is left unchanged.
        StoreDamaged: the file is not a wallet's, or its bytes fail their checks.
        StoreFull: there is no room; the file is as before.
        StoreError: the disk fails.
    """
    with translated(path):
        ((application_id,),) = connection.execute("PRAGMA application_id")
        ((version,),) = connection.execute("PRAGMA user_version")
        if version > len(migrations):
            raise UpdateNeeded(
                f"A newer version of Billfold wrote the wallet in {path.parent}; "
                "update Billfold to open it."
            )
        if application_id != (APPLICATION_ID if version else 0):
            raise damaged(path)
        if version == len(migrations):
            return
        connection.execute("BEGIN IMMEDIATE")
        try:
            for statements in migrations[version:]:
                for statement in statements:
                    connection.execute(statement)
            connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
            connection.execute(f"PRAGMA user_version = {len(migrations)}")
            connection.execute("COMMIT")
        except BaseException:
            roll_back(connection)
            raise


def roll_back(connection: Connection) -> None:
    """End a failed transaction; SQLite has ended it by itself after some failures.

    Raises:
        DatabaseError: the file cannot be read any more.
    """
    if connection.in_transaction:
        connection.execute("ROLLBACK")


@contextmanager
def translated(path: Path) -> Iterator[None]:
    """Turn what SQLCipher raises inside the block into our errors.

    Raises:
        StoreError: or a more exact error below it.
        LocalProtocolError: a value has a type that a store does not keep.
    """
    try:
        yield
    except sqlcipher.Error as error:
        raise _our_error(error, path) from error


def damaged(path: Path) -> StoreDamaged:
    """Return the error for a file whose bytes fail their checks."""
    return StoreDamaged(
        f"The file {path} is damaged; keep a copy of the directory and "
        "restore the wallet from another device."
    )


def _our_error(error: sqlcipher.Error, path: Path) -> BillfoldError:
    if isinstance(error, sqlcipher.InterfaceError | sqlcipher.ProgrammingError):
        return LocalProtocolError(f"a store keeps bytes, text and numbers: {error}")
    # The low byte is the kind, the rest a detail (SQLite "Result and Error Codes").
    match getattr(error, "sqlite_errorcode", 0) & 0xFF:
        case sqlcipher.SQLITE_FULL:
            return StoreFull("The disk has no room for this change; free some space.")
        case sqlcipher.SQLITE_CORRUPT | sqlcipher.SQLITE_NOTADB:
            return damaged(path)
        case sqlcipher.SQLITE_BUSY | sqlcipher.SQLITE_LOCKED:
            return StoreBusy(f"Another program has {path} open; close it first.")
        case _:
            return StoreError(f"The file {path} cannot be used: {error}.")


def _salt(key: bytes) -> bytes:
    return hmac.digest(key, _SALT_LABEL, "sha256")[:_SALT_SIZE]
