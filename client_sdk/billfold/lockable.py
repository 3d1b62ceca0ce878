"""The life of a wallet: open, locked, unlocked again, closed.

    open ──lock──► locked ──unlock──► open ──close──► closed

Everything that needs keys or records goes through here, and is refused while there are none.

Spec: 40-wallet-document.md
"""

import asyncio
import gc
import secrets
from pathlib import Path
from types import TracebackType
from typing import Self

from billfold.attachments import Attachments
from billfold.channels import Channels
from billfold.household import Household
from billfold.keyring import Unlock, change_unlock
from billfold.opening import open_store
from billfold.reading import WalletReading
from billfold.recovery import Recovery
from billfold.replica import Replica
from billfold.restoring import DeviceTokenStore
from billfold.sharing import Sharing
from billfold.synchronizer import Synchronizer
from billfold.transport import Transport
from billfold.unlocked import Unlocked
from billfold_protocol.errors import LocalProtocolError, WalletLocked


class LockableWallet(WalletReading):
    """A wallet on this device, open or locked."""

    def __init__(
        self,
        path: Path,
        unlocked: Unlocked,
        transport: Transport,
        device_token_store: DeviceTokenStore,
    ) -> None:
        """Take over an open store; `create`, `open` and `link` are the ways to get a wallet."""
        self._path = path
        self._transport = transport
        self._device_token_store = device_token_store
        self._unlocked: Unlocked | None = unlocked
        """None while the wallet is locked, and once it is closed."""

        self._is_closed = False

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Make durable what is left, go offline and let go of the folder.

        What goes on after that should `lock` first: Python lets go of closed keys when it likes.

        Raises:
            StoreError: the last edits could not be made durable; their calls have said so too.
        """
        if self._is_closed:
            return
        self._is_closed = True
        try:
            await self._let_go()
        finally:
            await self._transport.close()

    @property
    def is_locked(self) -> bool:
        """Whether `unlock` must come before anything else."""
        return self._unlocked is None and not self._is_closed

    async def lock(self) -> None:
        """Make durable what is left, go offline, close the store and let go of every key.

        Until `unlock`, everything else raises `WalletLocked`. Event streams end. Nothing refers to
        keys and records any more, but Python does not overwrite the memory that they took.

        Raises:
            StoreError: the last edits could not be made durable; the wallet is locked all the same.
        """
        if self._is_closed:
            return
        try:
            await self._let_go()
        finally:
            # Keys and records hang together in cycles, which otherwise live on for a while.
            gc.collect()

    async def unlock(self, unlock: Unlock) -> None:
        """Open a locked wallet again; nothing happens if it is open.

        Raises:
            UnlockFailed: the passphrase or key is wrong.
            StoreBusy: another process has the wallet open by now.
            StoreError: the folder cannot be read; see `open`.
        """
        if not self.is_locked:
            self._require_unlocked()
            return
        store = await asyncio.to_thread(open_store, self._path, unlock)
        self._unlocked = await Unlocked.begin(
            store, self._transport, self._device_token_store, self._path
        )

    async def change_unlock(self, *, current: Unlock, new: Unlock) -> None:
        """Open with another passphrase, or in another way, from now on; atomic.

        The key of the store stays, so an older copy of the folder opens as it did before.

        Raises:
            WalletLocked: the wallet is locked.
            UnlockFailed: the current way does not open it, or the new one cannot be used.
            InputError: the new passphrase is not acceptable.
            StoreError: the folder cannot be written; the wallet opens as before.
        """
        self._require_unlocked()
        await asyncio.to_thread(
            change_unlock, self._path, current=current, new=new, random=secrets.token_bytes
        )

    async def _let_go(self) -> None:
        unlocked, self._unlocked = self._unlocked, None
        if unlocked is None:
            return
        await unlocked.end()

    @property
    def recovery(self) -> Recovery:
        """The words that bring the wallet back when all devices are lost."""
        return self._require_unlocked().recovery

    @property
    def attachments(self) -> Attachments:
        """The files that belong to records."""
        return self._require_unlocked().attachments

    @property
    def channels(self) -> Channels:
        """The sealed channels with organisations."""
        return self._require_unlocked().channels

    @property
    def sharing(self) -> Sharing:
        """What organisations are given, with receipts."""
        return self._require_unlocked().sharing

    @property
    def _synchronizer(self) -> Synchronizer:
        return self._require_unlocked().synchronizer

    @property
    def _household(self) -> Household:
        return self._require_unlocked().household

    @property
    def _replica(self) -> Replica:
        return self._require_unlocked().synchronizer.replica

    def _require_unlocked(self) -> Unlocked:
        if self._is_closed:
            raise LocalProtocolError("the wallet is closed")
        if self._unlocked is None:
            raise WalletLocked("the wallet is locked; unlock it first")
        return self._unlocked
