from itertools import permutations

import pytest

from billfold_protocol.crypto.signing import Verified
from billfold_protocol.feed import Dep, Entry, Standing
from billfold_protocol.membership import Role
from tests.support.scenes import Scene
from tests.support.wallets import TestDevice, TestFeed


@pytest.fixture
def scene() -> Scene:
    return Scene()


class Cut:
    """The editor wrote 0 to 3, the owner knew 1 and cut there."""

    def __init__(self, scene: Scene, *, demotes: bool = False) -> None:
        self.scene, self.wallet = scene, scene.wallet
        self.before = self.wallet.state
        self.entries = [self.wallet.seal(scene.editor, scene.other, b"%d" % n) for n in range(4)]
        knew = scene.informed()
        for entry in self.entries[:2]:
            knew.receive(entry.raw)
        cut = knew.graph.feeds_of([scene.editor.id])
        assert cut == {scene.other.id: (1, self.entries[1].value.id)}
        self.known = set(knew.counted)
        if demotes:
            self.wallet.set_role(scene.editor, Role.VIEWER, cut=cut)
        else:
            self.wallet.revoke(scene.editor, cut=cut)

    def vouch(self, seq: int) -> Verified[Entry]:
        """Return an entry that the owner made before it knew of the cut."""
        dep = Dep(self.scene.other.id, seq, self.entries[seq].value.id)
        return self.wallet.seal(
            self.scene.owner, self.scene.feed, b"v", deps=[dep], state=self.before
        )


@pytest.mark.parametrize("demotes", [True, False])
@pytest.mark.parametrize("knows_the_cut_first", [True, False])
def test_what_is_beyond_a_cut_does_not_count(
    scene: Scene, *, knows_the_cut_first: bool, demotes: bool
) -> None:
    cut = Cut(scene, demotes=demotes)
    if knows_the_cut_first:
        scene.replica.learn(cut.wallet.chain.raws)
    for entry in cut.entries:
        scene.replica.receive(entry.raw)
    lost = scene.replica.learn(cut.wallet.chain.raws)
    assert len(lost) == (0 if knows_the_cut_first else 2)
    assert scene.replica.counted == cut.known
    assert scene.replica.graph.counted_heads == [Dep(scene.other.id, 1, cut.entries[1].value.id)]
    assert scene.replica.graph.vector[scene.other.id][0] == 3


@pytest.mark.parametrize("seq", [2, 3])
@pytest.mark.parametrize("knows_the_cut_first", [True, False])
def test_an_entry_that_stands_vouches_for_all_it_builds_on(
    scene: Scene, seq: int, *, knows_the_cut_first: bool
) -> None:
    cut = Cut(scene)
    vouch = cut.vouch(seq)
    if knows_the_cut_first:
        scene.replica.learn(cut.wallet.chain.raws)
    for entry in [*cut.entries, vouch]:
        scene.replica.receive(entry.raw)
    scene.replica.learn(cut.wallet.chain.raws)
    vouched = {entry.value.id for entry in [*cut.entries[2 : seq + 1], vouch]}
    assert scene.replica.counted == cut.known | vouched


def test_two_removed_devices_do_not_vouch_for_each_other(scene: Scene) -> None:
    second = scene.wallet.link(TestDevice("graph/second"))
    scene.replica.learn(scene.wallet.chain.raws)
    cut = Cut(scene)
    feed = TestFeed("graph/second")
    accomplice = scene.wallet.seal(second, feed, b"1", deps=[scene.other.head], state=cut.before)
    scene.wallet.revoke(second, cut={})
    for entry in [*cut.entries, accomplice]:
        scene.replica.receive(entry.raw)
    scene.replica.learn(scene.wallet.chain.raws)
    assert scene.replica.counted == cut.known


def test_a_cut_that_names_another_head_excludes_it(scene: Scene) -> None:
    opening, left, right = scene.fork(b"left", b"right")
    scene.wallet.set_role(scene.editor, Role.OWNER)
    head = (1, left.value.id)
    scene.wallet.revoke(scene.owner, author=scene.editor, cut={left.value.feed: head})
    scene.replica.learn(scene.wallet.chain.raws)
    for entry in (opening, right):
        scene.replica.receive(entry.raw)
    assert scene.replica.counted == {opening.value.id}


def test_the_cut_of_a_second_removal_keeps_what_the_first_left(scene: Scene) -> None:
    cut = Cut(scene, demotes=True)
    scene.replica.learn(cut.wallet.chain.raws)
    for entry in cut.entries:
        scene.replica.receive(entry.raw)
    second_cut = scene.replica.graph.feeds_of([scene.editor.id])
    assert second_cut == {scene.other.id: (1, cut.entries[1].value.id)}
    cut.wallet.revoke(scene.editor, cut=second_cut)
    assert scene.replica.learn(cut.wallet.chain.raws) == []
    assert scene.replica.counted == cut.known


def test_a_device_that_may_write_again_vouches_for_what_it_wrote_before(scene: Scene) -> None:
    cut = Cut(scene, demotes=True)
    cut.wallet.set_role(scene.editor, Role.EDITOR)
    author = scene.informed()
    for entry in cut.entries:
        author.receive(entry.raw)
        scene.replica.receive(entry.raw)
    scene.replica.learn(cut.wallet.chain.raws)
    assert scene.replica.counted == author.counted == cut.known
    entry = cut.wallet.seal(scene.editor, scene.other, b"again")
    author.append_own(entry, scene.editor.id)
    scene.replica.receive(entry.raw)
    everything = {entry.value.id for entry in [*cut.entries, entry]}
    assert scene.replica.counted == author.counted == everything


def test_feeds_of_names_no_feed_of_which_nothing_counts(scene: Scene) -> None:
    scene.wallet.revoke(scene.editor)
    scene.replica.learn(scene.wallet.chain.raws)
    entry = scene.wallet.seal(scene.editor, scene.other, b"1", state=scene.wallet.chain.state_at(1))
    scene.replica.receive(entry.raw)
    assert scene.replica.graph.feeds_of([scene.editor.id]) == {}
    node = scene.replica.graph.find(scene.other.head)
    assert node is not None
    assert node.standing is Standing.EXCLUDED


@pytest.mark.parametrize("order", list(permutations(("first", "again", "chain"))))
def test_an_entry_sealed_again_once_its_device_may_write_counts_in_every_order(
    scene: Scene, order: tuple[str, ...]
) -> None:
    wallet, old_key = scene.wallet, scene.wallet.epoch_key
    first = wallet.seal(scene.editor, scene.other, b"1")
    wallet.set_role(scene.editor, Role.VIEWER)
    wallet.set_role(scene.editor, Role.EDITOR)
    again = scene.editor.sealer.reseal(
        first.value,
        old_key=old_key,
        state=wallet.state,
        key=wallet.epoch_key,
        random=scene.editor.random,
    )
    for arrived in order:
        if arrived == "chain":
            scene.replica.learn(wallet.chain.raws)
        else:
            scene.replica.receive(first.raw if arrived == "first" else again.raw)
    assert scene.replica.counted == {first.value.id}
    # The envelope that makes it count is the one to keep.
    assert scene.replica.stored[first.value.id].raw == again.raw
    scene.replica.restart()
    assert scene.replica.drop_what_is_cut_off() == []
    assert scene.replica.counted == {first.value.id}
