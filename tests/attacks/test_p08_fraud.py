import pytest

from billfold.cli.terminal import printable
from billfold.document import FieldEdit, Scalar, random_record_id
from billfold.events import RecordsChanged
from billfold.model import Payment, lookalikes, misfits
from billfold_protocol.errors import LimitExceeded, Malformed
from billfold_protocol.ids import FeedId
from tests.support.adversaries.attack import Attack
from tests.support.adversaries.findings import named, show
from tests.support.adversaries.forged_changes import (
    RECORD,
    change_after,
    deflated_without_end,
    with_large_integer,
)
from tests.support.adversaries.mallory import with_mallory
from tests.support.adversaries.stage import HonestDevice

pytestmark = pytest.mark.attack("P08")

NOTE_SIZE = 10 * 1024 * 1024
RIGHT, WRONG = "DE89370400440532013000", "GB33BUKB20201555555555"
SPOOFED = {
    "title": "My b\u0430nk",  # A Cyrillic letter.
    "full_name": "knab\u202eym",  # What follows is shown from right to left.
    "bic": "COBA\u200bDEFF",
}


def payment(device: HonestDevice) -> str:
    """Write down an account and what is due to it; return the record."""
    record = random_record_id(b"\x08" * 16)
    fields: dict[str, Scalar] = {"type": "payment", "iban": RIGHT, "amount": 20}
    device.edit([FieldEdit(record, name, value) for name, value in fields.items()])
    return record


async def test_what_a_member_writes_over_is_its_own_and_can_be_undone() -> None:
    stage, laptop, phone, mallory = with_mallory("P08")
    record = payment(laptop)
    stage.settle()
    attack = Attack(stage, laptop, phone)
    for device in (laptop, phone):
        device.events.clear()
    edits = [FieldEdit(record, "iban", WRONG), FieldEdit(record, "amount", -20)]
    edits += [FieldEdit(record, name, text) for name, text in SPOOFED.items()]
    mallory.brings(
        mallory.entry(changes=[change_after(phone.replica.document, mallory.feed, *edits)])
    )
    attack.run()
    for device in (laptop, phone):
        core, view = device.replica.core, device.replica.document.record(record)
        with named("error"):
            # It is told, with whose it is: the feed is that of a device, which nobody can borrow.
            (news,) = [event for event in device.events if isinstance(event, RecordsChanged)]
            assert news.device == mallory.secrets.device_id
            assert (record, "iban") in news.fields
        with named("kept"):
            history = device.replica.document.history(record, "iban")
            assert [item.value for item in history] == [RIGHT, WRONG]
            owners = [core.graph.device_of(FeedId(item.actor)) for item in history]
            assert owners == [laptop.device_id, mallory.secrets.device_id]
        with named("error"):
            assert set(lookalikes(view)) == set(SPOOFED)
            assert "\u202e" not in printable(str(view.fields["full_name"].value))
    for name in ("iban", "amount"):
        laptop.edit(laptop.replica.document.revert(record, name))
    stage.settle()
    with named("kept"):
        for name, value in (("iban", RIGHT), ("amount", 20)):
            for device in (laptop, phone):
                state = device.replica.document.field(record, name)
                assert state is not None
                assert state.value == value
    show("attributed, undone, and named for being looked at twice")
    attack.ends(shows=[], changes=[laptop, phone])


async def test_what_is_no_value_at_all_is_set_aside() -> None:
    stage, laptop, phone, mallory = with_mallory("P08/invalid")
    payment(laptop)
    stage.settle()
    attack = Attack(stage, laptop, phone)
    before = phone.replica.state_hash()
    mallory.brings(mallory.entry(changes=[with_large_integer(mallory.feed)]))
    mallory.begin_feed()
    mallory.brings(mallory.entry(changes=[deflated_without_end(mallory.feed, NOTE_SIZE)]))
    attack.run()
    with named("unchanged"):
        assert laptop.replica.quarantined_count == phone.replica.quarantined_count == 2
        fields = [device.replica.document.record(RECORD).fields for device in (laptop, phone)]
        assert fields == [{}, {}]
        assert before != phone.replica.state_hash(), "what is set aside is the same on all"
    show("2^256", "a note of 10 MiB")
    attack.ends(shows=[Malformed, LimitExceeded], changes=[laptop, phone])


async def test_a_value_of_another_type_is_named_and_given_to_no_program() -> None:
    stage, laptop, phone, mallory = with_mallory("P08/types")
    record = payment(laptop)
    stage.settle()
    attack = Attack(stage, laptop, phone)
    edits = [FieldEdit(record, "iban", 7), FieldEdit(record, "balance", "much")]
    raw = change_after(phone.replica.document, mallory.feed, *edits)
    mallory.brings(mallory.entry(changes=[raw]))
    attack.run()
    for device in (laptop, phone):
        view = device.replica.document.record(record)
        with named("error"):
            found = misfits(view)
            assert {name: type(error) for name, error in found.items()} == {
                "balance": Malformed,
                "iban": Malformed,
            }
        with named("unchanged"):
            assert (Payment(view).iban, Payment(view).balance) == (None, None)
    show(Malformed)
    attack.ends(shows=[], changes=[laptop, phone])
