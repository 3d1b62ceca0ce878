"""Where wallets that keep one blob for each person lose data: here both sides are kept."""

import random
from collections.abc import Sequence

import pytest

from billfold.document import Change, Document, Edit, FieldEdit, Scalar, record_id
from billfold.model import Agreement, Message, Setting, wallet_merge_kinds

WALLET = bytes(32)
DAY_MS = 24 * 3600 * 1000


class Device:
    def __init__(self, name: str, saved: bytes = b"") -> None:
        self.name = name
        actor = name.encode().ljust(16)
        self.document = Document.load(saved, actor=actor, merge_kinds=wallet_merge_kinds)
        self.sent: list[bytes] = []

    def add(self, record_type: str, key: str, *, time_ms: int = 0, **fields: Scalar) -> str:
        record = record_id(WALLET, record_type, key)
        self.edit(
            [
                FieldEdit(record, name, value)
                for name, value in ({"type": record_type} | fields).items()
            ],
            time_ms,
        )
        return record

    def edit(self, edits: Sequence[Edit], time_ms: int = 0) -> Change | None:
        change = self.document.change(edits, time_ms=time_ms)
        if change is not None:
            self.sent.append(change.raw)
        return change

    def meet(self, other: "Device") -> None:
        self.document.apply(other.sent)
        other.document.apply(self.sent)
        assert self.document.state_hash() == other.document.state_hash()

    def value(self, record: str, field: str) -> Scalar:
        state = self.document.field(record, field)
        return None if state is None else state.value


@pytest.fixture
def pair() -> tuple[Device, Device]:
    return Device("laptop"), Device("phone")


def test_two_different_settings_that_change_apart_are_both_kept(
    pair: tuple[Device, Device],
) -> None:
    laptop, phone = pair
    theme = laptop.add("setting", "theme", name="theme", value="light")
    language = laptop.add("setting", "language", name="language", value="en")
    laptop.meet(phone)
    laptop.edit([FieldEdit(theme, "value", "dark")])
    phone.edit([FieldEdit(language, "value", "it")])
    laptop.meet(phone)
    assert [Setting(phone.document.record(one)).value for one in (theme, language)] == [
        "dark",
        "it",
    ]
    assert phone.document.conflicts() == []


def test_two_devices_that_were_offline_for_longer_than_a_month_lose_nothing(
    pair: tuple[Device, Device],
) -> None:
    laptop, phone = pair
    shared = [laptop.add("login", str(n), title=str(n), password="first") for n in range(10)]
    laptop.meet(phone)
    chance = random.Random(40)
    expected: dict[tuple[str, str], Scalar] = {}
    for day in range(45):
        for device in pair:
            time_ms = day * DAY_MS
            record = device.add("login", f"{device.name} {day}", time_ms=time_ms, title="new")
            expected[record, "title"] = "new"
            field = f"custom/{device.name}.{day}"
            record = chance.choice(shared)
            device.edit([FieldEdit(record, field, day)], time_ms)
            expected[record, field] = day
    laptop.edit([FieldEdit(shared[0], "password", "laptop's")], 44 * DAY_MS)
    phone.edit([FieldEdit(shared[0], "password", "phone's")], DAY_MS)
    laptop.meet(phone)
    for (record, field), value in expected.items():
        assert phone.value(record, field) == value
    (conflict,) = phone.document.conflicts()
    assert {value.value for value in conflict.values} == {"laptop's", "phone's"}


def test_events_of_one_moment_are_all_there(pair: tuple[Device, Device]) -> None:
    laptop, phone = pair
    card = laptop.add("credential", "card", raw="e30~", one_time=True)
    laptop.meet(phone)
    for number in range(5):
        for device in pair:
            name = f"{device.name} {number}"
            device.add("message", name, time_ms=1000, message_id=name, created_time=1)
            device.edit([FieldEdit(card, f"uses/{name}/1", "bank")], 1000)
    laptop.meet(phone)
    assert len(laptop.document.records("message")) == 10
    uses = [name for name in laptop.document.fields(card) if name.startswith("uses/")]
    assert len(uses) == 10


def test_one_event_that_two_devices_hear_of_is_there_once(pair: tuple[Device, Device]) -> None:
    for device in pair:
        device.add("message", "acme 1", message_id="1", body="{}", state="received")
    pair[0].meet(pair[1])
    (message,) = pair[1].document.records("message")
    assert (Message(message).body, message.conflicts) == ("{}", {})


def test_an_old_copy_that_comes_back_takes_nothing_away(pair: tuple[Device, Device]) -> None:
    laptop, phone = pair
    record = laptop.add("login", "1", title="Library", password="old")
    laptop.meet(phone)
    stale = phone.document.save()
    for number in range(20):
        laptop.edit([FieldEdit(record, "password", f"new {number}")])
    laptop.add("login", "2", title="Bank")
    phone.document.apply(laptop.sent)
    returned = Device("returned", stale)
    returned.edit([FieldEdit(record, "username", "ada")])
    laptop.document.apply([raw for _, raw in returned.document.changes()])
    returned.document.apply(laptop.sent)
    assert returned.document.state_hash() == laptop.document.state_hash()
    assert laptop.value(record, "password") == "new 19"
    assert laptop.value(record, "username") == "ada"
    assert len(laptop.document.records("login")) == 2


def test_a_consent_that_was_withdrawn_on_one_device_ends_withdrawn(
    pair: tuple[Device, Device],
) -> None:
    laptop, phone = pair
    record = laptop.add(
        "agreement", "1", identifier="1", given=False, **{"purposes/dpv:Ads": False}
    )
    laptop.meet(phone)
    laptop.edit([FieldEdit(record, "given", True), FieldEdit(record, "purposes/dpv:Ads", True)])
    laptop.meet(phone)
    # Withdrawn on the phone, and given anew on the laptop that has not heard of it.
    phone.edit([FieldEdit(record, "given", False), FieldEdit(record, "purposes/dpv:Ads", False)])
    laptop.edit([FieldEdit(record, "given", False), FieldEdit(record, "purposes/dpv:Ads", False)])
    laptop.edit([FieldEdit(record, "given", True), FieldEdit(record, "purposes/dpv:Ads", True)])
    laptop.meet(phone)
    for device in pair:
        view = Agreement(device.document.record(record))
        assert view.is_given is False
        assert view.purposes == {"dpv:Ads": False}
        assert view.record.conflicts == {}
    # Who knows of the withdrawal may consent again.
    phone.edit([FieldEdit(record, "given", True)])
    laptop.meet(phone)
    assert Agreement(laptop.document.record(record)).is_given is True
