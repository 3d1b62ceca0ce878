"""Changing how a wallet opens, in a process of its own.

Spec: 11-cryptography.md
"""

import secrets
from pathlib import Path

from billfold.cli.request import Answer
from billfold.cli.settings import Settings, read_new_passphrase
from billfold.cli.unlocking import unlock_for_existing
from billfold.keyring import Passphrase, change_unlock, open_key
from billfold.store import WalletLock
from billfold_protocol.errors import StoreBusy


def change_passphrase(settings: Settings, new_file: Path | None) -> Answer:
    """Seal the key of the store under another passphrase.

    Raises:
        StoreBusy: the wallet is open.
        StoreMissing: there is no wallet in the folder.
        UnlockFailed: it does not open, or no new passphrase was given.
        InputError: the new passphrase is not acceptable.
        StoreError: the folder cannot be written; the wallet opens as before.
    """
    current = unlock_for_existing(settings)
    try:
        lock = WalletLock(settings.folder)
    except StoreBusy as error:
        raise StoreBusy(
            "the wallet is open: end the running command, or a `watch` by `billfold lock`"
        ) from error
    try:
        # A wrong passphrase is told before a new one is asked for.
        open_key(settings.folder, current)
        new = Passphrase(read_new_passphrase(new_file))
        change_unlock(settings.folder, current=current, new=new, random=secrets.token_bytes)
    finally:
        lock.release()
    return Answer(result={"folder": str(settings.folder), "is_changed": True})
