"""Where a running `watch` listens for the other commands, and who may talk there.

The socket is in the wallet's folder, or, where that path is too long for one, in a private folder
that the file `agent.path` names. Only the wallet's lock holder makes it, so one that is there
before is stale.

Spec: 00-overview.md
"""

import contextlib
import os
import socket
import struct
import sys
import tempfile
from pathlib import Path
from typing import Final

from billfold_protocol.errors import StoreError

SOCKET_NAME: Final = "agent.sock"
ADDRESS_NAME: Final = "agent.path"
SOCKET_MODE: Final = 0o600

PATH_SIZE_MAX: Final = 100
"""Bytes of a socket's path: Linux takes 107, macOS 103."""

_ADDRESS_SIZE_MAX: Final = 4096
_CREDENTIALS: Final = struct.Struct("3i")
"""Process, user and group of the other side, as Linux tells them."""


def listening_socket(folder: Path) -> tuple[socket.socket, Path]:
    """Return a bound socket that only this user can open, and its path.

    Args:
        folder: the wallet's, whose lock the caller holds.

    Raises:
        StoreError: the folder cannot be written.
    """
    remove_socket(folder)
    try:
        path = folder.absolute() / SOCKET_NAME
        if len(os.fsencode(path)) > PATH_SIZE_MAX:
            runtime = os.environ.get("XDG_RUNTIME_DIR") or None
            if runtime is not None and len(os.fsencode(runtime)) > PATH_SIZE_MAX // 2:
                runtime = None
            path = Path(tempfile.mkdtemp(prefix="billfold-", dir=runtime)) / SOCKET_NAME
            _write_private(folder / ADDRESS_NAME, os.fsencode(path))
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            listener.bind(os.fspath(path))
            # Nobody gets in before `listen`, which comes later.
            path.chmod(SOCKET_MODE)
        except OSError:
            listener.close()
            raise
    except OSError as error:
        raise StoreError(f"no socket can be made in {folder}: {error.strerror or error}") from error
    return listener, path


def remove_socket(folder: Path) -> None:
    """Remove the socket and what names it; the caller holds the wallet's lock."""
    path = socket_path(folder)
    with contextlib.suppress(OSError):
        path.unlink()
    if path.parent != folder.absolute():
        with contextlib.suppress(OSError):
            path.parent.rmdir()
        with contextlib.suppress(OSError):
            (folder / ADDRESS_NAME).unlink()


def socket_path(folder: Path) -> Path:
    """Return where the socket of a wallet's folder is, or would be."""
    try:
        with (folder / ADDRESS_NAME).open("rb") as file:
            return Path(os.fsdecode(file.read(_ADDRESS_SIZE_MAX)))
    except (OSError, ValueError):
        return folder.absolute() / SOCKET_NAME


def connected_socket(folder: Path) -> socket.socket | None:
    """Return a connection to the `watch` that has this wallet open, or None if there is none.

    Raises:
        StoreError: a program of another user answers.
    """
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        connection.connect(os.fspath(socket_path(folder)))
    except (OSError, ValueError):
        connection.close()
        return None
    if not is_own_user(connection):
        connection.close()
        raise StoreError(f"a program of another user answers for the wallet in {folder}")
    return connection


def is_own_user(connection: socket.socket) -> bool:
    """Tell whether the other side runs as this user.

    Where the system does not say, the modes of the folder and the socket have to do.
    """
    if sys.platform != "linux":
        return True
    raw = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
    _, user, _ = _CREDENTIALS.unpack(raw)
    return bool(user == os.geteuid())


def _write_private(path: Path, data: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, SOCKET_MODE)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
