from dataclasses import replace

import pytest

from billfold_protocol.errors import DeviceRevoked, LimitExceeded
from billfold_server.intake import RelayConfig
from billfold_server.quotas import Quotas
from tests.support.adversaries.attack import Attack
from tests.support.adversaries.findings import named, scaled, show
from tests.support.adversaries.stage import pair

pytestmark = pytest.mark.attack("P06")

QUOTA = 60
FLOOD_COUNT = scaled(small=150, whole=5000)


async def test_a_member_that_floods_is_limited_and_holds_up_nobody() -> None:
    stage, laptop, phone = pair("P06")
    flooder = stage.link(laptop, "flooder")
    attack = Attack(stage, laptop, phone)
    quotas = replace(Quotas(), entries_per_device_per_hour=QUOTA)
    stage.server.config = RelayConfig(quotas=quotas)
    stage.server.forget_all()
    stage.settle()
    before = len(stage.server.store.entries(laptop.wallet_id))
    for number in range(FLOOD_COUNT):
        flooder.write("flood", number)
        stage.settle(0.5)
        if number == FLOOD_COUNT // 2:
            laptop.write("meanwhile", stage.canaries.next())
    stage.settle(5.0)
    came = len(stage.server.store.entries(laptop.wallet_id)) - before
    with named("unchanged"):
        assert came <= QUOTA + 10
    with named("error"):
        assert LimitExceeded in {type(error) for error in flooder.shown}
    with named("kept"):
        assert phone.read("meanwhile") == laptop.read("meanwhile") is not None
        # What the flooder made is still on its own disk.
        assert flooder.read("flood") == FLOOD_COUNT - 1
    show(LimitExceeded, f"{came} of {FLOOD_COUNT} taken")
    stage.revoke(laptop, flooder)
    count = len(stage.server.store.entries(laptop.wallet_id))
    flooder.write("after", "the removal")
    stage.settle()
    with named("unchanged"):
        own = {laptop.replica.core.feed, phone.replica.core.feed}
        later = stage.server.store.entries(laptop.wallet_id)[count:]
        assert {row.feed for row in later} <= own
        assert flooder.replica.is_removed
    show(DeviceRevoked)
    attack.ends(shows=[], changes=[laptop, phone])
