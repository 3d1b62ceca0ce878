import stat
from pathlib import Path

import pytest

from billfold_protocol.errors import InputError, StoreDamaged, StoreError, StoreMissing
from billfold_server.identity import SEED_SIZE, load_server_seed
from billfold_server.store import open_store


@pytest.fixture
def store_file(tmp_path: Path) -> Path:
    return tmp_path / "wallets.db"


@pytest.fixture
def key_file(store_file: Path) -> Path:
    return store_file.with_name("wallets.db.key")


def load(store_file: Path) -> bytes:
    return load_server_seed(f"sqlite:{store_file}")


def test_the_first_start_makes_a_seed_that_stays(store_file: Path, key_file: Path) -> None:
    seed = load(store_file)
    assert len(seed) == SEED_SIZE
    assert key_file.read_bytes() == seed
    assert stat.S_IMODE(key_file.stat().st_mode) == 0o600
    assert load(store_file) == seed
    open_store(f"sqlite:{store_file}").close()
    assert load(store_file) == seed


def test_making_a_seed_leaves_nothing_but_the_key_file(store_file: Path, key_file: Path) -> None:
    load(store_file)
    assert list(store_file.parent.iterdir()) == [key_file]


def test_two_stores_have_two_seeds(tmp_path: Path) -> None:
    assert load(tmp_path / "a.db") != load(tmp_path / "b.db")


def test_a_store_in_memory_gets_a_fresh_seed() -> None:
    first, second = load_server_seed("memory:"), load_server_seed("memory:")
    assert len(first) == len(second) == SEED_SIZE
    assert first != second


def test_a_store_that_lost_its_key_file_is_not_given_another(
    store_file: Path, key_file: Path
) -> None:
    store_file.touch()
    with pytest.raises(StoreMissing, match="backup"):
        load(store_file)
    assert not key_file.exists()


@pytest.mark.parametrize("size", [0, 31, 33, 64])
def test_a_key_file_of_another_size_is_refused(store_file: Path, key_file: Path, size: int) -> None:
    key_file.touch(mode=0o600)
    key_file.write_bytes(bytes(size))
    with pytest.raises(StoreDamaged):
        load(store_file)
    assert key_file.read_bytes() == bytes(size)


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o660, 0o644, 0o777])
def test_a_key_file_open_to_others_is_refused(store_file: Path, key_file: Path, mode: int) -> None:
    load(store_file)
    key_file.chmod(mode)
    with pytest.raises(StoreError, match="600"):
        load(store_file)


def test_a_folder_in_place_of_the_key_file_is_refused(store_file: Path, key_file: Path) -> None:
    key_file.mkdir()
    with pytest.raises(StoreError):
        load(store_file)


def test_a_seed_in_no_folder_is_missing(tmp_path: Path) -> None:
    with pytest.raises(StoreMissing):
        load(tmp_path / "absent" / "wallets.db")


def test_of_two_first_starts_at_once_both_use_one_seed(
    store_file: Path, key_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    theirs = bytes(range(SEED_SIZE))

    def is_absent_until_looked_at(path: Path) -> bool:
        if path == key_file and not key_file.is_file():
            key_file.touch(mode=0o600)
            key_file.write_bytes(theirs)
            return False
        return path.is_file()

    monkeypatch.setattr(Path, "exists", is_absent_until_looked_at)
    assert load(store_file) == theirs
    assert list(store_file.parent.iterdir()) == [key_file]


def test_an_address_of_no_store_has_no_seed() -> None:
    with pytest.raises(InputError):
        load_server_seed("wallets.db")
