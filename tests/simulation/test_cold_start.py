import pytest

from billfold.beacons import hear, own_beacon
from billfold.findings import read_findings
from billfold_protocol.messages import ServerState
from billfold_protocol.proofs import check_proof
from tests.support.adversaries.evil_relay import Tamper, without
from tests.support.adversaries.stage import HonestDevice, Stage, pair
from tests.support.adversaries.withholding import withholding


def shown(device: HonestDevice) -> list[str]:
    return [type(error).__name__ for error in device.shown]


def lie_to_newcomers(stage: Stage, laptop: HonestDevice, to_members: Tamper) -> None:
    """Hide the newest entry of the laptop's feed from whoever is linked from now on."""
    feed = laptop.replica.core.feed
    seq, _ = laptop.replica.vector[feed]
    server, members = stage.server, frozenset(laptop.replica.state.members)
    hide = withholding(server.store, server.key, laptop.wallet_id, feed, after_seq=seq - 1)
    server.answers.tamper = lambda outbox, message: (
        to_members(outbox, message) if outbox.device in members else hide(outbox, message)
    )


@pytest.mark.parametrize("is_signed", [True, False])
async def test_a_server_that_shows_a_new_device_less_than_its_sponsor_held_is_found(
    *, is_signed: bool
) -> None:
    stage, laptop, _phone = pair(f"cold start {is_signed}")
    if not is_signed:
        # The laptop has to go on without the server's word for what it acknowledged.
        stage.server.answers.tamper = without(ServerState)
    laptop.write("newest", "acknowledged")
    stage.settle()
    tell_all = stage.server.answers.tamper or (lambda _outbox, message: [message])
    lie_to_newcomers(stage, laptop, tell_all)
    tablet = stage.link(laptop, "tablet")
    assert tablet.replica.vector != laptop.replica.vector
    kind = "ServerRollback" if is_signed else "StaleServer"
    assert shown(tablet) == [kind]
    (finding,) = read_findings(tablet.replica)
    assert finding.proof is not None
    assert check_proof(finding.proof, wallet_id=tablet.wallet_id).kind == kind
    tablet.reconnect()
    stage.settle()
    assert shown(tablet) == [kind], "it is told once"
    stage.server.answers.tamper = None
    tablet.reconnect()
    stage.settle()
    assert tablet.replica.state_hash() == laptop.replica.state_hash()


async def test_an_honest_server_raises_no_alarm_on_a_new_device() -> None:
    stage, laptop, phone = pair("cold start, honest")
    phone.go_offline()
    phone.write("later", "later")
    laptop.write("while linking", "not acked yet")
    tablet = stage.link(laptop, "tablet")
    phone.go_online()
    stage.settle()
    assert shown(tablet) == shown(laptop) == shown(phone) == []
    assert tablet.replica.state_hash() == laptop.replica.state_hash() == phone.replica.state_hash()


async def test_a_server_cannot_make_unsaid_what_a_device_has_said() -> None:
    stage, laptop, phone = pair("repeated beacon")
    said = own_beacon(laptop.replica, checkpoint=None)
    laptop.write("more", "more")
    stage.settle()
    newer = own_beacon(laptop.replica, checkpoint=None)
    assert hear(phone.replica, newer) is not None
    assert hear(phone.replica, said) is None
    assert hear(phone.replica, newer) is not None
