import time

import pytest

from billfold_protocol.codec import decode, encode
from billfold_protocol.crypto import passwords
from billfold_protocol.crypto.passwords import (
    DEFAULT_POLICY,
    OVERHEAD_SIZE_MAX,
    PasswordPolicy,
    seal_with_key,
    seal_with_password,
    unseal_with_key,
    unseal_with_password,
)
from billfold_protocol.errors import (
    AuthFailed,
    BillfoldError,
    CommitMismatch,
    InputError,
    KdfPolicy,
    LocalProtocolError,
    Malformed,
    UpdateNeeded,
)

QUICK = PasswordPolicy(memory_size=64 * 1024 * 1024, passes=1)
SALT = bytes(range(16))
NONCE = bytes(range(24))
KEY = bytes(range(32))
SECRET = b"s" * 32
SIZE_MAX = 64


def sealed_with(password: str, *, nonce: bytes = NONCE, salt: bytes = SALT) -> bytes:
    return seal_with_password(
        SECRET, password=password, context=b"test", salt=salt, nonce=nonce, policy=QUICK
    )


def opened_with(sealed: bytes, password: str, *, context: bytes = b"test") -> bytes:
    return unseal_with_password(
        sealed, password=password, context=context, plaintext_size_max=SIZE_MAX
    )


SEALED = sealed_with("correct horse")
SEALED_WITH_KEY = seal_with_key(SECRET, key=KEY, context=b"test", nonce=NONCE)


def changed(sealed: bytes, index: int, value: object) -> bytes:
    items = decode(sealed, size_max=1024)
    assert isinstance(items, list)
    items[index] = value
    return encode(items)


def parameter(sealed: bytes, index: int) -> object:
    items = decode(sealed, size_max=1024)
    assert isinstance(items, list)
    return items[index]


def test_a_password_opens_what_it_sealed() -> None:
    assert opened_with(SEALED, "correct horse") == SECRET
    assert SECRET not in SEALED
    assert len(SEALED) <= len(SECRET) + OVERHEAD_SIZE_MAX


def test_the_default_policy_costs_a_quarter_of_a_gibibyte() -> None:
    assert (DEFAULT_POLICY.memory_size, DEFAULT_POLICY.passes) == (256 * 2**20, 3)


@pytest.mark.parametrize("password", ["correct horsf", "Correct horse", " ", "correct horse\0"])
def test_another_password_meets_the_commitment(password: str) -> None:
    with pytest.raises(CommitMismatch):
        opened_with(SEALED, password)


def test_another_context_meets_the_commitment() -> None:
    with pytest.raises(CommitMismatch):
        opened_with(SEALED, "correct horse", context=b"export")


def test_one_password_typed_in_two_normal_forms_is_one_password() -> None:
    composed, decomposed = "caf\u00e9", "cafe\u0301"
    assert opened_with(sealed_with(composed), decomposed) == SECRET


@pytest.mark.parametrize("password", ["", "x" * 1025, "\u00e9" * 513, "\ud800"])
def test_a_password_that_cannot_be_hashed_is_refused(password: str) -> None:
    with pytest.raises(InputError) as caught:
        sealed_with(password)
    assert caught.value.__context__ is None
    with pytest.raises(InputError):
        opened_with(SEALED, password)


@pytest.mark.parametrize(
    "parameters",
    [
        [8, 1, 1, SALT],
        [64 * 1024 - 1, 1, 1, SALT],
        [1024 * 1024 + 1, 1, 1, SALT],
        [64 * 1024 * 1024, 1, 1, SALT],
        [2**64 - 1, 1, 1, SALT],
        [64 * 1024, 0, 1, SALT],
        [64 * 1024, 11, 1, SALT],
        [64 * 1024, 2**31, 1, SALT],
        [64 * 1024, 1, 0, SALT],
        [64 * 1024, 1, 4, SALT],
    ],
)
def test_parameters_outside_the_range_are_refused_before_hashing(
    parameters: list[object], monkeypatch: pytest.MonkeyPatch
) -> None:
    def hash_nothing(*_: object) -> bytes:
        raise AssertionError("hashed")

    monkeypatch.setattr(passwords, "crypto_pwhash_alg", hash_nothing)
    started = time.perf_counter()
    with pytest.raises(KdfPolicy):
        opened_with(changed(SEALED, 1, parameters), "correct horse")
    assert time.perf_counter() - started < 0.05


@pytest.mark.parametrize(
    ("memory_size", "passes", "lanes"),
    [
        (2**26 - 1024, 1, 1),
        (2**30 + 1024, 1, 1),
        (2**26 + 1, 1, 1),
        (2**26, 0, 1),
        (2**26, 11, 1),
        (2**26, 1, 2),
    ],
)
def test_a_policy_outside_the_range_cannot_be_made(
    memory_size: int, passes: int, lanes: int
) -> None:
    with pytest.raises(KdfPolicy):
        PasswordPolicy(memory_size=memory_size, passes=passes, lanes=lanes)


def test_the_ends_of_the_range_are_inside() -> None:
    PasswordPolicy(memory_size=2**26, passes=1)
    PasswordPolicy(memory_size=2**30, passes=10)


@pytest.mark.parametrize(
    ("index", "value", "error"),
    [
        (0, 0, Malformed),
        (0, 2, UpdateNeeded),
        (0, "1", Malformed),
        (1, [64 * 1024, 2, 1, SALT], CommitMismatch),
        (1, [64 * 1024 + 4, 1, 1, SALT], CommitMismatch),
        (1, [64 * 1024, 1, 1, b"z" * 16], CommitMismatch),
        (1, [64 * 1024, 1, 1, b"z" * 8], Malformed),
        (1, [64 * 1024, True, 1, SALT], Malformed),
        (1, [64 * 1024, -1, 1, SALT], Malformed),
        (1, [64 * 1024, 1, SALT], Malformed),
        (1, None, Malformed),
        (2, b"n" * 24, CommitMismatch),
        (2, b"n" * 12, Malformed),
        (3, b"c" * 32, CommitMismatch),
        (3, b"", Malformed),
        (4, b"", AuthFailed),
        (4, b"c" * 48, AuthFailed),
        (4, b"c" * 4800, Malformed),
    ],
)
def test_a_changed_part_is_refused(index: int, value: object, error: type[Exception]) -> None:
    with pytest.raises(error):
        opened_with(changed(SEALED, index, value), "correct horse")


def test_bytes_made_to_open_under_two_passwords_open_under_one() -> None:
    other = sealed_with("another")
    mixed = changed(SEALED, 4, parameter(other, 4))
    with pytest.raises(AuthFailed):
        opened_with(mixed, "correct horse")
    with pytest.raises(CommitMismatch):
        opened_with(mixed, "another")


def test_every_flipped_byte_under_a_key_is_found() -> None:
    for offset in range(len(SEALED_WITH_KEY)):
        for mask in (1, 0x80, 0xFF):
            flipped = bytearray(SEALED_WITH_KEY)
            flipped[offset] ^= mask
            with pytest.raises(BillfoldError):
                unseal_with_key(
                    bytes(flipped), key=KEY, context=b"test", plaintext_size_max=SIZE_MAX
                )


def test_every_truncation_is_found() -> None:
    for size in range(len(SEALED_WITH_KEY)):
        with pytest.raises(Malformed):
            unseal_with_key(
                SEALED_WITH_KEY[:size], key=KEY, context=b"test", plaintext_size_max=SIZE_MAX
            )


def test_a_key_opens_what_it_sealed_and_nothing_else() -> None:
    opened = unseal_with_key(SEALED_WITH_KEY, key=KEY, context=b"test", plaintext_size_max=SIZE_MAX)
    assert opened == SECRET
    with pytest.raises(CommitMismatch):
        unseal_with_key(
            SEALED_WITH_KEY, key=b"x" * 32, context=b"test", plaintext_size_max=SIZE_MAX
        )


def test_bytes_under_a_key_and_under_a_password_are_not_confused() -> None:
    with pytest.raises(Malformed):
        opened_with(SEALED_WITH_KEY, "correct horse")
    with pytest.raises(Malformed):
        unseal_with_key(SEALED, key=KEY, context=b"test", plaintext_size_max=SIZE_MAX)


def test_more_bytes_than_allowed_are_refused() -> None:
    big = seal_with_key(bytes(10_000), key=KEY, context=b"test", nonce=NONCE)
    with pytest.raises(Malformed):
        unseal_with_key(big, key=KEY, context=b"test", plaintext_size_max=SIZE_MAX)


def test_wrong_sizes_of_random_bytes_are_our_mistake() -> None:
    with pytest.raises(LocalProtocolError):
        sealed_with("p", nonce=b"short")
    with pytest.raises(LocalProtocolError):
        sealed_with("p", salt=b"short")
    with pytest.raises(LocalProtocolError):
        seal_with_key(SECRET, key=b"short", context=b"test", nonce=NONCE)
