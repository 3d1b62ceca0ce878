from pathlib import Path
from random import Random

import pytest

from billfold.findings import read_findings
from billfold_protocol.errors import Gap, ServerRollback, StaleServer, TransportError
from billfold_protocol.proofs import check_proof
from tests.support.adversaries.attack import Attack
from tests.support.adversaries.findings import named, require_exactly, scaled, show
from tests.support.adversaries.stage import pair
from tests.support.linked_wallets import Household
from tests.support.operators import operating

pytestmark = pytest.mark.attack("S10")

HELD_COUNT = scaled(small=40, whole=1000)
ROUNDS_COUNT = scaled(small=2, whole=10)
LOST_SHARE = 0.1


async def test_rows_that_a_server_has_lost_come_back_from_any_device() -> None:
    stage, laptop, phone = pair("S10")
    tablet = stage.link(laptop, "tablet")
    wallet_id, random = laptop.wallet_id, Random(10)
    tablet.go_offline()
    for number in range(HELD_COUNT):
        (laptop, phone)[number % 2].write(f"held {number}", number)
        stage.settle(2.0)
    stage.settle()
    attack = Attack(stage, laptop, phone, tablet)
    for number in range(ROUNDS_COUNT):
        before = {row.raw for row in stage.server.store.entries(wallet_id)}
        told = {device: len(attack.shown(device)) for device in (laptop, phone)}
        for device in (laptop, phone):
            device.go_offline()
        stage.settle(5.0)
        stage.server.store.change_entries(
            wallet_id, lambda row: None if random.random() < LOST_SHARE else row
        )
        lost_count = len(before) - len(stage.server.store.entries(wallet_id))
        assert lost_count
        stage.server.forget_all()
        tablet.go_online()
        stage.settle()
        if number == 0:
            # It has none of what is lost: it waits for it, and shows nothing in its place.
            require_exactly(attack.shown(tablet), [Gap, ServerRollback, StaleServer], tablet)
            with named("unchanged"):
                assert tablet.replica.state_hash() != laptop.replica.state_hash()
        healer, other = ((laptop, phone), (phone, laptop))[number % 2]
        # What it writes now goes on from an entry that the server may have lost.
        healer.write("while rows are lost", number)
        healer.go_online()
        attack.run(60.0)
        with named("error"):
            news = [type(error) for error in attack.shown(healer)[told[healer] :]]
            # Two losses whose times overlap are told as one.
            assert news.count(ServerRollback) == 1 or number > 1
            assert news.count(ServerRollback) <= 1
            # What it pushes meanwhile may be refused until what is before it is back.
            assert set(news) <= {ServerRollback, TransportError}
        with named("kept"):
            after = {row.raw for row in stage.server.store.entries(wallet_id)}
            assert before <= after, f"{len(before - after)} of {lost_count} are still lost"
            assert tablet.replica.state_hash() == healer.replica.state_hash()
            assert tablet.read("while rows are lost") == number
        other.go_online()
        stage.settle()
        tablet.go_offline()
    with named("error"):
        proofs = [f.proof for f in read_findings(laptop.replica) if f.kind == "ServerRollback"]
        for proof in proofs:
            assert proof is not None
            assert check_proof(proof, wallet_id=wallet_id).kind == "ServerRollback"
    show(Gap, ServerRollback, f"{ROUNDS_COUNT} times a tenth of {HELD_COUNT} rows lost")
    tablet.go_online()
    attack.require_others()
    attack.require_kept()
    attack.require_no_secret()


async def test_rows_that_a_database_has_lost_come_back_over_sockets(tmp_path: Path) -> None:
    async with (
        operating(tmp_path / "server") as (operator, address),
        Household(tmp_path, address) as home,
    ):
        laptop = await home.found("laptop")
        phone = await home.link("phone", laptop)
        for number in range(12):
            async with (laptop, phone)[number % 2].edit() as edit:
                edit.set(edit.add("login"), "title", f"held {number}")
            await home.settle()
        before = operator.rows()
        await operator.change_database("DELETE FROM entry WHERE seq % 3 = 1")
        assert operator.rows() < before
        await home.settle()
        with named("kept"):
            assert operator.rows() == before
            tablet = await home.link("tablet", phone)
            await home.settle()
            assert len(tablet.records("login")) == 12
        with named("error"):
            assert "ServerRollback" in {proof.kind for proof in laptop.proofs()}
