import hashlib

import pytest

from billfold_protocol.crypto import enrolment, wrapping
from billfold_protocol.crypto.domains import Domain
from billfold_protocol.errors import AuthFailed, LocalProtocolError, WeakKey
from billfold_protocol.ids import WrappingPublicKey
from tests.support.weak_keys import LOW_ORDER

KEY = wrapping.UnwrappingKey(b"k" * 32)
OTHER = wrapping.UnwrappingKey(b"o" * 32)
WRAPPED = wrapping.wrap(b"s" * 32, KEY.public_key, Domain.EPOCH_WRAP, b"a", b"b")

ML_KEM_SIZE = 1184


def test_a_wrapped_secret_opens_for_its_recipient() -> None:
    assert len(WRAPPED) == wrapping.ENCAPSULATION_SIZE + 32 + 16
    assert KEY.unwrap(WRAPPED, Domain.EPOCH_WRAP, b"a", b"b") == b"s" * 32


def test_wrapping_twice_gives_other_bytes() -> None:
    assert wrapping.wrap(b"s" * 32, KEY.public_key, Domain.EPOCH_WRAP, b"a", b"b") != WRAPPED


@pytest.mark.parametrize(
    ("key", "domain", "context"),
    [
        pytest.param(OTHER, Domain.EPOCH_WRAP, (b"a", b"b"), id="another recipient"),
        pytest.param(KEY, Domain.LINKING_WRAP, (b"a", b"b"), id="another purpose"),
        pytest.param(KEY, Domain.EPOCH_WRAP, (b"ab", b""), id="moved context"),
        pytest.param(KEY, Domain.EPOCH_WRAP, (b"a",), id="less context"),
        pytest.param(KEY, Domain.EPOCH_WRAP, (b"b", b"a"), id="swapped context"),
    ],
)
def test_a_wrap_opens_in_its_place_only(
    key: wrapping.UnwrappingKey, domain: Domain, context: tuple[bytes, ...]
) -> None:
    with pytest.raises(AuthFailed):
        key.unwrap(WRAPPED, domain, *context)


@pytest.mark.parametrize("size", [0, 1, 31, 1088, 1119, 1120, 1135, 1136, 1166, 1167])
def test_a_truncated_wrap_is_refused(size: int) -> None:
    with pytest.raises(AuthFailed):
        KEY.unwrap(WRAPPED[:size], Domain.EPOCH_WRAP, b"a", b"b")


def test_a_lengthened_wrap_is_refused() -> None:
    with pytest.raises(AuthFailed):
        KEY.unwrap(WRAPPED + b"\0", Domain.EPOCH_WRAP, b"a", b"b")


@pytest.mark.parametrize("bit", range(0, len(WRAPPED) * 8, 41))
def test_a_flipped_bit_of_a_wrap_is_refused(bit: int) -> None:
    changed = bytearray(WRAPPED)
    changed[bit // 8] ^= 1 << bit % 8
    with pytest.raises(AuthFailed):
        KEY.unwrap(bytes(changed), Domain.EPOCH_WRAP, b"a", b"b")


@pytest.mark.parametrize("point", LOW_ORDER, ids=bytes.hex)
def test_a_low_order_x25519_half_is_not_enrolled(point: bytes) -> None:
    with pytest.raises(WeakKey):
        enrolment.check_wrapping_key(KEY.public_key[:ML_KEM_SIZE] + point)


@pytest.mark.parametrize("ml_kem", [b"\xff" * ML_KEM_SIZE, b"\x01\xfd" * (ML_KEM_SIZE // 2)])
def test_an_ml_kem_half_that_is_not_reduced_is_not_enrolled(ml_kem: bytes) -> None:
    key = WrappingPublicKey(ml_kem + KEY.public_key[ML_KEM_SIZE:])
    with pytest.raises(WeakKey):
        enrolment.check_wrapping_key(key)
    with pytest.raises(WeakKey):
        wrapping.wrap(b"s" * 32, key, Domain.EPOCH_WRAP)


@pytest.mark.parametrize("size", [0, 32, 1184, 1215, 1217])
def test_a_wrapping_key_of_another_size_is_weak(size: int) -> None:
    key = WrappingPublicKey((KEY.public_key + b"\0")[:size])
    with pytest.raises(WeakKey):
        enrolment.check_wrapping_key(key)
    with pytest.raises(WeakKey):
        wrapping.wrap(b"s" * 32, key, Domain.EPOCH_WRAP)


def test_an_honest_wrapping_key_is_enrolled() -> None:
    assert enrolment.check_wrapping_key(KEY.public_key) == KEY.public_key


@pytest.mark.parametrize("size", [0, 31, 64])
def test_a_wrapping_seed_has_32_bytes(size: int) -> None:
    with pytest.raises(LocalProtocolError):
        wrapping.UnwrappingKey(bytes(size))


def test_an_unwrapping_key_does_not_show_its_seed() -> None:
    seed = bytes(range(32))
    shown = repr(wrapping.UnwrappingKey(seed))
    assert seed.hex() not in shown
    assert hashlib.shake_256(seed).hexdigest(32) not in shown


def test_each_half_of_the_key_is_needed() -> None:
    # Whoever knows one half of the secret and not the other holds one of these keys.
    mixed = WrappingPublicKey(KEY.public_key[:ML_KEM_SIZE] + OTHER.public_key[ML_KEM_SIZE:])
    wrapped = wrapping.wrap(b"s" * 32, mixed, Domain.EPOCH_WRAP)
    for key in (KEY, OTHER):
        with pytest.raises(AuthFailed):
            key.unwrap(wrapped, Domain.EPOCH_WRAP)
