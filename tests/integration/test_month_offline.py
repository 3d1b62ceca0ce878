import asyncio
from pathlib import Path
from random import Random

from billfold import RecordView, Wallet
from tests.support.linked_wallets import Household
from tests.support.running_server import running_server

EDITS_COUNT = 2000
RECORDS_COUNT = 40
FIELDS_COUNT = 10
AT_ONCE = 50

Slot = tuple[str, str]


class Diary:
    """What one device did to each field while it was alone, in order."""

    def __init__(self, name: str, slots: list[Slot], random: Random) -> None:
        self.edits = [
            (*random.choice(slots), f"{name} {number}" if random.random() < 0.9 else "same")
            for number in range(EDITS_COUNT)
        ]
        self.by_slot: dict[Slot, list[str]] = {}
        for record, field, value in self.edits:
            values = self.by_slot.setdefault((record, field), [])
            # To set what is there already is no edit.
            if not values or values[-1] != value:
                values.append(value)

    async def write(self, wallet: Wallet) -> None:
        """Make the edits, a few at a time; those of one time touch different fields."""
        batch: dict[Slot, str] = {}
        for record, field, value in [*self.edits, ("", "", "")]:
            if not record or (record, field) in batch or len(batch) == AT_ONCE:
                await asyncio.gather(
                    *(wallet.set(*slot, written) for slot, written in batch.items())
                )
                batch = {}
            if record:
                batch[record, field] = value


async def test_a_month_offline_loses_no_edit_and_lists_exactly_the_conflicts(
    tmp_path: Path,
) -> None:
    random = Random(2000)
    async with running_server() as server, Household(tmp_path, server.addresses[0]) as home:
        laptop = await home.found("laptop")
        async with laptop.edit() as edit:
            records = [edit.add("login") for _ in range(RECORDS_COUNT)]
        phone = await home.link("phone", laptop)
        await home.settle()
        await laptop.disconnect()
        await phone.disconnect()

        slots = [(record, f"field{n}") for record in records for n in range(FIELDS_COUNT)]
        # A quarter of the fields belongs to each device alone, the rest to both.
        quarter = len(slots) // 4
        diaries = {
            "laptop": Diary("laptop", slots[quarter:], random),
            "phone": Diary("phone", slots[:-quarter], random),
        }
        await diaries["laptop"].write(laptop)
        await diaries["phone"].write(phone)
        await home.reopen("phone")
        await home.settle()

        for wallet in home.wallets.values():
            check_fields(wallet, diaries, slots)
            check_history(wallet, diaries, slots)


def check_fields(wallet: Wallet, diaries: dict[str, Diary], slots: list[Slot]) -> None:
    """Check every field's values, and the list of conflicts."""
    views: dict[str, RecordView] = {view.id: view for view in wallet.records()}
    expected_conflicts: set[Slot] = set()
    for slot in slots:
        last = {diary.by_slot[slot][-1] for diary in diaries.values() if slot in diary.by_slot}
        if not last:
            assert slot[1] not in views[slot[0]].fields
            continue
        state = views[slot[0]].fields[slot[1]]
        assert {value.value for value in state.values} == last
        assert state.is_conflict == (len(last) == 2)
        if len(last) == 2:
            expected_conflicts.add(slot)
    assert {(conflict.record, conflict.field) for conflict in wallet.conflicts()} == (
        expected_conflicts
    )
    assert len(expected_conflicts) > RECORDS_COUNT


def check_history(wallet: Wallet, diaries: dict[str, Diary], slots: list[Slot]) -> None:
    """Check that every edit of either device is in its field's history, in that device's order."""
    names = {device.id: device.name for device in wallet.devices()}
    for slot in slots:
        found: dict[str, list[object]] = {}
        for item in wallet.history(*slot) if any_has(diaries, slot) else []:
            device = wallet.device_of(item.actor)
            assert device is not None
            found.setdefault(names[device.id], []).append(item.value)
        for name, diary in diaries.items():
            assert found.get(name, []) == diary.by_slot.get(slot, []), (name, slot)


def any_has(diaries: dict[str, Diary], slot: Slot) -> bool:
    return any(slot in diary.by_slot for diary in diaries.values())
