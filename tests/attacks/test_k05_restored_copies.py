import shutil
from pathlib import Path
from random import Random

import pytest

from billfold import Wallet
from billfold.events import Warned
from billfold.listening import EventStream
from billfold_protocol.feed import parse_entry
from tests.support.adversaries.findings import named, scaled
from tests.support.adversaries.socket_stage import SocketStage, socket_stage
from tests.support.linked_wallets import UNLOCK

pytestmark = pytest.mark.attack("K05")

RESTORES = {"small": 5, "whole": 50}


async def reopened(stage: SocketStage, name: str, copy: Path | None) -> Wallet:
    """Close a device's wallet, put an older copy of its folder back, and open that."""
    await stage.home.wallets.pop(name).close()
    folder = stage.home.folder / name
    if copy is not None:
        shutil.rmtree(folder)
        shutil.copytree(copy, folder)
    stage.home.wallets[name] = await Wallet.open(folder, unlock=UNLOCK)
    return stage.home.wallets[name]


async def told(stream: EventStream) -> list[str]:
    stream.close()
    return [type(event.error).__name__ async for event in stream if isinstance(event, Warned)]


async def test_no_copy_that_is_put_back_uses_a_nonce_or_a_place_again(tmp_path: Path) -> None:
    async with socket_stage("K05", tmp_path) as stage:
        laptop, phone = await stage.pair()
        random, copies = Random(5), list[Path]()
        streams = [laptop.events()]
        for number in range(scaled(**RESTORES)):
            if len(copies) < 8 or random.random() < 0.3:
                # Sometimes while it is open, sometimes closed; often with an edit not sent yet.
                if random.random() < 0.5:
                    await phone.disconnect()
                await phone.set(stage.record, f"before copy {number}", stage.canaries.next())
                if random.random() < 0.5:
                    phone = await reopened(stage, "phone", None)
                    await phone.disconnect()
                copies.append(tmp_path / f"copy {number}")
                shutil.copytree(stage.home.folder / "phone", copies[-1])
            phone = await reopened(stage, "phone", random.choice(copies))
            streams.append(phone.events())
            for edit in range(random.randrange(1, 4)):
                await phone.set(stage.record, f"edit {number} {edit}", stage.canaries.next())
            await stage.home.settle()
        entries = [
            parse_entry(row.raw, laptop.wallet_id).value
            for row in stage.server.store.entries(laptop.wallet_id)
        ]
        with named("unchanged"):
            assert len({(entry.epoch, entry.nonce) for entry in entries}) == len(entries)
            places = {(entry.feed, entry.seq) for entry in entries}
            assert len(places) == len(entries)
        with named("error"):
            # Nothing is wrong with a device that is restored: nobody is told of anything.
            assert [name for stream in streams for name in await told(stream)] == []
        stage.look()
        await stage.ends()
