import pytest

from billfold.document import FieldEdit
from billfold_protocol.errors import Malformed
from billfold_protocol.messages import Push
from tests.support.adversaries.attack import Attack
from tests.support.adversaries.findings import named
from tests.support.adversaries.forged_changes import change_by, with_counter
from tests.support.adversaries.mallory import with_mallory
from tests.support.adversaries.stage import record_of

pytestmark = pytest.mark.attack("P05")

YEAR_9999_MS = 253_370_764_800_000
COUNTERS = (0, 2, 2**32, 2**53, 2**63 - 1)


@pytest.mark.parametrize("counter", COUNTERS)
async def test_a_counter_that_would_win_over_everything_is_refused(counter: int) -> None:
    stage, laptop, phone, mallory = with_mallory(f"P05/{counter}")
    attack = Attack(stage, laptop, phone)
    raw = mallory.entry(changes=[with_counter(mallory.feed, counter)])
    for device in (laptop, phone):
        stage.server.answers.inject(device.device_id, mallory.carries(raw))
    attack.run()
    attack.ends(shows=[Malformed], changes=[laptop, phone])


async def test_a_change_from_the_year_9999_stands_and_later_edits_win_over_it() -> None:
    stage, laptop, phone, mallory = with_mallory("P05/time")
    attack = Attack(stage, laptop, phone)
    record = record_of(laptop.wallet_id)
    late = change_by(mallory.feed, FieldEdit(record, "when", "9999"), time_ms=YEAR_9999_MS)
    raw = mallory.entry(changes=[late])
    mallory.send(Push(wallet_id=laptop.wallet_id, entries=(raw,)))
    attack.run()
    with named("unchanged"):
        assert phone.read("when") == "9999"
    laptop.write("when", "now")
    attack.run()
    with named("kept"):
        assert phone.read("when") == laptop.read("when") == "now"
    attack.ends(shows=[], changes=[laptop, phone])
