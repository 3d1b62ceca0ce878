"""The file `unlock.bin`: the store key, sealed in the way that the person chose to unlock it.

Layout: the canonical array `[version, method, reference, sealed, checksum]`. The first three are
bound into the seal; the checksum tells a damaged file from a wrong passphrase before anything slow
is tried, and protects nothing.

Spec: 11-cryptography.md
"""

import hashlib
from dataclasses import dataclass, field
from enum import IntEnum
from pathlib import Path

from billfold.store.private_files import read_private_file, write_private_file
from billfold_protocol.codec import as_array, as_bytes, as_integer, as_text, decode, encode
from billfold_protocol.errors import Malformed, StoreDamaged, StoreMissing, UpdateNeeded

UNLOCK_NAME = "unlock.bin"

_VERSION = 1
_CHECKSUM_SIZE = 8
_FILE_SIZE_MAX = 4096
_REFERENCE_SIZE_MAX = 256


class UnlockMethod(IntEnum):
    """How a wallet is unlocked."""

    PASSPHRASE = 1
    OS_KEYRING = 2
    CALLBACK = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class UnlockFile:
    """What `unlock.bin` says."""

    method: UnlockMethod
    reference: str
    """Where the method finds its key, as the account in the OS keyring; or empty."""

    sealed: bytes = field(repr=False)

    @property
    def context(self) -> bytes:
        """What the seal is bound to."""
        return unlock_context(self.method, self.reference)


def unlock_context(method: UnlockMethod, reference: str) -> bytes:
    """Return the context under which a method's key seals the store key."""
    return encode(["unlock", _VERSION, int(method), reference])


def write_unlock_file(directory: Path, content: UnlockFile) -> None:
    """Replace the file durably.

    Raises:
        StoreFull: the disk has no room; the old file is unchanged.
        StoreError: the directory cannot be written.
    """
    body = [_VERSION, int(content.method), content.reference, content.sealed]
    write_private_file(directory / UNLOCK_NAME, encode([*body, _checksum(body)]))


def read_unlock_file(directory: Path) -> UnlockFile:
    """Return what the file says.

    Raises:
        StoreMissing: there is no wallet in the directory.
        UpdateNeeded: a newer version wrote the file.
        StoreDamaged: the file's bytes fail their checks.
        StoreError: the file cannot be read.
    """
    path = directory / UNLOCK_NAME
    try:
        data = read_private_file(path, size_max=_FILE_SIZE_MAX)
    except StoreMissing as error:
        raise StoreMissing(f"There is no wallet in {directory}.") from error
    try:
        return _parse(data, path)
    except Malformed as error:
        raise StoreDamaged(
            f"The file {path} is damaged; restore it from a copy, "
            "or restore the wallet from another device."
        ) from error


def _parse(data: bytes, path: Path) -> UnlockFile:
    items = as_array(decode(data, size_max=_FILE_SIZE_MAX))
    # The version decides what follows, so it is read before the rest is looked at.
    if as_integer(items[0] if items else None, minimum=1) > _VERSION:
        raise UpdateNeeded(
            f"A newer version of Billfold wrote {path}; update Billfold to open the wallet."
        )
    *body, checksum = as_array(items, 5)
    if as_bytes(checksum, _CHECKSUM_SIZE) != _checksum(body):
        raise Malformed("the checksum does not match")
    _, method, reference, sealed = body
    return UnlockFile(
        method=UnlockMethod(as_integer(method, minimum=1, maximum=len(UnlockMethod))),
        reference=as_text(reference, size_max=_REFERENCE_SIZE_MAX),
        sealed=as_bytes(sealed, size_max=_FILE_SIZE_MAX),
    )


def _checksum(body: list[object]) -> bytes:
    return hashlib.sha256(encode(body)).digest()[:_CHECKSUM_SIZE]
