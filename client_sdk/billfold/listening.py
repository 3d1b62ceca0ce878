"""A listener's view of what happens in a wallet.

Spec: 40-wallet-document.md
"""

import asyncio
from collections import deque
from collections.abc import Callable
from types import TracebackType
from typing import Self

from billfold.events import Event, RecordsChanged

EVENTS_COUNT_MAX = 4096
"""Events that one listener may leave unread; then they are replaced by one that says so."""


class EventStream:
    """Events in order, from the moment the stream was made; an async iterator.

    A listener that falls far behind loses the unread ones and gets a `RecordsChanged` without
    fields in their place: everything may differ.
    """

    def __init__(self, forget: Callable[["EventStream"], None]) -> None:
        self._forget = forget
        self._events: deque[Event] = deque()
        self._news = asyncio.Event()
        self._is_closed = False

    def __aiter__(self) -> "EventStream":
        return self

    async def __anext__(self) -> Event:
        while not self._events:
            if self._is_closed:
                raise StopAsyncIteration
            self._news.clear()
            await self._news.wait()
        return self._events.popleft()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def put(self, event: Event) -> None:
        """Add an event."""
        if len(self._events) >= EVENTS_COUNT_MAX:
            self._events.clear()
            self._events.append(RecordsChanged(fields=frozenset(), device=None, is_local=False))
        self._events.append(event)
        self._news.set()

    def close(self) -> None:
        """End the stream after what is unread; closing twice is no mistake."""
        if not self._is_closed:
            self._is_closed = True
            self._forget(self)
            self._news.set()
