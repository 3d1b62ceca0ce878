import pytest

from billfold_protocol.errors import ChainRollback
from billfold_protocol.membership import MembershipChain
from tests.support.adversaries.attack import Attack
from tests.support.adversaries.findings import named, require_exactly, scaled, show
from tests.support.adversaries.stage import pair

pytestmark = pytest.mark.attack("D11")

PREFIXES_COUNT = scaled(small=3, whole=24)


async def test_no_beginning_of_the_chain_is_taken_for_the_whole() -> None:
    """Each proper prefix in which the device is a member, to a device that has just started."""
    stage, laptop, phone = pair("D11")
    first, wallet_id = len(phone.replica.core.chain), phone.wallet_id
    old = stage.link(laptop, "old")
    stage.revoke(laptop, old)
    assert MembershipChain.load(phone.replica.core.chain.raws[:first])
    attack = Attack(stage, phone)
    for number in range(PREFIXES_COUNT):
        # Another end each time: what was shown of one end is told once.
        stage.propose(laptop, lambda author: author.rotate())
        whole, told = list(phone.replica.core.chain.raws), len(attack.shown(phone))
        for device in (laptop, phone):
            device.go_offline()
        stage.settle(5.0)
        # The pin is durable: what starts anew from the disk knows it.
        phone.reopen()
        stage.server.store.cut_chain(wallet_id, first + number % (len(whole) - first))
        stage.server.forget_all()
        phone.go_online()
        stage.settle()
        with named("error"):
            require_exactly(attack.shown(phone)[told:], [ChainRollback], phone)
        with named("unchanged"):
            assert list(phone.replica.core.chain.raws) == whole
            assert old.device_id not in phone.replica.state.members
        with named("kept"):
            log = stage.server.store.load_wallet(wallet_id)
            assert log is not None
            assert list(log.members) == whole
        laptop.go_online()
        stage.settle()
    show(f"{PREFIXES_COUNT} prefixes")
    attack.ends(shows=[ChainRollback], changes=[phone])
