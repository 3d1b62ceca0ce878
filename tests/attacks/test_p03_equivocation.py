import pytest

from billfold.findings import read_findings
from billfold_protocol.errors import Equivocation
from billfold_protocol.feed import parse_entry
from billfold_protocol.proofs import check_proof
from tests.support.adversaries.attack import Attack
from tests.support.adversaries.evil_relay import Tamper, changing_entries, only_to
from tests.support.adversaries.findings import named, show
from tests.support.adversaries.mallory import with_mallory

pytestmark = pytest.mark.attack("P03")


def instead(here: bytes, there: bytes) -> Tamper:
    return changing_entries(lambda raw: [there if raw == here else raw])


@pytest.mark.parametrize("is_lowest_kept", [True, False])
async def test_two_entries_at_one_place_are_a_proof_and_cost_nobody_else_anything(
    *, is_lowest_kept: bool
) -> None:
    stage, laptop, phone, mallory = with_mallory(f"P03/{is_lowest_kept}")
    attack = Attack(stage, laptop, phone)
    opening = mallory.entry()
    two = [mallory.entry(seq=1, is_kept=False) for _ in range(2)]
    two.sort(key=lambda raw: parse_entry(raw, phone.wallet_id).value.id)
    here, there = two if is_lowest_kept else two[::-1]
    # The server knows of both, keeps one, and tells each device of another one.
    stage.server.answers.tamper = only_to(phone.device_id, instead(here, there))
    mallory.brings(opening, here)
    stage.settle()
    for device, raw in ((laptop, here), (phone, there)):
        own = parse_entry(raw, device.wallet_id).value
        with named("unchanged"):
            assert device.replica.vector[own.feed] == (1, own.id)
    laptop.write("built on one", stage.canaries.next())
    phone.write("built on the other", stage.canaries.next())
    attack.run()
    stage.server.answers.tamper = None
    # First contact: each is given what the other was told.
    stage.server.answers.inject(laptop.device_id, mallory.carries(there))
    phone.reconnect()
    attack.run()
    for device in (laptop, phone):
        with named("error"):
            found = [error for error in attack.shown(device) if type(error) is Equivocation]
            assert len(found) == 1, f"{device} has shown {attack.shown(device)}"
            (proof,) = [
                finding.proof
                for finding in read_findings(device.replica)
                if finding.kind == "Equivocation"
            ]
            assert proof is not None
            assert check_proof(proof, wallet_id=device.wallet_id).kind == "Equivocation"
    show(Equivocation)
    laptop.write("every other feed", "goes on")
    attack.run()
    with named("others"):
        assert phone.read("every other feed") == "goes on"
    stage.revoke(laptop, mallory.device)
    attack.run()
    tablet = stage.link(laptop, "tablet")
    with named("kept"):
        assert laptop.read("built on the other") == phone.read("built on the other") is not None
        assert laptop.read("built on one") == phone.read("built on one") is not None
        assert laptop.replica.state_hash() == phone.replica.state_hash()
        # Whoever comes later is given all of it, though the server holds one of the two only.
        assert tablet.replica.state_hash() == phone.replica.state_hash()
    attack.require_others()
    attack.require_kept()
    attack.require_no_secret()
