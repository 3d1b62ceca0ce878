"""An attack on real wallets over real sockets: folders, a lying server, a network, bystanders.

    async with socket_stage("K06", tmp_path) as stage:
        laptop, phone = await stage.pair()
        ...
        await stage.ends()

Spec: 02-threat-model.md
"""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from billfold import Wallet
from tests.support.adversaries.attack import LogKeeper
from tests.support.adversaries.evil_server import EvilSocketServer, evil_socket_server
from tests.support.adversaries.findings import Broken, show
from tests.support.adversaries.net import Net
from tests.support.canaries import Canaries
from tests.support.linked_wallets import PATIENCE_S, Household, wait_equal
from tests.support.net import payloads


@dataclass(slots=True, kw_only=True)
class SocketStage:
    """The attacked household is `home`; `others` is one that nobody attacks."""

    server: EvilSocketServer
    net: Net
    home: Household
    others: Household
    canaries: Canaries
    log: LogKeeper
    record: str = ""
    secrets: dict[str, bytes] = field(default_factory=dict)
    """What must not be found anywhere, besides the canaries, by what it is."""

    _before: dict[str, str] = field(default_factory=dict)

    async def pair(self) -> tuple[Wallet, Wallet]:
        """Return two linked wallets that hold a record, settled."""
        laptop = await self.home.found("laptop")
        async with laptop.edit() as edit:
            self.record = edit.add("login", title=self.canaries.next())
        phone = await self.home.link("phone", laptop)
        await self.home.settle()
        bystander = await self.others.found("bystander")
        await self.others.link("bystander's phone", bystander)
        await self.others.settle()
        self.look()
        show("nothing accepted, nothing lost")
        return laptop, phone

    def look(self) -> None:
        """Take what the wallets are now as what an attack must leave them."""
        self._before = {name: state_of(wallet) for name, wallet in self.home.wallets.items()}

    async def ends(self) -> None:
        """Make the assertions 2 to 5; the row itself makes the first.

        Raises:
            Broken: one does not hold.
        """
        for name, before in self._before.items():
            if state_of(self.home.wallets[name]) != before:
                raise Broken("unchanged", f"the wallet on {name} changed")
        await self._require_others()
        for name, wallet in self.home.wallets.items():
            await wallet.set(self.record, name, self.canaries.next())
        self.server.answers.tamper = None
        self.net.alter_up = self.net.alter_down = None
        self.net.go_on()
        await self._settled(self.home, "kept")
        for wallet in self.home.wallets.values():
            missing = self.home.wallets.keys() - wallet.record(self.record).fields.keys()
            if missing:
                raise Broken("kept", f"the edits of {missing} are lost")
        self._require_no_secret()

    async def _require_others(self) -> None:
        first, *_ = self.others.wallets.values()
        async with first.edit() as edit:
            edit.add("login", title=self.canaries.next())
        await self._settled(self.others, "others")

    async def _settled(self, household: Household, name: str) -> None:
        wallets = household.wallets.values()
        try:
            async with asyncio.timeout(PATIENCE_S):
                for wallet in wallets:
                    await wallet.sync(deadline_s=PATIENCE_S)
                await wait_equal(*wallets)
        except TimeoutError as error:
            raise Broken("others" if name == "others" else "kept", "they never settle") from error

    def _require_no_secret(self) -> None:
        places = {
            "the server's store": self.server.store.everything(),
            "the server's messages": b"\n".join(self.server.answers.wire()),
            "the network": b"\n".join(p for s in self.net.recorded for p in payloads(s)),
            "a log": "\n".join(self.log.lines).encode(),
        }
        for place, haystack in places.items():
            if self.canaries.found_in(haystack):
                raise Broken("secrets", f"a canary is in {place}")
            for what, secret in self.secrets.items():
                if secret in haystack or secret.hex().encode() in haystack:
                    raise Broken("secrets", f"{what} is in {place}")


def state_of(wallet: Wallet) -> str:
    """Return what of a wallet an attack must not change."""
    status = wallet.status()
    devices = [(device.id, str(device.role), device.is_removed) for device in wallet.devices()]
    return f"{status.state_hash} {devices}"


@asynccontextmanager
async def socket_stage(seed: str, folder: Path, **quotas: int) -> AsyncIterator[SocketStage]:
    """Set a server, a network and two households up, until the block ends."""
    log = LogKeeper()
    logging.getLogger().addHandler(log)
    try:
        async with (
            evil_socket_server(seed, **quotas) as server,
            Net(server.addresses[0]) as net,
            Household(folder / "home", net.address) as home,
            Household(folder / "others", net.address) as others,
        ):
            yield SocketStage(
                server=server,
                net=net,
                home=home,
                others=others,
                canaries=Canaries(seed),
                log=log,
            )
    finally:
        logging.getLogger().removeHandler(log)
