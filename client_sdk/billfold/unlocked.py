"""An unlocked wallet: its open store, its replica, and what keeps it in step.

Everything secret that a wallet has in memory hangs here, so that locking is letting go of it.

Spec: 40-wallet-document.md
"""

import asyncio
import contextlib
import secrets
from pathlib import Path

from billfold.attachments import Attachments
from billfold.channels import Channels
from billfold.founding import HERE_KEY
from billfold.household import Household
from billfold.model import wallet_merge_kinds
from billfold.moving import Moving
from billfold.opening import now_ms
from billfold.recovery import Recovery
from billfold.replica import Replica
from billfold.restoring import DeviceTokenStore, check_token, renew_token
from billfold.servers import SERVER_KEY, parse_server
from billfold.sharing import Sharing
from billfold.store import WalletStore
from billfold.synchronizer import Synchronizer
from billfold.transport import Transport
from billfold_protocol.errors import StoreError


class Unlocked:
    """One open store and what works on it."""

    def __init__(
        self,
        store: WalletStore,
        synchronizer: Synchronizer,
        transport: Transport,
        token: DeviceTokenStore,
        folder: Path,
    ) -> None:
        """Take over an open store; `begin` is the usual way."""
        self.store = store
        self.synchronizer = synchronizer
        self.household = Household(synchronizer, transport)
        self.attachments = Attachments(synchronizer, transport, folder, random=secrets.token_bytes)
        self.recovery = Recovery(synchronizer)
        self.moving = Moving(synchronizer, self.attachments, transport)
        self.presenting = asyncio.Lock()
        """Held while a one-time instance is chosen, so that no two presentations choose one."""

        self.channels = Channels(synchronizer)
        self.sharing = Sharing(synchronizer, self.channels)
        self._token = token

    @classmethod
    async def begin(
        cls, store: WalletStore, transport: Transport, token: DeviceTokenStore, folder: Path
    ) -> "Unlocked":
        """Take over the open store of a folder, and go online if the wallet has a server.

        Raises:
            StoreError: the store or the device token cannot be read or written; it is closed.
        """

        def load() -> Replica:
            return Replica(
                store, now_ms=now_ms, random=secrets.token_bytes, merge_kinds=wallet_merge_kinds
            )

        try:
            await asyncio.to_thread(check_token, store, token, secrets.token_bytes)
            synchronizer = Synchronizer(
                store, load, transport=transport, random=secrets.token_bytes
            )
            where = parse_server(synchronizer.replica.meta(SERVER_KEY))
        except BaseException:
            store.close()
            raise
        unlocked = cls(store, synchronizer, transport, token, folder)
        synchronizer.start()
        unlocked.attachments.start()
        unlocked.recovery.resume()
        unlocked.moving.start()
        if where is not None:
            synchronizer.connect(where)
        return unlocked

    async def end(self) -> None:
        """Make durable what is left, go offline and close the store.

        Raises:
            StoreError: the last edits could not be made durable; their calls have said so too.
        """
        try:
            await self.moving.stop()
            await self.attachments.stop()
            await self.synchronizer.stop()
            await asyncio.to_thread(self._renew_token)
        finally:
            self.store.close()

    def _renew_token(self) -> None:
        """Let copies of the folder that were made until now be known as copies."""
        current = self.synchronizer.replica.meta(HERE_KEY)
        # Where that fails, the token of this session still matches.
        with contextlib.suppress(StoreError):
            renew_token(self.store, self._token, secrets.token_bytes, current=current)
