import pytest

from billfold.document import FieldEdit, random_record_id
from billfold.events import Warned
from billfold.findings import FINDINGS_COUNT_MAX, Finding, carried_proofs, note, read_findings
from billfold_protocol.errors import DeviceCloned, Equivocation
from billfold_protocol.membership import Role
from billfold_protocol.proofs import check_proof
from tests.support.circle import Circle, CircleDevice

RECORD = random_record_id(bytes(range(16)))


def begin(seed: str) -> Circle:
    circle = Circle(f"equivocation/{seed}")
    for name in ("left", "liar"):
        circle.link(name, Role.EDITOR)
    circle.edit("owner", [FieldEdit(RECORD, "type", "login")])
    circle.edit("liar", [FieldEdit(RECORD, "liar", "before")])
    circle.share()
    circle.copy("liar", "copy")
    return circle


def told(device: CircleDevice) -> list[type[Exception]]:
    events = device.replica.journal.take_events()
    return [type(event.error) for event in events if isinstance(event, Warned)]


def found(device: CircleDevice) -> list[Finding]:
    return [one for one in read_findings(device.replica) if one.kind == "Equivocation"]


def require_proven(circle: Circle, finding: Finding, liar: str = "liar") -> None:
    assert finding.proof is not None
    proven = check_proof(finding.proof, wallet_id=circle["owner"].replica.wallet_id)
    assert (proven.kind, proven.devices) == ("Equivocation", (circle[liar].device_id,))


def test_a_device_that_wrote_one_place_twice_is_told_once_and_proven() -> None:
    circle = begin("once")
    entries = []
    for number in range(3):
        entries += circle.edit("liar", [FieldEdit(RECORD, "liar", f"here {number}")])
        entries += circle.edit("copy", [FieldEdit(RECORD, "liar", f"there {number}")])
    circle.tell("owner", *entries)
    assert told(circle["owner"]).count(Equivocation) == 1
    (finding,) = found(circle["owner"])
    require_proven(circle, finding)
    circle["owner"].restart()
    assert found(circle["owner"]) == [finding]
    circle.tell("owner", *entries)
    assert Equivocation not in told(circle["owner"])


def test_two_openings_of_one_feed_are_proven_too() -> None:
    circle = Circle("equivocation/openings")
    for name in ("left", "liar"):
        circle.link(name, Role.EDITOR)
    circle.copy("liar", "copy")
    circle.edit("liar", [FieldEdit(RECORD, "liar", "here")])
    circle.edit("copy", [FieldEdit(RECORD, "liar", "there")])
    circle.tell("owner", *circle.entries)
    (finding,) = found(circle["owner"])
    require_proven(circle, finding)


def test_a_device_keeps_the_proof_that_a_copy_took_its_place_and_tells_of_the_copy() -> None:
    circle = begin("own")
    circle.edit("liar", [FieldEdit(RECORD, "liar", "mine")])
    taken = circle.edit("copy", [FieldEdit(RECORD, "liar", "the copy's")])
    told(circle["liar"])
    with pytest.raises(DeviceCloned):
        circle.tell("liar", *taken)
    assert Equivocation not in told(circle["liar"])
    (finding,) = found(circle["liar"])
    require_proven(circle, finding)
    replica = circle["liar"].replica
    assert carried_proofs(replica, passing_over=circle["liar"].device_id) == ()


def test_of_several_proofs_the_newest_against_a_device_and_against_the_server_are_carried() -> None:
    replica = Circle("equivocation/carried")["owner"].replica
    for number, kind in enumerate(
        ("ServerRollback", "Equivocation", "FalseAck", "ChainFork", "StaleServer", "Equivocation")
    ):
        about = bytes([number]) * 16
        proof = f"proof {number}".encode()
        assert note(replica, Finding(kind=kind, text="", found_s=0, about=about, proof=proof))
    assert len(read_findings(replica)) <= FINDINGS_COUNT_MAX
    carried = carried_proofs(replica, passing_over=bytes([5]) * 16)
    assert carried == (b"proof 0", b"proof 3", b"proof 2")
    assert carried_proofs(replica, passing_over=b"")[-2:] == (b"proof 5", b"proof 2")
