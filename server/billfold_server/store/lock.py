"""A lock file that keeps a second server off one store.

The kernel drops the lock when the process ends in whatever way, so a crash leaves nothing to clean
up. The file itself stays: removing it would let two processes lock two files of one name.

Spec: 30-server-api.md
"""

import fcntl
import os
from pathlib import Path

from billfold_protocol.errors import StoreBusy, StoreError, StoreMissing


class StoreLock:
    """An exclusive hold on one path, from construction to `release`.

    Raises:
        StoreBusy: Another process, or another store object of this one, holds it.
        StoreMissing: The folder does not exist.
        StoreError: The lock file cannot be opened.
    """

    def __init__(self, path: Path) -> None:
        try:
            self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except FileNotFoundError as error:
            raise StoreMissing(
                f"The folder {path.parent} does not exist; make it first."
            ) from error
        except OSError as error:
            raise StoreError(f"The lock file {path} cannot be opened: {error.strerror}.") from error
        try:
            # Unlike POSIX record locks, this belongs to the open file, not to the process.
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(self._descriptor)
            if isinstance(error, BlockingIOError):
                raise StoreBusy(
                    f"Another server has the store of {path} open; stop it, or use another path."
                ) from error
            raise StoreError(f"The file {path} cannot be locked: {error.strerror}.") from error

    def release(self) -> None:
        """Give the path free; call it once."""
        os.close(self._descriptor)
