from random import Random

import pytest

from billfold.document import EditText, FieldEdit, random_record_id
from billfold.journal import PushDue
from billfold_protocol.errors import DeviceCloned
from billfold_protocol.ids import EntryId
from billfold_protocol.membership import Role
from tests.support.circle import ROOM, Circle

RECORD = random_record_id(bytes(range(16)))


def begin(seed: str, *readers: str) -> Circle:
    """Return a circle of an owner, two writers, and a device with a copy that lives beside it."""
    circle = Circle(f"forks/{seed}")
    for name in ("left", "right", "liar"):
        circle.link(name, Role.EDITOR)
    for name in readers:
        circle.link(name, Role.VIEWER)
    circle.edit("owner", [FieldEdit(RECORD, "type", "login")])
    circle.edit("liar", [FieldEdit(RECORD, "liar", "before")])
    circle.share()
    circle.copy("liar", "copy")
    return circle


def values(circle: Circle, field: str) -> list[object]:
    """Return what each remaining device shows in a field."""
    return [
        None if state is None else state.value
        for device in circle.remaining()
        for state in [device.replica.document.field(RECORD, field)]
    ]


def share_among(circle: Circle, *names: str) -> None:
    """Let the device that lies, and its copy, hear nothing."""
    away = {name: circle.devices.pop(name) for name in list(circle.devices) if name not in names}
    circle.share()
    circle.devices.update(away)


HONEST = ("owner", "left", "right")


def test_two_writers_who_were_told_different_things_end_equal_and_lose_nothing_of_their_own() -> (
    None
):
    circle = begin("two")
    here = circle.edit("liar", [FieldEdit(RECORD, "liar", "here")])
    there = circle.edit("copy", [FieldEdit(RECORD, "liar", "there")])
    circle.tell("left", *here)
    circle.tell("right", *there)
    circle.edit("left", [FieldEdit(RECORD, "left", "1"), EditText(RECORD, "a note")])
    circle.edit("right", [FieldEdit(RECORD, "right", "2")])
    share_among(circle, *HONEST)
    del circle.devices["liar"], circle.devices["copy"]
    counted = circle.require_equal()
    assert len({values(circle, "liar")[0], *values(circle, "liar")}) == 1
    assert set(values(circle, "left")) == {"1"}
    assert set(values(circle, "right")) == {"2"}
    assert {device.replica.document.record(RECORD).notes for device in circle.remaining()} == {
        "a note"
    }
    before = [device.replica.state_hash() for device in circle.remaining()]
    for device in circle.remaining():
        device.restart()
        assert device.counted() == counted
    assert [device.replica.state_hash() for device in circle.remaining()] == before


@pytest.mark.parametrize("chosen", ["here", "there"])
def test_the_cut_of_a_revoke_picks_the_branch_that_its_author_counts(chosen: str) -> None:
    circle = begin("settled")
    entries = {
        "here": circle.edit("liar", [FieldEdit(RECORD, "liar", "here")]),
        "there": circle.edit("copy", [FieldEdit(RECORD, "liar", "there")]),
    }
    other = "there" if chosen == "here" else "here"
    circle.tell("owner", *entries[chosen])
    for name in ("left", "right"):
        circle.tell(name, *entries[other])
        circle.edit(name, [FieldEdit(RECORD, name, "kept")])
    circle.revoke("owner", "liar")
    share_among(circle, *HONEST)
    del circle.devices["liar"], circle.devices["copy"]
    circle.require_equal()
    assert set(values(circle, "liar")) == {chosen}
    assert set(values(circle, "left")) == set(values(circle, "right")) == {"kept"}


def test_a_fork_of_old_entries_takes_nothing_from_what_others_have_built_on() -> None:
    circle = begin("old")
    withheld = [
        raw
        for number in range(4)
        for raw in circle["copy"].edit([FieldEdit(RECORD, "liar", f"again {number}")])
    ]
    circle.edit("liar", [FieldEdit(RECORD, "liar", "first")])
    for number in range(3):
        for name in ("owner", "left"):
            share_among(circle, *HONEST)
            circle.edit(name, [FieldEdit(RECORD, name, number)])
    share_among(circle, *HONEST)
    del circle.devices["liar"], circle.devices["copy"]
    counted = circle.require_equal()
    circle.entries += withheld
    circle.share()
    assert circle.require_equal() >= counted
    assert set(values(circle, "liar")) == {"first"}
    kept = {row.entry_id for row in circle["owner"].store.entry_index()}
    assert len(kept) >= len(counted) + len(withheld)


@pytest.mark.parametrize("seed", range(30))
def test_devices_that_hold_the_same_bytes_end_equal_whatever_they_were_told_first(
    seed: int,
) -> None:
    random = Random(seed)
    circle = begin(str(seed), "reader")
    made: dict[str, int] = {}
    for step in range(40):
        name = random.choice(("owner", "left", "right", "liar", "copy"))
        device = circle[name]
        match random.randrange(4):
            case 0 | 1 if device.replica.core.may_write and device.replica.core.epoch_key:
                made[name] = step
                circle.edit(name, [FieldEdit(RECORD, name, step)])
            case 2 if step > 30 and name == "owner" and not device.replica.state.removed:
                circle.revoke("owner", "liar")
            case _:
                news = [raw for raw in circle.entries if random.random() < 0.5]
                random.shuffle(news)
                listeners = ["owner", "left", "right", "reader"]
                circle.tell(random.choice(listeners), *circle.memberships, *news)
                if random.random() < 0.2:
                    circle[random.choice(listeners)].restart()
    honest = (*HONEST, "reader")
    share_among(circle, *honest)
    del circle.devices["liar"], circle.devices["copy"]
    counted = circle.require_equal()
    for name in HONEST:
        if name in made:
            assert set(values(circle, name)) == {made[name]}
    hashes = [device.replica.state_hash() for device in circle.remaining()]
    for device in circle.remaining():
        device.restart()
        assert device.counted() == counted
    assert [device.replica.state_hash() for device in circle.remaining()] == hashes


def test_both_entries_of_a_fork_are_kept_and_told_of_once() -> None:
    circle = begin("told")
    here = circle.edit("liar", [FieldEdit(RECORD, "liar", "here")])
    there = circle.edit("copy", [FieldEdit(RECORD, "liar", "there")])
    owner = circle["owner"]
    owner.replica.journal.take_events()
    for raw in (*here, *there, *here, *there):
        owner.receive(raw)
    warnings = [
        event for event in owner.replica.journal.take_events() if "two entries" in str(event)
    ]
    assert len(warnings) == 1
    kept: set[EntryId] = {row.entry_id for row in owner.store.entry_index()}
    owner.restart()
    assert {row.entry_id for row in owner.store.entry_index()} == kept
    assert not [
        event for event in owner.replica.journal.take_events() if "two entries" in str(event)
    ]


def test_what_a_copy_took_the_place_of_is_withdrawn_and_made_anew() -> None:
    circle = begin("taken")
    liar = circle["liar"]
    liar.replica.edit([FieldEdit(RECORD, "own", "unsent")])
    liar.replica.prepare(room=ROOM)
    liar.store.commit(liar.replica.journal.take_writes())
    unsent = {row.entry_id for row in liar.store.entry_index() if not row.is_acked}
    assert len(unsent) == 1
    liar.replica.journal.take_sends()
    circle.edit("copy", [FieldEdit(RECORD, "liar", "there")])
    with pytest.raises(DeviceCloned):
        liar.replica.receive_entries(circle.entries)
    liar.settle()
    liar.restart()
    assert not unsent & {row.entry_id for row in liar.store.entry_index()}
    del circle.devices["copy"]
    circle.share()
    circle.require_equal()
    assert set(values(circle, "own")) == {"unsent"}
    assert set(values(circle, "liar")) == {"there"}


def test_what_somebody_has_built_on_is_not_withdrawn() -> None:
    circle = begin("kept")
    liar = circle["liar"]
    liar.replica.edit([FieldEdit(RECORD, "own", "sent")])
    liar.replica.prepare(room=ROOM)
    liar.store.commit(liar.replica.journal.take_writes())
    (push,) = liar.replica.journal.take_sends()
    assert isinstance(push, PushDue)
    circle.tell("left", *[raw for _, raw in push.entries])
    circle.edit("left", [FieldEdit(RECORD, "left", "built on it")])
    liar.replica.receive_entries(circle.entries)
    circle.edit("copy", [FieldEdit(RECORD, "liar", "there")])
    with pytest.raises(DeviceCloned):
        liar.replica.receive_entries(circle.entries)
    liar.settle()
    liar.restart()
    assert {id_ for id_, _ in push.entries} <= {row.entry_id for row in liar.store.entry_index()}
    circle.entries += [raw for _, raw in push.entries]
    del circle.devices["copy"]
    circle.share()
    circle.require_equal()
    assert set(values(circle, "left")) == {"built on it"}
    assert set(values(circle, "own")) == {"sent"}
