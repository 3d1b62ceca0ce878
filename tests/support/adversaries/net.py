"""A network between device and server that cuts, delays, records and alters what passes.

Spec: 02-threat-model.md
"""

import asyncio
from collections.abc import Callable

from tests.support.net import RecordingProxy

Alter = Callable[[bytes], bytes]


class Net(RecordingProxy):
    """A TCP proxy in an attacker's hands."""

    def __init__(self, target: str) -> None:
        super().__init__(target)
        self.alter_up: Alter | None = None
        """What is done to bytes on their way to the server."""

        self.alter_down: Alter | None = None
        """What is done to bytes on their way to the device."""

        self.may_pass = asyncio.Event()
        """Cleared, nothing passes until it is set again."""

        self.may_pass.set()

    def stall(self) -> None:
        """Let nothing pass for now."""
        self.may_pass.clear()

    def go_on(self) -> None:
        """Let pass what was held up and what follows."""
        self.may_pass.set()

    async def passing(self, data: bytes, *, is_up: bool, record: bytearray) -> bytes:
        """Record a piece, hold it up and alter it."""
        data = await super().passing(data, is_up=is_up, record=record)
        await self.may_pass.wait()
        alter = self.alter_up if is_up else self.alter_down
        return data if alter is None else alter(data)
