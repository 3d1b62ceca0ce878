"""Turns what SQLite reports into the errors of Billfold.

Spec: 30-server-api.md
"""

from collections.abc import Iterator
from contextlib import contextmanager

import apsw

from billfold_protocol.errors import StoreBusy, StoreDamaged, StoreError, StoreFull

_SYNC_FAILURES = {apsw.SQLITE_IOERR_FSYNC, apsw.SQLITE_IOERR_DIR_FSYNC}

# A full quota and a full thin-provisioned disk arrive as one of these, not as SQLITE_FULL.
_WRITE_FAILURES = {
    apsw.SQLITE_IOERR_WRITE,
    apsw.SQLITE_IOERR_TRUNCATE,
    apsw.SQLITE_IOERR_SHMSIZE,
}


@contextmanager
def converted() -> Iterator[None]:
    """Raise the store's own errors in place of SQLite's.

    Raises:
        StoreFull: A write found no room.
        StoreDamaged: A wait for the disk failed, or the bytes fail SQLite's checks.
        StoreBusy: Another program holds the database.
        StoreError: Anything else.
    """
    try:
        yield
    except apsw.Error as error:
        raise _store_error(error) from error


def _store_error(error: apsw.Error) -> StoreError:
    match error:
        case apsw.FullError():
            return StoreFull("The disk has no room for the store; free some and try again.")
        case apsw.IOError():
            return _input_output_error(getattr(error, "extendedresult", apsw.SQLITE_IOERR))
        case apsw.CorruptError() | apsw.NotADBError():
            return StoreDamaged(
                "The store's file is not a sound database; keep it and restore a backup."
            )
        case apsw.BusyError() | apsw.LockedError():
            return StoreBusy("Another program holds the store's database; stop it and try again.")
        case apsw.ConstraintError():
            return StoreError("An entry or wrapped key with this number is stored already.")
        case apsw.CantOpenError() | apsw.PermissionsError() | apsw.ReadOnlyError():
            return StoreError(
                "The store's file cannot be opened for writing; check its folder and its owner."
            )
        case _:
            return StoreError(f"The store's database failed ({type(error).__name__}).")


def _input_output_error(code: int) -> StoreError:
    if code in _SYNC_FAILURES:
        return StoreDamaged(
            "The disk did not confirm that it holds what was written; "
            "end the server, check the disk and start again."
        )
    if code in _WRITE_FAILURES:
        return StoreFull("The disk does not take the store's bytes; free some room and try again.")
    return StoreDamaged(f"The disk failed under the store (SQLite code {code}); check the disk.")
