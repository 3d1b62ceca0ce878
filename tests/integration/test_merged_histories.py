from pathlib import Path

import pytest

from billfold import Wallet, export_wallet, import_report, read_import, recover_wallet
from billfold.recovery_words import words_of
from billfold_protocol.errors import ChainFork, DeviceRevoked, LocalProtocolError, NotAuthorised
from billfold_protocol.membership import Kind
from tests.support.linked_wallets import UNLOCK, Household
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
    for _ in range(4):
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
        # The next device stands where this device's history had an epoch: what it kept of that
        # is not given to a server that has lost everything.
        await home.link("watch", home.wallets["laptop"])
        await home.settle()
        for name in ("phone", "tablet", "watch"):
            await home.wallets.pop(name).close()
        await operator.replace_database(by_older=False)
        await home.settle()
        home.wallets["watch"] = await Wallet.open(home.folder / "watch", unlock=UNLOCK)
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

        warned: list[str] = []
        for _ in range(2):
            heard = Listener(laptop)
            refused = await laptop.sync(deadline_s=1)
            assert isinstance(refused.reason, ChainFork)
            warned += await heard.end()
            laptop = await home.reopen("laptop")
        assert warned.count("ChainFork") == 1, "told once, though each connection shows it"
        await laptop.sync(deadline_s=1)
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


async def test_where_no_owner_is_on_both_histories_the_words_bring_the_wallet_back(
    tmp_path: Path,
) -> None:
    async with (
        operating(tmp_path / "server") as (operator, address),
        Household(tmp_path, address) as home,
    ):
        laptop = await home.found("laptop")
        phone = await home.link("phone", laptop)
        words = words_of(bytes(range(50, 82)))
        await laptop.recovery.enrol(words)
        await laptop.recovery.wait_ready()
        await titled(laptop, "before")
        await home.settle()
        await operator.back_up()
        await home.settle()
        await phone.disconnect()
        await laptop.revoke("phone")
        await titled(laptop, "known to the laptop")
        await home.synced(laptop)
        await laptop.disconnect()
        await operator.replace_database(by_older=True)
        await home.synced(phone)
        await phone.revoke("laptop")
        await titled(phone, "known to the phone")
        await home.synced(phone)

        # The server's history has no laptop, and the laptop's has no phone.
        refused = await laptop.sync(deadline_s=1)
        assert isinstance(refused.reason, ChainFork | DeviceRevoked)
        history = laptop.other_history()
        assert history is not None
        assert not history.may_merge
        ids = {device.name: bytes.fromhex(device.id) for device in phone.devices()}
        assert (history.removed, set(history.contested)) == (
            (ids["laptop"],),
            {ids["laptop"], ids["phone"]},
        )
        with pytest.raises(NotAuthorised, match="only an owner of the wallet on both"):
            await laptop.merge_histories()

        back = await recover_wallet(
            tmp_path / "back", unlock=UNLOCK, key=words, server=address, name="laptop again"
        )
        home.wallets["back"] = back
        kept = read_import(export_wallet(laptop))
        await home.wallets.pop("laptop").close()
        await import_report(back, kept)
        await back.revoke("phone")
        await home.settle(back)
        assert titles_in(back) == {"before", "known to the laptop", "known to the phone"}
        assert [one.name for one in back.devices() if one.kind is Kind.DEVICE] == ["laptop again"]
