import resource
import shutil
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import apsw
import pytest

from billfold_protocol.errors import StoreDamaged, StoreFull
from billfold_server.store import SqliteLogStore
from tests.support.faulty_disk import FaultyDisk
from tests.support.log_writes import append, arrivals, birth, entry, wallet

WALLETS = [wallet(number) for number in range(3)]
NAME = "wallets.db"
WRITE_FAULTS = {
    "no space": apsw.SQLITE_FULL,
    "quota or input/output error": apsw.SQLITE_IOERR_WRITE,
}


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[FaultyDisk]:
    safe = tmp_path / "safe"
    safe.mkdir()
    faulty = FaultyDisk("faulty", safe)
    yield faulty
    faulty.unregister()


def commit(store: SqliteLogStore, n: int, *, size: int = 300) -> None:
    """Commit arrival number `n` to each of the wallets, a feed entry larger than a page to one."""
    sizes = [size, size, size + 9_000]
    store.commit(
        [
            append(one, entry(n, seq=n, size=of_size))
            for one, of_size in zip(WALLETS, sizes, strict=True)
        ]
    )


def commit_until_refused(store: SqliteLogStore) -> tuple[int, StoreFull | StoreDamaged]:
    """Return the last arrival number whose commit returned, and why the next one did not."""
    for n in count(1):
        try:
            commit(store, n)
        except (StoreFull, StoreDamaged) as error:
            return n - 1, error
    raise AssertionError


def held(store: SqliteLogStore) -> int:
    """Return the last arrival number, having checked that every wallet holds just all up to it."""
    found = [arrivals(store, one) for one in WALLETS]
    assert found[0] == found[1] == found[2] == list(range(1, len(found[0]) + 1))
    for one in WALLETS:
        log = store.load_wallet(one)
        assert log is not None
        assert log.n == len(found[0])
    return len(found[0])


def held_in(folder: Path, copy: Path) -> int:
    """Return what a server started on a copy of this folder's files finds."""
    copy.mkdir()
    for path in folder.glob(NAME + "*"):
        # The index of the log is shared memory and does not outlive the machine.
        if not path.name.endswith((".lock", "-shm")):
            shutil.copy(path, copy)
    store = SqliteLogStore(copy / NAME)
    try:
        return held(store)
    finally:
        store.close()


@pytest.mark.parametrize("is_lasting", [False, True], ids=["once", "lasting"])
@pytest.mark.parametrize("code", WRITE_FAULTS.values(), ids=list(WRITE_FAULTS))
@pytest.mark.parametrize("after", [0, 1, 2, 5, 11, 23, 60])
def test_a_full_disk_refuses_one_commit_and_keeps_nothing_of_it(
    tmp_path: Path, disk: FaultyDisk, after: int, code: int, *, is_lasting: bool
) -> None:
    store = SqliteLogStore(tmp_path / NAME, vfs=disk.name)
    store.commit([birth(one) for one in WALLETS])
    disk.fail("write", code, after=after, is_lasting=is_lasting)
    acked, error = commit_until_refused(store)
    assert type(error) is StoreFull
    assert held(store) == acked
    assert held_in(tmp_path, tmp_path / "after-a-crash") == acked
    if is_lasting:
        with pytest.raises(StoreFull):
            commit(store, acked + 1)
    disk.heal()
    commit(store, acked + 1)
    commit(store, acked + 2)
    assert held(store) == acked + 2
    assert held_in(tmp_path, tmp_path / "after-healing") == acked + 2
    store.close()
    assert held_in(tmp_path, tmp_path / "after-closing") == acked + 2


@pytest.mark.parametrize("after", [0, 1, 4])
def test_a_disk_that_fails_to_sync_ends_the_store_and_loses_no_acked_commit(
    tmp_path: Path, disk: FaultyDisk, after: int
) -> None:
    store = SqliteLogStore(tmp_path / NAME, vfs=disk.name)
    store.commit([birth(one) for one in WALLETS])
    disk.fail("sync", apsw.SQLITE_IOERR_FSYNC, after=after, is_lasting=False)
    acked, error = commit_until_refused(store)
    assert acked == after
    assert type(error) is StoreDamaged
    assert "did not confirm" in str(error)
    assert held(store) == acked
    writes = disk.counts["write"]
    with pytest.raises(StoreDamaged, match="before"):
        commit(store, acked + 1)
    with pytest.raises(StoreDamaged, match="before"):
        store.maintain()
    store.close()
    assert disk.counts["write"] == writes
    # The bytes of the failed commit may have reached the disk, whole.
    assert held_in(tmp_path, tmp_path / "after-a-crash") in {acked, acked + 1}
    assert held_in(tmp_path / "safe", tmp_path / "after-a-power-cut") == acked


def test_a_power_cut_loses_no_acked_commit(tmp_path: Path, disk: FaultyDisk) -> None:
    # The small bound makes commits start the log over, so checkpoints are cut through as well.
    store = SqliteLogStore(tmp_path / NAME, vfs=disk.name, wal_size_max=200_000)
    store.commit([birth(one) for one in WALLETS])
    for n in range(1, 41):
        commit(store, n)
        assert held_in(tmp_path / "safe", tmp_path / f"cut-{n}") == n
    assert disk.counts[f"sync {NAME}"] > 1
    store.close()
    assert held_in(tmp_path / "safe", tmp_path / "cut-at-the-end") == 40


@pytest.mark.parametrize("after", [0, 1, 30])
def test_upkeep_without_room_is_refused_and_loses_nothing(
    tmp_path: Path, disk: FaultyDisk, after: int
) -> None:
    store = SqliteLogStore(tmp_path / NAME, vfs=disk.name)
    store.commit([birth(one) for one in WALLETS])
    for n in range(1, 8):
        commit(store, n, size=300_000)
    disk.fail("write", apsw.SQLITE_FULL, after=after, is_lasting=True)
    with pytest.raises(StoreFull):
        store.maintain()
    assert held_in(tmp_path, tmp_path / "after-a-crash") == 7
    disk.heal()
    store.maintain()
    commit(store, 8)
    assert held(store) == 8
    store.close()


@pytest.mark.parametrize("after", [0, 1])
def test_upkeep_that_fails_to_sync_ends_the_store_and_loses_nothing(
    tmp_path: Path, disk: FaultyDisk, after: int
) -> None:
    store = SqliteLogStore(tmp_path / NAME, vfs=disk.name)
    store.commit([birth(one) for one in WALLETS])
    for n in range(1, 8):
        commit(store, n, size=300_000)
    disk.fail("sync", apsw.SQLITE_IOERR_FSYNC, after=after, is_lasting=False)
    with pytest.raises(StoreDamaged):
        store.maintain()
    with pytest.raises(StoreDamaged, match="before"):
        commit(store, 8)
    store.close()
    assert held_in(tmp_path, tmp_path / "after-a-crash") == 7
    assert held_in(tmp_path / "safe", tmp_path / "after-a-power-cut") == 7


def test_overwritten_pages_are_reported_as_damage(tmp_path: Path) -> None:
    path = tmp_path / NAME
    store = SqliteLogStore(path)
    store.commit([birth(one) for one in WALLETS])
    for n in range(1, 30):
        commit(store, n)
    store.close()
    healthy = path.read_bytes()
    page = 4_096
    path.write_bytes(healthy[: 2 * page] + b"\xa5" * (len(healthy) - 2 * page))
    with pytest.raises(StoreDamaged):
        held_in(tmp_path, tmp_path / "copy")


def test_one_commit_of_many_wallets_waits_once_for_the_disk(
    tmp_path: Path, disk: FaultyDisk
) -> None:
    store = SqliteLogStore(tmp_path / NAME, vfs=disk.name)
    many = [wallet(number) for number in range(100)]
    store.commit([birth(one) for one in many])
    before = disk.counts["sync"]
    store.commit([append(one, entry(1, seq=0)) for one in many])
    assert disk.counts["sync"] == before + 1
    store.close()


def test_a_commit_leaves_the_checkpoint_to_upkeep(tmp_path: Path, disk: FaultyDisk) -> None:
    store = SqliteLogStore(tmp_path / NAME, vfs=disk.name)
    store.commit([birth(one) for one in WALLETS])
    before = disk.counts[f"write {NAME}"]
    for n in range(1, 31):
        commit(store, n, size=100_000)
    assert disk.counts[f"write {NAME}"] == before
    store.maintain()
    assert disk.counts[f"write {NAME}"] > before
    assert held(store) == 30
    store.close()


def test_upkeep_bounds_the_log_although_commits_go_on_meanwhile(
    tmp_path: Path, disk: FaultyDisk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("billfold_server.store.sqlite.WAL_SIZE_AIM", 5 << 20)
    log = tmp_path / (NAME + "-wal")
    store = SqliteLogStore(tmp_path / NAME, vfs=disk.name)
    store.commit([birth(one) for one in WALLETS])
    numbers = count(1)

    def commit_next() -> None:
        commit(store, next(numbers), size=300_000)

    for _ in range(20):
        commit_next()
        # What comes while the checkpoint copies is left for the next, so none is ever complete.
        disk.interruption = commit_next
        store.maintain()
        assert log.stat().st_size < 9 << 20
    assert held(store) == next(numbers) - 1 > 20
    store.close()


def test_commits_overwrite_the_room_that_upkeep_has_made_in_the_log(tmp_path: Path) -> None:
    log = tmp_path / (NAME + "-wal")
    store = SqliteLogStore(tmp_path / NAME)
    store.commit([birth(one) for one in WALLETS])
    store.maintain()
    room = log.stat().st_size
    for n in range(1, 61):
        commit(store, n)
        assert log.stat().st_size == room
        assert n % 20 or held_in(tmp_path, tmp_path / f"after-a-crash-{n}") == n
    store.close()


def test_upkeep_that_finds_no_space_for_room_in_the_log_loses_nothing(tmp_path: Path) -> None:
    store = SqliteLogStore(tmp_path / NAME)
    store.commit([birth(one) for one in WALLETS])
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1_500_000, limits[1]))
    try:
        store.maintain()
        for n in range(1, 4):
            commit(store, n)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert held_in(tmp_path, tmp_path / "after-a-crash") == 3
    store.close()
