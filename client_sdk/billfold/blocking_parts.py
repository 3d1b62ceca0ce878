"""What is behind a wallet without asyncio: the thread with the loop, and the calls into it.

A part of a wallet, such as its recovery words, offers without asyncio what it offers with it, under
the same names: each call returns when it is done, and what comes bit by bit is iterated over.

Spec: 40-wallet-document.md
"""

import asyncio
import functools
import inspect
import threading
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable, Iterator
from concurrent.futures import Future
from types import TracebackType
from typing import Any, Self, TypeVar, cast

from billfold_protocol.errors import LocalProtocolError

_Result = TypeVar("_Result")
_END = object()


class LoopThread:
    """An event loop in a thread of its own."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(
            target=self._loop.run_forever, name="billfold-wallet", daemon=True
        )
        self._thread.start()
        self.is_stopped = False

    def run(self, work: Coroutine[Any, Any, _Result]) -> _Result:
        """Run a coroutine in the loop and return what it returns.

        Raises:
            LocalProtocolError: the loop has stopped, or this is its own thread.
        """
        if self.is_stopped or threading.current_thread() is self._thread:
            work.close()
            raise LocalProtocolError(
                "the wallet is closed" if self.is_stopped else "a callback cannot use its wallet"
            )
        future: Future[_Result] = asyncio.run_coroutine_threadsafe(work, self._loop)
        try:
            return future.result()
        except BaseException:
            # Ctrl-C ends the wait; what nobody waits for any more is not to go on.
            future.cancel()
            raise

    def call(self, read: Callable[[], _Result]) -> _Result:
        """Run a function in the loop's thread and return what it returns.

        Raises:
            LocalProtocolError: the loop has stopped, or this is its own thread.
        """

        async def call() -> _Result:
            return read()

        return self.run(call())

    def stop(self) -> None:
        """End the thread."""
        self.is_stopped = True
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.run_until_complete(self._loop.shutdown_default_executor())
        self._loop.close()


class BlockingPart:
    """A part of a wallet; it has the part's public names."""

    def __init__(self, loop: LoopThread, get: Callable[[], object]) -> None:
        """Begin.

        Args:
            loop: where the part is used.
            get: returns the part as it is now, in the loop's thread.
        """
        self._loop = loop
        self._get = get

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        return blocking_attribute(self._loop, self._get, name)

    def __iter__(self) -> Iterator[Any]:
        return iter(self._loop.call(lambda: list(cast("Iterable[Any]", self._get()))))

    def __dir__(self) -> list[str]:
        return self._loop.call(lambda: public_names(type(self._get())))


class BlockingIterator:
    """What an asynchronous iterator yields; `close` it, or use it with `with`."""

    def __init__(self, loop: LoopThread, items: AsyncIterator[Any]) -> None:
        self._loop = loop
        self._items = items

    def __iter__(self) -> Iterator[Any]:
        return self

    def __next__(self) -> Any:
        async def following() -> Any:
            return await anext(self._items, _END)

        item = self._loop.run(following())
        if item is _END:
            raise StopIteration
        return item

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let go of it."""

        async def close() -> None:
            end = getattr(self._items, "aclose", None) or getattr(self._items, "close", None)
            ended = None if end is None else end()
            if inspect.isawaitable(ended):
                await ended

        self._loop.run(close())


def blocking_attribute(loop: LoopThread, get: Callable[[], object], name: str) -> Any:
    """Return an attribute of something that lives in the loop, without asyncio.

    Raises:
        AttributeError: there is none.
        BillfoldError: why it cannot be had now.
    """
    value = loop.call(lambda: getattr(get(), name))
    if not inspect.ismethod(value):
        return _without_asyncio(loop, value, lambda: getattr(get(), name))

    @functools.wraps(value)
    def call(*arguments: Any, **named: Any) -> Any:
        async def work() -> Any:
            result = value(*arguments, **named)
            return await result if inspect.isawaitable(result) else result

        result = loop.run(work())
        return _without_asyncio(loop, result, lambda: result)

    return call


def public_names(kind: type) -> list[str]:
    """Return the names that a class offers to its users, sorted."""
    return sorted(name for name in dir(kind) if not name.startswith("_"))


def _without_asyncio(loop: LoopThread, value: object, get: Callable[[], object]) -> Any:
    if isinstance(value, AsyncIterator):
        return BlockingIterator(loop, value)
    members = (inspect.getattr_static(type(value), name) for name in public_names(type(value)))
    is_part = any(
        inspect.iscoroutinefunction(one) or inspect.isasyncgenfunction(one) for one in members
    )
    return BlockingPart(loop, get) if is_part else value
