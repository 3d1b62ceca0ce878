from random import Random

import pytest

from billfold_protocol import limits
from billfold_protocol.errors import Gap, LimitExceeded
from billfold_protocol.feed import Dep
from billfold_protocol.ids import EntryId, FeedId
from tests.support.adversaries.attack import Attack
from tests.support.adversaries.findings import IS_WHOLE, named, scaled, show
from tests.support.adversaries.mallory import with_mallory

pytestmark = pytest.mark.attack("P04")

WAITING_COUNT_MAX = limits.WAITING_COUNT_MAX if IS_WHOLE else 300
WANTED_COUNT = scaled(small=0, whole=100_000)
BATCH_COUNT = 100


async def test_entries_whose_ancestors_nobody_has_are_bounded_for_their_author_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(limits, "WAITING_COUNT_MAX", WAITING_COUNT_MAX)
    stage, laptop, phone, mallory = with_mallory("P04")
    attack = Attack(stage, phone)
    random = Random(4)
    wanted = max(WAITING_COUNT_MAX + 2 * BATCH_COUNT, WANTED_COUNT)
    batch: list[bytes] = [mallory.entry()]
    for _ in range(wanted):
        unknown = Dep(FeedId(random.randbytes(16)), 3, EntryId(random.randbytes(32)))
        batch.append(mallory.entry(deps=[unknown]))
        if len(batch) >= BATCH_COUNT:
            stage.server.answers.inject(phone.device_id, mallory.carries(*batch))
            batch.clear()
            stage.settle(1.0)
    attack.run()
    with named("unchanged"):
        assert phone.replica.waiting_count == WAITING_COUNT_MAX
    # The others' entries come and count meanwhile.
    laptop.write("meanwhile", stage.canaries.next())
    stage.settle()
    with named("kept"):
        assert phone.read("meanwhile") == laptop.read("meanwhile") is not None
    show(f"{wanted} entries, {WAITING_COUNT_MAX} kept waiting")
    shown = {type(error) for error in attack.shown(phone)} - {Gap}
    with named("error"):
        assert shown == {LimitExceeded}
    show(LimitExceeded)
    attack.require_others()
    attack.require_kept(heals=False)
    attack.require_no_secret()
