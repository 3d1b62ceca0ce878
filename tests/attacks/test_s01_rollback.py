import pytest

from billfold.findings import read_findings
from billfold_protocol.errors import ChainRollback, ServerRollback
from billfold_protocol.proofs import check_proof
from tests.support.adversaries.attack import Attack
from tests.support.adversaries.findings import named, scaled, show
from tests.support.adversaries.stage import HonestDevice, Stage, pair

pytestmark = pytest.mark.attack("S01")

LOST_COUNT = scaled(small=24, whole=1000)


def require_proven_once(attack: Attack, device: HonestDevice) -> None:
    """Require that a rollback was told once, and that a stranger can check it."""
    with named("error"):
        told = [error for error in attack.shown(device) if type(error) is ServerRollback]
        assert len(told) == 1, told
        (proof,) = [
            finding.proof
            for finding in read_findings(device.replica)
            if finding.kind == "ServerRollback"
        ]
        assert proof is not None
        assert check_proof(proof, wallet_id=device.wallet_id).kind == "ServerRollback"


def require_filled(stage: Stage, device: HonestDevice, before: set[bytes]) -> None:
    """Require the same bytes on the server again, and the chain whole."""
    with named("kept"):
        after = {row.raw for row in stage.server.store.entries(device.wallet_id)}
        assert before <= after, f"{len(before - after)} entries are lost"
        log = stage.server.store.load_wallet(device.wallet_id)
        assert log is not None
        assert list(log.members) == list(device.replica.core.chain.raws)


@pytest.mark.parametrize("has_grown", [False, True])
async def test_a_store_of_long_ago_is_proven_and_filled_again(*, has_grown: bool) -> None:
    stage, laptop, phone = pair(f"S01/{has_grown}")
    tablet, old = stage.link(laptop, "tablet"), stage.link(laptop, "old")
    tablet.go_offline()
    stage.settle()
    picture = stage.server.store.picture()
    stage.revoke(laptop, old)
    for number in range(LOST_COUNT):
        (laptop, phone)[number % 2].write(f"lost {number}", number)
        stage.settle(1.0)
    stage.settle()
    attack = Attack(stage, laptop, phone)
    wallet_id = laptop.wallet_id
    before = {row.raw for row in stage.server.store.entries(wallet_id)}
    for device in (laptop, phone):
        device.go_offline()
    stage.server.roll_back({**stage.server.store.picture(), wallet_id: picture[wallet_id]})
    if has_grown:
        # A device that slept through all of it comes first, and the server goes on with it.
        tablet.go_online()
        stage.settle()
        for number in range(LOST_COUNT // 2):
            tablet.write(f"new {number}", number)
            stage.settle(1.0)
    for device in (laptop, phone):
        device.go_online()
        attack.run()
    tablet.go_online()
    attack.run()
    for device in (laptop, phone):
        require_proven_once(attack, device)
    with named("error"):
        kinds = {type(error) for device in (laptop, phone) for error in attack.shown(device)}
        assert kinds == {ServerRollback, ChainRollback}
    show(ServerRollback, ChainRollback, f"{LOST_COUNT} entries and a revoke lost")
    require_filled(stage, laptop, before)
    with named("unchanged"):
        for device in (laptop, phone, tablet):
            assert old.device_id in device.replica.state.removed
            assert device.replica.state_hash() == laptop.replica.state_hash()
    attack.require_others()
    attack.require_kept()
    attack.require_no_secret()
