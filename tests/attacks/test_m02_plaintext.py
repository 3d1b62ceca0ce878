from pathlib import Path

import pytest

from billfold import export_wallet
from tests.integration.test_canaries import CANARIES_COUNT, plant
from tests.support.adversaries.findings import Broken, named, show
from tests.support.adversaries.socket_stage import socket_stage
from tests.support.net import payloads

pytestmark = pytest.mark.attack("M02")


async def test_nothing_that_a_person_writes_is_anywhere_in_clear(tmp_path: Path) -> None:
    """In every field of the API, in many disguises, in all that a server and a network see."""
    async with socket_stage("M02", tmp_path) as stage:
        laptop, phone = await stage.pair()
        await plant(laptop, stage.canaries)
        await stage.home.settle()
        stage.look()
        everything = export_wallet(phone) + str(phone.records(trashed=True)).encode()
        with named("kept"):
            assert len(stage.canaries.issued) >= CANARIES_COUNT - 2
            shown = sum(canary.encode() in everything for canary in stage.canaries.issued)
            assert shown > CANARIES_COUNT // 2
        wallet_id = laptop.wallet_id
        blobs = [row.raw for row in stage.server.store.entries(wallet_id)]
        if any(stage.canaries.found_inflated(blob) for blob in blobs[:3]):
            raise Broken("secrets", "a canary is in a compressed part of the store")
        passed = [p for stream in stage.net.recorded for p in payloads(stream)]
        with named("secrets"):
            assert sum(map(len, passed)) > 20_000
        show(f"{len(stage.canaries.issued)} canaries, 0 hits")
        await stage.ends()
