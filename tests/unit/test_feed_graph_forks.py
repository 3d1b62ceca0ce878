from itertools import permutations

import pytest

from billfold_protocol.crypto.signing import Verified
from billfold_protocol.errors import AuthFailed
from billfold_protocol.feed import Dep, Entry, Outcome, fork_head, parse_entry, verify_entry
from tests.support.scenes import Scene
from tests.support.wallets import TestDevice, TestFeed


@pytest.fixture
def scene() -> Scene:
    return Scene()


def dep_of(entry: Verified[Entry]) -> Dep:
    return Dep(entry.value.feed, entry.value.seq, entry.value.id)


def by_id(*entries: Verified[Entry]) -> list[Verified[Entry]]:
    return sorted(entries, key=lambda entry: entry.value.id)


def test_both_branches_are_held_and_each_place_is_found_by_its_id(scene: Scene) -> None:
    opening, left, right = scene.fork(b"left", b"right")
    for entry in (opening, left):
        scene.replica.receive(entry.raw)
    assert not scene.replica.graph.has(right.value)
    scene.replica.receive(right.raw)
    graph = scene.replica.graph
    for entry in (left, right):
        node = graph.find(dep_of(entry))
        assert node is not None
        assert node.dep.id == entry.value.id
    assert graph.is_forked(left.value.feed)
    assert sorted(graph.ends_of(left.value.feed)) == sorted([dep_of(left), dep_of(right)])
    assert graph.vector == {left.value.feed: (1, fork_head([left.value.id, right.value.id]))}


@pytest.mark.parametrize("order", list(permutations(range(4))))
def test_a_fork_is_told_of_once_with_both_signed_entries(
    scene: Scene, order: tuple[int, ...]
) -> None:
    opening, left, right = scene.fork(b"left", b"right")
    feed = TestFeed("graph/fork")
    feed.entries = [opening.value, left.value]
    after = scene.wallet.seal(scene.owner, feed, b"after")
    entries = [opening, left, right, after]
    for index in (*order, *order):
        scene.replica.receive(entries[index].raw)
    scene.replica.restart()
    for entry in entries:
        scene.replica.receive(entry.raw)
    (fork,) = scene.replica.forks
    assert [fork.first.raw, fork.second.raw] == [entry.raw for entry in by_id(left, right)]
    for found in (fork.first, fork.second):
        signed = parse_entry(found.raw, scene.wallet.chain.wallet_id)
        key = scene.owner.keys.signing
        assert verify_entry(signed, scene.wallet.chain.wallet_id, key).value == found.value


def test_a_forged_second_entry_accuses_nobody(scene: Scene) -> None:
    opening, left, right = scene.fork(b"left", b"right")
    for entry in (opening, left):
        scene.replica.receive(entry.raw)
    (refusal,) = scene.replica.receive(bytes(64) + right.raw[64:]).refused
    assert type(refusal.error) is AuthFailed
    assert scene.replica.forks == []
    assert scene.replica.counted == {opening.value.id, left.value.id}


def test_what_an_entry_builds_on_is_waited_for_by_its_id(scene: Scene) -> None:
    opening, left, right = scene.fork(b"left", b"right")
    entry = scene.wallet.seal(scene.editor, scene.other, b"1", deps=[dep_of(right)])
    for raw in (opening.raw, left.raw, entry.raw):
        scene.replica.receive(raw)
    assert scene.replica.graph.missing == [dep_of(right)]
    scene.replica.receive(right.raw)
    # Another device has built on it, so it stands.
    assert scene.replica.counted == {opening.value.id, right.value.id, entry.value.id}


def test_the_branch_of_more_devices_takes_the_place_of_the_other(scene: Scene) -> None:
    third = scene.wallet.link(TestDevice("graph/third"))
    scene.replica.learn(scene.wallet.chain.raws)
    opening, left, right = scene.fork(b"left", b"right")
    low, high = by_id(left, right)
    one = scene.wallet.seal(scene.editor, scene.other, b"1", deps=[dep_of(low)])
    two = scene.wallet.seal(third, TestFeed("graph/third"), b"2", deps=[dep_of(high)])
    late = scene.wallet.seal(scene.owner, TestFeed("graph/owner/second"), b"own", deps=[])
    for entry in (opening, high, low, one, two, late):
        scene.replica.receive(entry.raw)
    assert scene.replica.counted == {e.value.id for e in (opening, low, one, late)}
    fourth = scene.wallet.link(TestDevice("graph/fourth"))
    scene.replica.learn(scene.wallet.chain.raws)
    more = scene.wallet.seal(fourth, TestFeed("graph/fourth"), b"3", deps=[dep_of(high)])
    outcome = scene.replica.receive(more.raw)
    assert set(outcome.lost) == {dep_of(low), dep_of(one)}
    assert [e.value.id for e in outcome.counted][-1] == more.value.id
    assert scene.replica.counted == {e.value.id for e in (opening, high, two, more, late)}


def test_who_goes_on_on_a_branch_that_fell_changes_nothing_and_asks_for_nothing(
    scene: Scene,
) -> None:
    opening, left, right = scene.fork(b"left", b"right")
    low, high = by_id(left, right)
    vouch = scene.wallet.seal(scene.editor, scene.other, b"1", deps=[dep_of(low)])
    for entry in (opening, low, high, vouch):
        scene.replica.receive(entry.raw)
    feed = TestFeed("graph/fork")
    feed.entries = [opening.value, high.value]
    for number in range(3):
        entry = scene.wallet.seal(scene.owner, feed, b"%d" % number)
        outcome = scene.replica.receive(entry.raw)
        assert outcome == Outcome(excluded=outcome.excluded)
        assert [excluded.raw for excluded in outcome.excluded] == [entry.raw]
        assert scene.replica.graph.is_set_aside(feed.head)


def test_an_entry_that_builds_on_both_branches_never_counts(scene: Scene) -> None:
    opening, left, right = scene.fork(b"left", b"right")
    one = scene.wallet.seal(scene.editor, scene.other, b"1", deps=[dep_of(left)])
    two = scene.wallet.seal(scene.editor, scene.other, b"2", deps=[dep_of(right)])
    for order in permutations([opening, left, right, one, two]):
        replica = scene.informed()
        for entry in order:
            replica.receive(entry.raw)
        low, _ = by_id(left, right)
        # The device speaks for the one by its first entry and for both by its second.
        expected = {opening.value.id, low.value.id}
        if low is left:
            expected.add(one.value.id)
        assert replica.counted == expected


def test_entries_that_nobody_builds_on_can_be_withdrawn(scene: Scene) -> None:
    opening, left, right = scene.fork(b"left", b"right")
    low, high = by_id(left, right)
    for entry in (opening, low, high):
        scene.replica.receive(entry.raw)
    outcome = scene.replica.graph.withdraw([dep_of(low)])
    assert outcome is not None
    assert [counted.raw for counted in outcome.counted] == [high.raw]
    graph = scene.replica.graph
    assert graph.vector == {high.value.feed: (1, high.value.id)}
    assert graph.head_of(high.value.feed) == dep_of(high)
    assert not graph.is_forked(high.value.feed)
    entry = scene.wallet.seal(scene.editor, scene.other, b"1", deps=[dep_of(high)])
    wallet_id = scene.wallet.chain.wallet_id
    assert graph.receive(parse_entry(entry.raw, wallet_id)).counted
    assert graph.withdraw([dep_of(high)]) is None
    assert graph.has(high.value)
    # It can come again, from anybody.
    again = graph.receive(parse_entry(low.raw, wallet_id))
    assert [fork.first.raw for fork in again.equivocations] == [low.raw]


def test_a_feed_of_which_everything_is_withdrawn_is_gone(scene: Scene) -> None:
    entry = scene.wallet.seal(scene.owner, scene.feed, b"1")
    scene.replica.receive(entry.raw)
    assert scene.replica.graph.withdraw([dep_of(entry)]) is not None
    assert scene.replica.graph.vector == {}
    assert scene.replica.graph.counted_heads == []
