from random import Random

import pytest

from billfold.document import Document, FieldEdit
from billfold.events import Warned
from billfold_protocol.errors import LimitExceeded, Malformed, PeerPoison, Quarantined
from billfold_protocol.membership import Role
from tests.support.adversaries.attack import Attack
from tests.support.adversaries.findings import Broken, named, scaled, show
from tests.support.adversaries.forged_changes import (
    RECORD,
    any_change,
    contents,
    damaged,
    mutated,
    unreadable_number,
)
from tests.support.adversaries.mallory import Mallory, with_mallory
from tests.support.adversaries.thief import replica_of

pytestmark = pytest.mark.attack("P01")

FUZZED_COUNT = scaled(small=200, whole=20_000)
"""Damaged changes in valid entries."""

BARE_COUNT = scaled(small=200, whole=1_000_000)
"""Damaged changes as an opened entry gives them to the document."""

BATCH_COUNT = 200
TYPED = (LimitExceeded, Malformed, PeerPoison, Quarantined)


def in_a_feed_of_its_own(mallory: Mallory, change: bytes) -> bytes:
    return mallory.entry(changes=[change])


async def test_a_change_that_breaks_the_library_is_set_aside_and_others_go_on() -> None:
    stage, laptop, phone, mallory = with_mallory("P01", Role.EDITOR)
    attack = Attack(stage, laptop, phone)
    raw = in_a_feed_of_its_own(mallory, unreadable_number(mallory.feed))
    for device in (laptop, phone):
        stage.server.answers.inject(device.device_id, mallory.carries(raw))
    attack.run()
    with named("unchanged"):
        assert laptop.replica.quarantined_count == phone.replica.quarantined_count == 1
    attack.ends(shows=[PeerPoison], changes=[laptop, phone])


def test_no_damaged_change_ends_the_process() -> None:
    """A document takes what is sound and sets the rest aside, and goes on."""
    random, kinds = Random(2), set[str]()
    actors = [random.randbytes(16) for _ in range(BATCH_COUNT)]
    bodies = [(actor, contents(any_change(actor, random))) for actor in actors]
    for _ in range(0, BARE_COUNT, BATCH_COUNT):
        document = Document(bytes(16))
        for actor, body in bodies:
            for item in document.apply([damaged(body, random)], feed=actor).set_aside:
                if not isinstance(item.error, TYPED):
                    raise Broken("error", f"{item.error!r} is none of the four")
                kinds.add(type(item.error).__name__)
        with named("kept"):
            assert document.change([FieldEdit(RECORD, "mine", 1)], time_ms=0) is not None
    show(*sorted(kinds), f"{BARE_COUNT} damaged changes without an envelope")


async def test_no_damaged_change_ends_the_process_or_the_others_edits() -> None:
    _stage, laptop, phone, mallory = with_mallory("P01/fuzz")
    random, kinds = Random(1), set[str]()
    taken = 0
    for _ in range(0, FUZZED_COUNT, BATCH_COUNT):
        replica = replica_of(phone)
        for _ in range(BATCH_COUNT):
            mallory.begin_feed()
            raw = in_a_feed_of_its_own(mallory, mutated(mallory.feed, random))
            replica.receive_entries([raw])
            warned = [e for e in replica.journal.take_events() if isinstance(e, Warned)]
            for event in warned:
                if not isinstance(event.error, TYPED):
                    raise Broken("error", f"{event.error!r} is none of the four")
                kinds.add(type(event.error).__name__)
            taken += not warned
        with named("kept"):
            # What else a member may write is its own affair; what was there is there.
            assert replica.document.has_change(laptop.replica.document.heads[0])
            assert replica.journal.take_writes()
    show(*sorted(kinds), f"{FUZZED_COUNT} damaged changes, {taken} of them still sound")
    with named("error"):
        assert kinds
