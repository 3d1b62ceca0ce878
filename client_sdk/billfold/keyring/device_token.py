"""A random token outside the wallet's directory, by which a restored copy of a wallet shows itself.

The database keeps the hash of a 16-byte token, and the token itself lies where backups should not
look. It is renewed each time the wallet opens and closes, so that a database put back from an
earlier day does not match either, even on the same computer. Losing the token is safe: the device
opens a new feed. A copy of the whole computer has the token too; it shows when two copies write.

Spec: 15-feeds.md
"""

import hashlib
import hmac
import os
import sys
from collections.abc import Callable
from pathlib import Path

from billfold.store.private_files import (
    make_private_directory,
    read_private_file,
    write_private_file,
)
from billfold_protocol.errors import StoreDamaged, StoreError, StoreMissing

TOKEN_SIZE = 16

_HASH_LABEL = b"billfold/v1/hash/device-token"
_TOKENS_COUNT_MAX = 2

# Many backup programs leave directories with this file out (Cache Directory Tagging).
_TAG_NAME = "CACHEDIR.TAG"
_TAG = b"Signature: 8a477f597d28d172789f06886806bc55\n"


class DeviceToken:
    """The token of the wallet at one place on one computer.

    To open: `matches` decides whether the feed goes on; `renew` gives the hash to commit to the
    database; `settle` ends the renewal. A crash between any two of them leaves a token that still
    matches the database.
    """

    def __init__(self, wallet_directory: Path, *, token_directory: Path | None = None) -> None:
        """Name the token of a wallet by the place of the wallet.

        Args:
            wallet_directory: a copy elsewhere has another token, and so none.
            token_directory: where tokens lie, by default the user's state directory; a phone's
                application gives its own directory that backups leave out.
        """
        place = hashlib.sha256(os.fsencode(wallet_directory.resolve())).hexdigest()
        self._directory = token_directory or default_token_directory()
        self._path = self._directory / f"{place[:32]}.token"

    def matches(self, expected_hash: bytes) -> bool:
        """Return whether the database with this hash was last opened here.

        Raises:
            StoreError: the token cannot be read.
        """
        return self._find(expected_hash) is not None

    def renew(self, random: Callable[[int], bytes], *, current_hash: bytes | None) -> bytes:
        """Put a new token beside the one that matches, and return its 32-byte hash.

        Args:
            random: returns fresh random bytes.
            current_hash: what the database has now, or `None` where it has none or the token is
                not to match any more.

        Raises:
            StoreFull: the disk has no room; the old token is unchanged.
            StoreError: the token cannot be written.
        """
        current = None if current_hash is None else self._find(current_hash)
        token = random(TOKEN_SIZE)
        make_private_directory(self._directory)
        tag = self._directory / _TAG_NAME
        if not tag.exists():
            write_private_file(tag, _TAG)
        write_private_file(self._path, (current or b"") + token)
        return _hash(token)

    def settle(self) -> None:
        """Forget the token before the last `renew`, whose hash the database now has.

        Raises:
            StoreFull: the disk has no room; both tokens stay.
            StoreError: the token cannot be written.
        """
        tokens = self._read()
        if len(tokens) > 1:
            write_private_file(self._path, tokens[-1])

    def _find(self, expected_hash: bytes) -> bytes | None:
        for token in self._read():
            if hmac.compare_digest(_hash(token), expected_hash):
                return token
        return None

    def _read(self) -> list[bytes]:
        try:
            data = read_private_file(self._path, size_max=_TOKENS_COUNT_MAX * TOKEN_SIZE)
        except (StoreMissing, StoreDamaged):
            return []
        return [data[start : start + TOKEN_SIZE] for start in range(0, len(data), TOKEN_SIZE)]


def default_token_directory() -> Path:
    """Return the directory for tokens: where state lies that is not worth a backup.

    Raises:
        StoreError: this user has no home directory.
    """
    try:
        return _state_directory() / "billfold" / "device-tokens"
    except RuntimeError as error:
        raise StoreError(
            "This user has no home directory: name a directory in XDG_STATE_HOME."
        ) from error


def _state_directory() -> Path:
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches"
    # XDG Base Directory Specification: a relative path there is to be ignored.
    named = Path(os.environ.get("XDG_STATE_HOME", ""))
    return named if named.is_absolute() else Path.home() / ".local" / "state"


def _hash(token: bytes) -> bytes:
    return hashlib.sha256(_HASH_LABEL + token).digest()
