"""A blob store of plain files, beside the server's database.

    <folder>/<2 digits>/<wallet>/<blob>.part      an upload under way: manifest, then chunks
                                 <blob>.blob      the same file, whole
                                 <blob>.holders   who holds it

A blob becomes whole by a rename after its bytes are on the disk, and the list of holders is
replaced by one, so a crash leaves the old state or the new one. Which chunks of an upload are
there is found by their hashes, so nothing has to be written down about them.

Spec: 23-blobs.md
"""

import contextlib
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, NoReturn

from billfold_protocol.blob_manifest import BlobManifest
from billfold_protocol.errors import BlobMissing
from billfold_protocol.ids import BlobId, HolderTag, WalletId
from billfold_server.blobs.disk import (
    DRAFT,
    converted,
    read_whole,
    remove,
    replace_whole,
    sync_folder,
)
from billfold_server.blobs.layout import (
    HEADER_SIZE,
    HOLDERS,
    PART,
    WHOLE,
    chunk_offset,
    id_of,
    manifests_in,
    name,
    opened,
    read_chunk,
    read_manifest,
    survey,
    write_at,
)
from billfold_server.blobs.store import (
    HOLDING_SIZE_MAX,
    BlobUsage,
    Collected,
    Holding,
)
from billfold_server.quotas import Quotas

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
            if not upload[1]:
                # All of it was there when a crash came before its end.
                self._finish(wallet, manifest.id)
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
                with opened(path, os.O_WRONLY) as descriptor:
                    write_at(descriptor, data, chunk_offset(manifest, index))
                self._touch(path)
                missing.remove(index)
            if not missing:
                self._finish(wallet, blob)
            return frozenset(missing)

    def manifest(self, wallet_id: WalletId, blob: BlobId) -> BlobManifest:
        """See `BlobStore.manifest`."""
        with self._open_whole(wallet_id, blob) as descriptor:
            manifest = read_manifest(descriptor, blob)
        return manifest or self._rotten(wallet_id, blob)

    def read(self, wallet_id: WalletId, blob: BlobId, index: int) -> bytes:
        """See `BlobStore.read`."""
        with self._open_whole(wallet_id, blob) as descriptor:
            manifest = read_manifest(descriptor, blob)
            if manifest is not None and index >= manifest.count:
                raise BlobMissing("the blob has no such chunk")
            data = None if manifest is None else read_chunk(descriptor, manifest, index)
        return data or self._rotten(wallet_id, blob)

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
            folders = sorted(self._folder.glob("*/*"))
        for wallet_id in map(WalletId, filter(None, map(id_of, folders))):
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
            for manifest in manifests_in(wallet.folder):
                usage = usage.plus(manifest)
            wallet.usage = usage
        return wallet.usage

    def _upload(self, wallet: _Wallet, blob: BlobId) -> tuple[BlobManifest, set[int]] | None:
        """Return an upload under way, finding what it lacks if that is not known."""
        path = wallet.folder / name(blob, PART)
        if not path.exists():
            wallet.uploads.pop(blob, None)
            return None
        upload = wallet.uploads.get(blob)
        if upload is None:
            upload = survey(path, blob)
            if upload is None:
                # A crash tore its first bytes; nothing of it was ever promised.
                remove(path)
                wallet.usage = None
            else:
                wallet.uploads[blob] = upload
        return upload

    def _begin(self, wallet: _Wallet, manifest: BlobManifest) -> None:
        for folder in (wallet.folder.parent, wallet.folder):
            if not folder.exists():
                folder.mkdir(mode=0o700, exist_ok=True)
                sync_folder(folder.parent)
        path = wallet.folder / name(manifest.id, PART)
        encoded = manifest.encode()
        try:
            with opened(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL) as descriptor:
                write_at(descriptor, len(encoded).to_bytes(HEADER_SIZE, "big") + encoded, 0)
        except OSError:
            remove(path)
            raise
        wallet.uploads[manifest.id] = (manifest, set(range(manifest.count)))

    def _finish(self, wallet: _Wallet, blob: BlobId) -> None:
        """Let an upload of which nothing is missing be a whole blob; durable on return."""
        path = wallet.folder / name(blob, PART)
        with opened(path, os.O_WRONLY) as descriptor:
            os.fsync(descriptor)
        # One that was found rotten, and is brought again, is held by whom it was held before.
        if not (self._find_holding(wallet, blob) or Holding(since_s=0)).tags:
            self._put_holding(wallet, blob, Holding(since_s=self._now()))
        with converted(wallet.folder, is_sync=True):
            path.replace(wallet.folder / name(blob, WHOLE))
            sync_folder(wallet.folder)
        wallet.uploads.pop(blob, None)

    def _rotten(self, wallet_id: WalletId, blob: BlobId) -> NoReturn:
        """Let a whole blob whose bytes have changed be an upload again, which somebody may end.

        Raises:
            BlobMissing: always.
        """
        with self._using(wallet_id) as wallet:
            wallet.uploads.pop(blob, None)
            with contextlib.suppress(FileNotFoundError):
                (wallet.folder / name(blob, WHOLE)).replace(wallet.folder / name(blob, PART))
                self._touch(wallet.folder / name(blob, PART))
        raise BlobMissing("the server's copy of this blob is damaged")

    @contextmanager
    def _open_whole(self, wallet_id: WalletId, blob: BlobId) -> Iterator[int]:
        """Open a whole blob's file; no lock is needed, because it never changes."""
        named = wallet_id.hex()
        path = self._folder / named[:2] / named / name(blob, WHOLE)
        with converted(self._folder):
            try:
                with opened(path) as descriptor:
                    yield descriptor
            except FileNotFoundError as error:
                raise BlobMissing("the server does not hold this blob") from error

    def _holding(self, wallet: _Wallet, blob: BlobId) -> Holding:
        """Return who holds a whole blob."""
        found = self._find_holding(wallet, blob)
        if found is None:
            # A folder that was put back without it: whoever holds the blob has time to say so.
            found = Holding(since_s=self._now(), was_held=True)
            self._put_holding(wallet, blob, found)
        return found

    def _find_holding(self, wallet: _Wallet, blob: BlobId) -> Holding | None:
        data = read_whole(wallet.folder / name(blob, HOLDERS), HOLDING_SIZE_MAX)
        return None if data is None else Holding.decode(data)

    def _put_holding(self, wallet: _Wallet, blob: BlobId, holding: Holding) -> None:
        replace_whole(wallet.folder / name(blob, HOLDERS), holding.encode())

    def _touch(self, path: Path) -> None:
        os.utime(path, (self._now(), self._now()))

    def _collect(self, wallet: _Wallet) -> int:
        removed = 0
        for path in sorted(wallet.folder.iterdir()):
            found = id_of(path)
            if found is None:
                continue
            if path.suffix == DRAFT:
                remove(path)
            elif path.suffix in {PART, WHOLE} and self._is_due(wallet, path, BlobId(found)):
                # The blob first: without its list it could not be judged again.
                remove(path)
                remove(path.with_suffix(HOLDERS))
                wallet.uploads.pop(BlobId(found), None)
                removed += 1
            elif path.suffix == HOLDERS and not _has_blob(path):
                # A crash came between the two removals.
                remove(path)
        return removed

    def _is_due(self, wallet: _Wallet, path: Path, blob: BlobId) -> bool:
        if path.suffix == WHOLE:
            return self._holding(wallet, blob).is_due(self._quotas, now_s=self._now())
        holding = self._find_holding(wallet, blob)
        if holding is not None and holding.tags:
            return False
        return self._now() - path.stat().st_mtime >= self._quotas.blobs_unheld_s


def _has_blob(holders: Path) -> bool:
    return any(holders.with_suffix(suffix).exists() for suffix in (WHOLE, PART))
