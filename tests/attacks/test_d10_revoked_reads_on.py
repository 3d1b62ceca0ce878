from random import Random

import pytest

from billfold_protocol.feed import parse_entry
from tests.support.adversaries.attack import Attack
from tests.support.adversaries.findings import Broken, named, scaled, show
from tests.support.adversaries.stage import pair
from tests.support.adversaries.thief import Thief

pytestmark = pytest.mark.attack("D10")

EDITS_COUNT = scaled(small=20, whole=1000)
ORDERS_COUNT = scaled(small=3, whole=20)


@pytest.mark.parametrize("seed", range(ORDERS_COUNT))
async def test_a_removed_device_with_all_bytes_of_the_server_reads_nothing_new(seed: int) -> None:
    """Writers write before, while and after they hear of the removal, online and not."""
    random = Random(seed)
    stage, laptop, phone = pair(f"D10/{seed}")
    tablet = stage.link(laptop, "tablet")
    thief = Thief(tablet)
    attack = Attack(stage, laptop, phone)
    for number in range(random.randrange(4)):
        phone.write("before", number)
    if random.random() < 0.5:
        phone.go_offline()
        phone.write("unheard", stage.canaries.next())
    stage.revoke(laptop, tablet)
    came = len(stage.server.store.entries(phone.wallet_id))
    removed_k = laptop.replica.state.removed[tablet.device_id]
    phone.go_online()
    for number in range(EDITS_COUNT // ORDERS_COUNT + 1):
        random.choice((laptop, phone)).write(f"after {number % 7}", stage.canaries.next())
        stage.settle(random.choice((0.1, 1.0, 5.0)))
        if random.random() < 0.1:
            phone.reconnect()
    stage.settle()
    wallet_id = phone.wallet_id
    after = {
        row.entry_id
        for row in stage.server.store.entries(wallet_id)
        if parse_entry(row.raw, wallet_id).value.k >= removed_k
    }
    with named("kept"):
        assert len(after) > 2
        assert all(row.entry_id in after for row in stage.server.store.entries(wallet_id)[came:])
    opened = thief.opens(stage, laptop)
    with named("unchanged"):
        assert opened, "what came before the removal it can read for ever"
    if opened & after:
        raise Broken("secrets", f"{len(opened & after)} entries after the removal open")
    show(f"0 of {len(after)} entries open")
    attack.ends(shows=[], changes=[laptop, phone])
