"""How a blob lies in its file: the size of its manifest, the manifest, the chunks at their places.

Which chunks of an upload are there is found by their hashes, so nothing is written down about it.

Spec: 23-blobs.md
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from billfold_protocol.blob_manifest import MANIFEST_SIZE_MAX, SEALED_CHUNK_SIZE, BlobManifest
from billfold_protocol.errors import CommitMismatch, Downgrade, Malformed
from billfold_protocol.ids import BlobId

HEADER_SIZE: Final = 4
WHOLE: Final = ".blob"
PART: Final = ".part"
HOLDERS: Final = ".holders"

ID_SIZE: Final = 32
FILE_MODE: Final = 0o600


def name(blob: BlobId, suffix: str) -> str:
    """Return the name of one of a blob's files."""
    return blob.hex() + suffix


def chunk_offset(manifest: BlobManifest, index: int) -> int:
    """Return where a chunk begins in a blob's file."""
    return HEADER_SIZE + len(manifest.encode()) + index * SEALED_CHUNK_SIZE


def id_of(path: Path) -> bytes | None:
    """Return the id that a file or folder is named by, or None for anything else."""
    try:
        found = bytes.fromhex(path.name.partition(".")[0])
    except ValueError:
        return None
    return found if len(found) == ID_SIZE else None


def manifests_in(folder: Path) -> Iterator[BlobManifest]:
    """Return the manifest of each blob and upload in a folder; what is damaged is passed over.

    Raises:
        OSError: the operating system refuses.
    """
    if not folder.exists():
        return
    for path in sorted(folder.iterdir()):
        blob = id_of(path)
        if blob is not None and path.suffix in {WHOLE, PART}:
            with opened(path) as descriptor:
                manifest = read_manifest(descriptor, BlobId(blob))
            if manifest is not None:
                yield manifest


@contextmanager
def opened(path: Path, flags: int = os.O_RDONLY) -> Iterator[int]:
    """Open a file for the time of the block.

    Raises:
        OSError: the operating system refuses.
    """
    descriptor = os.open(path, flags, FILE_MODE)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def survey(path: Path, blob: BlobId) -> tuple[BlobManifest, set[int]] | None:
    """Find out which chunks of a file are missing; None if its first bytes are damaged.

    Raises:
        OSError: the operating system refuses.
    """
    with opened(path) as descriptor:
        manifest = read_manifest(descriptor, blob)
        if manifest is None:
            return None
        indexes = range(manifest.count)
        return manifest, {i for i in indexes if read_chunk(descriptor, manifest, i) is None}


def read_chunk(descriptor: int, manifest: BlobManifest, index: int) -> bytes | None:
    """Return a sealed chunk, or None if other bytes are at its place.

    Raises:
        OSError: the operating system refuses.
    """
    data = os.pread(descriptor, manifest.sealed_chunk_size(index), chunk_offset(manifest, index))
    try:
        manifest.check_chunk(index, data)
    except CommitMismatch:
        return None
    return data


def read_manifest(descriptor: int, blob: BlobId) -> BlobManifest | None:
    """Return the manifest of a file, or None if it is not the one of this blob.

    Raises:
        OSError: the operating system refuses.
    """
    size = int.from_bytes(os.pread(descriptor, HEADER_SIZE, 0), "big")
    data = os.pread(descriptor, min(size, MANIFEST_SIZE_MAX), HEADER_SIZE)
    try:
        return BlobManifest.verify(data, blob)
    except (CommitMismatch, Malformed, Downgrade):
        return None


def write_at(descriptor: int, data: bytes, start: int) -> None:
    """Write all of some bytes at a place of a file.

    Raises:
        OSError: the operating system refuses.
    """
    view = memoryview(data)
    while view:
        written = os.pwrite(descriptor, view, start)
        view, start = view[written:], start + written
