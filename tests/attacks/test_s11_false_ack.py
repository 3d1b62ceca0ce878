from dataclasses import replace

import pytest

from billfold.findings import read_findings
from billfold_protocol.errors import FalseAck
from billfold_protocol.messages import ServerState
from billfold_protocol.proofs import check_proof
from tests.support.adversaries.attack import Attack
from tests.support.adversaries.evil_relay import without
from tests.support.adversaries.findings import named, scaled, show
from tests.support.adversaries.stage import pair

pytestmark = pytest.mark.attack("S11")

ROUNDS_COUNT = scaled(small=2, whole=40)


async def test_an_ack_of_what_was_dropped_is_proven_false_and_the_edit_comes_back() -> None:
    stage, laptop, phone = pair("S11")
    wallet_id = laptop.wallet_id
    attack = Attack(stage, laptop)
    for number in range(ROUNDS_COUNT):
        phone.go_offline()
        stage.settle(5.0)
        stage.server.answers.tamper = without(ServerState)
        picture = stage.server.store.picture()
        before = {row.entry_id for row in stage.server.store.entries(wallet_id)}
        laptop.write("acked", number)
        stage.settle()
        (dropped,) = [
            row for row in stage.server.store.entries(wallet_id) if row.entry_id not in before
        ]
        with named("kept"):
            assert laptop.replica.unsynced_count == 0, "it was acknowledged"
        # It is gone, and the server goes on as if it were there.
        wallet = picture[wallet_id]
        wallet.tail = replace(wallet.tail, n=wallet.tail.n + 1)
        stage.server.answers.tamper = None
        stage.server.roll_back({**stage.server.store.picture(), wallet_id: wallet})
        stage.settle()
        with named("error"):
            told = [type(error) for error in attack.shown(laptop)]
            assert told == [FalseAck] * (number + 1), told
        with named("kept"):
            rows = [row.raw for row in stage.server.store.entries(wallet_id)]
            assert rows.count(dropped.raw) == 1
        phone.go_online()
        stage.settle()
        with named("kept"):
            assert phone.read("acked") == laptop.read("acked") == number
    with named("error"):
        for finding in read_findings(laptop.replica):
            assert finding.proof is not None
            assert check_proof(finding.proof, wallet_id=wallet_id).kind == "FalseAck"
    show(f"{ROUNDS_COUNT} acks of what was dropped")
    attack.ends(shows=[FalseAck], changes=[laptop])
