import pytest

from billfold_protocol.errors import Gap, ServerRollback
from billfold_protocol.feed import vector_hash
from billfold_protocol.messages import Entries
from tests.support.adversaries.attack import Attack
from tests.support.adversaries.findings import named, require_exactly, scaled, show
from tests.support.adversaries.stage import HonestDevice, pair

pytestmark = pytest.mark.attack("S02")

SPLIT_COUNT = scaled(small=12, whole=100)


def hash_shown(device: HonestDevice) -> bytes:
    """Return what a person would compare between two screens."""
    return vector_hash(device.replica.vector)


async def test_two_devices_that_are_shown_different_histories_end_equal() -> None:
    stage, laptop, phone = pair("S02")
    tablet, watch = stage.link(laptop, "tablet"), stage.link(laptop, "watch")
    stage.settle()
    attack = Attack(stage, laptop, phone)
    with named("error"):
        assert hash_shown(laptop) == hash_shown(phone)
    other = stage.other_view()
    for device in (phone, watch):
        device.meets(other)
    stage.settle()
    for number in range(SPLIT_COUNT):
        writers = ((laptop, tablet), (phone, watch))[number % 2]
        writers[number // 2 % 2].write(f"split {number}", number)
        stage.settle(2.0)
    with named("error"):
        # With nothing crossing there is nothing to notice, but for two people who compare.
        require_exactly(attack.shown(laptop), [], laptop)
        require_exactly(attack.shown(phone), [], phone)
        assert hash_shown(laptop) != hash_shown(phone)
        assert hash_shown(laptop) == hash_shown(tablet)
    before = laptop.replica.state_hash()
    # The first of a device that had written nothing before: it builds on another's only.
    rows = other.store.entries(phone.wallet_id)
    crossing = next(row.raw for row in rows if row.feed == watch.replica.core.feed)
    stage.server.answers.inject(
        laptop.device_id, Entries(wallet_id=laptop.wallet_id, n=0, entries=(crossing,))
    )
    stage.settle()
    laptop.reconnect()
    stage.settle()
    with named("error"):
        require_exactly(attack.shown(laptop), [Gap], laptop)
    with named("unchanged"):
        assert laptop.replica.state_hash() == before
        assert laptop.replica.waiting_count == 1
    for device in (phone, watch):
        device.meets(stage.server)
    attack.run()
    with named("error"):
        assert ServerRollback in {type(error) for error in attack.shown(phone)}
    with named("unchanged"):
        for device in (phone, tablet, watch):
            assert device.replica.state_hash() == laptop.replica.state_hash()
            assert hash_shown(device) == hash_shown(laptop)
        assert laptop.replica.waiting_count == 0
    show(ServerRollback, f"{SPLIT_COUNT} entries in two views")
    attack.require_others()
    attack.require_kept()
    attack.require_no_secret()
