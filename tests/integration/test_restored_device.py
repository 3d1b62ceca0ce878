import asyncio
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from billfold import Wallet
from billfold.events import Event, Warned
from billfold.keyring import DeviceToken
from billfold.keyring.device_token import default_token_directory
from billfold.listening import EventStream
from billfold_protocol.errors import DeviceCloned
from tests.support.linked_wallets import PATIENCE_S, UNLOCK, Household, wait_equal
from tests.support.running_server import running_server


@pytest.fixture
async def home(tmp_path: Path) -> AsyncIterator[Household]:
    async with (
        running_server() as server,
        Household(tmp_path / "wallets", server.addresses[0]) as home,
    ):
        yield home


async def back_up(home: Household, name: str) -> Path:
    """Close a wallet and copy its folder, as a backup does that leaves state directories out."""
    await home.wallets.pop(name).close()
    copy = home.folder.parent / f"{name} backup"
    shutil.copytree(home.folder / name, copy)
    return copy


async def restore(home: Household, name: str, backup: Path) -> Wallet:
    """Lose a device and put its folder back from a backup."""
    if name in home.wallets:
        await home.wallets.pop(name).close()
    shutil.rmtree(home.folder / name)
    shutil.copytree(backup, home.folder / name)
    home.wallets[name] = await Wallet.open(home.folder / name, unlock=UNLOCK)
    return home.wallets[name]


async def add(wallet: Wallet, title: str) -> str:
    async with wallet.edit() as edit:
        return edit.add("login", title=title, notes=f"note of {title}")


def titles(wallet: Wallet) -> list[str]:
    records = {str(one.fields["title"].value): one for one in wallet.records("login")}
    assert all(record.notes == f"note of {title}" for title, record in records.items())
    assert len(records) == len(wallet.records("login"))
    return sorted(records)


def feed_of(wallet: Wallet, record: str) -> bytes:
    return wallet.record(record).fields["title"].values[0].actor


async def first_warning(stream: EventStream) -> type[Exception]:
    async with asyncio.timeout(PATIENCE_S):
        async for event in stream:
            if isinstance(event, Warned):
                return type(event.error)
    raise AssertionError


async def unread(stream: EventStream) -> list[Event]:
    stream.close()
    return [event async for event in stream]


def warnings(events: list[Event]) -> list[type[Exception]]:
    return [type(event.error) for event in events if isinstance(event, Warned)]


async def test_a_phone_restored_from_a_backup_loses_nothing_and_goes_on(home: Household) -> None:
    laptop = await home.found("laptop")
    phone = await home.link("phone", laptop)
    await add(phone, "sent before")
    await home.settle()
    await phone.disconnect()
    await add(phone, "sent after the backup")
    backup = await back_up(home, "phone")
    home.wallets["phone"] = phone = await Wallet.open(home.folder / "phone", unlock=UNLOCK)
    await add(phone, "made after the backup")
    await home.settle()
    with laptop.events() as at_laptop:
        phone = await restore(home, "phone", backup)
        with phone.events() as at_phone:
            await add(phone, "made after the restore")
            await home.settle()
            await add(laptop, "of the laptop")
            await add(phone, "at last")
            await home.settle()
            told = [*await unread(at_laptop), *await unread(at_phone)]
    expected = [
        "at last",
        "made after the backup",
        "made after the restore",
        "of the laptop",
        "sent after the backup",
        "sent before",
    ]
    assert titles(laptop) == titles(phone) == expected
    assert warnings(told) == []


async def test_what_only_a_backup_held_reaches_the_others(home: Household) -> None:
    laptop = await home.found("laptop")
    phone = await home.link("phone", laptop)
    await home.settle()
    await phone.disconnect()
    record = await add(phone, "only on the phone")
    await phone.set(record, "user", "ada")
    backup = await back_up(home, "phone")
    phone = await restore(home, "phone", backup)
    assert titles(phone) == ["only on the phone"]
    await home.settle()
    assert titles(laptop) == ["only on the phone"]
    assert laptop.record(record).fields["user"].value == "ada"


async def test_a_device_that_was_opened_nowhere_else_goes_on_with_its_feed(
    home: Household,
) -> None:
    laptop = await home.found("laptop")
    first = await add(laptop, "first")
    await home.settle()
    laptop = await home.reopen("laptop")
    second = await add(laptop, "second")
    await home.settle()
    assert feed_of(laptop, first) == feed_of(laptop, second)


async def test_without_its_token_a_device_goes_on_in_a_new_feed(
    home: Household, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    laptop = await home.found("laptop")
    first = await add(laptop, "first")
    await home.settle()
    await home.wallets.pop("laptop").close()
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "another"))
    home.wallets["laptop"] = laptop = await Wallet.open(home.folder / "laptop", unlock=UNLOCK)
    second = await add(laptop, "second")
    await home.settle()
    assert feed_of(laptop, first) != feed_of(laptop, second)
    assert titles(laptop) == ["first", "second"]


async def test_the_application_may_say_where_the_token_is(tmp_path: Path) -> None:
    folder, kept = tmp_path / "mine", tmp_path / "keystore"
    token = DeviceToken(folder, token_directory=kept)
    async with await Wallet.create(folder, unlock=UNLOCK, device_token_store=token) as wallet:
        first = await add(wallet, "first")
    assert list(kept.glob("*.token"))
    async with await Wallet.open(folder, unlock=UNLOCK, device_token_store=token) as wallet:
        second = await add(wallet, "second")
        assert feed_of(wallet, first) == feed_of(wallet, second)
    async with await Wallet.open(folder, unlock=UNLOCK) as wallet:
        third = await add(wallet, "third")
        # What no server has seen is made anew in the new feed.
        assert feed_of(wallet, first) == feed_of(wallet, third)
        assert titles(wallet) == ["first", "second", "third"]


@pytest.mark.parametrize("has_token", [False, True])
async def test_a_live_copy_shows_on_every_device_at_its_first_entry(
    home: Household, tmp_path: Path, *, has_token: bool
) -> None:
    laptop = await home.found("laptop")
    phone = await home.link("phone", laptop)
    await add(phone, "before")
    await home.settle()
    await home.wallets.pop("phone").close()
    original, stolen = home.folder / "phone", tmp_path / "stolen"
    shutil.copytree(original, stolen)
    token = DeviceToken(stolen)
    if has_token:
        tokens = tmp_path / "stolen tokens"
        shutil.copytree(default_token_directory(), tokens)
        token = DeviceToken(original, token_directory=tokens)
    home.wallets["phone"] = phone = await Wallet.open(original, unlock=UNLOCK)
    thief = await Wallet.open(stolen, unlock=UNLOCK, device_token_store=token)
    home.wallets["thief"] = thief
    await home.settle()
    with laptop.events() as at_laptop, phone.events() as at_phone, thief.events() as at_thief:
        await add(thief, "by the thief")
        for stream in (at_laptop, at_phone, at_thief):
            assert await first_warning(stream) is DeviceCloned
        await add(phone, "by the owner")
        async with asyncio.timeout(PATIENCE_S):
            await wait_equal(laptop, phone, thief)
        for stream in (at_laptop, at_phone, at_thief):
            assert warnings(await unread(stream)) == []
    for wallet in (laptop, phone, thief):
        assert titles(wallet) == ["before", "by the owner", "by the thief"]
        copied = [device.name for device in wallet.devices() if device.is_copied]
        assert copied == ["phone"]
    reopened = await home.reopen("laptop")
    assert [device.name for device in reopened.devices() if device.is_copied] == ["phone"]
