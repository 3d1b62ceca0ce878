from collections.abc import Callable
from dataclasses import replace

import pytest

from billfold_protocol import limits
from billfold_protocol.crypto.signing import Signed, Verified
from billfold_protocol.envelope import Content
from billfold_protocol.errors import (
    AuthFailed,
    BillfoldError,
    ChainFork,
    DeviceRevoked,
    LimitExceeded,
    NotAuthorised,
    StoreDamaged,
    UnknownEpoch,
    UnsignedMember,
    WrongContext,
)
from billfold_protocol.feed import Dep, Entry, graph, parse_entry, verify_entry
from billfold_protocol.ids import ChainHead, EntryId, EpochId, SigningPublicKey, WalletId
from billfold_protocol.membership import Role
from tests.support.replicas import TestReplica
from tests.support.scenes import Scene
from tests.support.wallets import TIME_S, TestDevice, TestFeed, TestWallet


@pytest.fixture
def scene() -> Scene:
    return Scene()


def only_refusal(replica: TestReplica, raw: bytes) -> BillfoldError:
    counted = set(replica.counted)
    (refusal,) = replica.receive(raw).refused
    assert replica.counted == counted
    return refusal.error


def forged(raw: bytes) -> bytes:
    return bytes(64) + raw[64:]


def test_entries_count_in_order_and_are_known_the_second_time(scene: Scene) -> None:
    entries = [scene.wallet.seal(scene.owner, scene.feed, b"%d" % n) for n in range(3)]
    for entry in entries:
        outcome = scene.replica.receive(entry.raw)
        assert [counted.raw for counted in outcome.counted] == [entry.raw]
        assert scene.replica.graph.has(entry.value)
    assert scene.replica.receive(entries[1].raw) == type(outcome)()
    head = scene.feed.head
    assert scene.replica.graph.vector == {head.feed: (head.seq, head.id)}
    assert scene.replica.graph.counted_heads == [head]
    assert scene.replica.graph.device_of(head.feed) == scene.owner.id


def test_an_entry_waits_for_every_entry_it_names(scene: Scene) -> None:
    first = scene.wallet.seal(scene.owner, scene.feed, b"1")
    second = scene.wallet.seal(scene.editor, scene.other, b"2")
    third = scene.wallet.seal(scene.editor, scene.other, b"3", deps=[scene.feed.head])
    scene.replica.receive(third.raw)
    assert scene.replica.graph.missing == [Dep(scene.other.id, 0, second.value.id)]
    scene.replica.receive(second.raw)
    assert scene.replica.graph.missing == [scene.feed.head]
    assert scene.replica.graph.waiting_count == 1
    outcome = scene.replica.receive(first.raw)
    assert [entry.raw for entry in outcome.counted] == [first.raw, third.raw]
    assert scene.replica.graph.waiting_count == 0


def test_an_entry_waits_for_a_membership_entry_that_is_not_here(scene: Scene) -> None:
    scene.wallet.rotate()
    late = scene.wallet.link(TestDevice("graph/late"))
    entry = scene.wallet.seal(late, TestFeed("graph/late"), b"1")
    scene.replica.receive(entry.raw)
    assert scene.replica.graph.missing_membership == scene.wallet.state.k
    scene.replica.append(scene.wallet.chain.raws[-2])
    assert scene.replica.counted == set()
    scene.replica.append(scene.wallet.chain.raws[-1])
    assert scene.replica.counted == {entry.value.id}
    assert scene.replica.graph.missing_membership is None


def viewer_writes(scene: Scene) -> bytes:
    return scene.wallet.seal(scene.viewer, TestFeed("graph/viewer"), b"1").raw


def stranger_writes(scene: Scene) -> bytes:
    return scene.wallet.seal(TestDevice("graph/stranger"), TestFeed("graph/stranger"), b"1").raw


def revoked_device_writes_under_a_later_entry(scene: Scene) -> bytes:
    scene.wallet.revoke(scene.editor)
    scene.replica.learn(scene.wallet.chain.raws)
    return scene.wallet.seal(scene.editor, scene.other, b"1").raw


def demoted_device_writes_under_a_later_entry(scene: Scene) -> bytes:
    scene.wallet.set_role(scene.editor, Role.VIEWER)
    scene.replica.learn(scene.wallet.chain.raws)
    return scene.wallet.seal(scene.editor, scene.other, b"1").raw


def another_signs(scene: Scene) -> bytes:
    entry = scene.wallet.seal(scene.owner, scene.feed, b"1").value
    return scene.sign(entry, scene.editor)


def another_epoch(scene: Scene) -> bytes:
    entry = scene.wallet.seal(scene.owner, scene.feed, b"1").value
    return scene.sign(replace(entry, epoch=EpochId(bytes(16))))


def an_epoch_that_is_over(scene: Scene) -> bytes:
    old = scene.wallet.state.epoch.id
    scene.wallet.rotate()
    scene.replica.learn(scene.wallet.chain.raws)
    entry = scene.wallet.seal(scene.owner, scene.feed, b"1").value
    return scene.sign(replace(entry, epoch=old))


def another_document(scene: Scene) -> bytes:
    entry = scene.wallet.seal(scene.owner, scene.feed, b"1").value
    return scene.sign(replace(entry, document=1))


def another_chain(scene: Scene) -> bytes:
    entry = scene.wallet.seal(scene.owner, scene.feed, b"1").value
    return scene.sign(replace(entry, head=ChainHead(bytes(16))))


def anothers_feed_as_its_own_before(scene: Scene) -> bytes:
    scene.replica.receive(scene.wallet.seal(scene.editor, scene.other, b"1").raw)
    claims = TestFeed("graph/claims", previous=scene.other.head)
    return scene.wallet.seal(scene.owner, claims, b"1").raw


@pytest.mark.parametrize(
    ("make", "error"),
    [
        (viewer_writes, NotAuthorised),
        (stranger_writes, UnsignedMember),
        (revoked_device_writes_under_a_later_entry, DeviceRevoked),
        (demoted_device_writes_under_a_later_entry, NotAuthorised),
        (another_signs, AuthFailed),
        (another_epoch, UnknownEpoch),
        (an_epoch_that_is_over, UnknownEpoch),
        (another_document, UnknownEpoch),
        (another_chain, ChainFork),
        (anothers_feed_as_its_own_before, WrongContext),
    ],
)
def test_what_may_not_count_is_refused_with_its_reason(
    scene: Scene, make: Callable[[Scene], bytes], error: type[BillfoldError]
) -> None:
    raw = make(scene)
    assert type(only_refusal(scene.replica, raw)) is error


@pytest.mark.parametrize(
    "make",
    [
        another_chain,
        revoked_device_writes_under_a_later_entry,
        anothers_feed_as_its_own_before,
    ],
)
def test_made_up_bytes_accuse_nobody(scene: Scene, make: Callable[[Scene], bytes]) -> None:
    raw = make(scene)
    assert type(only_refusal(scene.replica, forged(raw))) is AuthFailed


@pytest.mark.parametrize("is_real_first", [True, False])
def test_a_forged_envelope_beside_the_real_one_changes_nothing(
    scene: Scene, *, is_real_first: bool
) -> None:
    first = scene.wallet.seal(scene.owner, scene.feed, b"1")
    second = scene.wallet.seal(scene.owner, scene.feed, b"2")
    pair = [second.raw, forged(second.raw)]
    for raw in pair if is_real_first else pair[::-1]:
        scene.replica.receive(raw)
    scene.replica.receive(first.raw)
    assert scene.replica.counted == {first.value.id, second.value.id}
    assert scene.replica.stored[second.value.id].raw == second.raw
    assert scene.replica.graph.waiting_count == 0


def test_an_entry_sealed_again_is_the_same_entry(scene: Scene) -> None:
    wallet, old_key = scene.wallet, scene.wallet.epoch_key
    entry = wallet.seal(scene.owner, scene.feed, b"1")
    wallet.rotate()
    again = scene.owner.sealer.reseal(
        entry.value,
        old_key=old_key,
        state=wallet.state,
        key=wallet.epoch_key,
        random=scene.owner.random,
    )
    assert again.value.id == entry.value.id
    scene.replica.learn(wallet.chain.raws)
    following = wallet.seal(scene.owner, scene.feed, b"2")
    for first, second in ((entry, again), (again, entry)):
        replica = scene.informed()
        for raw in (first.raw, second.raw, following.raw):
            replica.receive(raw)
        assert replica.counted == {entry.value.id, following.value.id}
        assert not replica.refused


def test_too_many_waiting_entries_of_one_feed_are_refused_and_others_go_on(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "WAITING_COUNT_MAX", 5)
    feed = TestFeed("graph/long")
    entries = [scene.wallet.seal(scene.owner, feed, b"%d" % n) for n in range(8)]
    for entry in entries[1:6]:
        scene.replica.receive(entry.raw)
    for entry in entries[6:]:
        assert type(only_refusal(scene.replica, entry.raw)) is LimitExceeded
    # What was refused leaves no trace: it is not asked for and not counted.
    assert scene.replica.graph.waiting_count == 5
    assert len(scene.replica.graph.missing) == 5
    other = scene.wallet.seal(scene.editor, scene.other, b"1")
    assert len(scene.replica.receive(other.raw).counted) == 1
    assert len(scene.replica.receive(entries[0].raw).counted) == 6
    assert len(scene.replica.receive(entries[6].raw).counted) == 1


def test_made_up_entries_of_many_feeds_wait_within_one_bound(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "WAITING_SIZE_MAX", 20_000)
    feeds = [TestFeed(f"graph/flood/{n}") for n in range(30)]
    openings = [scene.wallet.seal(scene.owner, feed, b"0").raw for feed in feeds]
    flood = [forged(scene.wallet.seal(scene.owner, feed, b"1").raw) for feed in feeds]
    refused = sum(len(scene.replica.receive(raw).refused) for raw in flood)
    waiting_count = len(flood) - refused
    assert 5 < waiting_count < 20
    assert scene.replica.graph.waiting_count == waiting_count
    assert len(scene.replica.graph.missing) == waiting_count
    # What no longer waits makes room for as many again.
    for raw in openings[:waiting_count]:
        scene.replica.receive(raw)
    assert scene.replica.graph.waiting_count == 0
    for raw in flood[waiting_count:]:
        scene.replica.receive(raw)
    assert scene.replica.graph.waiting_count == min(waiting_count, len(flood) - waiting_count)


def test_a_refusal_for_lack_of_room_loses_nothing_that_came_with_it(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = scene.wallet.seal(scene.owner, scene.feed, b"1")
    missing = scene.wallet.seal(scene.editor, scene.other, b"0")
    second = scene.wallet.seal(scene.owner, scene.feed, b"2", deps=[scene.other.head])
    scene.replica.receive(second.raw)
    monkeypatch.setattr(limits, "WAITING_COUNT_MAX", 0)
    outcome = scene.replica.receive(first.raw)
    assert [entry.raw for entry in outcome.counted] == [first.raw]
    assert [type(refusal.error) for refusal in outcome.refused] == [LimitExceeded]
    assert scene.replica.graph.missing == []
    for entry in (missing, second):
        scene.replica.receive(entry.raw)
    assert scene.replica.counted == {e.value.id for e in (first, missing, second)}


def test_a_wallet_has_a_bounded_number_of_feeds(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "FEEDS_COUNT_MAX", 2)
    raws = [scene.wallet.seal(scene.owner, TestFeed(f"graph/{n}"), b"1").raw for n in range(3)]
    for raw in raws[:2]:
        scene.replica.receive(raw)
    assert type(only_refusal(scene.replica, raws[2])) is LimitExceeded


def test_one_signature_is_checked_once_however_long_an_entry_waits(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    feeds = [TestFeed(f"graph/dep/{n}") for n in range(6)]
    deps = [scene.wallet.seal(scene.editor, feed, b"1") for feed in feeds]
    heads = [feed.head for feed in feeds]
    entry = scene.wallet.seal(scene.owner, scene.feed, b"1", deps=heads)
    checked: list[EntryId] = []

    def verify_and_note(
        signed: Signed[Entry], wallet_id: WalletId, key: SigningPublicKey
    ) -> Verified[Entry]:
        checked.append(signed.value.id)
        return verify_entry(signed, wallet_id, key)

    monkeypatch.setattr(graph, "verify_entry", verify_and_note)
    scene.replica.receive(entry.raw)
    for dep in deps:
        scene.replica.receive(dep.raw)
    assert entry.value.id in scene.replica.counted
    assert checked.count(entry.value.id) == 1


def test_restoring_a_feed_with_a_hole_says_that_the_store_is_damaged(scene: Scene) -> None:
    entries = [scene.wallet.seal(scene.owner, scene.feed, b"%d" % n).value for n in range(2)]
    with pytest.raises(StoreDamaged):
        scene.replica.graph.restore(Dep(scene.feed.id, 1, entries[1].id), scene.owner.id)


def test_a_long_excluded_feed_is_vouched_for_without_deep_recursion(scene: Scene) -> None:
    cut_state = scene.wallet.state
    entries = [scene.wallet.seal(scene.editor, scene.other, b"%d" % n) for n in range(1500)]
    scene.wallet.revoke(scene.editor)
    scene.replica.learn(scene.wallet.chain.raws)
    for entry in entries:
        scene.replica.receive(entry.raw)
    assert scene.replica.counted == set()
    vouch = scene.wallet.seal(
        scene.owner, scene.feed, b"v", deps=[scene.other.head], state=cut_state
    )
    assert len(scene.replica.receive(vouch.raw).counted) == 1501


def test_an_entry_of_another_wallet_does_not_count(scene: Scene) -> None:
    elsewhere = TestWallet("graph/elsewhere", owner=scene.owner)
    raw = elsewhere.seal(scene.owner, scene.feed, b"1").raw
    assert type(only_refusal(scene.replica, raw)) is AuthFailed


def test_content_may_be_empty_in_an_entry_that_vouches(scene: Scene) -> None:
    content = Content(changes=(), time_ms=TIME_S)
    entry = scene.owner.sealer.seal(
        content,
        scene.feed.place(scene.owner.id),
        state=scene.wallet.state,
        key=scene.wallet.epoch_key,
        random=scene.owner.random,
    )
    signed = parse_entry(entry.raw, scene.wallet.chain.wallet_id)
    assert len(scene.replica.graph.receive(signed).counted) == 1
