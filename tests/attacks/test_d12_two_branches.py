import pytest

from billfold.findings import read_findings
from billfold.other_history import agree_to_merge, read_other_history
from billfold_protocol.errors import ChainFork, ServerRollback
from billfold_protocol.membership import Role
from billfold_protocol.proofs import check_proof
from tests.support.adversaries.attack import Attack
from tests.support.adversaries.findings import named, show
from tests.support.adversaries.stage import HonestDevice, Stage

pytestmark = pytest.mark.attack("D12")


def two_owners(seed: str) -> tuple[Stage, list[HonestDevice]]:
    """Return a wallet with three owners and an editor."""
    stage = Stage(seed)
    laptop = stage.found("laptop")
    owners = [laptop, *(stage.link(laptop, name, Role.OWNER) for name in ("phone", "tablet"))]
    watch = stage.link(laptop, "watch")
    return stage, [*owners, watch]


async def test_owners_who_remove_each_other_on_two_branches_are_settled_by_the_person() -> None:
    stage, (laptop, phone, tablet, watch) = two_owners("D12")
    attack = Attack(stage, tablet, watch)
    # The server shows one pair of devices that the laptop won, and the other that the phone did.
    other = stage.other_view()
    for device in (phone, watch):
        device.meets(other)
    stage.settle()
    stage.revoke(laptop, phone)
    stage.revoke(phone, laptop)
    tablet.write("on one branch", stage.canaries.next())
    watch.write("on the other", stage.canaries.next())
    stage.settle()
    with named("unchanged"):
        for device, gone in ((tablet, phone), (watch, laptop)):
            assert gone.device_id in device.replica.state.removed
    chains = {device: list(device.replica.core.chain.raws) for device in (tablet, watch)}
    tablet.meets(other)
    watch.meets(stage.server)
    attack.run()
    for device in (tablet, watch):
        with named("error"):
            kinds = {type(error) for error in attack.shown(device)}
            # Two statements of one server that contradict each other are a rollback besides.
            assert {ChainFork} <= kinds <= {ChainFork, ServerRollback}
        with named("unchanged"):
            assert list(device.replica.core.chain.raws) == chains[device]
        with named("error"):
            # What either holds proves to anybody that the server signed both branches.
            (proof,) = [f.proof for f in read_findings(device.replica) if f.kind == "ChainFork"]
            assert proof is not None
            assert check_proof(proof, wallet_id=device.wallet_id).kind == "ChainFork"
    history = read_other_history(tablet.replica)
    with named("error"):
        assert history is not None
        assert set(history.contested) == {laptop.device_id, phone.device_id}
    # The person decides; nobody is taken back by deciding.
    agree_to_merge(tablet.replica)
    tablet.reconnect()
    for device in (laptop, watch):
        device.meets(other)
    attack.run()
    with named("kept"):
        assert tablet.replica.state_hash() == watch.replica.state_hash()
        assert tablet.read("on the other") == watch.read("on the other") is not None
        assert tablet.read("on one branch") == watch.read("on one branch") is not None
        members = {tablet.device_id, watch.device_id}
        assert laptop.replica.is_removed
        assert phone.replica.is_removed
        assert tablet.replica.state.members.keys() == watch.replica.state.members.keys() == members
    show("both removals stand")
    attack.require_others()
    attack.require_kept()
    attack.require_no_secret()


async def test_branches_that_nobody_contests_are_merged_by_themselves() -> None:
    stage, (laptop, phone, tablet, watch) = two_owners("D12/merge")
    lost, stolen = stage.link(laptop, "lost"), stage.link(laptop, "stolen")
    attack = Attack(stage, laptop, phone)
    other = stage.other_view()
    for device in (phone, watch):
        device.meets(other)
    stage.settle()
    stage.revoke(laptop, lost)
    stage.revoke(phone, stolen)
    laptop.write("on one branch", stage.canaries.next())
    phone.write("on the other", stage.canaries.next())
    stage.settle()
    for device in (phone, watch):
        device.meets(stage.server)
    attack.run()
    attack.run()
    with named("error"):
        assert ChainFork in {type(error) for error in (*attack.shown(phone), *watch.shown)}
    with named("unchanged"):
        for device in (laptop, phone, tablet, watch):
            gone = device.replica.state.removed
            assert {lost.device_id, stolen.device_id} <= gone.keys()
    with named("kept"):
        hashes = {d.replica.state_hash() for d in (laptop, phone, tablet, watch)}
        assert len(hashes) == 1
        assert laptop.read("on the other") == phone.read("on the other") is not None
        assert laptop.read("on one branch") == phone.read("on one branch") is not None
    show(ChainFork, "a merge in which both removals stand")
    attack.require_others()
    attack.require_kept()
    attack.require_no_secret()
