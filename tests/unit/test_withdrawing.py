import pytest

from billfold.document import FieldEdit, random_record_id
from billfold.journal import PushDue
from billfold_protocol.errors import DeviceCloned
from billfold_protocol.membership import Role
from tests.support.circle import ROOM, CircleDevice
from tests.support.snapshot_scene import UNITS_MIN, SnapshotScene

RECORD = random_record_id(bytes(range(16)))


def sealed(device: CircleDevice, value: str) -> list[bytes]:
    """Make an edit and the entry that carries it; no server acknowledges it."""
    assert device.replica.edit([FieldEdit(RECORD, "user", value)]) is not None
    device.replica.prepare(room=ROOM)
    device.store.commit(device.replica.journal.take_writes())
    sends = device.replica.journal.take_sends()
    return [raw for send in sends if isinstance(send, PushDue) for _, raw in send.entries]


@pytest.mark.parametrize("is_begun", [True, False], ids=["later entry", "first entry"])
async def test_what_a_device_that_began_with_a_snapshot_withdraws_leaves_its_document(
    *, is_begun: bool
) -> None:
    """A copy takes the place of the device's own entry; all that follows is one state for all."""
    scene = SnapshotScene()
    scene.edit(0, UNITS_MIN + 4)
    phone = scene.join(Role.OWNER)
    if is_begun:
        scene.edit(1, 1)
    assert phone.replica.core.base is not None
    mine, copy, other = (
        CircleDevice.on(device.store.copied(), device.secrets, f"withdrawing {name}")
        for name, device in (("mine", phone), ("copy", phone), ("other", scene.devices[0]))
    )
    assert sealed(mine, "mine")
    taken = sealed(copy, "the copy's")
    with pytest.raises(DeviceCloned):
        mine.receive(*taken)
    again = mine.settle()
    mine.restart()
    again += [*mine.receive(*taken), *sealed(mine, "and more")]
    other.receive(*taken, *again)
    assert mine.replica.document.field(RECORD, "user") == other.replica.document.field(
        RECORD, "user"
    )
    assert mine.replica.state_hash() == other.replica.state_hash()
    hashes = {hash_ for hash_, _ in mine.replica.document.changes()}
    assert hashes == {hash_ for hash_, _ in other.replica.document.changes()}
