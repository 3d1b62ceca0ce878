"""Where the heavy work on snapshots is done: at once, or beside what the wallet does meanwhile.

A work is a coroutine that knows no event loop. What it awaits from its `Hands` may take long and
touches nothing of the replica; between two awaits it has the replica for itself. `AtOnce` does
everything in the call, as simulations need it.

Spec: 16-snapshots.md
"""

from collections.abc import Callable, Coroutine
from typing import Any, Literal, Protocol, TypeVar

LARGE_SIZE = 48 * 1024
"""Bytes of a document from which on it is worth the way to another process."""

Result = TypeVar("Result")
Apart = Literal["hashes", "save"]


class Hands(Protocol):
    """Who does the heavy part of a work."""

    async def do(self, action: Callable[[], Result]) -> Result:
        """Run an action that needs nothing of the replica, here or in a thread."""
        ...

    async def apart(self, what: Apart, data: bytes) -> bytes | None:
        """Have work done on a document in a process of its own; None where there is none.

        Raises:
            StoreDamaged: the bytes are no document.
        """
        ...


Work = Callable[[Hands], Coroutine[Any, Any, None]]


class Workbench(Protocol):
    """Takes works on."""

    def start(self, work: Work, *, is_awaited: bool = False) -> None:
        """Begin a work; nothing more is received while one that is awaited is under way."""
        ...


class AtOnce:
    """Does each work in the call, in this thread."""

    async def do(self, action: Callable[[], Result]) -> Result:
        """Run an action."""
        return action()

    async def apart(self, what: Apart, data: bytes) -> None:
        """There is no other process."""
        del what, data

    def start(self, work: Work, *, is_awaited: bool = False) -> None:
        """Do a work to its end."""
        del is_awaited
        coroutine = work(self)
        try:
            coroutine.send(None)
        except StopIteration:
            return
        raise AssertionError("a work awaits nothing but its hands")
