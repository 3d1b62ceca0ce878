from dataclasses import replace

import pytest

from billfold.core import Core
from billfold.document import Document, FieldEdit
from billfold.snapshots import keeper
from billfold.snapshots.content import content_of
from billfold_protocol.errors import SnapshotMismatch
from billfold_protocol.membership import Role
from billfold_protocol.snapshot_sealing import SnapshotContent
from billfold_server.store import SnapshotStanding
from tests.support.simulation import World, hurry
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
    assert scene.held[0].endorsements == {}
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


def standings(scene: SnapshotScene) -> list[SnapshotStanding]:
    return [held.standing for held in scene.held]


def without(core: Core, change_hash: bytes) -> SnapshotContent:
    """Return what a lying member would put into its snapshot: everything but one change."""
    honest = content_of(core)
    assert honest is not None
    document = Document(core.feed)
    document.apply([raw for hash_, raw in core.document.changes() if hash_ != change_hash])
    return replace(honest, saved=document.save())


async def test_a_snapshot_that_omits_one_change_destroys_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    scene = SnapshotScene()
    phone = scene.join()
    liar = scene.devices[0]
    for device in scene.devices:
        hurry(device, 10_000)
    scene.edit(0, UNITS_MIN + 1)
    scene.edit(1, 1)
    *_, (omitted, _) = phone.replica.document.changes()
    monkeypatch.setattr(
        keeper,
        "content_of",
        lambda core: without(core, omitted) if core.device_id == liar.device_id else None,
    )
    hurry(liar, 1)
    liar.drop()
    scene.settle()
    assert scene.wallet.shelf.durable == []
    assert scene.server.relay.counters.snapshots_taken == 1
    assert scene.server.relay.counters.snapshots_objected == 1
    (found,) = phone.complaints
    assert isinstance(found, SnapshotMismatch)
    assert liar.device_id[:4].hex() in str(found)
    assert "leaves out 1 changes" in str(found)
    (told,) = liar.complaints
    assert isinstance(told, SnapshotMismatch)
    monkeypatch.undo()
    scene.wait_days(40)
    tablet = scene.join()
    scene.assert_equal()
    assert tablet.replica.core.base is None
    assert all(device.replica.document.has_change(omitted) for device in scene.devices)


async def test_a_snapshot_that_adds_a_change_is_objected_to(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    scene = SnapshotScene()
    phone = scene.join()
    forged = Document(bytes(16))
    forged.change([FieldEdit(scene.records[0], "type", "forged")], time_ms=0)

    def with_forgery(core: Core) -> SnapshotContent | None:
        honest = content_of(core)
        if honest is None or core.device_id == phone.device_id:
            return None
        document = Document(core.feed)
        document.apply([raw for _, raw in core.document.changes()])
        document.apply([raw for _, raw in forged.changes()])
        return replace(honest, saved=document.save())

    monkeypatch.setattr(keeper, "content_of", with_forgery)
    scene.edit(0, UNITS_MIN + 1)
    assert scene.held == []
    assert "adds 1 changes" in str(phone.complaints[0])


async def test_a_new_device_does_not_begin_with_a_snapshot_that_nobody_endorses() -> None:
    scene = SnapshotScene()
    phone = scene.join()
    phone.go_offline()
    scene.edit(0, UNITS_MIN + 1)
    assert standings(scene) == [SnapshotStanding.OFFERED]
    tablet = scene.join()
    assert tablet.replica.core.base is None
    assert tablet.replica.state_hash() == scene.devices[0].replica.state_hash()
    assert standings(scene) == [SnapshotStanding.ACCEPTED]
    watch = scene.join()
    assert watch.replica.core.base is not None
    assert scene.complaints == []


async def test_a_device_that_was_away_while_its_entries_were_pruned_goes_on() -> None:
    scene = SnapshotScene()
    phone = scene.join()
    scene.edit(1, 2)
    scene.join()
    phone.go_offline()
    phone.edit([FieldEdit(scene.records[0], "type", "made offline")])
    scene.edit(0, UNITS_MIN + 1)
    scene.wait_days(8)
    scene.wait_days(0)
    assert scene.held[0].standing is SnapshotStanding.RESTING
    scene.edit(0, 1)
    phone.go_online()
    scene.settle()
    assert phone.replica.core.base is not None
    assert phone.replica.unsynced_count == 0
    scene.assert_equal()
    before = phone.replica.state_hash()
    assert phone.reopen().state_hash() == before
    assert scene.complaints == []


async def test_a_single_device_waits_longer_for_its_pruning() -> None:
    scene = SnapshotScene()
    scene.edit(0, UNITS_MIN + 1)
    count = scene.entries_count
    scene.wait_days(13.9)
    scene.wait_days(0)
    assert scene.entries_count == count
    scene.wait_days(0.2)
    scene.wait_days(0)
    assert scene.entries_count == 0
    phone = scene.join()
    scene.edit(1, 1)
    scene.assert_equal()
    assert phone.replica.core.base is not None
    assert scene.complaints == []


async def test_an_entry_of_an_earlier_feed_that_was_pruned_is_not_pushed_for_ever() -> None:
    """Seed 20038: the restored copy waited for an ack of what the snapshot holds."""
    World(20_038, grace_s=60, units_min=4).run()


async def test_an_edit_that_waits_for_an_own_entry_does_not_get_into_the_stored_document() -> None:
    """Seed 20151: it was expressed again, and stood in the document twice."""
    World(20_151, grace_s=60, units_min=4).run()
