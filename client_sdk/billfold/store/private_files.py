"""Small files that only their owner may read, replaced whole or not at all.

Spec: 40-wallet-document.md
"""

import contextlib
import errno
import os
from pathlib import Path

from billfold_protocol.errors import StoreDamaged, StoreError, StoreFull, StoreMissing

FILE_MODE = 0o600
DIRECTORY_MODE = 0o700


def make_private_directory(directory: Path) -> None:
    """Make a directory that only its owner may enter, with its parents.

    An empty directory that exists already is made private; one with files in it is left as it is,
    because it may be somebody's home.

    Raises:
        StoreError: it cannot be made, or something else has its name.
    """
    try:
        directory.parent.mkdir(parents=True, exist_ok=True)
        try:
            directory.mkdir(mode=DIRECTORY_MODE)
        except FileExistsError:
            if not any(directory.iterdir()):
                directory.chmod(DIRECTORY_MODE)
        else:
            sync_directory(directory.parent)
    except OSError as error:
        raise file_error(error, directory) from error


def write_private_file(path: Path, data: bytes) -> None:
    """Replace a file durably: after a crash it holds the old bytes or the new ones.

    Raises:
        StoreFull: the disk has no room; the old file is unchanged.
        StoreError: the directory cannot be written.
    """
    draft = path.with_name(path.name + ".new")
    try:
        draft.unlink(missing_ok=True)
        try:
            create_private_file(draft, data)
            draft.replace(path)
        except OSError:
            with contextlib.suppress(OSError):
                draft.unlink(missing_ok=True)
            raise
        sync_directory(path.parent)
    except OSError as error:
        raise file_error(error, path) from error


def create_private_file(path: Path, data: bytes = b"") -> None:
    """Make a new file with these bytes and have them on the disk.

    Raises:
        OSError: the operating system refuses, as when the file exists.
    """
    # O_EXCL also refuses a symbolic link that somebody left at this name.
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, FILE_MODE)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(descriptor)


def read_private_file(path: Path, *, size_max: int) -> bytes:
    """Return the bytes of a file.

    Raises:
        StoreMissing: there is no such file.
        StoreDamaged: it has more than `size_max` bytes.
        StoreError: it cannot be read.
    """
    try:
        with path.open("rb") as file:
            data = file.read(size_max + 1)
    except OSError as error:
        raise file_error(error, path) from error
    if len(data) > size_max:
        raise StoreDamaged(f"The file {path} is too big to be what its name says.")
    return data


def sync_directory(directory: Path) -> None:
    """Have the names in a directory on the disk.

    Raises:
        OSError: the operating system refuses.
    """
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def file_error(error: OSError, path: Path) -> StoreError:
    """Return the error of the tree for what the operating system said about a file."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return StoreFull(f"The disk has no room for {path}; free some space and try again.")
    if error.errno in (errno.ENOENT, errno.ENOTDIR):
        return StoreMissing(f"There is no {path}.")
    return StoreError(f"The file {path} cannot be used: {error.strerror}.")
