import asyncio

from hypothesis import given, settings
from hypothesis import strategies as st

from billfold.document import FieldEdit, Purge, Trash
from tests.support.examples import examples
from tests.support.snapshot_scene import SnapshotScene

ACTIONS = ("set", "set", "set", "trash", "purge")

Step = tuple[int, str, int, str]
"""Which device does what to which record, and what it writes."""

steps = st.lists(
    st.tuples(st.integers(0, 1), st.sampled_from(ACTIONS), st.integers(0, 3), st.text(max_size=4)),
    max_size=12,
)


def play(scene: SnapshotScene, made: list[Step]) -> None:
    for index, action, number, text in made:
        device, record = scene.devices[index], scene.records[number]
        match action:
            case "trash" if device.replica.document.has_record(record):
                device.edit([Trash(record)])
            case "purge" if device.replica.document.record(record).is_trashed:
                device.edit([Purge(record)])
            case _:
                device.edit([FieldEdit(record, f"field {number}", text)])
    scene.settle()


@settings(max_examples=examples(4))
@given(before=steps, after=steps, is_pruned=st.booleans(), sponsor=st.integers(0, 1))
def test_a_snapshot_and_the_tail_are_the_whole_feed(
    *, before: list[Step], after: list[Step], is_pruned: bool, sponsor: int
) -> None:
    """A device that begins with a snapshot ends as one that applied every entry."""

    async def run() -> None:
        scene = SnapshotScene()
        scene.join()
        play(scene, before)
        scene.edit(0, 10)
        assert scene.held
        if is_pruned:
            scene.wait_days(8)
            scene.wait_days(0)
        play(scene, after)
        newcomer = scene.join(sponsor=sponsor)
        assert newcomer.replica.core.base is not None
        play(scene, after)
        scene.assert_equal()
        before_restart = newcomer.replica.state_hash()
        assert newcomer.reopen().state_hash() == before_restart
        assert scene.complaints == []

    asyncio.run(run())
