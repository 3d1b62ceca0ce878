from random import Random

import pytest

from billfold_protocol.errors import AuthFailed
from billfold_protocol.messages import Entries
from tests.support.adversaries.attack import Attack
from tests.support.adversaries.mallory import following
from tests.support.adversaries.stage import HonestDevice, Stage, pair

pytestmark = pytest.mark.attack("S07")


def own_entries(stage: Stage, device: HonestDevice) -> list[bytes]:
    """Return the entries of a device's own feed, as the server has them."""
    rows = stage.server.store.entries(device.wallet_id)
    return [row.raw for row in rows if row.feed == device.replica.core.feed]


async def test_a_devices_own_entries_given_back_changed_are_refused() -> None:
    stage, laptop, phone = pair("S07")
    attack = Attack(stage, laptop, phone)
    own = own_entries(stage, phone)
    # As they are, they say nothing new; as somebody else's they are nobody's.
    unsigned = following(own[-1], phone.wallet_id)
    random = Random(7)
    forged = [own[-1][:64] + unsigned, random.randbytes(64) + unsigned]
    for device in (phone, laptop):
        entries = (*own, *forged)
        stage.server.answers.inject(
            device.device_id, Entries(wallet_id=phone.wallet_id, n=0, entries=entries)
        )
    attack.run()
    attack.ends(shows=[AuthFailed])
