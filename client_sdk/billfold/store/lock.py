"""One writer for each wallet directory: a lock that the operating system frees when we die.

Spec: 40-wallet-document.md
"""

import contextlib
import fcntl
import os
from pathlib import Path

from billfold.store.private_files import FILE_MODE, file_error, make_private_directory
from billfold_protocol.errors import StoreBusy

LOCK_NAME = "lock"

_PID_SIZE_MAX = 20


class WalletLock:
    """The right to use a wallet directory, held until `release`."""

    __slots__ = ("_descriptor",)

    def __init__(self, directory: Path) -> None:
        """Take the lock, making the directory where there is none.

        Raises:
            StoreBusy: another process, or another wallet object of this one, holds it.
            StoreError: the directory or the lock file cannot be used.
        """
        make_private_directory(directory)
        path = directory / LOCK_NAME
        self._descriptor: int | None = None
        try:
            # The file is never removed: a second process could lock the removed one.
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, FILE_MODE)
        except OSError as error:
            raise file_error(error, path) from error
        try:
            # flock, not lockf: it also keeps two wallet objects of one process apart.
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, str(os.getpid()).encode(), 0)
        except BlockingIOError as error:
            message = f"The wallet in {directory} is open in {_holder(descriptor)}; close it first."
            os.close(descriptor)
            raise StoreBusy(message) from error
        except OSError as error:
            os.close(descriptor)
            raise file_error(error, path) from error
        self._descriptor = descriptor

    def release(self) -> None:
        """Give the directory free; a second call does nothing."""
        if self._descriptor is not None:
            # Someone who reads the file later must not be told a process that has let go.
            with contextlib.suppress(OSError):
                os.ftruncate(self._descriptor, 0)
            os.close(self._descriptor)
            self._descriptor = None


def _holder(descriptor: int) -> str:
    """Return the process that the lock file names, as a part of a sentence."""
    content = os.pread(descriptor, _PID_SIZE_MAX, 0)
    # The holder writes its number a moment after it has the lock.
    return f"process {int(content)}" if content.isdigit() else "another process"
