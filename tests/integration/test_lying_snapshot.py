import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from billfold import Wallet
from billfold.core import Core
from billfold.document import Document
from billfold.snapshots import keeper
from billfold.snapshots.content import content_of
from billfold_protocol.snapshot_sealing import SnapshotContent
from billfold_server import compaction
from tests.integration.test_server_rolled_back import add, titles_in
from tests.support.command_line import Computer
from tests.support.linked_wallets import KEY, Household
from tests.support.operators import Listener
from tests.support.running_server import running_server, settings


def without_the_newest_change_of(victim: bytes, core: Core) -> SnapshotContent:
    """Return what a member would put into its snapshot to let a change be forgotten."""
    honest = content_of(core)
    assert honest is not None
    *_, omitted = [raw for _, raw in core.document.changes() if victim in raw]
    document = Document(core.feed)
    document.apply([raw for _, raw in core.document.changes() if raw != omitted])
    assert len(list(document.changes())) == len(list(core.document.changes())) - 1
    return replace(honest, saved=document.save())


async def test_a_snapshot_that_omits_a_change_is_found_and_named_and_destroys_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert compaction.keep_compacted.__kwdefaults__ is not None
    monkeypatch.setitem(compaction.keep_compacted.__kwdefaults__, "interval_s", 0.02)
    config = settings(f"sqlite:{tmp_path / 'server.db'}", snapshot_grace_s=0)
    async with running_server(config) as server, Household(tmp_path, server.addresses[0]) as home:
        liar = await home.found("liar")
        victim = await home.link("victim", liar)
        titles = await add(liar, 3, "kept") | await add(victim, 2, "to be omitted")
        await home.settle()
        feed = victim._synchronizer.replica.core.feed  # noqa: SLF001  # Whose change is left out.
        listening = Listener(victim)
        with monkeypatch.context() as lying:
            lying.setattr(
                keeper, "content_of", lambda core: without_the_newest_change_of(feed, core)
            )
            assert not await liar.compact(deadline_s=1.0)
        assert "SnapshotMismatch" in await listening.end()

        name = liar.status().device[:8]
        for wallet in home.wallets.values():
            told = [one for one in wallet.proofs() if one.kind == "SnapshotMismatch"]
            assert told
            assert all(name in one.text and "nothing is lost" in one.text for one in told)
        assert "leaves out 1 changes" in victim.proofs()[-1].text
        await victim.close()
        computer = Computer(folder=tmp_path / "victim", key=KEY)
        shown = (await asyncio.to_thread(computer, "status")).result
        assert "SnapshotMismatch" in shown["findings"]

        victim = await home.reopen("victim")
        newcomer: Wallet = await home.link("newcomer", victim)
        await home.settle()
        assert titles_in(newcomer) == titles
        assert newcomer._synchronizer.replica.core.base is None  # noqa: SLF001  # By its feeds.
