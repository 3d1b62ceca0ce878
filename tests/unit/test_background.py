import asyncio
import sys

import pytest

from billfold import background
from billfold.background import Background
from billfold.document import Document, FieldEdit, apart, random_record_id
from billfold.snapshots.workbench import AtOnce, Hands
from billfold_protocol.errors import StoreDamaged, StoreError

ACTOR = bytes(range(16))


def document(count: int = 40) -> Document:
    made = Document(ACTOR)
    record = random_record_id(bytes(16))
    for number in range(count):
        made.change([FieldEdit(record, "title", f"note {number}")], time_ms=number)
    return made


@pytest.fixture
def hands(monkeypatch: pytest.MonkeyPatch) -> Background:
    monkeypatch.setattr(background, "LARGE_SIZE", 0)
    return Background(lambda: None, lambda _: None)


async def test_another_process_finds_the_changes_that_a_document_has(hands: Background) -> None:
    made = document()
    found = await hands.apart("hashes", made.kept)
    assert found == apart.hashes_in(made.kept)
    assert {found[at : at + 32] for at in range(0, len(found), 32)} == made.hashes


async def test_another_process_saves_a_document_as_this_one_would(hands: Background) -> None:
    made = document()
    kept = made.kept
    assert await hands.apart("save", kept) == made.save() != kept


async def test_bytes_that_are_no_document_are_damaged_and_not_done_here(hands: Background) -> None:
    with pytest.raises(StoreDamaged):
        await hands.apart("hashes", b"no document")


@pytest.mark.parametrize("executable", ["", "/no/such/python", "/bin/false"])
async def test_without_another_python_the_work_is_done_here(
    hands: Background, monkeypatch: pytest.MonkeyPatch, executable: str
) -> None:
    monkeypatch.setattr(sys, "executable", executable)
    assert await hands.apart("save", document().kept) is None


async def test_a_small_document_stays_in_this_process() -> None:
    hands = Background(lambda: None, lambda _: None)
    assert await hands.apart("save", document().kept) is None


async def test_the_loop_goes_on_while_a_work_is_under_way() -> None:
    told: list[str] = []
    gate = asyncio.Event()

    async def work(_: Hands) -> None:
        told.append("begun")
        await gate.wait()
        told.append("ended")

    hands = Background(lambda: told.append("done"), lambda _: None)
    hands.start(work, is_awaited=True)
    await asyncio.sleep(0)
    assert told == ["begun"]
    gate.set()
    await hands.settled()
    assert told == ["begun", "ended", "done"]
    await hands.settled()


async def test_a_work_that_cannot_read_the_store_says_so() -> None:
    failures: list[StoreError] = []

    async def work(_: Hands) -> None:
        raise StoreDamaged("unreadable")

    hands = Background(lambda: None, failures.append)
    hands.start(work, is_awaited=True)
    await hands.settled()
    assert [str(error) for error in failures] == ["unreadable"]


async def test_what_is_under_way_is_abandoned_at_the_end() -> None:
    ended: list[str] = []

    async def work(_: Hands) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.append("cancelled")

    hands = Background(lambda: ended.append("done"), lambda _: None)
    hands.start(work)
    await asyncio.sleep(0)
    await hands.stop()
    assert ended == ["cancelled"]


def test_at_once_a_work_is_done_when_it_has_been_begun() -> None:
    done: list[int] = []

    async def work(hands: Hands) -> None:
        done.append(await hands.do(lambda: 7))
        assert await hands.apart("hashes", b"anything") is None

    AtOnce().start(work)
    assert done == [7]
