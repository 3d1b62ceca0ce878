from billfold_protocol.crypto.passwords import (
    PasswordPolicy,
    seal_with_key,
    seal_with_password,
    unseal_with_key,
    unseal_with_password,
)
from tests.vectors.vector_files import Vector, binary, each, expecting

PLAINTEXT_SIZE_MAX = 1024


@each("passwords", "password")
def test_bytes_open_under_their_password_or_are_refused(vector: Vector) -> None:
    sealed, context = binary([vector["sealed"], vector["context"]])
    with expecting(vector):
        opened = unseal_with_password(
            sealed,
            password=vector["password"],
            context=context,
            plaintext_size_max=PLAINTEXT_SIZE_MAX,
        )
        assert opened.hex() == vector["plaintext"]


@each("passwords", "key")
def test_bytes_open_under_their_key_or_are_refused(vector: Vector) -> None:
    sealed, key, context = binary([vector["sealed"], vector["key"], vector["context"]])
    with expecting(vector):
        opened = unseal_with_key(
            sealed, key=key, context=context, plaintext_size_max=PLAINTEXT_SIZE_MAX
        )
        assert opened.hex() == vector["plaintext"]


@each("passwords", "password", "salt")
def test_a_password_seals_to_these_bytes(vector: Vector) -> None:
    plaintext, context, salt, nonce = binary(
        [vector[field] for field in ("plaintext", "context", "salt", "nonce")]
    )
    policy = PasswordPolicy(memory_size=vector["memory_kib"] * 1024, passes=vector["passes"])
    made = seal_with_password(
        plaintext,
        password=vector["password"],
        context=context,
        salt=salt,
        nonce=nonce,
        policy=policy,
    )
    assert made.hex() == vector["sealed"]


@each("passwords", "key", "nonce")
def test_a_key_seals_to_these_bytes(vector: Vector) -> None:
    plaintext, key, context, nonce = binary(
        [vector[field] for field in ("plaintext", "key", "context", "nonce")]
    )
    made = seal_with_key(plaintext, key=key, context=context, nonce=nonce)
    assert made.hex() == vector["sealed"]
