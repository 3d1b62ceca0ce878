import asyncio
from pathlib import Path

import pytest

from billfold_protocol.errors import StoreFull
from tests.support.adversaries.findings import Broken, named, show
from tests.support.adversaries.socket_stage import socket_stage
from tests.support.linked_wallets import PATIENCE_S

pytestmark = pytest.mark.attack("N06")


async def test_a_servers_full_disk_loses_nothing_and_heals_by_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("billfold.dialling.REFUSED_RETRY_S", 0.1)
    async with socket_stage("N06", tmp_path) as stage:
        laptop, phone = await stage.pair()
        rows = len(stage.server.store.entries(laptop.wallet_id))
        stage.server.store.is_full = True
        await laptop.set(stage.record, "meanwhile", stage.canaries.next())
        with laptop.events() as events:
            async with asyncio.timeout(PATIENCE_S):
                while not isinstance(laptop.status().last_error, StoreFull):
                    await anext(events)
        show(StoreFull)
        with named("unchanged"):
            assert len(stage.server.store.entries(laptop.wallet_id)) == rows
            assert laptop.status().unsynced_count
        # Reading goes on: a device that opens now gets what there is.
        reopened = await stage.home.reopen("phone")
        with named("kept"):
            assert "title" in reopened.record(stage.record).fields
        stage.server.store.is_full = False
        try:
            async with asyncio.timeout(PATIENCE_S):
                while "meanwhile" not in reopened.record(stage.record).fields:
                    await asyncio.sleep(0.05)
        except TimeoutError as error:
            raise Broken("kept", "the edit never arrived") from error
        del phone
        await stage.home.settle()
        stage.look()
        await stage.ends()
