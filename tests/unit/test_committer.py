import asyncio
import threading
from collections.abc import AsyncIterator, Sequence

import pytest

from billfold import committer
from billfold.commit_threads import THREADS_COUNT
from billfold.committer import Committer, Sends
from billfold.document import Edit, FieldEdit, base_merge_kinds, random_record_id
from billfold.events import Event, RecordsChanged
from billfold.founding import NewReplica
from billfold.replica import Replica
from billfold.store import MemoryStore, PutMeta, Write
from billfold_protocol.errors import LocalProtocolError, StoreError, StoreFull
from tests.support.seeded_bytes import SeededBytes

RECORD = random_record_id(bytes(16))
PATIENCE_S = 10


class WatchedStore(MemoryStore):
    """Remembers what was committed together, and can be full."""

    def __init__(self) -> None:
        super().__init__()
        self.commits: list[Sequence[Write]] = []
        self.is_full = False

    def commit(self, writes: Sequence[Write]) -> None:
        if self.is_full:
            raise StoreFull("The disk has no room for this change; free some space.")
        super().commit(writes)
        self.commits.append(writes)


class Scene:
    """A committer over a store in memory, and what it did, in order."""

    def __init__(self) -> None:
        random = SeededBytes("committer")
        self.store = WatchedStore()
        self.store.commit(NewReplica.create(random, now_ms=1_700_000_000_000).writes())
        self.store.commits.clear()
        self.replica = Replica(
            self.store,
            now_ms=lambda: 1_700_000_000_000,
            random=random,
            merge_kinds=base_merge_kinds,
        )
        self.happened: list[str] = []
        self.room: int | None = None
        self.committer = Committer(
            self.store,
            lambda: self.replica,
            room=lambda: self.room,
            send=self._send,
            tell=self._tell,
            fail=self._fail,
            reopen=lambda: self.happened.append("reopened"),
        )

    def _send(self, sends: Sends) -> None:
        self.happened.append(f"sent {len(sends)}")

    def _tell(self, events: Sequence[Event]) -> None:
        self.happened += [
            f"told of {sorted(field for _, field in event.fields)}"
            for event in events
            if isinstance(event, RecordsChanged)
        ]

    def _fail(self, error: StoreError) -> None:
        self.happened.append(type(error).__name__)

    async def edit(self, value: str) -> None:
        edits: list[Edit] = [FieldEdit(RECORD, "name", value)]
        await self.committer.edit(edits)
        self.happened.append(f"returned {value}")

    async def take_turns(self) -> None:
        """Let everything run that is ready, and what becomes ready by it."""
        for _ in range(20):
            await asyncio.sleep(0)


@pytest.fixture
async def scene(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Scene]:
    monkeypatch.setattr(committer, "LINGER_S", 3600)
    built = Scene()
    built.committer.start()
    yield built
    built.store.is_full = False
    await built.committer.stop()


async def test_what_nobody_waits_for_shares_the_next_commit(scene: Scene) -> None:
    scene.replica.put_meta("cursor", b"1")
    scene.committer.wake()
    await scene.take_turns()
    assert scene.store.commits == []
    await scene.edit("a")
    (writes,) = scene.store.commits
    assert PutMeta("cursor", b"1") in writes
    assert len(writes) > 1


async def test_what_nobody_waits_for_is_durable_after_a_moment(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(committer, "LINGER_S", 0)
    scene.replica.put_meta("cursor", b"1")
    scene.committer.wake()
    async with asyncio.timeout(PATIENCE_S):
        while not scene.store.commits:
            await asyncio.sleep(0)
    assert scene.store.commits == [[PutMeta("cursor", b"1")]]


async def test_waiting_for_a_commit_does_not_linger(scene: Scene) -> None:
    scene.replica.put_meta("cursor", b"1")
    scene.committer.wake()
    await scene.take_turns()
    await scene.committer.committed()
    assert scene.store.commits == [[PutMeta("cursor", b"1")]]


async def test_the_server_hears_of_an_edit_before_its_caller_goes_on(scene: Scene) -> None:
    scene.room = 1_000_000
    await scene.edit("a")
    assert scene.happened == ["sent 1", "told of ['name']", "returned a"]


async def test_concurrent_edits_share_a_commit(scene: Scene) -> None:
    await asyncio.gather(*(scene.edit(f"value {index}") for index in range(20)))
    assert len(scene.store.commits) == 1
    assert len([what for what in scene.happened if what.startswith("returned")]) == 20


async def test_those_who_wait_for_a_commit_that_fails_are_told(scene: Scene) -> None:
    scene.store.is_full = True
    edits = [asyncio.ensure_future(scene.edit(value)) for value in ("a", "b")]
    waiting = asyncio.ensure_future(scene.committer.committed())
    outcomes = await asyncio.gather(*edits, waiting, return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [StoreFull] * 3
    assert scene.happened == ["StoreFull"]


async def test_an_edit_that_was_not_kept_is_not_told_of(scene: Scene) -> None:
    scene.store.is_full = True
    with pytest.raises(StoreFull):
        await scene.edit("a")
    assert scene.happened == ["StoreFull"]


async def test_what_is_asked_for_during_a_commit_is_in_the_next(scene: Scene) -> None:
    first = asyncio.ensure_future(scene.edit("a"))
    await asyncio.sleep(0)
    second = asyncio.ensure_future(scene.edit("b"))
    await asyncio.sleep(0)
    await asyncio.gather(first, second)
    await scene.edit("c")
    returned = [what for what in scene.happened if what.startswith("returned")]
    assert returned == ["returned a", "returned b", "returned c"]


async def test_a_fault_of_the_store_ends_the_committer_for_all_who_wait(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    reported: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, told: reported.append(told))

    def fault(_: Sequence[Write]) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(scene.store, "commit", fault)
    waiting = asyncio.gather(scene.edit("a"), scene.committer.committed(), return_exceptions=True)
    assert [type(outcome) for outcome in await waiting] == [LocalProtocolError] * 2
    with pytest.raises(LocalProtocolError):
        await scene.edit("b")
    assert len(reported) == 1
    monkeypatch.undo()
    scene.committer.start()


async def test_many_committers_share_a_few_threads_and_keep_their_own_order(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(committer, "LINGER_S", 3600)
    scenes = [Scene() for _ in range(4 * THREADS_COUNT)]
    for one in scenes:
        one.committer.start()
    names = set()

    def commit(store: WatchedStore, writes: Sequence[Write]) -> None:
        names.add(threading.current_thread().name)
        MemoryStore.commit(store, writes)
        store.commits.append(writes)

    monkeypatch.setattr(WatchedStore, "commit", commit)
    for value in ("a", "b", "c"):
        await asyncio.gather(*(one.edit(value) for one in scenes))
    assert len(names) <= THREADS_COUNT
    for one in scenes:
        returned = [what for what in one.happened if what.startswith("returned")]
        assert returned == ["returned a", "returned b", "returned c"]
        await one.committer.stop()
