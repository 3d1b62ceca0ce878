"""A blob store of plain files, beside the server's database.

    <folder>/<2 digits>/<wallet>/<blob>.part      an upload under way: manifest, then chunks
                                 <blob>.blob      the same file, whole
                                 <blob>.holders   who holds it

A blob becomes whole by a rename after its bytes are on the disk, and the list of holders is
replaced by one, so a crash leaves the old state or the new one. Which chunks of an upload are
there is found by their hashes, so nothing has to be written down about them.

Spec: 23-blobs.md
"""

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from billfold_protocol.blob_manifest import MANIFEST_SIZE_MAX, SEALED_CHUNK_SIZE, BlobManifest
from billfold_protocol.errors import (
    BlobMissing,
    CommitMismatch,
    Downgrade,
    Malformed,
    StoreDamaged,
)
from billfold_protocol.ids import BlobId, HolderTag, WalletId
from billfold_server.blobs.disk import (
    DRAFT,
    converted,
    read_whole,
    remove,
    replace_whole,
    sync_folder,
)
from billfold_server.blobs.store import (
    HOLDING_SIZE_MAX,
    BlobUsage,
    Collected,
    Holding,
)
from billfold_server.quotas import Quotas

HEADER_SIZE: Final = 4
WHOLE, PART, HOLDERS = ".blob", ".part", ".holders"
SHELVES_COUNT: Final = 64
WALLETS_PER_SHELF_MAX: Final = 16
"""Wallets whose usage and uploads are kept in memory."""


@dataclass(slots=True)
class _Shelf:
    """Wallets that share a lock."""

    lock: threading.RLock = field(default_factory=threading.RLock)
    wallets: dict[WalletId, "_Wallet"] = field(default_factory=dict)


@dataclass(slots=True)
class _Wallet:
    """One wallet's folder; used under the lock of its shelf."""

    folder: Path
    usage: BlobUsage | None = None
    uploads: dict[BlobId, tuple[BlobManifest, set[int]]] = field(default_factory=dict)
    """What is missing of each upload that was used since the start."""


class FileBlobStore:
    """Keeps blobs in a folder that no other process changes."""

    def __init__(self, folder: Path, quotas: Quotas, *, now_s: Callable[[], float]) -> None:
        """Open or make the folder.

        Raises:
            StoreError: it cannot be made.
        """
        self._folder = folder
        self._quotas = quotas
        self._now_s = now_s
        self._shelves = [_Shelf() for _ in range(SHELVES_COUNT)]
        with converted(folder):
            folder.mkdir(mode=0o700, exist_ok=True)
            sync_folder(folder.parent)

    def offer(self, wallet_id: WalletId, manifest: BlobManifest) -> frozenset[int]:
        """See `BlobStore.offer`."""
        with self._using(wallet_id) as wallet:
            if (wallet.folder / name(manifest.id, WHOLE)).exists():
                holding = self._holding(wallet, manifest.id)
                if not holding.was_held:
                    self._put_holding(wallet, manifest.id, Holding(since_s=self._now()))
                return frozenset()
            upload = self._upload(wallet, manifest.id)
            if upload is None:
                usage = self._usage(wallet)
                usage.require_room(manifest, self._quotas)
                self._begin(wallet, manifest)
                wallet.usage = usage.plus(manifest)
                upload = wallet.uploads[manifest.id]
            self._touch(wallet.folder / name(manifest.id, PART))
            return frozenset(upload[1])

    def put(self, wallet_id: WalletId, blob: BlobId, index: int, data: bytes) -> frozenset[int]:
        """See `BlobStore.put`."""
        with self._using(wallet_id) as wallet:
            if (wallet.folder / name(blob, WHOLE)).exists():
                return frozenset()
            upload = self._upload(wallet, blob)
            if upload is None:
                raise BlobMissing("the blob was not offered")
            manifest, missing = upload
            manifest.check_chunk(index, data)
            if index in missing:
                path = wallet.folder / name(blob, PART)
                with path.open("r+b", buffering=0) as file:
                    _write_at(file.fileno(), data, chunk_offset(manifest, index))
                    if missing == {index}:
                        os.fsync(file.fileno())
                self._touch(path)
                missing.remove(index)
            if not missing:
                self._finish(wallet, blob)
            return frozenset(missing)

    def manifest(self, wallet_id: WalletId, blob: BlobId) -> BlobManifest:
        """See `BlobStore.manifest`."""
        with self._open_whole(wallet_id, blob) as descriptor:
            return _read_manifest(descriptor, blob)

    def read(self, wallet_id: WalletId, blob: BlobId, index: int) -> bytes:
        """See `BlobStore.read`."""
        with self._open_whole(wallet_id, blob) as descriptor:
            start = HEADER_SIZE + _manifest_size(descriptor) + index * SEALED_CHUNK_SIZE
            data = os.pread(descriptor, SEALED_CHUNK_SIZE, start)
        if not data:
            raise BlobMissing("the blob has no such chunk")
        return data

    def hold(self, wallet_id: WalletId, blob: BlobId, tag: HolderTag) -> None:
        """See `BlobStore.hold`."""
        with self._using(wallet_id) as wallet:
            if not (wallet.folder / name(blob, WHOLE)).exists():
                raise BlobMissing("the server does not hold this blob")
            holding = self._holding(wallet, blob)
            if tag not in holding.tags:
                self._put_holding(wallet, blob, holding.hold(tag))

    def drop(self, wallet_id: WalletId, blob: BlobId, tag: HolderTag) -> None:
        """See `BlobStore.drop`."""
        with self._using(wallet_id) as wallet:
            if (wallet.folder / name(blob, WHOLE)).exists():
                holding = self._holding(wallet, blob)
                if tag in holding.tags:
                    self._put_holding(wallet, blob, holding.drop(tag, now_s=self._now()))

    def usage(self, wallet_id: WalletId) -> BlobUsage:
        """See `BlobStore.usage`."""
        with self._using(wallet_id) as wallet:
            return self._usage(wallet)

    def collect(self) -> Collected:
        """See `BlobStore.collect`."""
        removed, left = 0, BlobUsage()
        with converted(self._folder):
            wallet_ids = [
                WalletId(bytes.fromhex(path.name))
                for shelf in sorted(self._folder.iterdir())
                for path in sorted(shelf.iterdir())
            ]
        for wallet_id in wallet_ids:
            with self._using(wallet_id) as wallet:
                removed += self._collect(wallet)
                wallet.usage = None
                usage = self._usage(wallet)
            left = BlobUsage(count=left.count + usage.count, size=left.size + usage.size)
        return Collected(removed_count=removed, left=left)

    def _now(self) -> int:
        return int(self._now_s())

    @contextmanager
    def _using(self, wallet_id: WalletId) -> Iterator[_Wallet]:
        """Use a wallet's folder alone."""
        named = wallet_id.hex()
        shelf = self._shelves[wallet_id[0] % SHELVES_COUNT]
        with shelf.lock, converted(self._folder):
            wallet = shelf.wallets.pop(wallet_id, None)
            if wallet is None:
                wallet = _Wallet(self._folder / named[:2] / named)
            shelf.wallets[wallet_id] = wallet
            if len(shelf.wallets) > WALLETS_PER_SHELF_MAX:
                del shelf.wallets[next(iter(shelf.wallets))]
            yield wallet

    def _usage(self, wallet: _Wallet) -> BlobUsage:
        if wallet.usage is None:
            usage = BlobUsage()
            for _, manifest in _manifests(wallet.folder):
                usage = usage.plus(manifest)
            wallet.usage = usage
        return wallet.usage

    def _upload(self, wallet: _Wallet, blob: BlobId) -> tuple[BlobManifest, set[int]] | None:
        """Return an upload under way, finding what it lacks if that is not known."""
        upload = wallet.uploads.get(blob)
        path = wallet.folder / name(blob, PART)
        if upload is None and path.exists():
            try:
                upload = wallet.uploads[blob] = _survey(path, blob)
            except StoreDamaged:
                # A crash tore its first bytes; nothing of it was ever promised.
                remove(path)
                wallet.usage = None
        return upload

    def _begin(self, wallet: _Wallet, manifest: BlobManifest) -> None:
        for folder in (wallet.folder.parent, wallet.folder):
            if not folder.exists():
                folder.mkdir(mode=0o700, exist_ok=True)
                sync_folder(folder.parent)
        path = wallet.folder / name(manifest.id, PART)
        encoded = manifest.encode()
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            _write_at(descriptor, len(encoded).to_bytes(HEADER_SIZE, "big") + encoded, 0)
        except OSError:
            remove(path)
            raise
        finally:
            os.close(descriptor)
        wallet.uploads[manifest.id] = (manifest, set(range(manifest.count)))

    def _finish(self, wallet: _Wallet, blob: BlobId) -> None:
        """Let an upload be a whole blob; its bytes are on the disk."""
        self._put_holding(wallet, blob, Holding(since_s=self._now()))
        with converted(wallet.folder, is_sync=True):
            (wallet.folder / name(blob, PART)).replace(wallet.folder / name(blob, WHOLE))
            sync_folder(wallet.folder)
        wallet.uploads.pop(blob, None)

    @contextmanager
    def _open_whole(self, wallet_id: WalletId, blob: BlobId) -> Iterator[int]:
        """Open a whole blob's file; no lock is needed, because it never changes."""
        named = wallet_id.hex()
        path = self._folder / named[:2] / named / name(blob, WHOLE)
        with converted(self._folder):
            try:
                descriptor = os.open(path, os.O_RDONLY)
            except FileNotFoundError as error:
                raise BlobMissing("the server does not hold this blob") from error
            try:
                yield descriptor
            finally:
                os.close(descriptor)

    def _holding(self, wallet: _Wallet, blob: BlobId) -> Holding:
        data = read_whole(wallet.folder / name(blob, HOLDERS), HOLDING_SIZE_MAX)
        if data is None:
            # A folder that was put back without it: whoever holds the blob has time to say so.
            lost = Holding(since_s=self._now(), was_held=True)
            self._put_holding(wallet, blob, lost)
            return lost
        return Holding.decode(data)

    def _put_holding(self, wallet: _Wallet, blob: BlobId, holding: Holding) -> None:
        replace_whole(wallet.folder / name(blob, HOLDERS), holding.encode())

    def _touch(self, path: Path) -> None:
        os.utime(path, (self._now(), self._now()))

    def _collect(self, wallet: _Wallet) -> int:
        removed, now_s = 0, self._now()
        for path in sorted(wallet.folder.iterdir()):
            blob = BlobId(bytes.fromhex(path.name.partition(".")[0]))
            if path.suffix == PART and now_s - path.stat().st_mtime >= self._quotas.blobs_unheld_s:
                remove(path)
                wallet.uploads.pop(blob, None)
                removed += 1
            elif path.suffix == DRAFT:
                remove(path)
            elif path.suffix == WHOLE:
                if self._holding(wallet, blob).is_due(self._quotas, now_s=now_s):
                    # The blob first: without its list it could not be judged again.
                    remove(path)
                    remove(wallet.folder / name(blob, HOLDERS))
                    removed += 1
            elif path.suffix == HOLDERS:
                stems = [wallet.folder / name(blob, suffix) for suffix in (WHOLE, PART)]
                if not any(stem.exists() for stem in stems):
                    # A crash came between the two removals.
                    remove(path)
        return removed


def name(blob: BlobId, suffix: str) -> str:
    """Return the name of one of a blob's files."""
    return blob.hex() + suffix


def chunk_offset(manifest: BlobManifest, index: int) -> int:
    """Return where a chunk begins in a blob's file."""
    return HEADER_SIZE + len(manifest.encode()) + index * SEALED_CHUNK_SIZE


def _manifests(folder: Path) -> Iterator[tuple[Path, BlobManifest]]:
    if not folder.exists():
        return
    for path in sorted(folder.iterdir()):
        if path.suffix in {WHOLE, PART}:
            blob = BlobId(bytes.fromhex(path.stem))
            descriptor = os.open(path, os.O_RDONLY)
            try:
                yield path, _read_manifest(descriptor, blob)
            except StoreDamaged:
                # A crash tore an upload's first bytes; a whole blob's were on the disk.
                if path.suffix == WHOLE:
                    raise
            finally:
                os.close(descriptor)


def _survey(path: Path, blob: BlobId) -> tuple[BlobManifest, set[int]]:
    """Find out which chunks of an upload are there."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        manifest = _read_manifest(descriptor, blob)
        missing = set()
        for index in range(manifest.count):
            size, start = manifest.sealed_chunk_size(index), chunk_offset(manifest, index)
            try:
                manifest.check_chunk(index, os.pread(descriptor, size, start))
            except CommitMismatch:
                missing.add(index)
    finally:
        os.close(descriptor)
    return manifest, missing


def _manifest_size(descriptor: int) -> int:
    return int.from_bytes(os.pread(descriptor, HEADER_SIZE, 0), "big")


def _read_manifest(descriptor: int, blob: BlobId) -> BlobManifest:
    size = min(_manifest_size(descriptor), MANIFEST_SIZE_MAX)
    try:
        return BlobManifest.verify(os.pread(descriptor, size, HEADER_SIZE), blob)
    except (CommitMismatch, Malformed, Downgrade) as error:
        raise StoreDamaged("A blob's file is damaged; keep it and restore a backup.") from error


def _write_at(descriptor: int, data: bytes, start: int) -> None:
    view = memoryview(data)
    while view:
        written = os.pwrite(descriptor, view, start)
        view, start = view[written:], start + written
