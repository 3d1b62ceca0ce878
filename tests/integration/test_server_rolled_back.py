from pathlib import Path

import pytest

from billfold import Wallet
from billfold_protocol.proofs import check_proof
from tests.support.linked_wallets import UNLOCK, Household
from tests.support.operators import Listener, operating


async def add(wallet: Wallet, count: int, word: str) -> set[object]:
    titles: set[object] = {f"{word} {number}" for number in range(count)}
    for title in sorted(map(str, titles)):
        async with wallet.edit() as edit:
            edit.set(edit.add("login"), "title", title)
    return titles


def titles_in(wallet: Wallet) -> set[object]:
    return {view.fields["title"].value for view in wallet.records("login")}


@pytest.mark.parametrize("by_older", [True, False], ids=["older", "empty"])
async def test_each_device_shows_a_rollback_once_and_nothing_is_lost(
    tmp_path: Path, *, by_older: bool
) -> None:
    async with (
        operating(tmp_path / "server") as (operator, address),
        Household(tmp_path, address) as home,
    ):
        online = await home.found("online")
        offline = await home.link("offline", online)
        closed = await home.link("closed", online)
        titles = await add(online, 20, "before")
        await home.settle()
        await operator.back_up()
        for name, wallet in home.wallets.items():
            titles |= await add(wallet, 10, f"after by {name}")
        await home.settle()

        await offline.disconnect()
        await closed.close()
        listeners = {"online": Listener(online), "offline": Listener(offline)}
        titles |= await add(offline, 3, "made offline")
        await operator.replace_database(by_older=by_older)
        titles |= await add(online, 3, "made meanwhile")
        await home.synced(online)
        await home.synced(offline)
        closed = home.wallets["closed"] = await Wallet.open(home.folder / "closed", unlock=UNLOCK)
        listeners["closed"] = Listener(closed)
        await home.settle()

        # Nor is it told again on the next connection, or after the next start.
        await offline.disconnect()
        await home.settle()
        again = await home.reopen("closed")
        reopened = Listener(again)
        await home.settle()
        for name, wallet in home.wallets.items():
            assert titles_in(wallet) == titles, name
            (finding,) = (one for one in wallet.proofs() if one.kind == "ServerRollback")
            assert finding.proof is not None
            proven = check_proof(finding.proof, wallet_id=wallet.wallet_id)
            assert proven.kind == "ServerRollback"
        for name, listener in listeners.items():
            assert (await listener.end()).count("ServerRollback") == 1, name
        assert "ServerRollback" not in await reopened.end()
