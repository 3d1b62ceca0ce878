from billfold_protocol.membership import Role
from billfold_server.store import SnapshotStanding
from tests.support.snapshot_scene import UNITS_MIN, SnapshotScene


async def test_a_device_offers_a_snapshot_when_the_tail_is_long_enough() -> None:
    scene = SnapshotScene()
    scene.edit(0, UNITS_MIN)
    assert scene.held == []
    scene.edit(0, 1)
    (held,) = scene.held
    assert held.snapshot.author == scene.devices[0].device_id
    assert held.snapshot.vector == scene.devices[0].replica.vector
    assert held.standing is SnapshotStanding.ACCEPTED
    scene.edit(0, UNITS_MIN)
    assert len(scene.held) == 1
    assert scene.complaints == []


async def test_a_new_device_begins_with_a_snapshot_and_takes_the_tail() -> None:
    scene = SnapshotScene()
    scene.edit(0, UNITS_MIN + 4)
    phone = scene.join()
    assert phone.replica.core.base is not None
    assert phone.replica.core.base.id == scene.held[0].snapshot.id
    scene.assert_equal()
    held_here = len(phone.replica.core.store.entry_index())
    assert held_here == 3
    scene.edit(1, 2)
    scene.edit(0, 2)
    scene.assert_equal()
    before = phone.replica.state_hash()
    assert phone.reopen().state_hash() == before
    assert scene.complaints == []


async def test_another_device_endorses_a_snapshot_that_holds_what_it_holds() -> None:
    scene = SnapshotScene()
    phone = scene.join(Role.VIEWER)
    scene.edit(0, UNITS_MIN + 1)
    (held,) = scene.held
    assert set(held.endorsements) == {phone.device_id}
    assert held.standing is SnapshotStanding.ACCEPTED
    assert scene.complaints == []


async def test_what_an_endorsed_snapshot_covers_is_pruned_after_its_grace_and_not_before() -> None:
    scene = SnapshotScene()
    scene.join()
    scene.edit(0, UNITS_MIN + 1)
    scene.edit(0, 2)
    count, vector = scene.entries_count, scene.wallet.vector
    scene.wait_days(6.9)
    assert scene.entries_count == count
    scene.wait_days(0.2)
    scene.wait_days(0)
    assert scene.held[0].standing is SnapshotStanding.RESTING
    assert scene.entries_count == 2
    assert scene.wallet.vector == vector
    tablet = scene.join()
    scene.edit(1, 2)
    scene.assert_equal()
    assert tablet.replica.core.base is not None
    assert scene.complaints == []
