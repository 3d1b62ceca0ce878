import pytest

from billfold_protocol.errors import ChainFork, NotAuthorised, UnsignedMember, WalletClosed
from billfold_protocol.ids import EntryId, FeedId
from billfold_protocol.membership import (
    Close,
    Kind,
    Role,
    Target,
    TargetKind,
    listed_wraps,
    wrap_hash,
)
from tests.support.families import HOME, Family, refusal
from tests.support.wallets import TestDevice


@pytest.fixture
def fresh() -> Family:
    return Family()


def device(target: TestDevice) -> Target:
    return Target(TargetKind.DEVICE, target.id)


def test_a_revoked_device_is_never_listed_again_and_signs_nothing_more(fresh: Family) -> None:
    wallet = fresh.wallet
    invitation = wallet.sign(fresh.owner, wallet.addition(fresh.friend, is_invite=True)[0])
    wallet.revoke(fresh.friend)
    assert fresh.friend.id in wallet.state.removed
    assert fresh.refusal(fresh.friend, Close()) is UnsignedMember
    again = wallet.addition(fresh.friend, is_invite=True)[0]
    assert fresh.refusal(fresh.owner, again) is NotAuthorised
    assert refusal(wallet.chain, invitation) is ChainFork
    assert wallet.chain.keys_of(fresh.friend.id) == fresh.friend.keys
    assert wallet.chain.keys_of(fresh.stranger.id) is None


def test_nothing_follows_a_closed_wallet(fresh: Family) -> None:
    fresh.wallet.close()
    assert fresh.wallet.state.is_closed
    assert fresh.refusal(fresh.owner, HOME) is WalletClosed


def test_the_only_owner_may_step_down_once_there_is_another(fresh: Family) -> None:
    fresh.wallet.set_role(fresh.editor, Role.OWNER)
    fresh.wallet.set_role(fresh.owner, Role.VIEWER, author=fresh.editor)
    assert fresh.refusal(fresh.owner, HOME) is NotAuthorised


def test_of_two_owners_revoking_each_other_the_first_wins(fresh: Family) -> None:
    fresh.wallet.set_role(fresh.editor, Role.OWNER)
    other = fresh.wallet.sign(
        fresh.editor, fresh.wallet.removal(device(fresh.owner), author=fresh.editor)[0]
    )
    fresh.wallet.revoke(fresh.editor)
    assert refusal(fresh.wallet.chain, other) is ChainFork


@pytest.mark.parametrize(
    ("kind", "gone"),
    [
        (TargetKind.DEVICE, ["editor"]),
        (TargetKind.DEVICE_AND_LINKED, ["editor", "child", "grandchild"]),
    ],
)
def test_a_target_is_resolved_at_its_place(
    fresh: Family, kind: TargetKind, gone: list[str]
) -> None:
    grandchild = fresh.wallet.link(TestDevice("family/grandchild"), sponsor=fresh.child)
    target = Target(kind, fresh.editor.id)
    named = {"editor": fresh.editor.id, "child": fresh.child.id, "grandchild": grandchild.id}
    assert fresh.wallet.state.resolve(target) == {named[name] for name in gone}
    cut = {FeedId(bytes(16)): (3, EntryId(bytes(32)))}
    fresh.wallet.revoke(target, cut=cut)
    records = fresh.wallet.state.cuts
    assert {record.device for record in records} == {named[name] for name in gone}
    assert all(record.k == fresh.wallet.state.k and record.heads == cut for record in records)
    assert not set(fresh.wallet.state.members) & {named[name] for name in gone}


def test_nobody_hides_behind_a_removed_device(fresh: Family) -> None:
    grandchild = fresh.wallet.link(TestDevice("family/grandchild"), sponsor=fresh.child)
    fresh.wallet.revoke(fresh.child)
    linked = Target(TargetKind.DEVICE_AND_LINKED, fresh.editor.id)
    assert fresh.wallet.state.resolve(linked) == {fresh.editor.id, grandchild.id}
    fresh.wallet.revoke(fresh.editor)
    # Nor behind one that has gone before all of them.
    assert fresh.wallet.state.resolve(linked) == {grandchild.id}
    fresh.wallet.revoke(linked)
    assert grandchild.id in fresh.wallet.state.removed


def test_a_recovery_member_sets_its_own_role(fresh: Family) -> None:
    words = fresh.wallet.link(TestDevice("family/words"), role=Role.OWNER, kind=Kind.RECOVERY)
    fresh.wallet.set_role(words, Role.EDITOR, author=words)
    assert fresh.wallet.state.members[words.id].role is Role.EDITOR


def test_a_revoke_begins_an_epoch_that_lists_a_wrap_for_each_who_stays(fresh: Family) -> None:
    before = fresh.wallet.state.epoch
    fresh.wallet.revoke(fresh.editor)
    k = fresh.wallet.state.k
    assert fresh.wallet.state.epoch.id == fresh.wallet.state.hash[:16] != before.id
    listed = listed_wraps(fresh.wallet.chain, k)
    assert set(listed) == set(fresh.wallet.state.members)
    assert all(listed[d] == wrap_hash(fresh.wallet.wraps[k, d]) for d in listed)


def test_a_link_lists_the_wrap_of_the_new_device_only(fresh: Family) -> None:
    k = fresh.wallet.state.k
    assert listed_wraps(fresh.wallet.chain, k) == {
        fresh.child.id: wrap_hash(fresh.wallet.wraps[k, fresh.child.id])
    }
    fresh.wallet.home()
    assert listed_wraps(fresh.wallet.chain, k + 1) == {}
    assert fresh.wallet.state.home is not None
