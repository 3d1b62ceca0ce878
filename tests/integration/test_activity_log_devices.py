from pathlib import Path

from billfold import Wallet
from billfold.document import Purge
from billfold.model import Input
from tests.support.linked_wallets import Household
from tests.support.running_server import running_server, settings


async def used(wallet: Wallet, time_s: int) -> str:
    fields: dict[str, Input] = {"transaction_type": "Presentation", "time": time_s}
    return (await wallet.activities.add(fields)).record.id


async def test_the_logs_of_two_devices_are_one_and_each_can_check_it(tmp_path: Path) -> None:
    async with (
        running_server(settings("memory:")) as server,
        Household(tmp_path, server.addresses[0]) as home,
    ):
        laptop = await home.found("laptop")
        phone = await home.link("phone", laptop)
        await home.settle()
        for wallet in (laptop, phone):
            await wallet.disconnect()
        first, third = await used(laptop, 1), await used(laptop, 3)
        second, fourth = await used(phone, 2), await used(phone, 4)
        await home.settle()
        for wallet in (laptop, phone):
            listed = [entry.record.id for entry in wallet.activities]
            assert listed == [first, second, third, fourth]
            assert wallet.activities.verify().is_whole
        # The person deletes on one device what another wrote.
        await laptop.activities.delete(fourth)
        await home.settle()
        assert phone.activities.verify().deleted == ((phone.this_device, 2),)
        assert phone.activities.verify().is_whole
        # A device that follows no rules takes an entry away; both others and itself can tell.
        await phone._synchronizer.edit([Purge(first)])  # noqa: SLF001  # Past the checks of `edit()`.
        await home.settle()
        for wallet in (laptop, phone):
            assert wallet.activities.verify().missing == ((laptop.this_device, 1),)
