import pytest

from billfold_protocol.errors import DeviceCloned
from tests.support.adversaries.attack import Attack
from tests.support.adversaries.findings import named, require_exactly
from tests.support.adversaries.stage import pair
from tests.support.adversaries.thief import Thief

pytestmark = pytest.mark.attack("D15")


@pytest.mark.parametrize("has_token", [False, True])
@pytest.mark.parametrize("is_original_online", [True, False])
async def test_a_copy_that_runs_shows_on_every_device_at_its_first_entry(
    *, has_token: bool, is_original_online: bool
) -> None:
    stage, laptop, phone = pair(f"D15 {has_token} {is_original_online}")
    thief = Thief(phone)
    copy = thief.runs(stage, "copy", has_token=has_token)
    stage.settle()
    attack = Attack(stage, laptop, phone)
    if not is_original_online:
        phone.go_offline()
        phone.write("owner offline", stage.canaries.next())
    by_thief = stage.canaries.next()
    copy.write("thief", by_thief)
    attack.run()
    phone.go_online()
    attack.run()
    # Only the copy has written while both were there, but for what waited on the phone.
    for device in (laptop, phone, copy):
        with named("error"):
            require_exactly(
                attack.shown(device) if device is not copy else copy.shown, [DeviceCloned], device
            )
    by_owner = stage.canaries.next()
    phone.write("owner", by_owner)
    attack.run()
    with named("kept"):
        for device in (laptop, phone, copy):
            assert device.read("thief") == by_thief
            assert device.read("owner") == by_owner
        hashes = {device.replica.state_hash() for device in (laptop, phone, copy)}
        assert len(hashes) == 1
        assert all(device.replica.unsynced_count == 0 for device in (laptop, phone, copy))
    with named("error"):
        shown = [*attack.shown(laptop), *attack.shown(phone), *copy.shown]
        assert len(shown) == 3, "each device is told once"
        assert phone.device_id in laptop.replica.core.succession.copied
    attack.ends(shows=[DeviceCloned], changes=(laptop, phone))


async def test_a_copy_that_only_reads_is_not_seen() -> None:
    stage, laptop, phone = pair("D15 reads")
    copy = Thief(phone).runs(stage, "copy", has_token=True)
    attack = Attack(stage, laptop, phone)
    attack.run()
    copy.go_offline()
    attack.ends()


async def test_a_device_that_is_restored_is_no_copy() -> None:
    stage, laptop, phone = pair("D15 restored")
    attack = Attack(stage, laptop, phone)
    phone.back_up()
    lost = stage.canaries.next()
    phone.write("after the backup", lost)
    attack.run()
    phone.restore()
    attack.run()
    phone.write("after the restore", stage.canaries.next())
    attack.run()
    with named("kept"):
        assert laptop.read("after the backup") == phone.read("after the backup") == lost
    attack.ends(shows=[], changes=(laptop, phone))
