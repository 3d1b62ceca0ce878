"""Reading attachments through connections that fail: what came is kept, and the rest is asked for.

Spec: 23-blobs.md
"""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Callable
from pathlib import Path
from typing import Final

from billfold.backoff import Backoff
from billfold.blobs import BlobExchange, BlobRef, Progress
from billfold_protocol.envelope import RandomBytes
from billfold_protocol.errors import BlobMissing, InputError, TransportError

ATTEMPTS_COUNT: Final = 6
"""Connections that may fail in a row, without a chunk coming, before a download is given up."""


class Downloads:
    """Reads one wallet's blobs."""

    def __init__(
        self,
        exchange: BlobExchange,
        *,
        random: RandomBytes,
        may_dial: Callable[[], bool],
        on_missing: Callable[[], None],
    ) -> None:
        """Begin.

        Args:
            exchange: the wallet's blobs.
            random: the source of random bytes.
            may_dial: whether a connection that failed may be made again.
            on_missing: called when the server turns out to lack a blob.
        """
        self._exchange = exchange
        self._random = random
        self._may_dial = may_dial
        self._on_missing = on_missing

    async def pieces(
        self,
        ref: BlobRef,
        *,
        start: int = 0,
        size: int | None = None,
        progress: Progress | None = None,
    ) -> AsyncGenerator[bytes, None]:
        """Return a blob's content in pieces of at most a chunk, fetching what is not here.

        Raises:
            BillfoldError: see `Attachments.open`.
        """
        end = ref.size if size is None else start + size
        place, failures, backoff = start, 0, Backoff(self._random)

        def tell(done: int, total: int) -> None:
            nonlocal failures
            failures = 0
            backoff.reset()
            if progress is not None:
                progress(done, total)

        while True:
            pieces = self._exchange.read(ref, start=place, size=end - place, progress=tell)
            try:
                async with contextlib.aclosing(pieces):
                    async for piece in pieces:
                        place += len(piece)
                        yield piece
            except BlobMissing:
                self._on_missing()
                raise
            except TransportError:
                failures += 1
                if failures >= ATTEMPTS_COUNT or not self._may_dial():
                    raise
            else:
                return
            await asyncio.sleep(backoff.next_delay_s())


async def write_file(pieces: AsyncGenerator[bytes, None], path: Path, *, token: bytes) -> None:
    """Write pieces to a file; what was there before is replaced at the end, or not at all.

    Args:
        pieces: the content.
        path: the file.
        token: random bytes that make the draft's name.

    Raises:
        InputError: the file cannot be written.
        BillfoldError: what reading the pieces raises.
    """
    draft = path.with_name(f".{path.name[:64]}.{token.hex()}.part")
    try:
        async with contextlib.aclosing(pieces):
            with await asyncio.to_thread(draft.open, "xb") as file:
                async for piece in pieces:
                    await asyncio.to_thread(file.write, piece)
        draft.replace(path)
    except OSError as error:
        raise InputError(f"{path} cannot be written: {(error.strerror or '').lower()}") from error
    finally:
        with contextlib.suppress(OSError):
            draft.unlink(missing_ok=True)
