import pytest

from billfold_protocol import limits
from billfold_protocol.crypto.signing import Verified
from billfold_protocol.errors import LimitExceeded
from billfold_protocol.membership import Kind, Role
from billfold_protocol.snapshot import Snapshot, is_endorsed, judges_of, was_alone, was_endorsed
from billfold_protocol.snapshot_sealing import Maker, SnapshotContent, open_snapshot, seal_snapshot
from tests.support.wallets import TIME_S, TestDevice, TestWallet


def made(
    wallet: TestWallet, author: TestDevice, saved: bytes = b"saved"
) -> tuple[Verified[Snapshot], bytes]:
    return seal_snapshot(
        SnapshotContent(saved=saved, aside=(), waiting=()),
        {},
        maker=Maker(
            device=author.id, signing_key=author.signing_key, make_nonce=author.sealer.nonce
        ),
        state=wallet.state,
        key=wallet.epoch_key,
        time_s=TIME_S,
        random=author.random,
    )


def test_a_snapshot_that_is_too_large_is_not_made(monkeypatch: pytest.MonkeyPatch) -> None:
    wallet = TestWallet()
    monkeypatch.setattr(limits, "SNAPSHOT_SIZE_MAX", 1024)
    made(wallet, wallet.owner, bytes(900))
    with pytest.raises(LimitExceeded):
        made(wallet, wallet.owner, bytes(1100))


def test_a_snapshot_of_an_old_epoch_opens_with_the_key_that_the_chain_leads_back_to() -> None:
    wallet = TestWallet()
    statement, ciphertext = made(wallet, wallet.owner)
    epoch = statement.value.epoch
    wallet.rotate()
    assert wallet.state.epoch.id != epoch
    content = open_snapshot(statement, ciphertext, wallet.epoch_keys[epoch])
    assert content.saved == b"saved"


def test_the_size_of_a_snapshot_says_less_than_the_size_of_the_document() -> None:
    wallet = TestWallet()
    sizes = {made(wallet, wallet.owner, bytes(size))[0].value.size for size in range(900, 950)}
    assert len(sizes) <= 3


def test_another_person_judges_where_there_is_one() -> None:
    wallet = TestWallet()
    phone = wallet.link(TestDevice("phone"))
    statement, _ = made(wallet, wallet.owner)
    snapshot = statement.value
    assert judges_of(wallet.owner.id, wallet.chain, wallet.state) == {phone.id}
    assert is_endorsed(snapshot, {phone.id}, wallet.chain)
    friend = wallet.invite(TestDevice("friend"), role=Role.VIEWER)
    assert judges_of(wallet.owner.id, wallet.chain, wallet.state) == {friend.id}
    assert not is_endorsed(snapshot, {phone.id}, wallet.chain)
    assert is_endorsed(snapshot, {phone.id, friend.id}, wallet.chain)


def test_neither_the_author_nor_recovery_words_nor_a_removed_device_judge() -> None:
    wallet = TestWallet()
    wallet.link(TestDevice("words"), kind=Kind.RECOVERY)
    statement, _ = made(wallet, wallet.owner)
    assert was_alone(statement.value, wallet.chain)
    phone = wallet.link(TestDevice("phone"))
    assert was_alone(statement.value, wallet.chain)
    assert not is_endorsed(statement.value, {wallet.owner.id}, wallet.chain)
    assert is_endorsed(statement.value, {phone.id}, wallet.chain)
    assert not was_alone(made(wallet, wallet.owner)[0].value, wallet.chain)
    wallet.revoke(phone)
    assert not is_endorsed(statement.value, {phone.id}, wallet.chain)


def test_an_endorser_that_has_left_was_enough_while_it_was_there() -> None:
    wallet = TestWallet()
    phone = wallet.link(TestDevice("phone"))
    snapshot = made(wallet, wallet.owner)[0].value
    wallet.revoke(phone)
    late = wallet.link(TestDevice("late"))
    assert not is_endorsed(snapshot, {phone.id}, wallet.chain)
    assert was_endorsed(snapshot, {phone.id}, wallet.chain)
    assert was_endorsed(snapshot, {late.id}, wallet.chain)
    newer = made(wallet, wallet.owner)[0].value
    assert not was_endorsed(newer, {phone.id, wallet.owner.id}, wallet.chain)


def test_the_snapshot_of_a_removed_device_is_judged_by_those_who_remain() -> None:
    wallet = TestWallet()
    phone = wallet.link(TestDevice("phone"))
    statement, _ = made(wallet, phone)
    friend = wallet.invite(TestDevice("friend"))
    wallet.revoke(phone)
    assert judges_of(phone.id, wallet.chain, wallet.state) == {friend.id}
    assert is_endorsed(statement.value, {friend.id}, wallet.chain)
