import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from billfold import Wallet, export_wallet
from billfold.household import Revoked
from billfold_protocol.errors import DeviceRevoked, NotAuthorised, NotFound
from tests.support.linked_wallets import Household
from tests.support.running_server import running_server


@pytest.fixture
async def home(tmp_path: Path) -> AsyncIterator[Household]:
    async with running_server() as server, Household(tmp_path, server.addresses[0]) as home:
        yield home


async def add(wallet: Wallet, record_type: str, title: str) -> str:
    async with wallet.edit() as edit:
        return edit.add(record_type, title=title)


def listed(revoked: Revoked) -> list[tuple[str, str, bool]]:
    return [(one.type, one.label, one.is_trashed) for one in revoked.could_read]


async def test_a_removal_says_what_the_device_could_read(home: Household) -> None:
    laptop = await home.found("laptop")
    phone = await home.link("phone", laptop)
    passport = await add(laptop, "credential", "Passport")
    old = await add(phone, "login", "Old site")
    await home.settle()
    async with laptop.edit() as edit:
        edit.trash(old)
    await home.settle()
    # What the laptop alone has is not among it, though an edit of an older record is under way.
    await laptop.disconnect()
    await add(laptop, "login", "Not sent yet")
    await laptop.set(passport, "number", "123")
    preview = laptop.readable_records()
    assert [one.label for one in preview] == ["Passport", "Old site"]
    await home.synced(laptop)
    revoked = await laptop.revoke("phone")
    assert revoked.device.name == "phone"
    assert listed(revoked) == [
        ("credential", "Passport", False),
        ("login", "Not sent yet", False),
        ("login", "Old site", True),
    ]
    assert [one.id for one in revoked.could_read if one.is_credential] == [passport]
    assert revoked.is_alone


async def test_every_removal_that_makes_no_sense_has_its_plain_answer(home: Household) -> None:
    laptop = await home.found("laptop")
    phone = await home.link("phone", laptop)
    tablet = await home.link("tablet", laptop)
    await home.settle()
    with pytest.raises(NotAuthorised, match="does not revoke itself; do it on another device"):
        await laptop.revoke("laptop")
    with pytest.raises(NotFound, match="no device of this wallet is called 'boat'"):
        await laptop.revoke("boat")
    tablet_id = tablet.status().device
    first = await laptop.revoke("tablet")
    assert not first.is_alone
    for name in ("tablet", tablet_id, tablet_id[:8]):
        with pytest.raises(NotFound, match="was revoked before; there is nothing to do"):
            await laptop.revoke(name)
    last = await laptop.revoke("phone")
    assert last.is_alone
    assert phone.status().device != laptop.status().device


async def test_a_removed_device_keeps_what_it_had_not_sent_and_exports_it(
    home: Household,
) -> None:
    laptop = await home.found("laptop")
    phone = await home.link("phone", laptop)
    shared = await add(phone, "login", "Shared")
    await add(phone, "login", "Sent")
    await home.settle()
    await phone.disconnect()
    await add(phone, "login", "Never sent")
    await phone.set(shared, "user", "ada")
    await laptop.revoke("phone")
    report = await phone.sync(deadline_s=20.0)
    assert isinstance(report.reason, DeviceRevoked)
    assert phone.status().is_removed
    with pytest.raises(DeviceRevoked, match="billfold export --unsent"):
        await phone.set(shared, "user", "eve")
    assert phone.status().unsynced_count == 2
    exported = json.loads(export_wallet(phone, is_unsent=True))["records"]
    assert {one["fields"]["title"]: one["fields"].get("user") for one in exported} == {
        "Never sent": None,
        "Shared": "ada",
    }
    phone = await home.reopen("phone")
    assert phone.unsent_records() == {one["id"] for one in exported}
    assert len(json.loads(export_wallet(phone))["records"]) == 3
    assert "Never sent" not in {one.fields["title"].value for one in laptop.records("login")}
