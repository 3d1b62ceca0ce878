"""Room in the write-ahead log: zeros behind what is written, so that commits overwrite, not extend.

A wait for the disk after a file has grown also waits for the file system's own journal, which takes
a multiple of the time and longest when the machine is busy. SQLite ignores what follows the last
frame: a frame of zeros carries neither the log's salts nor a valid checksum.

Spec: 30-server-api.md
"""

import os
from pathlib import Path
from threading import Lock

CHUNK_SIZE = 1 << 20
"""Written at a time: so long, at most, a commit waits for the room behind it."""

_ZEROS = bytes(CHUNK_SIZE)


def make_room(log: Path, size: int, write_lock: Lock) -> None:
    """Let a log take at least `size` bytes; nothing happens where there is none, or no space.

    Args:
        log: the file, which is written only by who holds the lock.
        size: in bytes.
        write_lock: taken for each piece, so that nothing is written over what a commit appends.
    """
    try:
        if log.stat().st_size >= size:
            return
        descriptor = os.open(log, os.O_WRONLY | os.O_CLOEXEC)
    except OSError:
        return
    try:
        while _grow(descriptor, size, write_lock):
            os.fsync(descriptor)
    except OSError:
        # A disk without space for room may still have some for commits; they find out themselves.
        return
    finally:
        os.close(descriptor)


def _grow(descriptor: int, size: int, write_lock: Lock) -> bool:
    """Append a piece; False when there is room enough."""
    with write_lock:
        end = os.fstat(descriptor).st_size
        if end >= size:
            return False
        os.pwrite(descriptor, _ZEROS, end)
        return True


def size_of(path: Path) -> int:
    """Return the bytes of a file; 0 if it is not there."""
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0
