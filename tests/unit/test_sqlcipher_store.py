import os
import shutil
import stat
from pathlib import Path

import pytest

from billfold.store import (
    AppendChanges,
    PendingEdit,
    PutMeta,
    PutPending,
    ReplaceDocument,
    SqlCipherStore,
    WalletLock,
)
from billfold.store.encrypted_file import PAGE_SIZE
from billfold.store.log_room import ROOM_MIN
from billfold.store.schema import MIGRATIONS
from billfold_protocol.errors import (
    LocalProtocolError,
    StoreBusy,
    StoreDamaged,
    StoreError,
    StoreExists,
    StoreMissing,
    UnlockFailed,
    UpdateNeeded,
)
from tests.support.filled_store import KEY, filled, flip, read_all


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    return tmp_path / "wallet"


def test_a_store_is_made_once(directory: Path) -> None:
    SqlCipherStore.create(directory, KEY).close()
    with pytest.raises(StoreExists):
        SqlCipherStore.create(directory, KEY)
    SqlCipherStore.open(directory, KEY).close()


def test_opening_where_there_is_nothing_makes_nothing(directory: Path) -> None:
    with pytest.raises(StoreMissing):
        SqlCipherStore.open(directory, KEY)
    assert not directory.exists()


def test_what_a_crash_left_of_a_store_in_the_making_is_no_store(directory: Path) -> None:
    directory.mkdir()
    (directory / "wallet.db.new").write_bytes(b"half")
    with pytest.raises(StoreMissing):
        SqlCipherStore.open(directory, KEY)
    SqlCipherStore.create(directory, KEY).close()
    assert sorted(path.name for path in directory.iterdir()) == ["lock", "wallet.db"]


def test_another_key_is_told_from_damage(directory: Path) -> None:
    filled(directory)
    before = (directory / "wallet.db").read_bytes()
    with pytest.raises(UnlockFailed):
        SqlCipherStore.open(directory, b"x" * 32)
    assert (directory / "wallet.db").read_bytes() == before
    flip(directory / "wallet.db", 100)
    with pytest.raises(StoreDamaged):
        SqlCipherStore.open(directory, KEY)


def test_a_key_of_another_size_is_our_mistake(directory: Path) -> None:
    with pytest.raises(LocalProtocolError):
        SqlCipherStore.create(directory, b"short")
    assert not directory.exists()


def test_only_the_owner_may_read_the_files(directory: Path) -> None:
    store = SqlCipherStore.create(directory, KEY)
    store.commit([PutMeta("a", b"1")])
    names = {path.name for path in directory.iterdir()}
    modes = {stat.S_IMODE(path.stat().st_mode) for path in directory.iterdir()}
    store.close()
    assert names == {"lock", "wallet.db", "wallet.db-wal"}
    assert modes == {0o600}
    assert stat.S_IMODE(directory.stat().st_mode) == 0o700


def test_a_directory_with_other_files_keeps_its_mode(directory: Path) -> None:
    directory.mkdir(mode=0o755)
    directory.chmod(0o755)
    (directory / "letter.txt").write_text("mine")
    SqlCipherStore.create(directory, KEY).close()
    assert stat.S_IMODE(directory.stat().st_mode) == 0o755


def test_a_second_store_object_is_refused_and_named_the_process(directory: Path) -> None:
    store = SqlCipherStore.create(directory, KEY)
    with pytest.raises(StoreBusy, match=f"process {os.getpid()}"):
        SqlCipherStore.open(directory, KEY)
    store.close()
    SqlCipherStore.open(directory, KEY).close()


def test_the_lock_is_released_when_opening_fails(directory: Path) -> None:
    filled(directory)
    with pytest.raises(UnlockFailed):
        SqlCipherStore.open(directory, b"x" * 32, lock=WalletLock(directory))
    SqlCipherStore.open(directory, KEY, lock=WalletLock(directory)).close()
    WalletLock(directory).release()


def test_a_link_in_place_of_the_lock_file_is_refused(directory: Path, tmp_path: Path) -> None:
    directory.mkdir()
    target = tmp_path / "target"
    target.write_text("precious")
    (directory / "lock").symlink_to(target)
    with pytest.raises(StoreError):
        WalletLock(directory)
    assert target.read_text() == "precious"


def test_every_flipped_place_of_the_file_is_found(directory: Path) -> None:
    filled(directory)
    path = directory / "wallet.db"
    whole = path.read_bytes()
    assert len(whole) > 10 * PAGE_SIZE
    # A prime step, so that all parts of a page come up: data, nonce and authentication code.
    offsets = [0, 15, 16, *range(577, len(whole), 577), len(whole) - 1]
    for offset in offsets:
        flip(path, offset)
        with pytest.raises((StoreDamaged, UnlockFailed)):
            read_all(directory)
        path.write_bytes(whole)
    read_all(directory)


def test_a_file_cut_anywhere_is_damaged(directory: Path) -> None:
    filled(directory)
    path = directory / "wallet.db"
    whole = path.read_bytes()
    sizes = [0, 1, 16, PAGE_SIZE - 1, PAGE_SIZE, PAGE_SIZE + 1, len(whole) // 2]
    for size in [*sizes, len(whole) - PAGE_SIZE, len(whole) - 1]:
        path.write_bytes(whole[:size])
        with pytest.raises((StoreDamaged, UnlockFailed)):
            read_all(directory)
    path.write_bytes(whole)
    read_all(directory)


def test_a_zeroed_page_is_found_by_the_check(directory: Path) -> None:
    filled(directory)
    path = directory / "wallet.db"
    whole = path.read_bytes()
    for page in range(1, len(whole) // PAGE_SIZE):
        start = page * PAGE_SIZE
        path.write_bytes(whole[:start] + bytes(PAGE_SIZE) + whole[start + PAGE_SIZE :])
        with pytest.raises(StoreDamaged):
            read_all(directory)


def test_damage_met_by_a_commit_keeps_nothing_of_it(directory: Path) -> None:
    filled(directory)
    path = directory / "wallet.db"
    whole = path.read_bytes()
    # The pages after the first two hold the tables' roots and rows.
    path.write_bytes(whole[: 2 * PAGE_SIZE] + os.urandom(len(whole) - 2 * PAGE_SIZE))
    store = SqlCipherStore.open(directory, KEY)
    with pytest.raises(StoreDamaged):
        store.commit([PutMeta("other", b"1"), PutPending(PendingEdit(99, b"", b""))])
    store.close()
    assert len(path.read_bytes()) == len(whole)


def logged(directory: Path, tmp_path: Path, commits: int) -> Path:
    """Return a copy of a store taken while its log holds that many commits."""
    store = SqlCipherStore.create(directory, KEY)
    for position in range(commits):
        store.commit([PutPending(PendingEdit(position, bytes(200), b""))])
    copy = tmp_path / "copy"
    copy.mkdir()
    (copy / "wallet.db").write_bytes((directory / "wallet.db").read_bytes())
    (copy / "wallet.db-wal").write_bytes(written(directory / "wallet.db-wal"))
    store.close()
    return copy


def written(log: Path) -> bytes:
    """Return a log without the room behind its last frame."""
    whole = log.read_bytes()
    end = 32
    while any(whole[end : end + 24]):
        end += 24 + PAGE_SIZE
    return whole[:end]


def test_a_log_left_by_a_crash_is_read(directory: Path, tmp_path: Path) -> None:
    copy = logged(directory, tmp_path, 8)
    store = SqlCipherStore.open(copy, KEY)
    assert len(store.load().pending) == 8
    store.close()


def test_a_half_written_last_commit_is_no_damage(directory: Path, tmp_path: Path) -> None:
    copy = logged(directory, tmp_path, 8)
    log = copy / "wallet.db-wal"
    log.write_bytes(log.read_bytes()[:-1000])
    store = SqlCipherStore.open(copy, KEY)
    assert len(store.load().pending) == 7
    store.close()


def test_a_flip_in_the_log_that_would_undo_later_commits_is_found(
    directory: Path, tmp_path: Path
) -> None:
    copy = logged(directory, tmp_path, 8)
    log = copy / "wallet.db-wal"
    whole = log.read_bytes()
    last_commit = len(whole) - (24 + PAGE_SIZE)
    # All bytes of the header and of a frame header in the middle, and samples of the pages.
    middle = 32 + 2 * (24 + PAGE_SIZE)
    offsets = [*range(32), *range(middle, middle + 24), *range(60, last_commit, 499)]
    for offset in offsets:
        flip(log, offset)
        with pytest.raises(StoreDamaged):
            SqlCipherStore.open(copy, KEY)
        log.write_bytes(whole)
    store = SqlCipherStore.open(copy, KEY)
    assert len(store.load().pending) == 8
    store.close()


def test_frames_left_over_from_before_the_log_began_anew_are_no_damage(
    directory: Path, tmp_path: Path
) -> None:
    store = SqlCipherStore.create(directory, KEY)
    # Past the automatic checkpoint at 1,000 pages the log starts again from its beginning.
    store.commit([ReplaceDocument(bytes(5_000_000))])
    store.commit([PutMeta("a", b"1")])
    store.commit([PutMeta("b", b"2")])
    copy = tmp_path / "copy"
    copy.mkdir()
    for name in ("wallet.db", "wallet.db-wal"):
        (copy / name).write_bytes((directory / name).read_bytes())
    store.close()
    assert (copy / "wallet.db-wal").stat().st_size > 1_000_000
    opened = SqlCipherStore.open(copy, KEY)
    assert opened.load().meta == {"a": b"1", "b": b"2"}
    opened.close()


def test_a_store_of_a_later_version_is_left_as_it_is(directory: Path) -> None:
    SqlCipherStore.create(directory, KEY).close()
    later = (*MIGRATIONS, ("CREATE TABLE later (a)",))
    SqlCipherStore.open(directory, KEY, migrations=later).close()
    before = (directory / "wallet.db").read_bytes()
    with pytest.raises(UpdateNeeded):
        SqlCipherStore.open(directory, KEY)
    assert (directory / "wallet.db").read_bytes() == before


def test_an_older_store_is_brought_forward_once_with_all_it_holds(directory: Path) -> None:
    filled(directory)
    later = (
        *MIGRATIONS,
        ("CREATE TABLE later (a)", "INSERT INTO later SELECT key FROM meta"),
        ("ALTER TABLE later ADD COLUMN b",),
    )
    for _ in range(2):
        store = SqlCipherStore.open(directory, KEY, migrations=later)
        assert store.load().meta == {"name": b"value"}
        assert len(store.entry_index()) == 20
        store.close()


def test_a_migration_that_fails_changes_nothing(directory: Path) -> None:
    filled(directory)
    broken = (*MIGRATIONS, ("DELETE FROM meta",), ("INSERT INTO no_such_table VALUES (1)",))
    with pytest.raises(StoreError):
        SqlCipherStore.open(directory, KEY, migrations=broken)
    store = SqlCipherStore.open(directory, KEY)
    assert store.load().meta == {"name": b"value"}
    store.close()


def test_commits_overwrite_the_room_in_the_log_and_a_crash_loses_none(
    directory: Path, tmp_path: Path
) -> None:
    store = SqlCipherStore.create(directory, KEY)
    sizes = set()
    for number in range(20):
        store.commit([AppendChanges((b"change %d" % number,))])
        sizes.add((directory / "wallet.db-wal").stat().st_size)
    assert sizes == {ROOM_MIN}
    copy = tmp_path / "after-a-crash"
    shutil.copytree(directory, copy)
    store.close()
    opened = SqlCipherStore.open(copy, KEY)
    assert opened.load().changes == tuple(b"change %d" % number for number in range(20))
    opened.close()
