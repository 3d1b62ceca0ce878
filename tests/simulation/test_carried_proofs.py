from billfold.document import FieldEdit
from billfold.findings import Finding, read_findings
from billfold_protocol.proofs import check_proof
from tests.support.adversaries.stage import HonestDevice, pair, record_of
from tests.support.simulation_forks import Liar


def shown(device: HonestDevice, kind: str) -> int:
    return [type(error).__name__ for error in device.shown].count(kind)


def found(device: HonestDevice) -> list[Finding]:
    return [one for one in read_findings(device.replica) if one.kind == "Equivocation"]


async def test_a_device_that_heard_one_side_of_a_lie_gets_the_proof_from_one_that_heard_both() -> (
    None
):
    stage, laptop, phone = pair("carried")
    tablet = stage.link(laptop, "tablet")
    phone.write("title", "before")
    stage.settle()
    liar = Liar(phone, stage.server, "carried")
    phone.write("title", "for the server")
    liar.lie(FieldEdit(record_of(phone.wallet_id), "title", "for the laptop"))
    stage.settle()
    phone.go_offline()
    laptop.hand(liar.told)
    stage.settle()
    assert shown(laptop, "Equivocation") == 1
    for _ in range(2):
        laptop.reconnect()
        tablet.reconnect()
        stage.settle()
    for device in (laptop, tablet):
        assert shown(device, "Equivocation") == 1
        (finding,) = found(device)
        assert finding.proof is not None
        proven = check_proof(finding.proof, wallet_id=device.wallet_id)
        assert proven.devices == (phone.device_id,)
