"""What must still work when a check is taken out: the check refuses nothing that is honest."""

import pytest

from billfold_protocol.errors import BillfoldError
from tests.support.adversaries.attack import Attack
from tests.support.adversaries.stage import HonestDevice, Stage

pytestmark = pytest.mark.attack("honest")


def require_no_complaint(*devices: HonestDevice) -> None:
    shown: list[BillfoldError] = [error for device in devices for error in device.shown]
    assert shown == []


async def test_devices_that_nobody_attacks_sync() -> None:
    stage = Stage("honest")
    laptop = stage.found("laptop")
    phone = stage.link(laptop, "phone")
    for number in range(5):
        laptop.write("alpha", number)
        phone.write("beta", number)
        stage.settle(5.0)
    attack = Attack(stage, laptop, phone)
    attack.require_error([])
    attack.require_unchanged()
    attack.require_others()
    attack.require_kept()
    require_no_complaint(laptop, phone)


async def test_a_device_that_was_away_catches_up_with_a_rotation_and_a_removal() -> None:
    stage = Stage("honest/away")
    laptop = stage.found("laptop")
    phone, tablet = stage.link(laptop, "phone"), stage.link(laptop, "tablet")
    phone.go_offline()
    phone.write("offline", "kept")
    stage.propose(laptop, lambda author: author.rotate())
    stage.revoke(laptop, tablet)
    laptop.write("after", "the removal")
    phone.go_online()
    stage.settle()
    assert phone.read("after") == "the removal"
    assert laptop.read("offline") == "kept"
    assert tablet.read("after") is None
    assert phone.replica.state_hash() == laptop.replica.state_hash()
    require_no_complaint(laptop, phone)


async def test_a_device_that_is_opened_again_is_what_it_was() -> None:
    stage = Stage("honest/opened")
    laptop = stage.found("laptop")
    phone = stage.link(laptop, "phone")
    phone.write("alpha", 1)
    stage.settle()
    before = phone.picture()
    phone.reopen()
    assert phone.picture() == before
