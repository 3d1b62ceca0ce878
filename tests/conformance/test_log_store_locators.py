from collections.abc import Iterator
from pathlib import Path

import pytest

from billfold_protocol.errors import StoreError
from billfold_server.store import DropLocator, KeepLocator, LogStore, open_store
from tests.support.log_writes import birth, device, wallet

LOCATOR, OTHER = b"\1" * 32, b"\2" * 32


@pytest.fixture(params=["memory", "sqlite"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[LogStore]:
    address = "memory:" if request.param == "memory" else f"sqlite:{tmp_path / 'wallets.db'}"
    opened = open_store(address)
    opened.commit([birth(wallet(0)), birth(wallet(1))])
    yield opened
    opened.close()


def kept(number: int, *, locator: bytes = LOCATOR, raw: bytes = b"pin") -> KeepLocator:
    return KeepLocator(wallet_id=wallet(number), device=device(number), locator=locator, raw=raw)


def test_an_unknown_locator_finds_nothing(store: LogStore) -> None:
    store.commit([kept(0)])
    assert store.find_locator(OTHER) is None


def test_a_pin_is_found_under_its_locator(store: LogStore) -> None:
    store.commit([kept(0), kept(1, locator=OTHER)])
    assert store.find_locator(LOCATOR) == kept(0)
    assert store.find_locator(OTHER) == kept(1, locator=OTHER)


def test_a_later_pin_takes_the_place_of_the_one_before(store: LogStore) -> None:
    store.commit([kept(0), kept(0, raw=b"second")])
    store.commit([kept(0, raw=b"third")])
    assert store.find_locator(LOCATOR) == kept(0, raw=b"third")


def test_a_member_has_one_locator(store: LogStore) -> None:
    store.commit([kept(0)])
    store.commit([kept(0, locator=OTHER)])
    assert store.find_locator(LOCATOR) is None
    assert store.find_locator(OTHER) == kept(0, locator=OTHER)


def test_a_dropped_pin_is_gone_and_dropping_it_again_is_harmless(store: LogStore) -> None:
    drop = DropLocator(wallet_id=wallet(0), device=device(0))
    store.commit([kept(0), drop])
    store.commit([drop])
    assert store.find_locator(LOCATOR) is None


def test_a_pin_that_is_kept_after_it_was_dropped_is_there(store: LogStore) -> None:
    store.commit([kept(0), DropLocator(wallet_id=wallet(0), device=device(0)), kept(0)])
    assert store.find_locator(LOCATOR) == kept(0)


def test_of_two_wallets_under_one_locator_the_first_is_found_and_none_fails(
    store: LogStore,
) -> None:
    store.commit([kept(1), kept(0)])
    store.commit([kept(1, raw=b"newer")])
    assert store.find_locator(LOCATOR) == kept(1, raw=b"newer")


def test_a_pin_of_an_unknown_wallet_is_refused(store: LogStore) -> None:
    with pytest.raises(StoreError):
        store.commit([kept(2)])
    assert store.find_locator(LOCATOR) is None
