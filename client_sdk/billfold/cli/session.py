"""What a command has at hand while it runs, in this process or inside a running `watch`.

Spec: 00-overview.md
"""

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Protocol

from billfold.cli.request import Answer, Arguments
from billfold.cli.wire import JsonObject
from billfold.wallet import Wallet


class Session(Protocol):
    """One command's wallet, and the way to the person who gave the command."""

    @property
    def wallet(self) -> Wallet:
        """The open wallet."""

    @property
    def folder(self) -> Path:
        """Where it is kept."""

    @property
    def attachment(self) -> bytes:
        """The bytes that came with the command."""

    async def tell(self, event: JsonObject) -> None:
        """Show something that happened."""

    def progress(self, what: str, done: int, total: int) -> None:
        """Show how far something has come; a call may be dropped."""

    async def ask(self, question: JsonObject) -> bool:
        """Ask the person; False is no."""


Command = Callable[[Session, Arguments], Awaitable[Answer]]
"""What runs a command."""
