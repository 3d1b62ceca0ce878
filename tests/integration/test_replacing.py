import asyncio
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from billfold import Wallet
from billfold.events import DeviceReplaced
from billfold.recovery_words import words_of
from billfold.reports import Status
from billfold_protocol.errors import (
    DeviceCloned,
    DeviceRevoked,
    NotAuthorised,
    NotFound,
    RecoveryRefused,
)
from tests.support.command_line import Computer, Shell, server_process
from tests.support.device_tokens import MemoryToken
from tests.support.linked_wallets import PATIENCE_S, POLL_S, UNLOCK, Household
from tests.support.running_server import running_server

SEED = bytes(range(40, 72))


@pytest.fixture
async def home(tmp_path: Path) -> AsyncIterator[Household]:
    async with (
        running_server() as server,
        Household(tmp_path / "wallets", server.addresses[0]) as home,
    ):
        yield home


async def add(wallet: Wallet, title: str) -> str:
    async with wallet.edit() as edit:
        return edit.add("login", title=title)


def titles(wallet: Wallet) -> list[str]:
    return sorted(str(one.fields["title"].value) for one in wallet.records("login"))


async def copied(home: Household, name: str) -> Path:
    """Copy a device's folder while it is closed, and open it again."""
    await home.wallets.pop(name).close()
    folder = home.folder.parent / f"copy of {name}"
    shutil.copytree(home.folder / name, folder)
    home.wallets[name] = await Wallet.open(home.folder / name, unlock=UNLOCK)
    return folder


async def until_replaced(wallet: Wallet, before: Status) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while wallet.status().device == before.device:
            await asyncio.sleep(POLL_S)


async def test_a_copied_device_goes_on_with_new_keys_and_its_copy_gets_nothing_new(
    home: Household,
) -> None:
    laptop = await home.found("laptop")
    phone = await home.link("phone", laptop)
    await add(phone, "before")
    await home.settle()
    folder = await copied(home, "phone")
    phone = home.wallets["phone"]
    thief = await Wallet.open(folder, unlock=UNLOCK, device_token_store=MemoryToken())
    try:
        await add(thief, "of the thief")
        await home.synced(thief)
        await home.settle()
        assert isinstance(laptop.status().last_error, DeviceCloned)
        before = phone.status()
        code = await phone.begin_replacement()
        await home.settle()
        await phone.disconnect()
        await add(phone, "not sent")
        with laptop.events() as events:
            replaced = await laptop.replace_device("phone", code=code.lower())
            events.close()
            told = [event async for event in events]
        assert replaced.device.name == "phone"
        assert [one.label for one in replaced.could_read] == ["before", "of the thief"]
        assert any(isinstance(event, DeviceReplaced) for event in told)
        await add(laptop, "after")
        await home.settle()
        report = await thief.sync(deadline_s=PATIENCE_S)
        assert isinstance(report.reason, DeviceRevoked)
        assert phone.status().device != before.device
        assert titles(laptop) == titles(phone) == ["after", "before", "not sent", "of the thief"]
        assert "after" not in titles(thief)
        names = {one.name: one for one in laptop.devices() if not one.is_removed}
        assert sorted(names) == ["laptop", "phone"]
        assert not names["phone"].is_copied
        await home.reopen("phone")
        await add(home.wallets["phone"], "and so on")
        await home.settle()
        assert "and so on" in titles(laptop)
    finally:
        await thief.close()


async def test_the_only_device_gets_new_keys_by_the_recovery_words(home: Household) -> None:
    laptop = await home.found("laptop")
    await laptop.recovery.enrol(words_of(SEED))
    await laptop.recovery.wait_ready()
    await add(laptop, "one")
    await home.settle()
    before = laptop.status()
    with pytest.raises(RecoveryRefused, match="not the recovery words of this wallet"):
        await laptop.replace_this_device(words_of(SEED[::-1]))
    await laptop.replace_this_device(words_of(SEED))
    await until_replaced(laptop, before)
    await add(laptop, "two")
    await home.settle()
    phone = await home.link("phone", laptop)
    await home.settle()
    assert titles(phone) == ["one", "two"]
    present = [one.name for one in phone.devices() if not one.is_removed]
    assert present == ["recovery words", "laptop", "phone"]


async def test_new_keys_are_confirmed_by_another_device_and_by_their_code_only(
    home: Household,
) -> None:
    laptop = await home.found("laptop")
    phone = await home.link("phone", laptop)
    old = await phone.begin_replacement()
    code = await phone.begin_replacement()
    await home.settle()
    for wrong in (old, code[:-1] + ("A" if code[-1] != "A" else "B"), ""):
        with pytest.raises(NotFound, match="has not asked for new keys with this code"):
            await laptop.replace_device("phone", code=wrong)
    with pytest.raises(NotAuthorised, match="another device, or the recovery words, must confirm"):
        await phone.replace_device("phone", code=code)
    assert laptop.membership_length == phone.membership_length == 3
    await laptop.replace_device("phone", code=code)
    assert laptop.membership_length == 4
    await home.settle()


def test_the_command_line_gives_a_device_new_keys(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    laptop, phone = Shell(tmp_path / "laptop", capsys), Shell(tmp_path / "phone", capsys)
    words = tmp_path / "words"
    words.write_text(words_of(SEED))
    with server_process(tmp_path / "server") as server:
        assert laptop("init", "--name", "laptop", "--server", server).result["is_synced"]
        with Computer(folder=laptop.folder).started("link", "--yes") as linking:
            code = linking.read_until("code")["code"]
            assert phone("join", code, "--server", server, "--name", "phone").code == 0
            assert linking.end().code == 0
        laptop.add("credential", "title=Passport", "raw=signed")
        asked = phone("replace").result
        assert (asked["event"], asked["has_others"]) == ("replacement_asked", True)
        assert laptop("replace", "phone").error == "InputError"
        assert laptop("replace", "phone", "AAAA-AAAA-AAAA-AAAA", "--yes").error == "NotFound"
        refused = phone("replace", "--words-file", str(words))
        assert refused.error == "RecoveryRefused"
        done = laptop.plain("replace", "phone", asked["code"], "--yes")
        assert "phone has new keys; a copy of the old gets nothing new." in done.out
        assert "have it issued again" in done.out
        assert phone("sync").result["is_complete"]
        phone.add("login", "title=Library")
        assert laptop("sync").result["is_complete"]
        assert laptop("get", "login:Library", "title").result["value"] == "Library"
        shown = phone.plain("replace").out
        assert "  billfold replace phone " in shown
