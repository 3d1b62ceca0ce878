"""The sealed copies of blobs in the wallet's folder: ciphertext and manifests, nothing in clear.

    <folder>/<blob>.manifest     verified against the id when it is read
             <blob>.sealed       the chunks, each at its place; some may be missing

Which chunks are there is found by their hashes, so an interrupted download goes on after any crash.
Everything here waits for the disk; call it in a thread.

Spec: 23-blobs.md
"""

import contextlib
import os
import secrets
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from billfold.store.private_files import (
    FILE_MODE,
    file_error,
    make_private_directory,
    read_private_file,
    sync_directory,
    write_private_file,
)
from billfold_protocol.blob_manifest import MANIFEST_SIZE_MAX, SEALED_CHUNK_SIZE, BlobManifest
from billfold_protocol.errors import (
    CommitMismatch,
    Downgrade,
    Malformed,
    StoreDamaged,
    StoreMissing,
)
from billfold_protocol.ids import BlobId

MANIFEST: Final = ".manifest"
SEALED: Final = ".sealed"
DRAFT: Final = ".draft"


class BlobCache:
    """One wallet's copies; safe in several threads."""

    def __init__(self, folder: Path) -> None:
        """Begin; the folder is made when it is first written to."""
        self._folder = folder
        self._lock = threading.RLock()
        self._missing: dict[BlobId, set[int]] = {}
        """What is missing of each blob that was looked at."""

    def draft(self) -> "BlobDraft":
        """Begin a new blob, whose id is not known yet.

        Raises:
            StoreError: the folder cannot be written.
        """
        make_private_directory(self._folder)
        return BlobDraft(self._folder / (secrets.token_hex(16) + DRAFT))

    def finish(self, draft: "BlobDraft", manifest: BlobManifest) -> None:
        """Keep a draft as the blob of this manifest; durable on return.

        Raises:
            StoreError: the folder cannot be written.
        """
        with self._using(manifest.id):
            draft.close()
            write_private_file(self._path(manifest.id, MANIFEST), manifest.encode())
            draft.path.replace(self._path(manifest.id, SEALED))
            sync_directory(self._folder)
            self._missing[manifest.id] = set()

    def manifest(self, blob: BlobId) -> BlobManifest | None:
        """Return a blob's manifest, or None if there is no copy, not even a part of one.

        Raises:
            StoreError: it cannot be read.
        """
        try:
            data = read_private_file(self._path(blob, MANIFEST), size_max=MANIFEST_SIZE_MAX)
            return BlobManifest.verify(data, blob)
        except (StoreMissing, StoreDamaged, CommitMismatch, Malformed, Downgrade):
            # A damaged copy is no copy: it is fetched again.
            return None

    def expect(self, manifest: BlobManifest) -> None:
        """Make room for a blob that will be fetched.

        Raises:
            StoreError: the folder cannot be written.
        """
        with self._using(manifest.id):
            make_private_directory(self._folder)
            if self.manifest(manifest.id) is None:
                write_private_file(self._path(manifest.id, MANIFEST), manifest.encode())
                self._missing.pop(manifest.id, None)

    def missing(self, manifest: BlobManifest) -> frozenset[int]:
        """Return the indexes of the chunks that are not here.

        Raises:
            StoreError: the copy cannot be read.
        """
        with self._using(manifest.id):
            found = self._missing.get(manifest.id)
            if found is None:
                found = self._missing[manifest.id] = self._survey(manifest)
            return frozenset(found)

    def read(self, manifest: BlobManifest, index: int) -> bytes | None:
        """Return a sealed chunk, verified, or None if it is not here.

        Raises:
            StoreError: the copy cannot be read.
        """
        with self._using(manifest.id):
            data = self._read(manifest, index)
            if data is None and manifest.id in self._missing:
                self._missing[manifest.id].add(index)
            return data

    def write(self, manifest: BlobManifest, index: int, sealed: bytes) -> None:
        """Keep a sealed chunk that was verified.

        Raises:
            StoreFull: the disk has no room.
            StoreError: the folder cannot be written.
        """
        with self._using(manifest.id):
            path = self._path(manifest.id, SEALED)
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT, FILE_MODE)
            try:
                write_at(descriptor, sealed, index * SEALED_CHUNK_SIZE)
            finally:
                os.close(descriptor)
            if manifest.id in self._missing:
                self._missing[manifest.id].discard(index)

    def remove(self, blob: BlobId) -> None:
        """Drop the copy of a blob, if there is one.

        Raises:
            StoreError: the folder cannot be written.
        """
        with self._using(blob):
            self._missing.pop(blob, None)
            for suffix in (SEALED, MANIFEST):
                self._path(blob, suffix).unlink(missing_ok=True)

    def remove_drafts(self) -> None:
        """Drop what an interrupted `draft` left behind.

        Raises:
            StoreError: the folder cannot be written.
        """
        try:
            for path in self._folder.glob(f"*{DRAFT}"):
                path.unlink(missing_ok=True)
        except OSError as error:
            raise file_error(error, self._folder) from error

    def _path(self, blob: BlobId, suffix: str) -> Path:
        return self._folder / (blob.hex() + suffix)

    @contextmanager
    def _using(self, blob: BlobId) -> Iterator[None]:
        with self._lock:
            try:
                yield
            except OSError as error:
                raise file_error(error, self._path(blob, SEALED)) from error

    def _survey(self, manifest: BlobManifest) -> set[int]:
        if not self._path(manifest.id, SEALED).exists():
            return set(range(manifest.count))
        return {i for i in range(manifest.count) if self._read(manifest, i) is None}

    def _read(self, manifest: BlobManifest, index: int) -> bytes | None:
        try:
            descriptor = os.open(self._path(manifest.id, SEALED), os.O_RDONLY)
        except FileNotFoundError:
            return None
        try:
            size = manifest.sealed_chunk_size(index)
            data = os.pread(descriptor, size, index * SEALED_CHUNK_SIZE)
        finally:
            os.close(descriptor)
        try:
            manifest.check_chunk(index, data)
        except CommitMismatch:
            return None
        return data


class BlobDraft:
    """A blob that is being sealed."""

    def __init__(self, path: Path) -> None:
        """Make the file.

        Raises:
            StoreError: the folder cannot be written.
        """
        self.path = path
        self._size = 0
        try:
            self._descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, FILE_MODE)
        except OSError as error:
            raise file_error(error, path) from error
        self._is_open = True

    def append(self, sealed: bytes) -> None:
        """Write the next sealed chunk.

        Raises:
            StoreFull: the disk has no room.
            StoreError: the folder cannot be written.
        """
        try:
            write_at(self._descriptor, sealed, self._size)
        except OSError as error:
            raise file_error(error, self.path) from error
        self._size += len(sealed)

    def close(self) -> None:
        """Have the file on the disk; again is harmless.

        Raises:
            OSError: the operating system refuses.
        """
        if self._is_open:
            self._is_open = False
            try:
                os.fsync(self._descriptor)
            finally:
                os.close(self._descriptor)

    def discard(self) -> None:
        """Drop the file."""
        if self._is_open:
            self._is_open = False
            os.close(self._descriptor)
        with contextlib.suppress(OSError):
            self.path.unlink(missing_ok=True)


def write_at(descriptor: int, data: bytes, start: int) -> None:
    """Write all of some bytes at a place of a file.

    Raises:
        OSError: the operating system refuses.
    """
    view = memoryview(data)
    while view:
        written = os.pwrite(descriptor, view, start)
        view, start = view[written:], start + written
