from collections.abc import Callable
from dataclasses import dataclass, replace

import pytest

from billfold_protocol import limits
from billfold_protocol.errors import (
    AuthFailed,
    BillfoldError,
    ChainFork,
    LimitExceeded,
    NotAuthorised,
    UnsignedMember,
    WrongContext,
)
from billfold_protocol.ids import EntryId, FeedId, SnapshotId
from billfold_protocol.key_hierarchy import open_back_links, open_wrap
from billfold_protocol.membership import (
    Kind,
    MembershipChain,
    Merge,
    Role,
    divergence_of,
    epoch_links,
    members_after,
)
from billfold_protocol.snapshot import Snapshot, judges_of, was_alone, was_endorsed
from specs.vectors.cases_merging import merge_of
from specs.vectors.scenarios import BEN_PHONE, LAPTOP, PHONE, make_base
from specs.vectors.story import until
from tests.support.wallets import TestDevice, TestWallet


@dataclass
class Parted:
    """A wallet of three owners and an editor whose history went on in two ways."""

    main: TestWallet
    other: TestWallet
    second: TestDevice
    third: TestDevice
    editor: TestDevice

    def merged(self) -> TestWallet:
        self.main.merge(self.other)
        return self.main


@pytest.fixture
def parted() -> Parted:
    """The main history is one entry ahead of the other by its home; nothing else differs."""
    wallet = TestWallet("parted")
    second = wallet.link(TestDevice("parted/second"), role=Role.OWNER)
    third = wallet.link(TestDevice("parted/third"), role=Role.OWNER)
    editor = wallet.link(TestDevice("parted/editor"))
    other = wallet.fork("parted/other")
    wallet.home()
    return Parted(wallet, other, second, third, editor)


def lengthen(wallet: TestWallet, other: TestWallet) -> None:
    while len(wallet.chain) <= len(other.chain):
        wallet.home(f"https://{len(wallet.chain)}.example")


def test_what_either_branch_took_away_is_gone_and_what_either_gave_stays(parted: Parted) -> None:
    main, other = parted.main, parted.other
    watch = other.link(TestDevice("parted/watch"), sponsor=parted.second)
    other.revoke(parted.third)
    other.set_role(parted.editor, Role.VIEWER)
    tablet = main.link(TestDevice("parted/tablet"))
    lengthen(main, other)
    state = parted.merged().state
    assert {watch.id, tablet.id} <= state.members.keys()
    assert parted.third.id in state.removed
    assert state.members[parted.editor.id].role is Role.VIEWER
    assert {cut.device for cut in state.cuts} == {parted.third.id, parted.editor.id}
    assert (state.k, state.epoch.id) == (len(main.chain) - 1, state.hash[:16])


def test_of_two_changes_of_a_role_the_lower_stands(parted: Parted) -> None:
    parted.other.set_role(parted.editor, Role.VIEWER)
    parted.main.set_role(parted.editor, Role.OWNER)
    lengthen(parted.main, parted.other)
    assert parted.merged().state.members[parted.editor.id].role is Role.VIEWER


def test_a_role_that_one_branch_changed_stands(parted: Parted) -> None:
    parted.other.set_role(parted.editor, Role.OWNER)
    lengthen(parted.main, parted.other)
    assert parted.merged().state.members[parted.editor.id].role is Role.OWNER


def test_two_owners_who_removed_each_other_are_both_gone(parted: Parted) -> None:
    parted.other.revoke(parted.second, author=parted.third)
    parted.main.revoke(parted.third, author=parted.second)
    lengthen(parted.main, parted.other)
    state = parted.merged().state
    assert {parted.second.id, parted.third.id} <= state.removed.keys()
    assert state.members.keys() == {parted.main.owner.id, parted.editor.id}


def test_who_was_added_by_a_device_that_the_other_branch_removed_does_not_stay(
    parted: Parted,
) -> None:
    ghost = parted.other.link(TestDevice("parted/ghost"), sponsor=parted.third, role=Role.OWNER)
    deeper = parted.other.link(TestDevice("parted/deeper"), sponsor=ghost)
    parted.main.revoke(parted.third)
    lengthen(parted.main, parted.other)
    state = parted.merged().state
    assert {ghost.id, deeper.id} <= state.removed.keys()
    assert {cut.device: dict(cut.heads) for cut in state.cuts} == {
        parted.third.id: {},
        ghost.id: {},
        deeper.id: {},
    }


def test_a_merge_may_void_what_was_added_since_the_fork_and_nothing_else(parted: Parted) -> None:
    watch = parted.other.link(TestDevice("parted/watch"), sponsor=parted.second)
    lengthen(parted.main, parted.other)
    merge, _, _ = parted.main.merging(parted.other, voided=[watch.id])
    parted.main.append(parted.main.owner, merge)
    assert watch.id in parted.main.state.removed
    divergence = divergence_of(parted.other.chain, parted.other.chain)
    assert divergence is None


def test_both_branches_keys_are_reached_from_the_merge(parted: Parted) -> None:
    parted.other.rotate()
    parted.other.rotate(parted.second)
    parted.main.rotate()
    lengthen(parted.main, parted.other)
    wallet = parted.merged()
    newest = {wallet.state.epoch.id: wallet.epoch_key}
    opened = open_back_links(wallet.chain, newest)
    assert opened.errors == {}
    assert opened.keys == wallet.epoch_keys
    assert len(opened.keys) == 5
    assert {link.epoch for link in epoch_links(wallet.chain)} <= opened.keys.keys()


def test_every_member_opens_its_wrap_of_the_merge(parted: Parted) -> None:
    parted.other.rotate()
    lengthen(parted.main, parted.other)
    wallet = parted.merged()
    for device in (parted.second, parted.editor):
        wrapped = wallet.wraps[wallet.state.k, device.id]
        opened = open_wrap(wallet.chain, wallet.state.k, device.id, device.unwrapping_key, wrapped)
        assert opened == (wallet.state.epoch.id, wallet.epoch_key)


def test_a_chain_of_either_branch_goes_on_with_the_merge(parted: Parted) -> None:
    parted.other.rotate()
    lengthen(parted.main, parted.other)
    on_main = MembershipChain.load(parted.main.chain.raws)
    on_other = MembershipChain.load(parted.other.chain.raws)
    wallet = parted.merged()
    fork_k = 3
    assert on_main.append(wallet.chain.raws[-1]) == wallet.state
    replaced = on_other.replaced(wallet.chain.raws[fork_k + 1 :])
    assert replaced.state == wallet.state
    assert replaced.find(on_other.state.k, on_other.state.head) == on_other.state
    assert MembershipChain.load(wallet.chain.raws).state == wallet.state


def test_a_chain_is_not_replaced_by_one_that_leaves_it_out(parted: Parted) -> None:
    parted.other.rotate()
    held = MembershipChain.load(parted.other.chain.raws)
    with pytest.raises(ChainFork):
        held.replaced(parted.main.chain.raws[4:])
    parted.main.home("https://longer.example")
    parted.merged()
    parted.other.rotate()
    with pytest.raises(ChainFork):
        parted.other.chain.replaced(parted.main.chain.raws[4:])
    with pytest.raises(WrongContext):
        held.replaced(())


def test_undo_takes_a_merge_back(parted: Parted) -> None:
    parted.other.rotate()
    lengthen(parted.main, parted.other)
    before = parted.main.state
    side = parted.other.state
    chain = parted.merged().chain
    assert chain.find(side.k, side.head) == side
    chain.undo()
    assert chain.state == before
    with pytest.raises(ChainFork):
        chain.find(side.k, side.head)


def test_a_merge_in_a_branch_is_carried_too(parted: Parted) -> None:
    parted.other.rotate()
    lengthen(parted.main, parted.other)
    twin = parted.main.fork("parted/twin")
    parted.merged()
    lengthen(twin, parted.main)
    inner = parted.other.state
    twin.merge(parted.main)
    assert twin.chain.find(inner.k, inner.head) == inner
    assert open_back_links(twin.chain, {twin.state.epoch.id: twin.epoch_key}).errors == {}
    assert MembershipChain.load(twin.chain.raws).state == twin.state


Change = Callable[[Parted, Merge], Merge]


@pytest.mark.parametrize(
    ("change", "error"),
    [
        (lambda _, merge: replace(merge, branch=()), WrongContext),
        (
            lambda parted, merge: replace(merge, branch=(parted.main.chain.raws[4], *merge.branch)),
            WrongContext,
        ),
        (lambda _, merge: replace(merge, branch=merge.branch[1:]), WrongContext),
        (
            lambda _, merge: replace(merge, branch=(bytes(64) + merge.branch[0][64:],)),
            AuthFailed,
        ),
        (lambda parted, merge: replace(merge, home=_another_home(parted)), NotAuthorised),
        (
            lambda parted, merge: replace(merge, voided=(parted.editor.id,)),
            NotAuthorised,
        ),
        (
            lambda _, merge: replace(
                merge,
                rotation=replace(merge.rotation, wrap_hashes=merge.rotation.wrap_hashes[1:]),
            ),
            NotAuthorised,
        ),
    ],
    ids=["empty", "no-fork", "start-missing", "forged", "home", "voids-old", "wrap-missing"],
)
def test_a_merge_that_is_wrong_in_one_place_is_refused(
    parted: Parted, change: Change, error: type[BillfoldError]
) -> None:
    parted.other.rotate()
    parted.other.rotate()
    lengthen(parted.main, parted.other)
    merge, _, _ = parted.main.merging(parted.other)
    before = parted.main.state
    with pytest.raises(error):
        parted.main.append(parted.main.owner, change(parted, merge))
    assert parted.main.state == before
    parted.main.append(parted.main.owner, merge)


def _another_home(parted: Parted) -> object:
    twin = parted.main.fork("parted/elsewhere")
    twin.home("https://elsewhere.example")
    return twin.state.home


def test_who_might_not_before_the_fork_or_may_not_after_does_not_merge(parted: Parted) -> None:
    newcomer = parted.main.link(TestDevice("parted/new owner"), role=Role.OWNER)
    parted.main.set_role(parted.editor, Role.OWNER)
    parted.other.revoke(parted.second)
    parted.other.set_role(parted.third, Role.EDITOR)
    lengthen(parted.main, parted.other)
    for author in (newcomer, parted.editor, parted.second, parted.third):
        merge, _, _ = parted.main.merging(parted.other, author=author)
        with pytest.raises((NotAuthorised, UnsignedMember)):
            parted.main.append(author, merge)


def test_a_recovery_member_may_merge() -> None:
    wallet = TestWallet("with words")
    words = wallet.link(TestDevice("with words/words"), kind=Kind.RECOVERY, role=Role.OWNER)
    twin = wallet.fork("with words/twin")
    twin.home("https://two.example")
    lengthen(wallet, twin)
    wallet.merge(twin, author=words)
    assert wallet.state.members.keys() == {wallet.owner.id, words.id}


def test_a_merge_may_stand_on_either_branch(parted: Parted) -> None:
    parted.other.rotate()
    lengthen(parted.main, parted.other)
    held = MembershipChain.load(parted.main.chain.raws)
    parted.other.merge(parted.main)
    fork_k = 3
    replaced = held.replaced(parted.other.chain.raws[fork_k + 1 :])
    assert replaced.state == parted.other.state
    assert replaced.state.k <= held.state.k


def test_one_who_stops_anywhere_is_told_where_to_go_on(parted: Parted) -> None:
    parted.other.rotate()
    lengthen(parted.main, parted.other)
    main_k, side = parted.main.state.k, parted.other.state
    unmerged = parted.main.chain.continuation_of(side.k, side.head)
    chain = parted.merged().chain
    fork_k = 3
    assert unmerged is None
    assert chain.continuation_of(side.k, side.head) == fork_k + 1
    assert chain.continuation_of(main_k, chain.state_at(main_k).head) == main_k + 1
    assert chain.continuation_of(chain.state.k, chain.state.head) == len(chain)
    assert chain.continuation_of(-1, chain.state.head) is None


def test_merges_inside_merges_are_bounded(parted: Parted, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "MERGE_DEPTH_MAX", 1)
    parted.other.rotate()
    lengthen(parted.main, parted.other)
    twin = parted.main.fork("parted/twin")
    parted.merged()
    lengthen(twin, parted.main)
    with pytest.raises(LimitExceeded):
        twin.merge(parted.main)


def test_members_after_a_merge_are_bounded(parted: Parted, monkeypatch: pytest.MonkeyPatch) -> None:
    parted.other.link(TestDevice("parted/one more"))
    parted.main.link(TestDevice("parted/and one"))
    lengthen(parted.main, parted.other)
    monkeypatch.setattr(limits, "MEMBERS_COUNT_MAX", 5)
    with pytest.raises(LimitExceeded):
        parted.main.merging(parted.other)


def test_chains_of_two_wallets_do_not_diverge(parted: Parted) -> None:
    with pytest.raises(WrongContext):
        divergence_of(parted.main.chain, TestWallet("another").chain)


def test_a_device_removed_before_the_fork_stays_gone() -> None:
    wallet = TestWallet("gone before")
    gone = wallet.link(TestDevice("gone before/phone"))
    wallet.revoke(gone, cut={FeedId(bytes(16)): (1, EntryId(bytes(32)))})
    twin = wallet.fork("gone before/twin")
    twin.rotate()
    lengthen(wallet, twin)
    divergence = divergence_of(wallet.chain, twin.chain)
    assert divergence is not None
    assert gone.id not in members_after(divergence.branches)
    wallet.merge(twin)
    assert len(wallet.state.cuts) == 1


def test_who_was_removed_on_a_longer_branch_is_remembered_with_its_holder() -> None:
    main = make_base()
    other = replace(until(main, len(main.chain)), name="longer")
    for _ in range(3):
        other.rotate(PHONE)
    other.revoke(LAPTOP, BEN_PHONE, {})
    main.rotate(LAPTOP)
    main.begin_epoch(LAPTOP, merge_of(main, other))
    assert main.state.removed[BEN_PHONE.id] >= len(main.chain)
    assert main.chain.holder_of(BEN_PHONE.id) == BEN_PHONE.holder
    # A snapshot of that device, made on that branch, is judged like any other.
    at = other.chain.state_at(main.state.k + 1)
    made = Snapshot(
        id=SnapshotId(bytes(32)),
        wallet_id=main.id,
        author=BEN_PHONE.id,
        document=0,
        k=at.k,
        head=at.head,
        epoch=at.epoch.id,
        covered={},
        time_s=0,
        nonce=bytes(24),
        size=0,
        digest=bytes(32),
    )
    assert judges_of(made.author, main.chain, main.state) == {LAPTOP.id, PHONE.id}
    assert not was_alone(made, main.chain)
    assert was_endorsed(made, {LAPTOP.id}, main.chain)
