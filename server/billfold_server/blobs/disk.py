"""Files that are replaced whole or not at all, and what the disk's errors mean to the server.

Spec: 23-blobs.md
"""

import contextlib
import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from billfold_protocol.errors import StoreDamaged, StoreError, StoreFull

DRAFT: Final = ".new"
"""What a file is called until it takes the place of another."""


@contextmanager
def converted(path: Path, *, is_sync: bool = False) -> Iterator[None]:
    """Raise the store's own errors in place of the operating system's.

    Args:
        path: what the work is about.
        is_sync: whether it waits for the disk: after a failure nothing may be promised any more.

    Raises:
        StoreFull: the disk has no room.
        StoreDamaged: the disk failed.
        StoreError: anything else.
    """
    try:
        yield
    except OSError as error:
        if error.errno in {errno.ENOSPC, errno.EDQUOT, errno.EFBIG} and not is_sync:
            raise StoreFull("The disk has no room for blobs; free some and try again.") from error
        if is_sync or error.errno == errno.EIO:
            raise StoreDamaged(
                "The disk did not confirm that it holds what was written; "
                "end the server, check the disk and start again."
            ) from error
        raise StoreError(f"The folder of blobs {path} cannot be used: {error.strerror}.") from error


def replace_whole(path: Path, data: bytes) -> None:
    """Replace a small file durably.

    Raises:
        OSError: the operating system refuses; the old file is unchanged.
        StoreDamaged: the disk did not confirm.
    """
    draft = path.with_name(path.name + DRAFT)
    try:
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        try:
            os.write(descriptor, data)
            with converted(path, is_sync=True):
                os.fsync(descriptor)
        finally:
            os.close(descriptor)
    except OSError:
        with contextlib.suppress(OSError):
            draft.unlink(missing_ok=True)
        raise
    draft.replace(path)
    with converted(path, is_sync=True):
        sync_folder(path.parent)


def read_whole(path: Path, size_max: int) -> bytes | None:
    """Return the bytes of a small file, or None if it is not there.

    Raises:
        OSError: it cannot be read.
        StoreDamaged: it is too big to be what its name says.
    """
    try:
        with path.open("rb") as file:
            data = file.read(size_max + 1)
    except FileNotFoundError:
        return None
    if len(data) > size_max:
        raise StoreDamaged(f"The file {path} is too big to be what its name says.")
    return data


def remove(path: Path) -> None:
    """Remove a file; nothing happens if it is not there.

    Raises:
        OSError: the operating system refuses.
    """
    path.unlink(missing_ok=True)


def sync_folder(folder: Path) -> None:
    """Have the names in a folder on the disk.

    Raises:
        OSError: the operating system refuses.
    """
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
