import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from billfold import recover_wallet
from billfold.moving import MoveOptions
from billfold.opening import now_ms
from billfold_protocol.errors import TransportError
from tests.support.linked_wallets import UNLOCK, link
from tests.support.operators import Listener
from tests.support.towns import (
    Town,
    found_by,
    let_visits_be_due,
    moved,
    settled,
    titled,
    titles_in,
)


@pytest.fixture
async def town(tmp_path: Path) -> AsyncIterator[Town]:
    async with AsyncExitStack() as stack:
        yield Town(tmp_path, stack)


async def test_three_devices_go_on_at_the_new_server_with_every_edit(town: Town) -> None:
    old, new = await town.build("old"), await town.build("new")
    home = await town.settle(old)
    laptop = await home.found("laptop")
    phone = await home.link("phone", laptop)
    tablet = await home.link("tablet", laptop)
    await titled(laptop, "before")
    await home.settle()
    await tablet.disconnect()
    await titled(tablet, "while offline")
    await titled(laptop, "just before the move")
    heard = Listener(laptop)

    pushing = asyncio.gather(*(titled(phone, f"meanwhile {n}") for n in range(40)))
    await moved(laptop, new)
    await pushing
    await titled(phone, "after the move")
    await settled(home, new)

    assert titles_in(tablet) == {
        "before",
        "while offline",
        "just before the move",
        "after the move",
        *(f"meanwhile {n}" for n in range(40)),
    }
    assert await heard.end() == []
    for name in home.wallets:
        wallet = await home.reopen(name)
        assert wallet.proofs() == []
        assert wallet.status().moving_to is None
    await town.operators["old"].stop()
    await titled(home.wallets["tablet"], "without the old one")
    await settled(home, new)
    await town.operators["old"].start()


async def test_a_server_that_is_gone_needs_no_goodbye_and_is_told_when_it_comes_back(
    town: Town,
) -> None:
    old, new = await town.build("old"), await town.build("new")
    home = await town.settle(old)
    laptop = await home.found("laptop")
    phone = await home.link("phone", laptop)
    tablet = await home.link("tablet", laptop)
    await home.settle()
    await laptop.disconnect()
    await titled(phone, "only the old server and the phone have it")
    await home.synced(phone)
    await town.operators["old"].stop()
    with pytest.raises(TransportError, match="--old-server-gone"):
        await laptop.move(new, deadline_s=1)
    assert laptop.status().server == old
    await titled(laptop, "made before leaving")

    report = await moved(laptop, new, MoveOptions(is_old_server_gone=True))
    assert report.missing_attachments == ()
    await phone.follow(laptop.home_code())
    await settled(home, new, "laptop", "phone")
    assert titles_in(laptop) == titles_in(phone)
    assert len(titles_in(laptop)) == 2

    await town.operators["old"].start()
    await let_visits_be_due(laptop)
    await settled(home, new, "laptop")
    await settled(home, new)
    assert len(titles_in(tablet)) == 2
    assert found_by(home) == {}


@pytest.mark.parametrize("is_forgetful", [False, True])
@pytest.mark.parametrize("is_middle_gone", [False, True])
async def test_a_device_that_slept_through_two_moves_follows(
    town: Town, monkeypatch: pytest.MonkeyPatch, *, is_forgetful: bool, is_middle_gone: bool
) -> None:
    """A server that forgets may do so: by its own clock the moves are 40 days old."""
    if is_forgetful:
        monkeypatch.setattr("billfold.unlocked.now_ms", lambda: now_ms() - 40 * 86_400_000)
    first, second, third = [await town.build(name) for name in ("first", "second", "third")]
    home = await town.settle(first)
    laptop = await home.found("laptop")
    tablet = await home.link("tablet", laptop)
    await titled(laptop, "at the first")
    await home.settle()
    await tablet.disconnect()
    await titled(tablet, "asleep")
    await moved(laptop, second)
    await titled(laptop, "at the second")
    await moved(laptop, third)
    await titled(laptop, "at the third")
    await settled(home, third, "laptop")
    if is_middle_gone:
        await let_visits_be_due(laptop)
        await settled(home, third, "laptop")
        await town.operators["second"].stop()
    if is_forgetful:
        await town.operators["first"].change_database("DELETE FROM entry")
    heard = Listener(tablet)

    await settled(home, third)

    assert titles_in(laptop) == {"at the first", "asleep", "at the second", "at the third"}
    assert await heard.end() == []
    if is_middle_gone:
        await town.operators["second"].start()


async def test_the_code_of_a_former_home_leads_on_to_the_present_one(town: Town) -> None:
    old, new = await town.build("old"), await town.build("new")
    home = await town.settle(old)
    laptop = await home.found("laptop")
    stale = laptop.home_code()
    phone = await home.link("phone", laptop)
    await home.settle()
    await phone.disconnect()
    await moved(laptop, new)
    assert await laptop.follow(stale) == new
    assert await phone.follow(laptop.home_code()) == new
    await settled(home, new)


async def test_a_wallet_moves_back(town: Town) -> None:
    old, new = await town.build("old"), await town.build("new")
    home = await town.settle(old)
    laptop = await home.found("laptop")
    tablet = await home.link("tablet", laptop)
    await home.settle()
    await tablet.disconnect()
    await titled(tablet, "asleep")
    await moved(laptop, new)
    await titled(laptop, "at the new one")
    await moved(laptop, old)
    await titled(laptop, "back")
    await settled(home, old)
    assert titles_in(tablet) == {"asleep", "at the new one", "back"}
    assert found_by(home) == {}


async def test_a_fallback_leads_to_the_new_home(town: Town) -> None:
    old, new = await town.build("old"), await town.build("new")
    home = await town.settle(old)
    laptop = await home.found("laptop")
    phone = await home.link("phone", laptop)
    await moved(laptop, old, MoveOptions(fallbacks=[new]))
    await settled(home, old)
    await town.operators["old"].stop()
    await titled(phone, "while there is no server")
    await moved(laptop, new, MoveOptions(is_old_server_gone=True))
    await settled(home, new)
    assert titles_in(laptop) == {"while there is no server"}
    await town.operators["old"].start()


async def test_who_moved_the_wallet_away_is_removed_without_the_new_server(town: Town) -> None:
    old, new = await town.build("old"), await town.build("new")
    home = await town.settle(old)
    laptop = await home.found("laptop")
    thief = await home.link("thief", laptop)
    phone = await home.link("phone", laptop)
    await home.settle()
    await titled(phone, "mine")
    await moved(thief, new)
    await settled(home, new)
    await town.operators["new"].stop()
    await laptop.revoke("thief")
    await moved(laptop, old, MoveOptions(is_old_server_gone=True))
    await titled(laptop, "safe again")
    await let_visits_be_due(phone)
    await phone.follow(laptop.home_code())
    await settled(home, old, "laptop", "phone")
    assert titles_in(phone) == {"mine", "safe again"}
    await town.operators["new"].start()
    assert [device.name for device in phone.devices() if device.is_removed] == ["thief"]


async def test_a_new_device_and_recovery_words_find_the_new_home(town: Town) -> None:
    old, new = await town.build("old"), await town.build("new")
    home = await town.settle(old)
    laptop = await home.found("laptop")
    await titled(laptop, "brought along")
    words = laptop.recovery.begin()
    await laptop.recovery.confirm(words)
    await laptop.recovery.wait_ready()
    await moved(laptop, new)
    await home.synced(laptop)
    phone = await link(home.folder / "phone", laptop, new, "phone")
    home.wallets["phone"] = phone
    await settled(home, new)
    assert titles_in(phone) == {"brought along"}
    for address in (new, old):
        folder = home.folder / f"recovered from {address[-5:]}"
        recovered = await recover_wallet(folder, unlock=UNLOCK, key=words, server=address)
        home.wallets[folder.name] = recovered
        await settled(home, new)
        assert titles_in(recovered) == {"brought along"}


async def test_what_was_decided_at_a_server_that_was_not_gone_is_merged_at_the_new_one(
    town: Town,
) -> None:
    old, new = await town.build("old"), await town.build("new")
    home = await town.settle(old)
    laptop = await home.found("laptop")
    phone = await home.link("phone", laptop)
    await home.settle()
    await laptop.disconnect()
    await town.operators["old"].stop()
    await moved(laptop, new, MoveOptions(is_old_server_gone=True))
    await titled(laptop, "at the new one")
    await settled(home, new, "laptop")
    await laptop.disconnect()
    await town.operators["old"].start()
    await phone.rotate()
    await titled(phone, "at the old one")
    await home.synced(phone)

    assert await phone.follow(laptop.home_code()) == new
    await settled(home, new)

    assert titles_in(laptop) == {"at the new one", "at the old one"}
    assert laptop.membership_length == phone.membership_length


async def test_a_wallet_that_stands_on_a_snapshot_moves_whole(town: Town) -> None:
    old, new = await town.build("old"), await town.build("new")
    home = await town.settle(old)
    laptop = await home.found("laptop")
    for number in range(5):
        await titled(laptop, f"before {number}")
    await home.synced(laptop)
    phone = await home.link("phone", laptop)
    await settled(home, old)
    assert await phone.compact() or await laptop.compact()
    tablet = await home.link("tablet", phone)
    await settled(home, old)
    await laptop.disconnect()
    await phone.disconnect()

    await moved(tablet, new)
    await titled(tablet, "after")
    await settled(home, new)
    assert len(titles_in(laptop)) == 6
    watch = await link(home.folder / "watch", tablet, new, "watch")
    home.wallets["watch"] = watch
    await settled(home, new)
    assert titles_in(watch) == titles_in(laptop)
    assert found_by(home) == {}
