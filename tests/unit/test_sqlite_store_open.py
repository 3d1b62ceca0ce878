import os
import sqlite3
import stat
from pathlib import Path

import apsw
import pytest

from billfold_protocol.errors import (
    InputError,
    StoreBusy,
    StoreDamaged,
    StoreError,
    StoreMissing,
    UpdateNeeded,
)
from billfold_server.store import (
    MemoryLogStore,
    SqliteLogStore,
    open_store,
    sqlite,
    sqlite_batch,
    store_path,
)
from billfold_server.store import sqlite_schema as schema
from tests.support.log_writes import FEED, append, arrivals, birth, entry, wallet

W = wallet(0)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "wallets.db"


def fill(path: Path, *, commit_count: int = 1, size: int = 100) -> None:
    store = SqliteLogStore(path)
    store.commit([birth(W)])
    for n in range(1, commit_count + 1):
        store.commit([append(W, entry(n, seq=n, size=size))])
    store.close()


def test_a_store_gives_the_room_of_pruned_entries_back(tmp_path: Path) -> None:
    store = SqliteLogStore(tmp_path / "wallets.db")
    store.commit([birth(wallet(0))])
    for start in range(1, 8001, 1000):
        entries = [entry(n, seq=n - 1, size=1000) for n in range(start, start + 1000)]
        store.commit([append(wallet(0), *entries)])
    store.maintain()
    full = store.size()
    assert store.prune(wallet(0), {FEED: 7900}, count_max=10_000).count == 7901
    for _ in range(8):
        store.maintain()
    store.close()
    left = (tmp_path / "wallets.db").stat().st_size
    assert left < 3_000_000 < full
    again = SqliteLogStore(tmp_path / "wallets.db")
    assert [
        one.seq
        for one in again.read_feed(wallet(0), FEED, from_seq=0, count_max=1000, size_max=1 << 20)
    ] == list(range(7901, 8000))
    again.close()


def test_an_address_names_the_kind_of_store(path: Path) -> None:
    memory = open_store("memory:")
    assert isinstance(memory, MemoryLogStore)
    sqlite = open_store(f"sqlite:{path}")
    assert isinstance(sqlite, SqliteLogStore)
    sqlite.close()
    assert store_path("memory:") is None
    assert store_path("sqlite:a:b.db") == Path("a:b.db")


@pytest.mark.parametrize("address", ["", "memory", "memory:x", "sqlite", "sqlite:", "wallets.db"])
def test_an_address_of_no_known_kind_is_refused(address: str) -> None:
    with pytest.raises(InputError):
        open_store(address)


def test_a_store_opened_again_is_the_same_store(path: Path) -> None:
    first = SqliteLogStore(path)
    instance_id = first.instance_id
    first.commit([birth(W), append(W, entry(1, seq=0))])
    first.close()
    second = SqliteLogStore(path)
    assert second.instance_id == instance_id
    assert second.wallet_count() == 1
    second.commit([append(W, entry(2, seq=1))])
    assert arrivals(second, W) == [1, 2]
    with pytest.raises(StoreError):
        second.commit([append(W, entry(2, seq=2))])
    second.close()


@pytest.mark.parametrize("is_link", [False, True])
def test_two_servers_cannot_have_one_store(path: Path, *, is_link: bool) -> None:
    first = SqliteLogStore(path)
    other_name = path
    if is_link:
        other_name = path.with_name("link.db")
        other_name.symlink_to(path)
    with pytest.raises(StoreBusy):
        SqliteLogStore(other_name)
    first.commit([birth(W)])
    first.close()
    second = SqliteLogStore(other_name)
    assert second.wallet_count() == 1
    second.close()


def test_a_refused_file_is_not_kept_locked(path: Path) -> None:
    path.write_bytes(b"not a database" * 500)
    with pytest.raises(StoreDamaged):
        SqliteLogStore(path)
    path.unlink()
    SqliteLogStore(path).close()


def test_only_the_owner_may_read_the_files(path: Path) -> None:
    old = os.umask(0)
    try:
        store = SqliteLogStore(path)
        store.commit([birth(W)])
        modes = {one.name: stat.S_IMODE(one.stat().st_mode) for one in path.parent.iterdir()}
        store.close()
    finally:
        os.umask(old)
    assert modes == dict.fromkeys([path.name + end for end in ("", "-wal", "-shm", ".lock")], 0o600)


def test_a_store_in_no_folder_is_missing(tmp_path: Path) -> None:
    with pytest.raises(StoreMissing):
        SqliteLogStore(tmp_path / "absent" / "wallets.db")
    assert list(tmp_path.iterdir()) == []


def test_a_folder_is_no_store(path: Path) -> None:
    path.mkdir()
    with pytest.raises(StoreError):
        SqliteLogStore(path)


def test_a_file_that_is_no_database_is_damage_and_stays_as_it_is(path: Path) -> None:
    content = b"a letter, not a database\n" * 400
    path.write_bytes(content)
    with pytest.raises(StoreDamaged):
        SqliteLogStore(path)
    assert path.read_bytes() == content


@pytest.mark.parametrize(
    "statement",
    [
        "CREATE TABLE recipe (name TEXT)",
        "PRAGMA application_id = 7",
        "PRAGMA user_version = 1",
    ],
)
def test_another_programs_database_is_refused_and_stays_as_it_is(
    path: Path, statement: str
) -> None:
    other = sqlite3.connect(path)
    other.execute(statement)
    other.commit()
    other.close()
    content = path.read_bytes()
    with pytest.raises(StoreDamaged, match="another program"):
        SqliteLogStore(path)
    assert path.read_bytes() == content


def test_a_store_of_a_newer_server_asks_for_an_update_and_stays_as_it_is(path: Path) -> None:
    fill(path)
    connection = apsw.Connection(os.fspath(path))
    connection.pragma("user_version", len(schema.MIGRATIONS) + 1)
    connection.close()
    content = path.read_bytes()
    with pytest.raises(UpdateNeeded):
        SqliteLogStore(path)
    assert path.read_bytes() == content


def test_a_file_left_empty_by_a_crash_becomes_a_store(path: Path) -> None:
    path.touch()
    fill(path)
    assert path.stat().st_size > 0


def test_a_cut_off_file_is_reported_as_damage(path: Path) -> None:
    fill(path, commit_count=50, size=1_000)
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])

    def open_and_read() -> None:
        store = SqliteLogStore(path)
        try:
            arrivals(store, W)
        finally:
            store.close()

    with pytest.raises(StoreDamaged):
        open_and_read()


def add_a_table(connection: apsw.Connection) -> None:
    connection.execute("CREATE TABLE later (a INTEGER) STRICT")


def fail_half_way(connection: apsw.Connection) -> None:
    connection.execute("CREATE TABLE never (a INTEGER) STRICT")
    raise ZeroDivisionError


def test_an_older_store_is_brought_forward_step_by_step(path: Path) -> None:
    fill(path, commit_count=3)
    connection = apsw.Connection(os.fspath(path))
    steps = (*schema.MIGRATIONS, add_a_table)
    schema.migrate(connection, schema.store_version(connection), steps)
    assert schema.store_version(connection) == len(schema.MIGRATIONS) + 1
    assert connection.table_exists("main", "later")
    assert connection.execute("SELECT count(*) FROM entry").get == 3
    schema.migrate(connection, schema.store_version(connection), steps)
    connection.close()


def test_a_step_that_fails_leaves_the_version_before_it(path: Path) -> None:
    connection = apsw.Connection(os.fspath(path))
    steps = (*schema.MIGRATIONS, add_a_table, fail_half_way)
    with pytest.raises(ZeroDivisionError):
        schema.migrate(connection, 0, steps)
    assert schema.store_version(connection) == len(steps) - 1
    assert connection.table_exists("main", "later")
    assert not connection.table_exists("main", "never")
    connection.close()


@pytest.mark.parametrize(
    ("version", "is_sound"),
    [("3.51.3", True), ("3.54.1", True), ("4.0", True), ("3.51.2", False), ("3.9.9", False)],
)
def test_a_sqlite_known_to_lose_data_is_refused(
    path: Path, monkeypatch: pytest.MonkeyPatch, version: str, *, is_sound: bool
) -> None:
    monkeypatch.setattr(apsw, "sqlite_lib_version", lambda: version)
    if is_sound:
        SqliteLogStore(path).close()
    else:
        with pytest.raises(StoreError, match=r"3\.51\.3"):
            SqliteLogStore(path)
        assert not path.exists()


def test_the_size_is_that_of_the_files(path: Path) -> None:
    store = SqliteLogStore(path)
    store.commit([birth(W), append(W, entry(1, seq=0, size=100_000))])
    log = path.with_name(path.name + "-wal")
    assert store.size() == path.stat().st_size + log.stat().st_size > 100_000
    store.close()
    assert not log.exists()


def test_wallets_beyond_those_remembered_are_found_again(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite, "KNOWN_WALLET_COUNT_MAX", 3)
    store = SqliteLogStore(path)
    wallets = [wallet(number) for number in range(8)]
    store.commit([birth(one) for one in wallets])
    for n in range(1, 4):
        for one in wallets:
            store.commit([append(one, entry(n, seq=n))])
    assert [arrivals(store, one) for one in wallets] == [[1, 2, 3]] * 8
    assert store.wallet_count() == 8
    store.close()


def test_a_commit_bounds_the_log_when_there_is_no_upkeep(path: Path) -> None:
    log = path.with_name(path.name + "-wal")
    store = SqliteLogStore(path, wal_size_max=1 << 20)
    store.commit([birth(W)])
    for n in range(1, 61):
        store.commit([append(W, entry(n, seq=n, size=200_000))])
        assert log.stat().st_size < 2 << 20
    assert arrivals(store, W) == list(range(1, 61))
    store.close()


def test_a_log_left_by_a_crash_counts_towards_its_bound(path: Path) -> None:
    crashed = SqliteLogStore(path)
    crashed.commit([birth(W), append(W, entry(1, seq=1, size=2 << 20))])
    copy = path.with_name("copy.db")
    for end in ("", "-wal"):
        copy.with_name(copy.name + end).write_bytes(path.with_name(path.name + end).read_bytes())
    crashed.close()
    store = SqliteLogStore(copy, wal_size_max=1 << 20)
    store.commit([append(W, entry(2, seq=2))])
    assert copy.stat().st_size > 2 << 20
    assert arrivals(store, W) == [1, 2]
    store.close()


def test_reads_and_questions_use_indexes_only(path: Path) -> None:
    fill(path)
    connection = apsw.Connection(os.fspath(path))
    questions = [
        getattr(module, name)
        for module in (sqlite, sqlite_batch)
        for name in dir(module)
        if name.startswith(("_LOAD_", "_READ_", "_FIND_", "_PUT_"))
    ]
    assert len(questions) >= 10
    for question in questions:
        zeros = (0,) * question.count("?")
        plan = [row[3] for row in connection.execute("EXPLAIN QUERY PLAN " + question, zeros)]
        assert not [step for step in plan if "SCAN" in step or "TEMP" in step], (question, plan)
    connection.close()
