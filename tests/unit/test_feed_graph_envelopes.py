from itertools import permutations

import pytest

from billfold_protocol.crypto.signing import Signed, Verified
from billfold_protocol.errors import AuthFailed, BillfoldError, NotAuthorised
from billfold_protocol.feed import Entry, graph, verify_entry
from billfold_protocol.ids import EntryId, SigningPublicKey, WalletId
from billfold_protocol.membership import Role
from tests.support.replicas import TestReplica
from tests.support.scenes import Scene
from tests.support.wallets import TestDevice, TestFeed


@pytest.fixture
def scene() -> Scene:
    return Scene()


def refusal_of(replica: TestReplica, raw: bytes) -> BillfoldError:
    (refusal,) = replica.receive(raw).refused
    return refusal.error


def sealed_again(scene: Scene, device: TestDevice, entry: Entry) -> Verified[Entry]:
    """Return the entry as its device seals it under the newest membership."""
    wallet = scene.wallet
    return device.sealer.reseal(
        entry,
        old_key=wallet.epoch_keys[entry.epoch],
        state=wallet.state,
        key=wallet.epoch_key,
        random=device.random,
    )


def test_the_membership_entries_of_a_feed_need_not_ascend(scene: Scene) -> None:
    wallet, before = scene.wallet, scene.wallet.state
    entry = wallet.seal(scene.owner, scene.feed, b"1")
    wallet.rotate()
    again = sealed_again(scene, scene.owner, entry.value)
    following = wallet.seal(scene.owner, scene.feed, b"2", state=before)
    for order in permutations((entry, again, following)):
        replica = scene.informed()
        for envelope in order:
            replica.receive(envelope.raw)
        assert replica.counted == {entry.value.id, following.value.id}
        assert not replica.refused


def test_an_entry_sealed_again_after_a_cut_counts_whichever_envelope_comes_first(
    scene: Scene,
) -> None:
    wallet = scene.wallet
    entry = wallet.seal(scene.editor, scene.other, b"1")
    length = len(wallet.chain)
    wallet.set_role(scene.editor, Role.VIEWER)
    wallet.set_role(scene.editor, Role.EDITOR)
    again = sealed_again(scene, scene.editor, entry.value)
    following = wallet.seal(scene.owner, scene.feed, b"2", deps=[scene.other.head])
    for order in permutations((entry.raw, again.raw, b"")):
        replica = TestReplica(wallet.chain.raws[0])
        replica.learn(wallet.chain.raws[:length])
        for raw in order:
            if raw:
                replica.receive(raw)
            else:
                replica.learn(wallet.chain.raws)
        assert replica.counted == {entry.value.id}
        assert replica.stored[entry.value.id].raw == again.raw
        replica.receive(following.raw)
        assert replica.counted == {entry.value.id, following.value.id}
        assert not replica.refused


def test_a_newer_envelope_of_what_a_voucher_carries_is_kept_and_counts_without_it(
    scene: Scene,
) -> None:
    wallet, before = scene.wallet, scene.wallet.state
    third = wallet.link(TestDevice("graph/third"))
    entry = wallet.seal(scene.editor, scene.other, b"1", state=before)
    wallet.set_role(scene.editor, Role.VIEWER)
    voucher = wallet.seal(third, TestFeed("graph/third"), b"2", deps=[scene.other.head])
    wallet.set_role(scene.editor, Role.EDITOR)
    again = sealed_again(scene, scene.editor, entry.value)
    scene.replica.learn(wallet.chain.raws)
    for raw in (entry.raw, voucher.raw):
        scene.replica.receive(raw)
    outcome = scene.replica.receive(again.raw)
    assert [renewed.raw for renewed in outcome.renewed] == [again.raw]
    assert not outcome.counted
    scene.replica.restart()
    wallet.revoke(third)
    scene.replica.learn(wallet.chain.raws)
    assert scene.replica.counted == {entry.value.id}


def test_an_envelope_that_is_refused_takes_nothing_from_the_entry(scene: Scene) -> None:
    wallet = scene.wallet
    entry = wallet.seal(scene.editor, scene.other, b"1")
    wallet.set_role(scene.editor, Role.VIEWER)
    unfit = sealed_again(scene, scene.editor, entry.value)
    scene.replica.learn(wallet.chain.raws)
    scene.replica.receive(entry.raw)
    for raw, error in ((unfit.raw, NotAuthorised), (bytes(64) + unfit.raw[64:], AuthFailed)):
        assert type(refusal_of(scene.replica, raw)) is error
    assert scene.replica.stored[entry.value.id].raw == entry.raw
    assert scene.replica.graph.has(entry.value)


def test_only_an_envelope_that_can_change_something_is_checked(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    wallet = scene.wallet
    entries = [wallet.seal(scene.editor, scene.other, b"1")]
    wallet.rotate()
    entries.append(sealed_again(scene, scene.editor, entries[0].value))
    scene.replica.learn(wallet.chain.raws)
    scene.replica.receive(entries[0].raw)
    checked: list[EntryId] = []

    def verify_and_note(
        signed: Signed[Entry], wallet_id: WalletId, key: SigningPublicKey
    ) -> Verified[Entry]:
        checked.append(signed.value.id)
        return verify_entry(signed, wallet_id, key)

    monkeypatch.setattr(graph, "verify_entry", verify_and_note)
    for entry in entries:
        assert scene.replica.graph.knows(entry.value)
        scene.replica.receive(entry.raw)
    assert checked == []
    wallet.set_role(scene.editor, Role.VIEWER)
    scene.replica.learn(wallet.chain.raws)
    assert scene.replica.counted == set()
    for _ in range(2):
        scene.replica.receive(entries[1].raw)
    assert checked == [entries[1].value.id]
    assert scene.replica.counted == set()
