from dataclasses import replace
from typing import Any

import pytest

from billfold_protocol.crypto import enrolment, signing
from billfold_protocol.crypto.domains import Domain
from billfold_protocol.errors import AuthFailed, LocalProtocolError, Malformed, WeakKey
from tests.support.wallets import TestDevice
from tests.support.weak_keys import GROUP_ORDER, NOT_CANONICAL, SMALL_ORDER

KEY = signing.SigningKey(b"k" * 32)
OTHER = signing.SigningKey(b"o" * 32)


def test_a_signature_is_ed25519_over_the_framed_parts() -> None:
    # RFC 8032 §7.1 cannot be met through a framed message; its public keys can.
    seed = bytes.fromhex("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60")
    public = "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"
    assert signing.SigningKey(seed).public_key.hex() == public
    signature = KEY.sign(Domain.ENTRY_SIGNATURE, b"a", b"b")
    assert len(signature) == signing.SIGNATURE_SIZE
    signing.check_signature(KEY.public_key, signature, Domain.ENTRY_SIGNATURE, b"a", b"b")


SIGNATURE = KEY.sign(Domain.ENTRY_SIGNATURE, b"ab", b"c")


def plus_group_order(signature: bytes) -> bytes:
    scalar = int.from_bytes(signature[32:], "little") + GROUP_ORDER
    return signature[:32] + scalar.to_bytes(32, "little")


@pytest.mark.parametrize(
    ("key", "signature", "domain", "parts"),
    [
        pytest.param(OTHER.public_key, SIGNATURE, Domain.ENTRY_SIGNATURE, (b"ab", b"c"), id="key"),
        pytest.param(KEY.public_key, SIGNATURE, Domain.ACK_SIGNATURE, (b"ab", b"c"), id="label"),
        pytest.param(KEY.public_key, SIGNATURE, Domain.ENTRY_SIGNATURE, (b"a", b"bc"), id="moved"),
        pytest.param(KEY.public_key, SIGNATURE, Domain.ENTRY_SIGNATURE, (b"abc",), id="joined"),
        pytest.param(KEY.public_key, SIGNATURE, Domain.ENTRY_SIGNATURE, (b"ab", b""), id="less"),
        pytest.param(
            KEY.public_key, SIGNATURE, Domain.ENTRY_SIGNATURE, (b"ab", b"c", b""), id="more"
        ),
        pytest.param(
            KEY.public_key, SIGNATURE[:-1], Domain.ENTRY_SIGNATURE, (b"ab", b"c"), id="short"
        ),
        pytest.param(KEY.public_key, b"", Domain.ENTRY_SIGNATURE, (b"ab", b"c"), id="none"),
        pytest.param(KEY.public_key[:-1], SIGNATURE, Domain.ENTRY_SIGNATURE, (b"ab", b"c"), id="k"),
        pytest.param(b"", SIGNATURE, Domain.ENTRY_SIGNATURE, (b"ab", b"c"), id="no key"),
        pytest.param(
            KEY.public_key,
            plus_group_order(SIGNATURE),
            Domain.ENTRY_SIGNATURE,
            (b"ab", b"c"),
            id="S plus the group order",
        ),
    ],
)
def test_a_signature_holds_for_its_own_key_label_and_parts_only(
    key: bytes, signature: bytes, domain: Domain, parts: tuple[bytes, ...]
) -> None:
    with pytest.raises(AuthFailed):
        signing.check_signature(key, signature, domain, *parts)


def test_every_flipped_bit_of_a_signature_is_refused() -> None:
    for bit in range(512):
        changed = (int.from_bytes(SIGNATURE, "big") ^ (1 << bit)).to_bytes(64, "big")
        with pytest.raises(AuthFailed):
            signing.check_signature(KEY.public_key, changed, Domain.ENTRY_SIGNATURE, b"ab", b"c")


def test_a_longer_signature_cannot_bring_a_message_of_its_own() -> None:
    # A signer who signs a part that ends like another framed message signs no such message.
    inner = b"".join(
        len(part).to_bytes(4, "big") + part for part in (Domain.ACK_SIGNATURE.value, b"yes")
    )
    outer = KEY.sign(Domain.ENTRY_SIGNATURE, inner)
    prefix_size = 4 + len(Domain.ENTRY_SIGNATURE.value) + 4
    framed = (
        len(Domain.ENTRY_SIGNATURE.value).to_bytes(4, "big")
        + Domain.ENTRY_SIGNATURE.value
        + len(inner).to_bytes(4, "big")
    )
    assert len(framed) == prefix_size
    with pytest.raises(AuthFailed):
        signing.check_signature(KEY.public_key, outer + framed, Domain.ACK_SIGNATURE, b"yes")


@pytest.mark.parametrize("key", SMALL_ORDER + NOT_CANONICAL, ids=bytes.hex)
def test_a_weak_signing_key_is_never_enrolled_and_verifies_nothing(key: bytes) -> None:
    with pytest.raises(WeakKey):
        enrolment.check_signing_key(key)
    for commitment in (bytes(32), b"\x01" + bytes(31), key):
        with pytest.raises(AuthFailed):
            signing.check_signature(key, commitment + bytes(32), Domain.ENTRY_SIGNATURE, b"a")


@pytest.mark.parametrize("key", [b"", b"\x01" * 31, KEY.public_key + b"\0", b"\x02" + bytes(31)])
def test_what_is_no_point_is_not_enrolled(key: bytes) -> None:
    with pytest.raises(WeakKey):
        enrolment.check_signing_key(key)


def test_an_honest_signing_key_is_enrolled() -> None:
    assert enrolment.check_signing_key(KEY.public_key) == KEY.public_key


@pytest.mark.parametrize("size", [0, 31, 33])
def test_a_signing_seed_has_32_bytes(size: int) -> None:
    with pytest.raises(LocalProtocolError):
        signing.SigningKey(bytes(size))


def test_a_signing_key_does_not_show_its_seed() -> None:
    seed = bytes(range(32))
    assert seed.hex() not in repr(signing.SigningKey(seed))


def test_signed_bytes_split_into_signature_and_body() -> None:
    assert signing.split(bytes(64) + b"a") == (bytes(64), b"a")
    for size in (0, 63, 64):
        with pytest.raises(Malformed):
            signing.split(bytes(size))


def test_only_verification_makes_a_verified_value() -> None:
    signed = signing.Signed("value", b"body", KEY.sign(Domain.ENTRY_SIGNATURE, b"w", b"body"))
    verified = signing.verify(signed, KEY.public_key, Domain.ENTRY_SIGNATURE, b"w")
    assert (verified.value, verified.raw) == ("value", signed.raw)
    with pytest.raises(AuthFailed):
        signing.verify(signed, KEY.public_key, Domain.ENTRY_SIGNATURE, b"v")
    with pytest.raises(LocalProtocolError):
        signing.Verified("other", signed.raw, object())
    untyped: Any = verified
    with pytest.raises(ValueError, match="_seal"):
        replace(untyped, value="other")


def test_what_we_sign_ourselves_verifies() -> None:
    made = signing.sign_value(KEY, 1, b"body", Domain.ENTRY_SIGNATURE, b"w")
    signature, body = signing.split(made.raw)
    signed = signing.Signed(1, body, signature)
    assert signing.verify(signed, KEY.public_key, Domain.ENTRY_SIGNATURE, b"w") == made


def test_devices_of_one_seed_are_equal_and_of_two_seeds_are_not() -> None:
    assert TestDevice("a").id == TestDevice("a").id != TestDevice("b").id
