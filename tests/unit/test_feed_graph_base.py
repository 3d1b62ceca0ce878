import pytest

from billfold_protocol.crypto.signing import Verified
from billfold_protocol.errors import Equivocation
from billfold_protocol.feed import BaseHead, Dep, Entry
from billfold_protocol.ids import FeedId
from tests.support.replicas import TestReplica
from tests.support.scenes import Scene
from tests.support.wallets import TestFeed


@pytest.fixture
def scene() -> Scene:
    return Scene()


def base_at(scene: Scene, entry: Verified[Entry]) -> dict[FeedId, BaseHead]:
    return {entry.value.feed: BaseHead(entry.value.seq, entry.value.id, scene.owner.id)}


def run(scene: Scene, count: int) -> list[Verified[Entry]]:
    return [scene.wallet.seal(scene.owner, scene.feed, b"%d" % n) for n in range(count)]


def test_a_feed_goes_on_from_what_a_snapshot_covers(scene: Scene) -> None:
    entries = run(scene, 5)
    graph = scene.replica.graph
    assert not scene.replica.adopt(base_at(scene, entries[2])).counted
    head = Dep(scene.feed.id, 2, entries[2].value.id)
    assert graph.vector == {head.feed: head[1:]}
    assert graph.counted_heads == graph.ends_of(head.feed) == [head]
    assert graph.feeds_of([scene.owner.id]) == {head.feed: head[1:]}
    assert graph.device_of(head.feed) == scene.owner.id
    for entry in entries:
        scene.replica.receive(entry.raw)
    assert scene.replica.counted == {entry.value.id for entry in entries[3:]}
    assert graph.vector == {head.feed: (4, entries[4].value.id)}
    assert graph.missing == []
    assert graph.branch(Dep(scene.feed.id, 4, entries[4].value.id), 0) == [
        Dep(scene.feed.id, seq, entries[seq].value.id) for seq in (3, 4)
    ]


def test_what_a_snapshot_covers_is_taken_for_here_where_others_build_on_it(scene: Scene) -> None:
    entries = run(scene, 3)
    early = Dep(scene.feed.id, 1, entries[1].value.id)
    other = scene.wallet.seal(scene.editor, scene.other, b"1", deps=[early])
    scene.replica.receive(other.raw)
    assert scene.replica.graph.missing == [early]
    outcome = scene.replica.adopt(base_at(scene, entries[2]))
    assert [counted.raw for counted in outcome.counted] == [other.raw]
    assert scene.replica.graph.missing == []


def test_another_entry_at_the_head_of_a_snapshot_is_refused_and_what_follows_it_waits(
    scene: Scene,
) -> None:
    opening, left, right = scene.fork(b"left", b"right")
    scene.replica.adopt(base_at(scene, left))
    (refusal,) = scene.replica.receive(right.raw).refused
    assert type(refusal.error) is Equivocation
    feed = TestFeed("graph/fork")
    feed.entries = [opening.value, right.value]
    scene.replica.receive(scene.wallet.seal(scene.owner, feed, b"after").raw)
    assert scene.replica.graph.missing == [Dep(right.value.feed, 1, right.value.id)]
    assert scene.replica.receive(opening.raw).counted == []


def test_a_snapshot_takes_the_place_of_what_it_covers_and_of_nothing_else(scene: Scene) -> None:
    entries = run(scene, 6)
    for held, covered, length in ((3, 4, 0), (3, 2, 0), (5, 2, 5)):
        replica = scene.informed()
        for entry in entries[:held]:
            replica.receive(entry.raw)
        replica.adopt(base_at(scene, entries[covered]))
        end = replica.graph.ends_of(scene.feed.id)[0]
        assert end.seq == max(held - 1, covered)
        assert len(replica.graph.branch(end, 0)) == length
        for entry in entries[end.seq + 1 :]:
            replica.receive(entry.raw)
        assert replica.graph.vector[scene.feed.id] == (5, entries[5].value.id)
        assert replica.refused == []


def test_entries_are_taken_back_on_top_of_a_snapshot(scene: Scene) -> None:
    entries = run(scene, 5)
    replica = TestReplica(scene.wallet.chain.raws[0])
    replica.learn(scene.wallet.chain.raws)
    replica.adopt(base_at(scene, entries[2]))
    for entry in entries:
        replica.graph.restore(Dep(scene.feed.id, entry.value.seq, entry.value.id), scene.owner.id)
    assert len(replica.graph.branch(replica.graph.ends_of(scene.feed.id)[0], 0)) == 2


def test_a_cut_counts_from_a_snapshot_on(scene: Scene) -> None:
    entries = [scene.wallet.seal(scene.editor, scene.other, b"%d" % n) for n in range(4)]
    covered = entries[1].value
    base = {covered.feed: BaseHead(covered.seq, covered.id, scene.editor.id)}
    scene.replica.adopt(base)
    for entry in entries[2:]:
        scene.replica.receive(entry.raw)
    scene.wallet.revoke(scene.editor, cut={covered.feed: (covered.seq, covered.id)})
    lost = scene.replica.learn(scene.wallet.chain.raws)
    assert {dep.id for dep in lost} == {entry.value.id for entry in entries[2:]}
    assert scene.replica.graph.feeds_of([scene.editor.id]) == {
        covered.feed: (covered.seq, covered.id)
    }
