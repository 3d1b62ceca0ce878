"""`wallet.relationships`: organisations that the person deals with, and their channels.

Spec: 26-channels.md
"""

from collections.abc import Callable

from billfold.channels import Channels, ChannelView
from billfold.editing import EditBlock
from billfold.model import Relationship
from billfold.reading import WalletReading
from billfold.typed_records import TypedRecords


class Relationships(TypedRecords[Relationship]):
    """The relationships of one wallet."""

    def __init__(
        self, wallet: WalletReading, edit: Callable[[], EditBlock], channels: Channels
    ) -> None:
        super().__init__(Relationship, wallet, edit)
        self._channels = channels

    async def open_channel(self, name: str, identifier: str) -> ChannelView:
        """Give an organisation one address, and keys of the person that no other organisation sees.

        Args:
            name: what the person calls it.
            identifier: what makes it this organisation and no other, such as its web address.

        Raises:
            LocalProtocolError: the wallet has no server yet.
            InputError: the identifier is empty.
            AccessError: this device may not change the wallet.
            StoreError: it could not be made durable.
        """
        return await self._channels.open(identifier, name=name)

    async def close_channel(self, identifier: str) -> None:
        """End what an organisation can send; what it had sent before still comes.

        Args:
            identifier: the organisation's, or its name, or the id of the channel's record.

        Raises:
            NotFound: there is no such channel.
            AccessError: this device may not change the wallet.
            StoreError: it could not be made durable.
        """
        await self._channels.close(identifier)
