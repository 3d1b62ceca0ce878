from dataclasses import replace

import pytest

from billfold_protocol.errors import ServerRollback
from billfold_server.store import MemoryLogStore, SnapshotStanding
from tests.support.simulation_device import SimulatedDevice
from tests.support.snapshot_scene import UNITS_MIN, SnapshotScene, copy_of


def compacted(devices_count: int = 3) -> SnapshotScene:
    """Return a scene whose server has pruned, and whose devices forgot their entries as well."""
    scene = SnapshotScene()
    for _ in range(1, devices_count):
        scene.join()
    scene.edit(0, UNITS_MIN + 1)
    scene.wait_days(8)
    scene.wait_days(0)
    scene.edit(0, 1)
    return scene


def held_by(device: SimulatedDevice) -> int:
    return len(device.store.entry_index())


def kinds(scene: SnapshotScene) -> set[str]:
    return {type(error).__name__ for error in scene.complaints}


def lose_everything(scene: SnapshotScene) -> None:
    scene.replace_store(MemoryLogStore())
    for device in scene.devices:
        device.drop()
    scene.settle()


async def test_a_device_forgets_what_the_snapshot_covers_that_it_compared_itself() -> None:
    scene = compacted()
    assert scene.held[0].standing is SnapshotStanding.RESTING
    covered = scene.held[0].snapshot
    judges = [device for device in scene.devices if device.replica.core.base is not None]
    assert scene.devices[0] in judges
    assert len(judges) >= 2
    for device in judges:
        assert device.replica.core.base == covered
        assert held_by(device) < UNITS_MIN
        before = device.replica.state_hash(), device.replica.vector
        reopened = device.reopen()
        assert (reopened.state_hash(), reopened.vector) == before
    scene.edit(0, 2)
    scene.assert_equal()
    assert scene.complaints == []


async def test_a_device_waits_as_long_as_the_server_before_it_forgets() -> None:
    scene = SnapshotScene()
    scene.join()
    scene.edit(0, UNITS_MIN + 1)
    counts = [held_by(device) for device in scene.devices]
    scene.wait_days(6.9)
    assert [held_by(device) for device in scene.devices] == counts


async def test_a_server_that_lost_everything_is_filled_by_devices_that_forgot() -> None:
    scene = compacted()
    snapshot = scene.held[0].snapshot
    vector = scene.wallet.vector
    lose_everything(scene)
    assert kinds(scene) <= {"ServerRollback"}
    assert any(isinstance(error, ServerRollback) for error in scene.complaints)
    assert scene.wallet.vector == vector
    (held,) = scene.held
    assert held.snapshot.id == snapshot.id
    assert held.standing is SnapshotStanding.RESTING
    scene.edit(1, 2)
    scene.edit(0, 2)
    newcomer = scene.join()
    assert newcomer.replica.core.base == snapshot
    scene.assert_equal()
    assert kinds(scene) <= {"ServerRollback"}


async def test_a_single_device_that_forgot_fills_an_empty_server() -> None:
    scene = SnapshotScene()
    scene.edit(0, UNITS_MIN + 1)
    scene.wait_days(15)
    scene.wait_days(0)
    scene.edit(0, 1)
    (device,) = scene.devices
    assert held_by(device) == 1
    lose_everything(scene)
    assert scene.wallet.vector == device.replica.vector
    assert scene.held[0].standing is SnapshotStanding.RESTING
    scene.join()
    scene.assert_equal()
    assert kinds(scene) <= {"ServerRollback"}


async def test_a_server_restored_to_before_its_snapshot_rests_on_it_again() -> None:
    scene = SnapshotScene()
    scene.join()
    scene.edit(0, 3)
    older = copy_of(scene.server.store)
    scene.edit(0, UNITS_MIN)
    scene.wait_days(8)
    scene.wait_days(0)
    scene.edit(1, 1)
    vector = scene.wallet.vector
    scene.replace_store(older)
    for device in scene.devices:
        device.drop()
    scene.settle()
    assert scene.wallet.vector == vector
    assert scene.held[0].standing is SnapshotStanding.RESTING
    # What the copy still held is kept until another grace is over.
    assert scene.entries_count > 3
    scene.wait_days(8)
    scene.wait_days(0)
    assert scene.entries_count <= 3
    scene.join()
    scene.assert_equal()
    assert kinds(scene) <= {"ServerRollback"}


async def test_new_entries_that_came_first_stay_beside_the_snapshot_that_is_given_back() -> None:
    scene = compacted()
    # A device that begins anew knows nothing of the others and writes at once.
    for device in scene.devices[1:]:
        device.go_offline()
    alone = scene.devices[0]
    alone.go_offline()
    scene.replace_store(MemoryLogStore())
    alone.go_online()
    scene.settle()
    scene.edit(0, 2)
    for device in scene.devices[1:]:
        device.go_online()
    scene.settle()
    scene.assert_equal()
    assert scene.wallet.vector == scene.devices[0].replica.vector
    assert kinds(scene) <= {"ServerRollback"}


async def test_the_server_stands_on_a_snapshot_given_back_after_its_restart() -> None:
    scene = compacted()
    lose_everything(scene)
    vector, n = scene.wallet.vector, scene.wallet.n
    scene.server.crash()
    scene.settle()
    for device in scene.devices:
        device.drop()
    scene.settle()
    assert scene.wallet.vector == vector
    assert scene.wallet.n >= n
    scene.edit(1, 1)
    scene.assert_equal()


async def test_a_snapshot_that_nobody_endorsed_is_not_taken_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    scene = compacted()
    for device in scene.devices:
        foundation = device.replica.snapshots.foundation
        base = foundation._base  # noqa: SLF001  # As a device that lost the endorsements.
        if base is not None:
            monkeypatch.setattr(foundation, "_base", replace(base, endorsements=()))
    lose_everything(scene)
    assert scene.held == []
    assert scene.wallet.shelf.base is None
