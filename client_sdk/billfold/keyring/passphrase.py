"""Unlock with a passphrase: Argon2id makes the key that seals the store key.

Spec: 11-cryptography.md
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace

from billfold.keyring.unlock_file import UnlockFile, UnlockMethod, unlock_context
from billfold_protocol.crypto.derivation import KEY_SIZE
from billfold_protocol.crypto.passwords import (
    DEFAULT_POLICY,
    SALT_SIZE,
    PasswordPolicy,
    policy_of,
    seal_with_password,
    unseal_with_password,
)
from billfold_protocol.crypto.sealing import NONCE_SIZE


@dataclass(frozen=True, slots=True)
class Passphrase:
    """Unlock with what the person types."""

    passphrase: str = field(repr=False)
    policy: PasswordPolicy = DEFAULT_POLICY
    """What hashing costs in a file made with it; opening follows the file, within the bounds."""


def seal_store_key(
    unlock: Passphrase, store_key: bytes, random: Callable[[int], bytes]
) -> UnlockFile:
    """Seal the store key under the passphrase.

    Raises:
        InputError: the passphrase is empty, too long or not text.
        LimitExceeded: there is not enough memory to hash it.
    """
    sealed = seal_with_password(
        store_key,
        password=unlock.passphrase,
        context=unlock_context(UnlockMethod.PASSPHRASE, ""),
        salt=random(SALT_SIZE),
        nonce=random(NONCE_SIZE),
        policy=unlock.policy,
    )
    return UnlockFile(method=UnlockMethod.PASSPHRASE, reference="", sealed=sealed)


def unseal_store_key(unlock: Passphrase, file: UnlockFile) -> bytes:
    """Return the store key.

    Raises:
        VerificationError: the passphrase is wrong, or the parameters are outside their range.
        Malformed: the sealed bytes are not of their form.
        InputError: the passphrase is empty, too long or not text.
        LimitExceeded: there is not enough memory to hash it.
    """
    return unseal_with_password(
        file.sealed,
        password=unlock.passphrase,
        context=file.context,
        plaintext_size_max=KEY_SIZE,
    )


def strengthened(unlock: Passphrase, file: UnlockFile) -> Passphrase | None:
    """Return the passphrase with a policy that a file it opened falls short of; None if none.

    The new policy is nowhere weaker than the file's.

    Raises:
        VerificationError: the file's parameters are outside their range.
        Malformed: the sealed bytes are not of their form.
    """
    found, wanted = policy_of(file.sealed, plaintext_size_max=KEY_SIZE), unlock.policy
    policy = PasswordPolicy(
        memory_size=max(found.memory_size, wanted.memory_size),
        passes=max(found.passes, wanted.passes),
    )
    return None if policy == found else replace(unlock, policy=policy)
