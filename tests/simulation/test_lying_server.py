from collections.abc import Iterable
from dataclasses import replace
from types import SimpleNamespace

import pytest

from billfold.findings import Finding, read_findings
from billfold_protocol.feed import Checkpoint, Vector, vector_hash
from billfold_protocol.ids import WalletId
from billfold_protocol.messages import Entries, ServerMessage, ServerState, Subscribed
from billfold_protocol.proofs import check_proof
from tests.support.adversaries.evil_relay import Answer, EvilOutbox, only_to, without
from tests.support.adversaries.stage import HonestDevice, Stage, pair


def shown(device: HonestDevice) -> list[str]:
    return [type(error).__name__ for error in device.shown]


def findings(device: HonestDevice, kind: str) -> list[Finding]:
    return [finding for finding in read_findings(device.replica) if finding.kind == kind]


def proven(finding: Finding, wallet_id: WalletId) -> str:
    assert finding.proof is not None
    return check_proof(finding.proof, wallet_id=wallet_id).kind


async def test_a_rollback_is_shown_once_on_each_device_and_proven_and_healed() -> None:
    stage, laptop, phone = pair("rolled back")
    picture = stage.server.store.picture()
    for number in range(5):
        laptop.write(f"laptop {number}", number)
        phone.write(f"phone {number}", number)
        stage.settle(5.0)
    stage.settle()
    stage.server.roll_back(picture)
    stage.settle()
    for _ in range(2):
        laptop.reconnect()
        phone.reconnect()
        stage.settle()
    for device in (laptop, phone):
        assert shown(device).count("ServerRollback") == 1
        (finding,) = findings(device, "ServerRollback")
        assert proven(finding, device.wallet_id) == "ServerRollback"
    late = stage.link(laptop, "tablet")
    assert late.replica.state_hash() == laptop.replica.state_hash() == phone.replica.state_hash()


async def test_an_empty_server_is_filled_by_a_device_that_did_not_make_the_lost_rotation() -> None:
    stage, laptop, phone = pair("filled again")
    tablet, old = stage.link(laptop, "tablet"), stage.link(laptop, "old")
    tablet.go_offline()
    stage.revoke(laptop, old)
    laptop.write("after", "the revoke")
    stage.settle()
    laptop.go_offline()
    stage.server.roll_back({})
    stage.settle()
    tablet.go_online()
    stage.settle()
    assert tablet.read("after") == "the revoke"
    assert tablet.replica.core.epoch_key is not None
    assert shown(phone).count("ServerRollback") == 1
    assert old.device_id not in tablet.replica.state.members


async def test_an_empty_server_is_filled_with_a_chain_that_takes_many_messages(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    small = SimpleNamespace(BATCH_SIZE_MAX=2048, BATCH_COUNT_MAX=2)
    monkeypatch.setattr("billfold.entrance.limits", small)
    stage, laptop, phone = pair("many pieces")
    for number in range(3):
        stage.link(laptop, f"other {number}")
    stage.server.roll_back({})
    stage.settle()
    log = stage.server.store.load_wallet(laptop.wallet_id)
    assert log is not None
    assert list(log.members) == list(laptop.replica.core.chain.raws)
    assert laptop.replica.state_hash() == phone.replica.state_hash()


async def test_a_lost_revoke_is_a_rollback_of_the_chain_and_is_given_back() -> None:
    stage, laptop, phone = pair("lost revoke")
    old = stage.link(laptop, "old")
    picture = stage.server.store.picture()
    stage.revoke(laptop, old)
    stage.server.roll_back(picture)
    stage.settle()
    for device in (laptop, phone):
        assert shown(device).count("ChainRollback") <= 1
    assert "ChainRollback" in {*shown(laptop), *shown(phone)}
    log = stage.server.store.load_wallet(laptop.wallet_id)
    assert log is not None
    assert list(log.members) == list(laptop.replica.core.chain.raws)


async def test_an_ack_of_what_is_not_there_is_proven_false_and_the_edit_is_given_back() -> None:
    stage, laptop, phone = pair("false ack")
    phone.go_offline()
    stage.server.answers.tamper = without(ServerState)
    picture = stage.server.store.picture()
    laptop.write("kept", "nowhere")
    stage.settle()
    assert laptop.replica.unsynced_count == 0
    wallet = picture[laptop.wallet_id]
    # The number goes on as if the entry were there.
    wallet.tail = replace(wallet.tail, n=wallet.tail.n + 1)
    stage.server.answers.tamper = None
    stage.server.roll_back(picture)
    stage.settle()
    assert shown(laptop).count("FalseAck") == 1
    (finding,) = findings(laptop, "FalseAck")
    assert proven(finding, laptop.wallet_id) == "FalseAck"
    phone.go_online()
    stage.settle()
    assert phone.read("kept") == "nowhere"


async def test_what_another_device_has_seen_and_the_server_hides_shows_as_stale_once() -> None:
    stage, laptop, phone = pair("hidden")
    stage.server.answers.tamper = only_to(laptop.device_id, without(Entries))
    phone.write("secret", "hidden")
    stage.settle()
    for _ in range(2):
        phone.reconnect()
        laptop.reconnect()
        stage.settle()
    assert laptop.read("secret") is None
    assert shown(laptop).count("StaleServer") == 1
    stage.server.answers.tamper = None
    laptop.reconnect()
    stage.settle()
    assert laptop.read("secret") == "hidden"


async def test_a_server_that_freezes_one_device_is_proven_wrong_by_the_beacon_of_another() -> None:
    stage, laptop, phone = pair("frozen")
    frozen_n, frozen = _state(stage, laptop)

    def freeze(_outbox: EvilOutbox, message: ServerMessage) -> Iterable[Answer]:
        match message:
            case Entries():
                return []
            case Subscribed() | ServerState():
                honest = Checkpoint.verify(
                    message.checkpoint, stage.server.relay.server_key, laptop.wallet_id
                )
                old = replace(honest, n=frozen_n, vector_hash=vector_hash(frozen))
                signed = old.sign(stage.server.key)
                if isinstance(message, ServerState):
                    return [replace(message, checkpoint=signed, vector=frozen)]
                return [replace(message, checkpoint=signed)]
            case _:
                return [message]

    stage.server.answers.tamper = only_to(laptop.device_id, freeze)
    phone.write("secret", "frozen")
    stage.settle()
    phone.reconnect()
    stage.settle()
    laptop.reconnect()
    stage.settle()
    (finding,) = findings(laptop, "ServerRollback")
    assert proven(finding, laptop.wallet_id) == "ServerRollback"
    assert shown(laptop).count("ServerRollback") == 1


async def test_a_sleeping_device_raises_no_alarm() -> None:
    stage, laptop, phone = pair("asleep")
    phone.go_offline()
    phone.write("later", "much later")
    for _ in range(3):
        laptop.write("now", "now")
        laptop.reconnect()
        stage.settle()
    assert shown(laptop) == []
    phone.go_online()
    stage.settle()
    assert laptop.read("later") == "much later"
    assert shown(laptop) == shown(phone) == []


def _state(stage: Stage, device: HonestDevice) -> tuple[int, Vector]:
    log = stage.server.store.load_wallet(device.wallet_id)
    assert log is not None
    return log.n, dict(device.replica.vector_on_server())
