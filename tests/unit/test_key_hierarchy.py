from dataclasses import replace
from typing import Any

import pytest

from billfold_protocol.crypto.domains import Domain
from billfold_protocol.errors import AuthFailed, CommitMismatch, VerificationError
from billfold_protocol.ids import EpochKey
from billfold_protocol.key_hierarchy import (
    WrapContext,
    commit_to,
    entry_key,
    open_back_links,
    open_wrap,
    verify_created_key,
    wrap_epoch_key,
)
from billfold_protocol.membership import MembershipChain, Rotate, wrap_hash
from tests.support.wallets import TestDevice, TestWallet


def rotated() -> tuple[TestWallet, TestDevice]:
    """Return a wallet of three epochs, and a device that was linked in the second."""
    wallet = TestWallet("keys")
    wallet.rotate()
    phone = wallet.link(TestDevice("keys/phone"))
    wallet.rotate()
    return wallet, phone


def opened(
    wallet: TestWallet, k: int, device: TestDevice, wrapped: bytes | None = None
) -> EpochKey:
    given = wallet.wraps[k, device.id] if wrapped is None else wrapped
    return open_wrap(wallet.chain, k, device.id, device.unwrapping_key, given)[1]


def test_every_member_opens_its_wrap_of_every_epoch_it_was_there_for() -> None:
    wallet, phone = rotated()
    for (k, device), wrapped in wallet.wraps.items():
        member = wallet.devices[device]
        epoch, key = open_wrap(wallet.chain, k, device, member.unwrapping_key, wrapped)
        assert epoch == wallet.chain.state_at(k).epoch.id
        assert key == wallet.epoch_keys[epoch]
    assert {device for _, device in wallet.wraps} == {wallet.owner.id, phone.id}


def test_one_wrap_leads_to_all_history() -> None:
    wallet, phone = rotated()
    epoch = wallet.state.epoch.id
    key = opened(wallet, wallet.state.k, phone)
    opened_links = open_back_links(wallet.chain, {epoch: key})
    assert (opened_links.keys, opened_links.errors) == (wallet.epoch_keys, {})


def test_a_revoked_device_reaches_no_later_key() -> None:
    wallet, phone = rotated()
    held = dict(wallet.epoch_keys)
    wallet.revoke(phone)
    wallet.rotate()
    assert open_back_links(wallet.chain, held).keys == held
    for (k, device), wrapped in wallet.wraps.items():
        if k > 3:
            assert device != phone.id
            with pytest.raises(AuthFailed):
                phone.unwrapping_key.unwrap(wrapped, Domain.EPOCH_WRAP)
            with pytest.raises(CommitMismatch):
                opened(wallet, k, phone, wrapped)


@pytest.mark.parametrize("k", [-1, 0, 4, 5, 4096])
def test_an_index_that_lists_no_wrap_is_refused(k: int) -> None:
    wallet, phone = rotated()
    wrapped = wallet.wraps[3, phone.id]
    wallet.home()
    with pytest.raises(CommitMismatch):
        opened(wallet, k, phone, wrapped)


def test_every_flipped_byte_of_a_wrap_is_refused() -> None:
    wallet, phone = rotated()
    wrapped = wallet.wraps[3, phone.id]
    for index in range(len(wrapped)):
        changed = bytearray(wrapped)
        changed[index] ^= 1
        with pytest.raises(CommitMismatch):
            opened(wallet, 3, phone, bytes(changed))


def test_a_wrap_for_another_member_or_epoch_is_refused() -> None:
    wallet, phone = rotated()
    for k, device in ((3, wallet.owner.id), (2, phone.id), (1, wallet.owner.id)):
        with pytest.raises(CommitMismatch):
            opened(wallet, 3, phone, wallet.wraps[k, device])


def append_rotation(wallet: TestWallet, phone: TestDevice, wrapped: bytes) -> None:
    """Append a rotation that lists these bytes for the phone, as a malicious member would."""
    rotation, _, _ = wallet.rotation()
    index = sorted(wallet.state.members).index(phone.id)
    hashes = list(rotation.wrap_hashes)
    hashes[index] = wrap_hash(wrapped)
    wallet.append(wallet.owner, Rotate(rotation=replace(rotation, wrap_hashes=tuple(hashes))))


def test_a_rotation_that_wraps_garbage_for_one_member_is_found_by_it() -> None:
    wallet, phone = rotated()
    append_rotation(wallet, phone, b"garbage")
    with pytest.raises(AuthFailed):
        opened(wallet, wallet.state.k, phone, b"garbage")


def test_a_rotation_that_wraps_another_key_for_one_member_is_found_by_it() -> None:
    wallet, phone = rotated()
    state = wallet.state
    rotation, _, _ = wallet.rotation()
    context = WrapContext(
        wallet_id=state.wallet_id,
        k=state.k + 1,
        previous=state.hash,
        author=wallet.owner.id,
        commitment=rotation.commitment,
    )
    wrapped = wrap_epoch_key(EpochKey(bytes(32)), state.members[phone.id], context)
    index = sorted(state.members).index(phone.id)
    hashes = list(rotation.wrap_hashes)
    hashes[index] = wrap_hash(wrapped)
    wallet.append(wallet.owner, Rotate(rotation=replace(rotation, wrap_hashes=tuple(hashes))))
    with pytest.raises(CommitMismatch, match="not the one the chain commits to"):
        opened(wallet, wallet.state.k, phone, wrapped)


@pytest.mark.parametrize(
    "changes",
    [
        {"k": 3},
        {"previous": bytes(32)},
        {"author": bytes(16)},
        {"commitment": bytes(32)},
        {"wallet_id": bytes(32)},
    ],
)
def test_a_wrap_is_bound_to_all_of_its_context(changes: dict[str, Any]) -> None:
    wallet, phone = rotated()
    state = wallet.state
    context = WrapContext(
        wallet_id=state.wallet_id,
        k=4,
        previous=state.hash,
        author=wallet.owner.id,
        commitment=state.epoch.commitment,
    )
    wrapped = wrap_epoch_key(wallet.epoch_key, state.members[phone.id], context)
    right = context.parts(phone.id)
    assert phone.unwrapping_key.unwrap(wrapped, Domain.EPOCH_WRAP, *right) == wallet.epoch_key
    wrong = replace(context, **changes).parts(phone.id)
    for parts in (wrong, context.parts(wallet.owner.id)):
        with pytest.raises(AuthFailed):
            phone.unwrapping_key.unwrap(wrapped, Domain.EPOCH_WRAP, *parts)


def only_error(wallet: TestWallet, key: EpochKey) -> type[VerificationError]:
    """Return why the newest back-link leads nowhere from its key, which is kept all the same."""
    held = {wallet.state.epoch.id: key}
    found = open_back_links(wallet.chain, held)
    assert found.keys == held
    ((k, error),) = found.errors.items()
    assert k == wallet.state.k
    return type(error)


def test_a_back_link_that_is_garbage_does_not_open() -> None:
    wallet, _ = rotated()
    rotation, key, _ = wallet.rotation()
    wallet.append(wallet.owner, Rotate(rotation=replace(rotation, back_link=b"\1" * 72)))
    assert only_error(wallet, key) is AuthFailed


def test_a_back_link_to_another_key_is_no_way_back() -> None:
    wallet, _ = rotated()
    true_key = wallet.epoch_key
    wallet.epoch_keys[wallet.state.epoch.id] = EpochKey(bytes(32))
    rotation, key, _ = wallet.rotation()
    wallet.append(wallet.owner, Rotate(rotation=rotation))
    assert true_key != bytes(32)
    assert only_error(wallet, key) is CommitMismatch


def test_a_back_link_opens_in_its_place_only() -> None:
    wallet = TestWallet("places")
    rotation, key, _ = wallet.rotation()
    wallet.home()
    wallet.append(wallet.owner, Rotate(rotation=rotation))
    assert only_error(wallet, key) is AuthFailed


def test_a_bad_back_link_hides_nothing_that_another_key_leads_to() -> None:
    wallet, _ = rotated()
    held, before = wallet.epoch_key, wallet.state.epoch.id
    earlier = dict(wallet.epoch_keys)
    rotation, key, _ = wallet.rotation()
    wallet.append(wallet.owner, Rotate(rotation=replace(rotation, back_link=b"\1" * 72)))
    newest = wallet.state.epoch.id
    opened_links = open_back_links(wallet.chain, {newest: key, before: held})
    assert opened_links.keys == {**earlier, newest: key}


def test_the_first_key_is_the_one_that_create_commits_to() -> None:
    wallet = TestWallet("created")
    chain = MembershipChain(wallet.chain.raws[0])
    assert verify_created_key(chain, wallet.epoch_key) == chain.state.epoch.id
    with pytest.raises(CommitMismatch):
        verify_created_key(chain, EpochKey(bytes(32)))


def test_keys_of_two_wallets_and_two_purposes_are_unlike() -> None:
    wallet, other = TestWallet("one"), TestWallet("two")
    key = EpochKey(b"k" * 32)
    made = {entry_key(key, wallet.chain.wallet_id), entry_key(key, other.chain.wallet_id)}
    assert len({*made, commit_to(key), key}) == 4
