from collections.abc import Iterator
from pathlib import Path

import pytest

from billfold.store import WalletStore
from tests.support.wallet_stores import Harness, MemoryHarness, SqlCipherHarness


@pytest.fixture(params=["memory", "sqlcipher"])
def harness(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Harness]:
    made = MemoryHarness() if request.param == "memory" else SqlCipherHarness(tmp_path / "wallet")
    yield made
    made.close()


@pytest.fixture
def store(harness: Harness) -> WalletStore:
    return harness.create()
