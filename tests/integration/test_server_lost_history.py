import asyncio
import os
from dataclasses import dataclass
from pathlib import Path

import pytest

from billfold import Wallet
from billfold_protocol.proofs import check_proof
from billfold_server import compaction
from tests.integration.test_attachments import content_of, make_record, seen
from tests.integration.test_server_rolled_back import add, titles_in
from tests.support.linked_wallets import POLL_S, UNLOCK, Household
from tests.support.operators import Listener, Operator, operating

LOST_COUNT = int(os.environ.get("BILLFOLD_LOST_ENTRIES", "12"))
"""Entries that the server loses; `make rollbacks` loses a thousand, in every variation."""

IS_WHOLE = "BILLFOLD_LOST_ENTRIES" in os.environ
CONTENT = b"scanned" * 9_000


@dataclass(frozen=True, slots=True)
class Loss:
    """What a server has lost, and what reached it before all devices had come back."""

    copy: str
    """What stands in the place of its database: an `older` copy, or an `empty` one."""

    part: str
    """What was in the lost part beside edits."""

    first: str
    """What reached the server before the other devices came back."""

    def __str__(self) -> str:
        return f"{self.copy}, {self.part}, {self.first}"


PARTS = ("edits", "revoke", "link", "snapshot", "blobs")
FIRSTS = ("nothing", "edits", "members", "edits of who knows least")
EVERY = [Loss(c, p, f) for c in ("older", "empty") for p in PARTS for f in FIRSTS]
CHOSEN = [
    Loss("older", "revoke", "edits"),
    Loss("empty", "link", "members"),
    Loss("older", "snapshot", "edits of who knows least"),
    Loss("empty", "blobs", "nothing"),
]


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    assert compaction.keep_compacted.__kwdefaults__ is not None
    monkeypatch.setitem(compaction.keep_compacted.__kwdefaults__, "interval_s", 0.02)


class Scene:
    """Three devices, and what some of them do before and after their server loses it."""

    def __init__(self, operator: Operator, home: Household, loss: Loss) -> None:
        self.operator, self.home, self.loss = operator, home, loss
        self.titles: set[object] = set()
        self.listeners: dict[str, Listener] = {}
        self.record = ""

    def wallet(self, name: str) -> Wallet:
        return self.home.wallets[name]

    async def begin(self) -> None:
        """Link the devices and let each write something."""
        online = await self.home.found("online")
        for name in ("offline", "closed"):
            await self.home.link(name, online)
        if self.loss.part == "revoke":
            await self.home.link("stolen", online)
        self.titles |= await add(online, 8, "before")
        self.record = await make_record(online)
        await self.home.settle()

    async def do_what_is_lost(self) -> None:
        """Write, remove, link, compact or attach: what the server's copy does not have."""
        online = self.wallet("online")
        for name in ("online", "offline", "closed"):
            self.titles |= await add(self.wallet(name), LOST_COUNT // 3, f"lost, of {name}")
        await self.home.settle()
        if self.loss.part == "revoke":
            await online.revoke("stolen")
            await self.home.wallets.pop("stolen").close()
        elif self.loss.part == "link":
            linked = await self.home.link("linked", online)
            self.titles |= await add(linked, 2, "lost, of the linked one")
        elif self.loss.part == "snapshot":
            await self.compact()
        elif self.loss.part == "blobs":
            await online.attachments.add(self.record, CONTENT, name="scan.pdf")
        await self.home.settle()

    async def compact(self) -> None:
        """Have everything so far pruned at once, on the server and on the devices."""
        for wallet in self.home.wallets.values():
            judging = wallet._synchronizer.replica.snapshots.judging  # noqa: SLF001  # A week.
            judging.grace_s = judging.alone_s = 0
        assert await self.wallet("online").compact()
        async with asyncio.timeout(30):
            while not all(self.has_forgotten(wallet) for wallet in self.home.wallets.values()):
                await asyncio.sleep(POLL_S)

    def has_forgotten(self, wallet: Wallet) -> bool:
        replica = wallet._synchronizer.replica  # noqa: SLF001  # What is held shows nowhere else.
        return replica.core.base is not None

    async def lose(self) -> None:
        """Replace the database while one device is online, one offline, one closed."""
        online, offline = self.wallet("online"), self.wallet("offline")
        await offline.disconnect()
        await self.wallet("closed").close()
        if self.loss.first == "edits of who knows least":
            await online.disconnect()
        self.listeners = {"online": Listener(online), "offline": Listener(offline)}
        self.titles |= await add(offline, 3, "made offline")
        await self.operator.replace_database(by_older=self.loss.copy == "older")
        match self.loss.first:
            case "edits":
                await self.home.synced(online)
                self.titles |= await add(online, 3, "made first")
                await self.home.synced(online)
            case "members":
                await self.home.synced(online)
                await online.rotate()
                await self.home.link("newcomer", online)
                await self.home.synced(online)
            case "edits of who knows least":
                await self.home.synced(offline)
            case _:
                pass

    async def come_back(self) -> None:
        """Let all devices return."""
        for name in ("online", "offline"):
            await self.home.synced(self.wallet(name))
        closed = await Wallet.open(self.home.folder / "closed", unlock=UNLOCK)
        self.home.wallets["closed"] = closed
        self.listeners["closed"] = Listener(closed)
        await self.home.settle()
        # Nor is it told again on the next connection, or after the next start.
        await self.wallet("offline").disconnect()
        await self.home.settle()

    async def check(self) -> None:
        """Check that each has said it once, and that nothing is lost, wherever one looks."""
        for name, wallet in self.home.wallets.items():
            assert titles_in(wallet) == self.titles, name
        again = await self.home.reopen("closed")
        reopened = Listener(again)
        await self.home.settle()
        for name in ("online", "offline", "closed"):
            wallet = self.wallet(name)
            (finding,) = (one for one in wallet.proofs() if one.kind == "ServerRollback")
            assert finding.proof is not None, name
            assert check_proof(finding.proof, wallet_id=wallet.wallet_id).kind == "ServerRollback"
        for name, listener in self.listeners.items():
            assert (await listener.end()).count("ServerRollback") == 1, name
        assert "ServerRollback" not in await reopened.end()
        await self.check_part()
        tablet = await self.home.link("tablet", self.wallet("offline"))
        await self.home.settle()
        assert titles_in(tablet) == self.titles

    async def check_part(self) -> None:
        """Check what was lost beside edits."""
        devices = {device.name: device for device in self.wallet("closed").devices()}
        if self.loss.part == "revoke":
            assert devices["stolen"].is_removed
        elif self.loss.part == "link":
            assert not devices["linked"].is_removed
            assert titles_in(self.wallet("linked")) == self.titles
        elif self.loss.part == "blobs":
            offline = self.wallet("offline")
            (found,) = await seen(offline, self.record)
            assert await content_of(offline, found) == CONTENT


@pytest.mark.parametrize("loss", EVERY if IS_WHOLE else CHOSEN, ids=str)
async def test_a_server_is_given_back_whatever_it_has_lost(tmp_path: Path, loss: Loss) -> None:
    async with (
        operating(tmp_path / "server", snapshot_grace_s=0, snapshot_alone_s=0) as (operator, at),
        Household(tmp_path, at) as home,
    ):
        scene = Scene(operator, home, loss)
        await scene.begin()
        await operator.back_up()
        await scene.do_what_is_lost()
        await scene.lose()
        await scene.come_back()
        await scene.check()
