import pytest

from billfold_protocol import limits
from billfold_protocol.errors import AuthFailed, CommitMismatch, RecoveryRefused
from billfold_protocol.ids import EpochKey, ServerKey
from billfold_protocol.membership import Kind, Role
from billfold_protocol.messages import Located, encode_server_message, parse_server_message
from billfold_protocol.recovery import RecoveryKeys, RecoveryKit, RecoveryPin, wrap_for_recovery
from tests.support.seeded_bytes import bytes_of
from tests.support.wallets import TestDevice, TestWallet

SEED = bytes_of("recovery keys", 32)


def test_a_seed_gives_different_keys_for_each_purpose() -> None:
    keys = RecoveryKeys(SEED)
    derived = {keys.locator, keys.pin_key, keys.keys.signing, SEED}
    assert len(derived) == 4
    assert SEED.hex() not in repr(keys)
    assert keys.pin_key.hex() not in repr(keys)


@pytest.mark.parametrize("size", [0, 10, 15, 16, 31, 33])
def test_a_secret_that_is_not_256_bits_is_refused(size: int) -> None:
    with pytest.raises(RecoveryRefused):
        RecoveryKeys(bytes_of("short", size))


def test_a_wrap_for_recovery_opens_in_its_own_epoch_only() -> None:
    wallet, keys = TestWallet("recovery wraps"), RecoveryKeys(SEED)
    state = wallet.state
    wrapped = wrap_for_recovery(wallet.epoch_key, keys.keys, state)
    assert keys.open_wrap(wrapped, state) == wallet.epoch_key
    with pytest.raises(AuthFailed):
        RecoveryKeys(bytes_of("other keys", 32)).open_wrap(wrapped, state)
    wallet.rotate()
    with pytest.raises(AuthFailed):
        keys.open_wrap(wrapped, wallet.state)


def test_another_key_than_the_committed_one_is_refused() -> None:
    wallet, keys = TestWallet("recovery commitments"), RecoveryKeys(SEED)
    wrapped = wrap_for_recovery(EpochKey(bytes(32)), keys.keys, wallet.state)
    with pytest.raises(CommitMismatch):
        keys.open_wrap(wrapped, wallet.state)


def test_a_pin_above_its_bound_is_refused_before_it_is_opened() -> None:
    keys = RecoveryKeys(SEED)
    with pytest.raises(AuthFailed, match="too large"):
        RecoveryPin.open(bytes(limits.RECOVERY_PIN_SIZE_MAX + 1), keys.pin_key, keys.locator)


def test_a_pin_that_a_message_carries_has_its_bound() -> None:
    whole = Located(locator=bytes(32), pin=bytes(limits.RECOVERY_PIN_SIZE_MAX))
    assert parse_server_message(encode_server_message(whole)) == whole


def test_a_kit_never_shows_its_seed() -> None:
    wallet, keys = TestWallet("recovery kits"), RecoveryKeys(SEED)
    words = wallet.link(TestDevice("recovery kits/words"), role=Role.OWNER, kind=Kind.RECOVERY)
    pin = RecoveryPin(
        wallet_id=wallet.chain.wallet_id,
        address="https://wallet.example",
        server_key=ServerKey(bytes(32)),
        n=3,
        k=wallet.state.k,
        hash=wallet.state.hash,
        vector={},
        wrapped=wrap_for_recovery(wallet.epoch_key, keys.keys, wallet.state),
    )
    kit = RecoveryKit.of(pin, SEED)
    assert RecoveryKit.parse(kit.uri()).seed == SEED
    assert SEED.hex() not in repr(kit)
    assert repr(SEED)[2:-1] not in repr(kit)
    assert wallet.state.members[words.id].may_write is False
