import asyncio
from pathlib import Path

import pytest

from billfold import KeyCallback, Wallet
from billfold_protocol.errors import InputError, StoreFull
from tests.support.linked_wallets import UNLOCK, Household
from tests.support.running_server import running_server


async def test_a_device_that_cannot_keep_its_key_is_found_before_it_is_linked(
    tmp_path: Path,
) -> None:
    async with running_server() as server, Household(tmp_path, server.addresses[0]) as home:
        laptop = await home.found("laptop")
        with pytest.raises(InputError):
            await Wallet.link(
                tmp_path / "phone",
                unlock=KeyCallback(lambda: b"too short"),
                server=home.address,
                name="phone",
                show=lambda _: pytest.fail("a code was shown"),
            )
        assert [device.name for device in laptop.devices()] == ["laptop"]
        phone = await home.link("phone", laptop)
        await home.settle(laptop, phone)


async def test_a_disk_that_fills_while_linking_says_what_to_revoke(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise StoreFull("The disk is full.")

    async with running_server() as server, Household(tmp_path, server.addresses[0]) as home:
        laptop = await home.found("laptop")
        shown: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        joining = asyncio.create_task(
            Wallet.link(
                tmp_path / "phone",
                unlock=UNLOCK,
                server=home.address,
                name="phone",
                show=shown.set_result,
            )
        )
        monkeypatch.setattr("billfold.opening.SqlCipherStore.create", full)
        await laptop.link_device(await shown, confirm=lambda _: True)
        with pytest.raises(StoreFull, match="revoke it there, then link again"):
            await joining
