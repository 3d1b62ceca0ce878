"""Where an attachment's content comes from: a file, bytes, or a stream of known size.

Spec: 23-blobs.md
"""

import asyncio
import os
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from billfold_protocol import limits
from billfold_protocol.errors import InputError, LimitExceeded

Progress = Callable[[int, int], None]
"""Is told how many bytes are done, and of how many; it must return at once."""

Source = str | Path | bytes | BinaryIO | AsyncIterator[bytes]


@dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """Content in pieces, and how many bytes they are together."""

    size: int
    pieces: AsyncIterator[bytes]

    async def chunks(self, size: int) -> AsyncIterator[bytes]:
        """Return the content in pieces of `size` bytes; the last may be shorter.

        Raises:
            InputError: it has not the size that was named.
        """
        kept, total = bytearray(), 0
        async for piece in self.pieces:
            kept += piece
            total += len(piece)
            if total > self.size:
                break
            while len(kept) >= size:
                yield bytes(kept[:size])
                del kept[:size]
        if total != self.size:
            raise InputError("the content changed its size while it was read; attach it again")
        if kept:
            yield bytes(kept)


def content_of(source: Source, *, size: int | None = None, size_max: int) -> Content:
    """Return the content of a path, of bytes, of an open binary file or of a stream.

    Args:
        source: what to read; an open file is read from where it stands.
        size: bytes of a stream that cannot tell its own size.
        size_max: more is refused.

    Raises:
        InputError: the source cannot be read, or its size is not known.
        LimitExceeded: it is too large.
    """
    if isinstance(source, bytes):
        size, pieces = len(source), _from_bytes(source)
    elif isinstance(source, str | Path):
        size, pieces = _size_of(Path(source)), _from_path(Path(source))
    elif isinstance(source, AsyncIterator):
        pieces = source
    else:
        size, pieces = _rest_of(source), _from_file(source)
    if size is None:
        raise InputError("the size of the stream must be named")
    if size > size_max:
        raise LimitExceeded(
            f"it has {size:,} bytes, more than the {size_max:,} that one may have here"
        )
    return Content(size=size, pieces=pieces)


async def _from_bytes(data: bytes) -> AsyncIterator[bytes]:
    for start in range(0, len(data), limits.BLOB_CHUNK_SIZE):
        yield data[start : start + limits.BLOB_CHUNK_SIZE]


async def _from_path(path: Path) -> AsyncIterator[bytes]:
    try:
        with await asyncio.to_thread(path.open, "rb") as file:
            async for piece in _from_file(file):
                yield piece
    except OSError as error:
        raise _unreadable(path, error) from error


async def _from_file(file: BinaryIO) -> AsyncIterator[bytes]:
    while piece := await asyncio.to_thread(file.read, limits.BLOB_CHUNK_SIZE):
        yield piece


def _size_of(path: Path) -> int:
    try:
        if not path.is_file():
            raise InputError(f"{path} is not a file that can be attached")
        return path.stat().st_size
    except OSError as error:
        raise _unreadable(path, error) from error


def _rest_of(file: BinaryIO) -> int:
    try:
        start = file.tell()
        end = file.seek(0, os.SEEK_END)
        file.seek(start)
    except (OSError, ValueError) as error:
        raise InputError("the stream cannot tell its size; read it into a file first") from error
    return end - start


def _unreadable(path: Path, error: OSError) -> InputError:
    return InputError(f"{path} cannot be read: {(error.strerror or str(error)).lower()}")
