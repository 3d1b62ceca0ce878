"""Wallets that come back by words, shares and kits, over real sockets.

`BILLFOLD_RECOVERIES` says how often the first test does it; the acceptance run asks for 20.
"""

import asyncio
import os
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from billfold import RecoveryUsed, Wallet, recover_wallet
from billfold.recovery_status import RecoveryState
from billfold.recovery_words import words_of
from billfold_protocol.errors import (
    ChainRollback,
    RecoveryRefused,
    ServerIdentity,
    ServerRollback,
    StoreExists,
)
from billfold_protocol.membership import Kind
from billfold_server.config import Address, ServerConfig
from tests.support.linked_wallets import PATIENCE_S, UNLOCK, Household
from tests.support.running_server import running_server, settings
from tests.support.seeded_bytes import bytes_of

DATABASE = ("server.db", "server.db-wal", "server.db-shm")
TIMES = int(os.environ.get("BILLFOLD_RECOVERIES", "2"))


@pytest.fixture
async def home(tmp_path: Path) -> AsyncIterator[Household]:
    async with running_server() as server, Household(tmp_path, server.addresses[0]) as home:
        yield home


async def with_words(wallet: Wallet) -> str:
    words = wallet.recovery.begin()
    await wallet.recovery.confirm(words)
    status = await wallet.recovery.wait_ready()
    assert status.state is RecoveryState.READY
    return words


async def add_login(wallet: Wallet, title: str) -> None:
    async with wallet.edit() as edit:
        edit.add("login", title=title, username="ada")


def titles(wallet: Wallet) -> set[object]:
    return {view.fields["title"].value for view in wallet.records("login")}


async def recovered(
    home: Household,
    place: str,
    key: str | tuple[str, ...] | None,
    *,
    kit: str | None = None,
    name: str | None = None,
) -> Wallet:
    home.wallets[place] = await recover_wallet(
        home.folder / place,
        unlock=UNLOCK,
        key=key,
        server=home.address if kit is None else None,
        kit=kit,
        name=name,
    )
    return home.wallets[place]


async def test_the_words_alone_bring_the_wallet_back(home: Household) -> None:
    laptop = await home.found("laptop")
    words = await with_words(laptop)
    await add_login(laptop, "Library")
    await laptop.rotate()
    await add_login(laptop, "Post office")
    expected = await home.settle()
    await laptop.close()
    for number in range(TIMES):
        found = await recover_wallet(
            home.folder / f"bare {number}", unlock=UNLOCK, key=words, server=home.address
        )
        async with found:
            assert found.status().state_hash == expected
            assert titles(found) == {"Library", "Post office"}
            assert found.recovery.doubt is None
    again = await home.reopen("laptop")
    assert await home.settle(again) == expected


async def test_two_shares_and_the_kit_bring_the_wallet_back(home: Household) -> None:
    laptop = await home.found("laptop")
    words = await with_words(laptop)
    await add_login(laptop, "Library")
    await home.settle()
    shares = laptop.recovery.shares(words)
    await recovered(home, "by shares", shares[::2])
    whole = await laptop.recovery.kit(words)
    rest = whole.replace(home.address, "").casefold()
    assert not [word for word in ("src=", "url(", "://", "<link", "<script") if word in rest]
    await recovered(home, "by kit", None, kit=whole)
    blank = await laptop.recovery.kit()
    assert whole.count("<li></li>") == 0
    assert blank.count("<li></li>") == len(words.split())
    with pytest.raises(RecoveryRefused):
        await recover_wallet(home.folder / "refused", unlock=UNLOCK, kit=blank)
    await recovered(home, "by kit and words", words, kit=blank)
    await home.settle()
    assert {len(titles(wallet)) for wallet in home.wallets.values()} == {1}
    assert all(wallet.recovery.doubt is None for wallet in home.wallets.values())


async def test_every_device_shows_that_the_words_were_used_and_revokes_by_name(
    home: Household,
) -> None:
    laptop = await home.found("laptop")
    await home.link("tablet", laptop)
    words = await with_words(laptop)
    await home.settle()
    await home.wallets["tablet"].close()
    with laptop.events() as events:
        thief = await recovered(home, "thief", words, name="somebody")
        async with asyncio.timeout(PATIENCE_S):
            use = await anext(event async for event in events if isinstance(event, RecoveryUsed))
    device = thief.status().device
    assert use.device is not None
    assert use.device.hex() == device
    tablet = await home.reopen("tablet")
    await home.settle()
    for wallet in (laptop, tablet):
        (seen,) = wallet.status().recovery_uses
        assert (seen.device, seen.k) == (use.device, use.k)
    assert thief.status().recovery_uses == ()
    await tablet.recovery.acknowledge()
    tablet = await home.reopen("tablet")
    assert tablet.status().recovery_uses == ()
    await laptop.revoke("somebody")
    assert [one.name for one in laptop.devices() if one.is_removed] == ["somebody"]


async def test_the_recovered_device_revokes_the_lost_ones(home: Household) -> None:
    laptop = await home.found("laptop")
    words = await with_words(laptop)
    await home.settle()
    new = await recovered(home, "new", words, name="new")
    await new.revoke("laptop")
    await add_login(new, "After")
    await home.synced(new)
    assert [one.name for one in new.devices() if one.kind is Kind.RECOVERY] == ["recovery words"]
    # The epoch of the revoke was wrapped for the words too, so that they go on to work.
    await recovered(home, "newer", words)
    assert await home.settle(new, home.wallets["newer"])
    assert titles(home.wallets["newer"]) == {"After"}


async def test_words_of_another_wallet_are_refused_without_touching_anything(
    home: Household,
) -> None:
    laptop = await home.found("laptop")
    await with_words(laptop)
    await home.settle()
    before = laptop.membership_length, laptop.status().state_hash
    for key in (words_of(bytes_of("another wallet", 32)), "some words", ("one", "two")):
        with pytest.raises(RecoveryRefused):
            await recover_wallet(home.folder / "bare", unlock=UNLOCK, key=key, server=home.address)
    await home.settle()
    assert (laptop.membership_length, laptop.status().state_hash) == before
    # Nothing but the lock is left, which is never removed.
    assert [path.name for path in (home.folder / "bare").iterdir()] == ["lock"]
    await laptop.close()
    with pytest.raises(StoreExists):
        await recover_wallet(
            home.folder / "laptop",
            unlock=UNLOCK,
            key=words_of(bytes_of("x", 32)),
            server=home.address,
        )


async def test_words_count_only_when_they_were_typed_back(home: Household) -> None:
    laptop = await home.found("laptop")
    words = laptop.recovery.begin()
    with pytest.raises(RecoveryRefused):
        await laptop.recovery.confirm(words_of(bytes_of("other words", 32)))
    assert laptop.status().recovery is RecoveryState.NONE
    with pytest.raises(RecoveryRefused):
        await recover_wallet(home.folder / "bare", unlock=UNLOCK, key=words, server=home.address)
    await laptop.recovery.confirm(words)
    await laptop.recovery.wait_ready()
    with pytest.raises(RecoveryRefused):
        await laptop.recovery.enrol(words)


async def test_words_confirmed_offline_count_once_the_server_was_reached(
    home: Household,
) -> None:
    home.wallets["laptop"] = laptop = await Wallet.create(home.folder / "laptop", unlock=UNLOCK)
    words = laptop.recovery.begin()
    assert (await laptop.recovery.confirm(words)).state is RecoveryState.PENDING
    laptop = await home.reopen("laptop")
    assert laptop.status().recovery is RecoveryState.PENDING
    await laptop.connect(home.address)
    assert (await laptop.recovery.wait_ready()).state is RecoveryState.READY
    await home.settle()
    await recovered(home, "new", words)


def kept(folder: Path, port: int = 0) -> ServerConfig:
    config = settings(f"sqlite:{folder / 'server.db'}")
    return ServerConfig(
        store=config.store, listen=(Address("127.0.0.1", port),), relay=config.relay, drain_s=5.0
    )


def forget(folder: Path) -> None:
    """Take the server's database, and leave it its key."""
    for name in DATABASE:
        (folder / name).unlink(missing_ok=True)


async def test_a_server_that_lost_everything_leads_back_once_a_device_has_healed_it(
    tmp_path: Path,
) -> None:
    async with running_server(kept(tmp_path)) as server:
        address = server.addresses[0]
        async with Household(tmp_path, address) as home:
            words = await with_words(await home.found("laptop"))
            await add_login(home.wallets["laptop"], "Library")
            await home.settle()
    forget(tmp_path)
    port = int(address.rpartition(":")[2])
    async with running_server(kept(tmp_path, port)), Household(tmp_path, address) as home:
        with pytest.raises(RecoveryRefused):
            await recover_wallet(tmp_path / "bare", unlock=UNLOCK, key=words, server=address)
        laptop = home.wallets["laptop"] = await Wallet.open(tmp_path / "laptop", unlock=UNLOCK)
        await home.settle()
        await laptop.recovery.wait_ready()
        await recovered(home, "new", words)
        await home.settle()
        assert titles(home.wallets["new"]) == {"Library"}


async def test_a_kit_shows_that_the_server_gives_an_older_wallet(tmp_path: Path) -> None:
    async with running_server(kept(tmp_path)) as server:
        address = server.addresses[0]
        async with Household(tmp_path, address) as home:
            words = await with_words(await home.found("laptop"))
            await home.settle()
    saved = tmp_path / "saved"
    saved.mkdir()
    for name in DATABASE:
        if (tmp_path / name).exists():
            shutil.copy(tmp_path / name, saved)
    port = int(address.rpartition(":")[2])
    async with running_server(kept(tmp_path, port)), Household(tmp_path, address) as home:
        laptop = home.wallets["laptop"] = await Wallet.open(tmp_path / "laptop", unlock=UNLOCK)
        await add_login(laptop, "Library")
        await home.settle()
        kit = await laptop.recovery.kit(words)
        await laptop.rotate()
        newer_kit = await laptop.recovery.kit(words)
        await home.settle()
    forget(tmp_path)
    for path in saved.iterdir():
        shutil.copy(path, tmp_path)
    async with running_server(kept(tmp_path, port)), Household(tmp_path, address) as home:
        by_words = await recovered(home, "by words", words)
        assert by_words.recovery.doubt is None
        by_kit = await recovered(home, "by kit", None, kit=kit)
        assert isinstance(by_kit.recovery.doubt, ServerRollback)
        with pytest.raises(ChainRollback):
            await recovered(home, "by newer kit", None, kit=newer_kit)


async def test_another_server_at_the_same_address_is_refused(tmp_path: Path) -> None:
    async with running_server(kept(tmp_path)) as server:
        address = server.addresses[0]
        async with Household(tmp_path, address) as home:
            laptop = await home.found("laptop")
            words = await with_words(laptop)
            await home.settle()
            kit = await laptop.recovery.kit(words)
    port = int(address.rpartition(":")[2])
    other = tmp_path / "other"
    other.mkdir()
    async with running_server(kept(other, port)):
        with pytest.raises(ServerIdentity):
            await recover_wallet(tmp_path / "bare", unlock=UNLOCK, kit=kit)
        with pytest.raises(RecoveryRefused):
            await recover_wallet(tmp_path / "bare", unlock=UNLOCK, key=words, server=address)
