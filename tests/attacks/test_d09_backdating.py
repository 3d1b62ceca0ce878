import pytest

from billfold.document import FieldEdit
from billfold_protocol.errors import DeviceRevoked, ServerRollback, StaleServer, TransportError
from billfold_protocol.ids import EpochKey
from billfold_protocol.membership import MembershipState
from billfold_protocol.messages import Members, Wraps
from tests.support.adversaries.attack import Attack
from tests.support.adversaries.evil_relay import only_to, without
from tests.support.adversaries.findings import named, require_exactly
from tests.support.adversaries.forged_changes import change_by
from tests.support.adversaries.mallory import Mallory, with_mallory
from tests.support.adversaries.stage import HonestDevice, Stage, record_of

pytestmark = pytest.mark.attack("D09")

KEY = EpochKey(b"\x09" * 32)


def removed(seed: str) -> tuple[Stage, HonestDevice, HonestDevice, Mallory, MembershipState]:
    """Return a stage where a member that had written was removed, and the list before that."""
    stage, laptop, phone, mallory = with_mallory(seed)
    mallory.brings(mallory.entry(changes=[change_by(mallory.feed)]))
    old = mallory.state
    return stage, laptop, phone, mallory, old


def counted(device: HonestDevice, mallory: Mallory) -> int:
    """Return how many entries of its feed count on a device."""
    heads = {dep.feed: dep.seq for dep in device.replica.core.graph.counted_heads}
    return heads.get(mallory.feed, -1) + 1


async def test_what_a_removed_device_writes_afterwards_counts_nowhere() -> None:
    """Backdated under the old epoch and the old list, given to one device and kept from another."""
    stage, laptop, phone, mallory, old = removed("D09")
    stage.revoke(laptop, mallory.device)
    attack = Attack(stage, laptop, phone)
    before = phone.replica.state_hash()
    backdated = [mallory.entry(state=old, changes=[]) for _ in range(3)]
    stage.server.answers.inject(phone.device_id, mallory.carries(*backdated))
    attack.run()
    with named("unchanged"):
        # What it had made before its removal stays; what it makes now does not count.
        assert counted(laptop, mallory) == counted(phone, mallory) == 1
        assert phone.replica.state_hash() == before
    undated = mallory.entry(state=laptop.replica.state, key=KEY)
    for device in (laptop, phone):
        stage.server.answers.inject(device.device_id, mallory.carries(*backdated, undated))
    attack.run()
    with named("unchanged"):
        assert counted(laptop, mallory) == counted(phone, mallory) == 1
        assert laptop.replica.state_hash() == phone.replica.state_hash() == before
    attack.ends(shows=[DeviceRevoked], changes=[laptop, phone])


async def test_what_one_device_had_built_on_before_it_heard_counts_on_all() -> None:
    stage, laptop, phone, mallory, old = removed("D09/vouched")
    attack = Attack(stage, laptop, phone)
    stage.server.answers.tamper = only_to(phone.device_id, without(Members, Wraps))
    stage.revoke(laptop, mallory.device)
    canary = stage.canaries.next()
    edit = FieldEdit(record_of(phone.wallet_id), "by the thief", canary)
    mallory.begin_feed()
    backdated = mallory.entry(state=old, changes=[change_by(mallory.feed, edit)])
    unheard = mallory.entry(state=old, changes=[])
    stage.server.answers.inject(phone.device_id, mallory.carries(backdated))
    attack.run()
    phone.write("built on it", stage.canaries.next())
    attack.run()
    stage.server.answers.tamper = None
    for device in (laptop, phone):
        device.reconnect()
    attack.run()
    stage.server.answers.inject(laptop.device_id, mallory.carries(unheard))
    attack.run()
    with named("unchanged"):
        assert counted(laptop, mallory) == counted(phone, mallory)
        assert laptop.read("by the thief") == phone.read("by the thief") == canary
        assert laptop.replica.state_hash() == phone.replica.state_hash()
    require_exactly(attack.shown(laptop), [StaleServer], laptop)
    require_exactly(attack.shown(phone), [TransportError, ServerRollback], phone)
    attack.require_others()
    attack.require_kept()
    attack.require_no_secret()
