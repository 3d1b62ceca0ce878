"""What every command is told besides its own arguments: which wallet, how to unlock, how to speak.

Spec: 00-overview.md
"""

import getpass
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from billfold_protocol.errors import InputError, StoreError, UnlockFailed

UNLOCK_VARIABLE: Final = "BILLFOLD_PASSPHRASE"
NEW_VARIABLE: Final = "BILLFOLD_NEW_PASSPHRASE"
FILE_VARIABLE: Final = "BILLFOLD_FILE_PASSWORD"
KEY_SIZE: Final = 32
FILE_SIZE_MAX: Final = 4096
"""Bytes of a passphrase or key file that are read."""


UnlockKind = Literal["passphrase", "keyring"]
"""How a wallet is unlocked, as `--unlock` takes it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The options that all commands have."""

    wallet: Path | None
    """The wallet's folder; None for the usual one."""

    unlock: UnlockKind | None
    """None: as the wallet says, or a passphrase for a new one."""

    passphrase_file: Path | None
    key_file: Path | None
    is_json: bool
    is_offline: bool

    @property
    def folder(self) -> Path:
        """The wallet's folder."""
        return self.wallet if self.wallet is not None else default_folder()


def default_folder() -> Path:
    """Return where a wallet is kept when nobody says where."""
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Application Support" / "billfold" / "wallet"
    # XDG Base Directory Specification: a relative path is to be ignored.
    data = Path(os.environ.get("XDG_DATA_HOME", ""))
    root = data if data.is_absolute() else Path.home() / ".local" / "share"
    return root / "billfold" / "wallet"


def read_passphrase(settings: Settings, *, is_new: bool) -> str:
    """Return the passphrase from its file, the environment, or the person.

    Raises:
        UnlockFailed: there is none.
        InputError: it is empty, or was typed differently the second time.
    """
    if settings.passphrase_file is not None:
        passphrase = _first_line(settings.passphrase_file)
    elif (given := os.environ.get(UNLOCK_VARIABLE)) is not None:
        passphrase = given
    elif sys.stdin.isatty():
        passphrase = _type_new() if is_new else getpass.getpass("Passphrase: ")
    else:
        raise UnlockFailed(
            "no passphrase was given; set BILLFOLD_PASSPHRASE, or use --passphrase-file or "
            "--key-file"
        )
    if not passphrase:
        raise InputError("the passphrase is empty")
    return passphrase


def read_new_passphrase(path: Path | None) -> str:
    """Return the passphrase that is to replace another: from a file, the environment, the person.

    Raises:
        UnlockFailed: there is none.
        InputError: it is empty, or was typed differently the second time.
    """
    if path is not None:
        passphrase = _first_line(path)
    elif (given := os.environ.get(NEW_VARIABLE)) is not None:
        passphrase = given
    elif sys.stdin.isatty():
        passphrase = _type_new()
    else:
        raise UnlockFailed(
            f"no new passphrase was given; set {NEW_VARIABLE}, or use --new-passphrase-file"
        )
    if not passphrase:
        raise InputError("the new passphrase is empty")
    return passphrase


def read_file_password(path: Path | None, *, is_new: bool) -> str:
    """Return the password of a sealed file: from a file, the environment, the person.

    Raises:
        UnlockFailed: there is none.
        InputError: it is empty, or was typed differently the second time.
    """
    if path is not None:
        password = _first_line(path)
    elif (given := os.environ.get(FILE_VARIABLE)) is not None:
        password = given
    elif sys.stdin.isatty():
        password = _type_new() if is_new else getpass.getpass("The file's password: ")
    else:
        raise UnlockFailed(
            f"the file is sealed with a password; set {FILE_VARIABLE}, or use --password-file"
        )
    if not password:
        raise InputError("the file's password is empty")
    return password


def _type_new() -> str:
    passphrase = getpass.getpass("New passphrase: ")
    if getpass.getpass("The same again: ") != passphrase:
        raise InputError("the two passphrases differ; nothing was done")
    return passphrase


def _first_line(path: Path) -> str:
    try:
        return read_small_file(path).decode().split("\n", 1)[0].removesuffix("\r")
    except UnicodeDecodeError as error:
        raise InputError("the passphrase file is not UTF-8 text") from error


def read_key(path: Path) -> bytes:
    """Return the 32 bytes of a key file.

    Raises:
        UnlockFailed: it cannot be read, or holds something else.
    """
    try:
        key = read_small_file(path)
    except InputError as error:
        raise UnlockFailed(str(error)) from error
    if len(key) != KEY_SIZE:
        raise UnlockFailed(
            f"the key file {path} does not hold {KEY_SIZE} bytes; "
            f"`head -c {KEY_SIZE} /dev/urandom > FILE` makes one for a new wallet"
        )
    return key


def read_small_file(path: Path) -> bytes:
    """Return the bytes of a small file.

    Raises:
        InputError: it cannot be read, or is no small file.
    """
    try:
        with path.open("rb") as file:
            data = file.read(FILE_SIZE_MAX + 1)
    except OSError as error:
        raise InputError(f"the file {path} cannot be read: {error.strerror}") from error
    if len(data) > FILE_SIZE_MAX:
        raise InputError(f"the file {path} is too large to hold a passphrase, a key or a token")
    return data


def write_owner_file(path: Path, data: bytes) -> None:
    """Write a file that only its owner can read, replacing one that is there.

    Raises:
        StoreError: it cannot be written.
    """
    draft = path.with_name(f"{path.name}.{os.getpid()}.new")
    try:
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            draft.replace(path)
        except OSError:
            draft.unlink(missing_ok=True)
            raise
    except OSError as error:
        raise StoreError(f"the file {path} cannot be written: {error.strerror}") from error
