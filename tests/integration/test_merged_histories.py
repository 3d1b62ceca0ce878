from pathlib import Path

import pytest

from billfold import Wallet
from billfold_protocol.errors import ChainFork, LocalProtocolError
from tests.support.linked_wallets import Household
from tests.support.operators import Listener, Operator, operating


async def titled(wallet: Wallet, title: str) -> None:
    async with wallet.edit() as edit:
        edit.set(edit.add("login"), "title", title)


def titles_in(wallet: Wallet) -> set[object]:
    return {view.fields["title"].value for view in wallet.records("login")}


async def part(home: Household, operator: Operator) -> tuple[Wallet, Wallet]:
    """Give a wallet two histories: the laptop knows the one that the server then forgot."""
    laptop = await home.found("laptop")
    phone = await home.link("phone", laptop)
    await titled(laptop, "before")
    await home.settle()
    await operator.back_up()
    await home.settle()
    await phone.disconnect()
    await laptop.rotate()
    await titled(laptop, "forgotten by the server")
    await home.synced(laptop)
    await laptop.disconnect()
    await operator.replace_database(by_older=True)
    await phone.sync()
    return laptop, phone


async def test_two_histories_of_the_devices_become_one(tmp_path: Path) -> None:
    async with (
        operating(tmp_path / "server") as (operator, address),
        Household(tmp_path, address) as home,
    ):
        laptop, phone = await part(home, operator)
        await phone.rotate()
        tablet = await home.link("tablet", phone)
        await titled(tablet, "made on the other history")
        await titled(phone, "by the phone")
        await home.settle(phone, tablet)
        heard = Listener(laptop)
        await home.settle()
        assert titles_in(laptop) == {
            "before",
            "forgotten by the server",
            "made on the other history",
            "by the phone",
        }
        assert {device.name for device in laptop.devices()} == {"laptop", "phone", "tablet"}
        assert len({wallet.membership_length for wallet in home.wallets.values()}) == 1
        await heard.end()
        for name in ("laptop", "phone", "tablet"):
            await home.reopen(name)
        await titled(home.wallets["tablet"], "after the merge")
        await home.settle()


async def test_a_history_with_entries_of_a_removed_device_is_merged_only_by_the_person(
    tmp_path: Path,
) -> None:
    async with (
        operating(tmp_path / "server") as (operator, address),
        Household(tmp_path, address) as home,
    ):
        laptop = await home.found("laptop")
        thief = await home.link("thief", laptop)
        phone = await home.link("phone", laptop)
        await titled(laptop, "before")
        await home.settle()
        await operator.back_up()
        await home.settle()
        await thief.disconnect()
        await laptop.revoke("thief")
        await titled(laptop, "after the theft")
        await home.settle(laptop, phone)
        for wallet in (laptop, phone):
            await wallet.disconnect()
        await operator.replace_database(by_older=True)
        await home.synced(thief)
        ghost = await home.link("ghost", thief)
        await titled(ghost, "by the ghost")
        await home.settle(thief, ghost)

        refused = await laptop.sync(deadline_s=3)
        assert isinstance(refused.reason, ChainFork)
        history = laptop.other_history()
        assert history is not None
        ids = {device.name: bytes.fromhex(device.id) for device in thief.devices()}
        assert (history.added, history.contested) == ((ids["ghost"],), (ids["thief"],))
        assert titles_in(laptop) == {"before", "after the theft"}

        await laptop.merge_histories()
        await home.settle(laptop, phone)
        assert laptop.other_history() is None
        assert {device.name for device in laptop.devices() if not device.is_removed} == {
            "laptop",
            "phone",
        }
        assert {"before", "after the theft"} == titles_in(phone)
        with pytest.raises(LocalProtocolError):
            await laptop.merge_histories()
