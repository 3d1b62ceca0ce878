import errno
import os
from pathlib import Path

import pytest

from billfold_protocol.errors import BlobMissing, StoreDamaged, StoreError, StoreFull
from billfold_server.blobs.files import FileBlobStore
from billfold_server.blobs.store import BlobUsage
from billfold_server.quotas import DAY_S, Quotas
from tests.support.blob_parts import CHUNK, WALLET, Clock, Parts, parts, tag

BLOB = parts("blob", 2 * CHUNK + 10)
CLOCK = Clock()


def open_store(folder: Path, clock: Clock = CLOCK) -> FileBlobStore:
    return FileBlobStore(folder / "blobs", Quotas(), now_s=clock)


def put_all(store: FileBlobStore, blob: Parts = BLOB) -> None:
    store.offer(WALLET, blob.manifest)
    for index, chunk in enumerate(blob.chunks):
        store.put(WALLET, blob.id, index, chunk)


def file_of(folder: Path, suffix: str) -> Path:
    (found,) = folder.rglob(f"*{suffix}")
    return found


def test_an_upload_goes_on_in_another_process(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    store.offer(WALLET, BLOB.manifest)
    store.put(WALLET, BLOB.id, 1, BLOB.chunks[1])
    again = open_store(tmp_path)
    assert again.usage(WALLET) == BlobUsage(count=1, size=BLOB.manifest.sealed_size)
    assert again.offer(WALLET, BLOB.manifest) == {0, 2}
    again.put(WALLET, BLOB.id, 0, BLOB.chunks[0])
    assert again.put(WALLET, BLOB.id, 2, BLOB.chunks[2]) == frozenset()
    assert [again.read(WALLET, BLOB.id, i) for i in range(3)] == BLOB.chunks


def test_a_chunk_that_a_crash_tore_is_missing_again(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    store.offer(WALLET, BLOB.manifest)
    store.put(WALLET, BLOB.id, 0, BLOB.chunks[0])
    store.put(WALLET, BLOB.id, 1, BLOB.chunks[1])
    path = file_of(tmp_path, ".part")
    os.truncate(path, path.stat().st_size - 1)
    assert open_store(tmp_path).offer(WALLET, BLOB.manifest) == {1, 2}


@pytest.mark.parametrize("size", [0, 3, 20])
def test_an_upload_whose_first_bytes_a_crash_tore_begins_anew(tmp_path: Path, size: int) -> None:
    open_store(tmp_path).offer(WALLET, BLOB.manifest)
    os.truncate(file_of(tmp_path, ".part"), size)
    again = open_store(tmp_path)
    assert again.usage(WALLET) == BlobUsage()
    with pytest.raises(BlobMissing):
        again.put(WALLET, BLOB.id, 0, BLOB.chunks[0])
    assert again.offer(WALLET, BLOB.manifest) == {0, 1, 2}
    put_all(again)
    assert again.usage(WALLET).count == 1


def test_an_upload_that_was_killed_before_its_last_rename_ends_at_the_next_offer(
    tmp_path: Path,
) -> None:
    put_all(open_store(tmp_path))
    whole = file_of(tmp_path, ".blob")
    whole.rename(whole.with_suffix(".part"))
    again = open_store(tmp_path)
    with pytest.raises(BlobMissing):
        again.manifest(WALLET, BLOB.id)
    assert again.offer(WALLET, BLOB.manifest) == frozenset()
    assert again.read(WALLET, BLOB.id, 2) == BLOB.chunks[2]


def test_holders_outlive_the_process(tmp_path: Path) -> None:
    clock = Clock()
    store = open_store(tmp_path, clock)
    put_all(store)
    store.hold(WALLET, BLOB.id, tag("record"))
    clock.now += 1000 * DAY_S
    again = open_store(tmp_path, clock)
    assert again.collect().removed_count == 0
    again.drop(WALLET, BLOB.id, tag("record"))
    clock.now += 60 * DAY_S
    assert open_store(tmp_path, clock).collect().removed_count == 1
    assert not list((tmp_path / "blobs").rglob("*.*"))


def test_a_folder_that_was_put_back_without_its_holders_gives_them_time(tmp_path: Path) -> None:
    clock = Clock()
    store = open_store(tmp_path, clock)
    put_all(store)
    store.hold(WALLET, BLOB.id, tag("record"))
    file_of(tmp_path, ".holders").unlink()
    clock.now += 1000 * DAY_S
    assert store.collect().removed_count == 0
    clock.now += 59 * DAY_S
    store.hold(WALLET, BLOB.id, tag("record"))
    clock.now += 1000 * DAY_S
    assert store.collect().removed_count == 0


def test_what_a_crash_left_behind_is_swept_away(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    put_all(store)
    holders = file_of(tmp_path, ".holders")
    holders.with_name(holders.name + ".new").write_bytes(b"half")
    orphan = holders.with_name("ab" * 32 + ".holders")
    orphan.write_bytes(holders.read_bytes())
    (tmp_path / "blobs" / "lost+found").mkdir()
    (holders.parent / "README").write_text("a stranger's file")
    assert store.collect().removed_count == 0
    assert not orphan.exists()
    assert not list(tmp_path.rglob("*.new"))
    assert (holders.parent / "README").exists()


@pytest.mark.parametrize("place", [-1, 10])
def test_a_blob_whose_bytes_have_changed_is_missing_until_somebody_brings_it_again(
    tmp_path: Path, place: int
) -> None:
    clock = Clock()
    store = open_store(tmp_path, clock)
    put_all(store)
    store.hold(WALLET, BLOB.id, tag("record"))
    path = file_of(tmp_path, ".blob")
    damaged = bytearray(path.read_bytes())
    damaged[place] ^= 1
    path.write_bytes(damaged)
    with pytest.raises(BlobMissing):
        store.read(WALLET, BLOB.id, 2)
    with pytest.raises(BlobMissing):
        store.hold(WALLET, BLOB.id, tag("record"))
    clock.now += 100 * DAY_S
    store.collect()
    put_all(store)
    assert store.read(WALLET, BLOB.id, 2) == BLOB.chunks[2]
    clock.now += 100 * DAY_S
    assert store.collect().removed_count == 0, "it is held still"


def test_a_full_disk_is_said_so_and_the_upload_goes_on_when_there_is_room(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    store = open_store(tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr(os, "pwrite", full)
        with pytest.raises(StoreFull):
            store.offer(WALLET, BLOB.manifest)
    assert store.usage(WALLET) == BlobUsage()
    store.offer(WALLET, BLOB.manifest)
    with monkeypatch.context() as patch:
        patch.setattr(os, "pwrite", full)
        with pytest.raises(StoreFull):
            store.put(WALLET, BLOB.id, 0, BLOB.chunks[0])
    put_all(store)
    with monkeypatch.context() as patch:
        patch.setattr(os, "write", full)
        with pytest.raises(StoreFull):
            store.hold(WALLET, BLOB.id, tag("record"))
    store.hold(WALLET, BLOB.id, tag("record"))


def test_a_disk_that_does_not_confirm_makes_no_blob_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(_: int) -> None:
        raise OSError(errno.EIO, "Input/output error")

    store = open_store(tmp_path)
    store.offer(WALLET, BLOB.manifest)
    for index in range(2):
        store.put(WALLET, BLOB.id, index, BLOB.chunks[index])
    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", broken)
        with pytest.raises(StoreDamaged):
            store.put(WALLET, BLOB.id, 2, BLOB.chunks[2])
    with pytest.raises(BlobMissing):
        open_store(tmp_path).manifest(WALLET, BLOB.id)


def test_blobs_are_their_owners_only(tmp_path: Path) -> None:
    put_all(open_store(tmp_path))
    for path in (tmp_path / "blobs").rglob("*"):
        assert path.stat().st_mode & 0o077 == 0, path


def test_a_folder_that_cannot_be_made_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "blobs").write_text("a file")
    with pytest.raises(StoreError):
        open_store(tmp_path)
