import asyncio
import secrets
import shutil
import sys
import time
from dataclasses import replace
from pathlib import Path
from random import Random

import pytest

from billfold import Wallet
from billfold.founding import FORMAT_KEY
from billfold.keyring import DeviceToken, open_key
from billfold.model import wallet_merge_kinds
from billfold.replica import Replica
from billfold.store import PutMeta, SqlCipherStore, WalletLock
from billfold.synchronizer import Synchronizer
from billfold.transport import WebSocketTransport
from billfold.unlocked import Unlocked
from billfold_protocol.errors import (
    BillfoldError,
    LocalProtocolError,
    NotAuthorised,
    StoreBusy,
    StoreFull,
    UpdateNeeded,
)
from billfold_protocol.ids import DeviceId
from billfold_protocol.membership import Role
from tests.support.device_tokens import MemoryToken
from tests.support.faulty_stores import FaultyWalletStore
from tests.support.linked_wallets import PATIENCE_S, UNLOCK, Household
from tests.support.running_server import running_server

FLIPS_COUNT = 60


def open_store(folder: Path) -> SqlCipherStore:
    return SqlCipherStore.open(folder, open_key(folder, UNLOCK), lock=WalletLock(folder))


def open_faulty(folder: Path) -> tuple[Wallet, FaultyWalletStore]:
    """Open a wallet on a disk that may fail."""
    wallet, store, _ = open_in_parts(folder)
    return wallet, store


def open_in_parts(folder: Path) -> tuple[Wallet, FaultyWalletStore, Synchronizer]:
    """Open a wallet on a disk that may fail, and keep hold of what it is made of."""
    store, transport = FaultyWalletStore(open_store(folder)), WebSocketTransport()

    def load() -> Replica:
        return Replica(
            store,
            now_ms=lambda: time.time_ns() // 1_000_000,
            random=secrets.token_bytes,
            merge_kinds=wallet_merge_kinds,
        )

    synchronizer = Synchronizer(store, load, transport=transport, random=secrets.token_bytes)
    token = DeviceToken(folder)
    unlocked = Unlocked(store, synchronizer, transport, token, folder)
    wallet = Wallet(folder, unlocked, transport, token)
    synchronizer.start()
    return wallet, store, synchronizer


async def make_wallet(folder: Path) -> str:
    """Make a wallet with one record and close it; return the record."""
    wallet = await Wallet.create(folder, unlock=UNLOCK, name="laptop")
    async with wallet, wallet.edit() as edit:
        return edit.add("login", title="before")


async def test_an_edit_on_a_full_disk_says_so_and_leaves_nothing_behind(tmp_path: Path) -> None:
    record = await make_wallet(tmp_path)
    wallet, store = open_faulty(tmp_path)
    async with wallet:
        before = wallet.status()
        store.is_full = True
        with pytest.raises(StoreFull):
            await wallet.set(record, "title", "lost")
        assert wallet.status() == replace(before, last_error=wallet.status().last_error)
        store.is_full = False
        await wallet.set(record, "title", "after")
        expected = wallet.status().state_hash
    async with await Wallet.open(tmp_path, unlock=UNLOCK) as again:
        assert again.status().state_hash == expected
        values = [item.value for item in again.history(record, "title")]
        assert values == ["before", "after"]


async def test_what_returned_before_the_disk_was_full_stays_and_nothing_else(
    tmp_path: Path,
) -> None:
    record = await make_wallet(tmp_path)
    wallet, store = open_faulty(tmp_path)
    async with wallet:
        store.commits_until_full = 2
        edits = [wallet.set(record, f"field{number}", number) for number in range(40)]
        first = await asyncio.gather(*edits[:20], return_exceptions=True)
        second = await asyncio.gather(*edits[20:], return_exceptions=True)
        outcomes = [*first, *second]
        third = await asyncio.gather(
            *(wallet.set(record, f"late{number}", number) for number in range(5)),
            return_exceptions=True,
        )
        assert all(isinstance(outcome, StoreFull) for outcome in third)
        returned = {n for n, outcome in enumerate(outcomes) if not isinstance(outcome, Exception)}
        assert returned
        shown = set(wallet.record(record).fields)
    async with await Wallet.open(tmp_path, unlock=UNLOCK) as again:
        fields = set(again.record(record).fields)
    assert fields == shown
    assert {name for name in fields if name.startswith(("field", "late"))} == {
        f"field{number}" for number in returned
    }


async def test_a_disk_that_is_full_while_online_loses_nothing_of_either_device(
    tmp_path: Path,
) -> None:
    async with running_server() as server, Household(tmp_path, server.addresses[0]) as home:
        laptop = await home.found("laptop")
        async with laptop.edit() as edit:
            record = edit.add("login", title="before")
        phone = await home.link("phone", laptop)
        await home.settle()
        await phone.close()
        phone, store = open_faulty(tmp_path / "phone")
        home.wallets["phone"] = phone
        await phone.connect(server.addresses[0])
        await home.settle()
        store.is_full = True
        for number in range(10):
            await laptop.set(record, f"field{number}", number)
            with pytest.raises(StoreFull):
                await phone.set(record, "title", f"lost {number}")
        store.is_full = False
        await phone.set(record, "title", "kept")
        await home.settle()
        fields = phone.record(record).fields
        assert {f"field{number}" for number in range(10)} <= set(fields)
        assert fields["title"].value == "kept"


async def test_a_wallet_whose_file_cannot_be_read_again_takes_no_more_edits(
    tmp_path: Path,
) -> None:
    record = await make_wallet(tmp_path)
    wallet, store = open_faulty(tmp_path)
    reported: list[dict[str, object]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: reported.append(context))
    store.is_full = store.is_unreadable = True
    with pytest.raises((StoreFull, LocalProtocolError)):
        await wallet.set(record, "title", "lost")
    store.is_full = store.is_unreadable = False
    with pytest.raises(LocalProtocolError):
        await wallet.set(record, "title", "also lost")
    with pytest.raises(LocalProtocolError):
        await wallet.close()
    assert len(reported) == 1
    async with await Wallet.open(tmp_path, unlock=UNLOCK) as again:
        assert [item.value for item in again.history(record, "title")] == ["before"]


@pytest.mark.parametrize("year_s", [0, 4_102_444_800, 253_402_300_799])
async def test_a_clock_that_is_years_off_hinders_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, year_s: int
) -> None:
    async with running_server() as server, Household(tmp_path, server.addresses[0]) as home:
        laptop = await home.found("laptop")
        async with laptop.edit() as edit:
            record = edit.add("login", title="on time")
        # Every replica that is opened from now on lives in another year.
        with monkeypatch.context() as patch:
            patch.setattr("billfold.wallet.now_ms", lambda: year_s * 1000)
            phone = await home.link("phone", laptop)
            await home.settle()
            await phone.set(record, "title", "another year")
            await laptop.set(record, "other", "this year")
            await phone.rotate()
            await home.settle()
            await phone.revoke("laptop")
            await phone.set(record, "title", "alone")
            await home.synced(phone)
        assert phone.record(record).fields["title"].value == "alone"
        assert not phone.conflicts()


async def test_a_second_process_is_told_that_the_wallet_is_open(tmp_path: Path) -> None:
    record = await make_wallet(tmp_path)
    async with await Wallet.open(tmp_path, unlock=UNLOCK) as wallet:
        other = await asyncio.create_subprocess_exec(
            sys.executable,
            *("-m", "tests.support.device_program", str(tmp_path), record, "other", "0"),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        output, errors = await other.communicate()
        assert output == b""
        assert StoreBusy.__name__.encode() in errors
        with pytest.raises(StoreBusy):
            await Wallet.open(tmp_path, unlock=UNLOCK)
        await wallet.set(record, "title", "undisturbed")
    async with await Wallet.open(tmp_path, unlock=UNLOCK) as wallet:
        assert wallet.record(record).fields["title"].value == "undisturbed"


async def test_a_wallet_of_a_newer_version_is_left_alone(tmp_path: Path) -> None:
    record = await make_wallet(tmp_path)
    store = open_store(tmp_path)
    old = store.load().meta[FORMAT_KEY]
    store.commit([PutMeta(FORMAT_KEY, b"\x63")])
    store.close()
    for _ in range(2):
        with pytest.raises(UpdateNeeded):
            await Wallet.open(tmp_path, unlock=UNLOCK)
    store = open_store(tmp_path)
    store.commit([PutMeta(FORMAT_KEY, old)])
    store.close()
    async with await Wallet.open(tmp_path, unlock=UNLOCK) as wallet:
        assert wallet.record(record).fields["title"].value == "before"


async def test_damaged_files_give_a_typed_error_or_the_very_same_wallet(tmp_path: Path) -> None:
    whole, token = tmp_path / "whole", MemoryToken()
    await make_wallet(whole)
    async with await Wallet.open(whole, unlock=UNLOCK, device_token_store=token) as wallet:
        for number in range(20):
            async with wallet.edit() as edit:
                edit.add("login", title=f"record {number}", notes="text " * 40)
        expected = wallet.status().state_hash
    random = Random(60)
    files = sorted(path.name for path in whole.iterdir() if path.stat().st_size)
    refused_count = 0
    for number in range(FLIPS_COUNT):
        damaged = tmp_path / f"damaged{number}"
        shutil.copytree(whole, damaged)
        path = damaged / files[number % len(files)]
        data = bytearray(path.read_bytes())
        position = random.randrange(len(data))
        if random.random() < 0.3:
            del data[position:]
        else:
            data[position] ^= 1 << random.randrange(8)
        path.write_bytes(data)
        try:
            here = token.copied()
            async with await Wallet.open(damaged, unlock=UNLOCK, device_token_store=here) as wallet:
                assert wallet.status().state_hash == expected, (path.name, position)
        except BillfoldError:
            refused_count += 1
        shutil.rmtree(damaged)
    assert refused_count > FLIPS_COUNT // 2


async def test_a_device_that_may_only_read_is_told_at_once_why_its_edits_stay_here(
    tmp_path: Path,
) -> None:
    async with running_server() as server, Household(tmp_path, server.addresses[0]) as home:
        laptop = await home.found("laptop")
        phone = await home.link("phone", laptop)
        await home.settle()
        await phone.disconnect()
        async with phone.edit() as edit:
            edit.add("login", title="never sent")
        device = next(one.id for one in laptop.devices() if one.name == "phone")
        await laptop.close()
        home.wallets["laptop"], _, synchronizer = open_in_parts(tmp_path / "laptop")
        await home.synced(home.wallets["laptop"])
        await synchronizer.propose(
            lambda author: author.set_role(DeviceId(bytes.fromhex(device)), Role.VIEWER)
        )
        async with asyncio.timeout(PATIENCE_S):
            report = await phone.sync(deadline_s=10 * PATIENCE_S)
        assert type(report.reason) is NotAuthorised
        assert not report.is_complete
        assert report.unsynced_count > 0
