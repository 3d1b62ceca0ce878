"""Room in the write-ahead log: zeros behind what is written, so that commits overwrite, not extend.

A wait for the disk after a file has grown also waits for the file system's own journal, which takes
a multiple of the time. SQLite ignores what follows the last frame: a frame of zeros carries neither
the log's salts nor a valid checksum.

Spec: 40-wallet-document.md
"""

import os
from pathlib import Path

ROOM_MIN = 256 * 1024
ROOM_MAX = 4 * 1024 * 1024
"""About the size at which SQLite writes the log from its start again."""

GROWTH = 2


class LogRoom:
    """Keeps room in one log; a fault of it costs speed only."""

    def __init__(self, log: Path) -> None:
        self._log = log
        self._size = -1
        """Bytes of the log when it was last looked at; below zero before the first time."""

    def renew(self) -> None:
        """Make room if the last commit had to extend the log; call it with no commit under way.

        The zeros are not waited for: they reach the disk with the next commit.
        """
        try:
            size = self._log.stat().st_size
            if size == self._size:
                return
            self._size = min(max(ROOM_MIN, GROWTH * size), ROOM_MAX)
            if size >= self._size:
                self._size = size
                return
            descriptor = os.open(self._log, os.O_WRONLY | os.O_CLOEXEC)
            try:
                os.pwrite(descriptor, bytes(self._size - size), size)
            finally:
                os.close(descriptor)
        except OSError:
            # A disk without space for room may still have some for commits.
            return
