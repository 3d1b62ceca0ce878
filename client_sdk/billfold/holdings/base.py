"""What the parts of `holdings` need of an open wallet.

Spec: 42-credentials.md
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from billfold.editing import EditBlock
from billfold.founding import RESTORED_KEY
from billfold.household import Household
from billfold.model import Credential, Key
from billfold.replica import Replica
from billfold.typed_records import TypedRecords
from billfold.unlocked import Unlocked
from billfold_protocol.ids import DeviceId
from billfold_protocol.membership import Kind


@dataclass(frozen=True, slots=True, kw_only=True)
class Base:
    """An open wallet, as far as its credentials go; it holds no key of its own."""

    records: TypedRecords[Credential]
    keys: TypedRecords[Key]
    edit: Callable[[], EditBlock]
    unlocked: Callable[[], Unlocked]
    """Raises `WalletLocked` while the wallet is locked."""

    now_s: Callable[[], int]

    @property
    def household(self) -> Household:
        """The wallet's devices."""
        return self.unlocked().household

    @property
    def lock(self) -> asyncio.Lock:
        """Held while an instance is chosen, so that no two presentations choose one."""
        return self.unlocked().presenting

    def replica(self) -> Replica:
        """Return the open replica."""
        return self.unlocked().synchronizer.replica

    async def committed(self) -> None:
        """Return once what was noted for the store is durable.

        Raises:
            StoreError: it could not be made durable.
        """
        await self.unlocked().synchronizer.committed()

    @property
    def owner(self) -> str:
        """The name under which this device owns one-time instances: the feed it writes."""
        return self.replica().core.feed.hex()

    @property
    def device(self) -> str:
        """This device's id in hexadecimal."""
        return self.replica().core.device_id.hex()

    @property
    def must_catch_up(self) -> bool:
        """Whether this is a restored copy that has not heard what happened since."""
        synchronizer = self.unlocked().synchronizer
        replica = synchronizer.replica
        is_restored = replica.is_provisional and replica.meta(RESTORED_KEY) is not None
        return is_restored and replica.state.home is not None and not synchronizer.is_synced

    def owners(self) -> list[str]:
        """Return the feeds of the person's devices that may show credentials, this one's first."""
        replica = self.replica()
        members = replica.state.members
        others = [
            device
            for device, member in members.items()
            if device != replica.core.device_id
            and member.kind is Kind.DEVICE
            and member.role.can_write
            and member.holder == replica.core.holder
        ]
        feeds = [self.feed_of(device) for device in sorted(others)]
        return [self.owner, *(feed for feed in feeds if feed is not None)]

    def feed_of(self, device: DeviceId) -> str | None:
        """Return the feed that a device writes now, as far as this one knows; None if unclear."""
        replica = self.replica()
        if device == replica.core.device_id:
            return self.owner
        succession = replica.core.succession
        ends = [feed for feed in succession.feeds_of(device) if not succession.is_followed(feed)]
        return ends[0].hex() if len(ends) == 1 else None
