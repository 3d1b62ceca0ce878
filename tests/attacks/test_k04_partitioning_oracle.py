from pathlib import Path

import pytest

from billfold import Passphrase, Wallet
from billfold.keyring.unlock_file import UnlockFile, read_unlock_file, write_unlock_file
from billfold_protocol.codec import as_array, as_bytes, decode, encode
from billfold_protocol.crypto.derivation import derive_key
from billfold_protocol.crypto.domains import Domain
from billfold_protocol.crypto.hashing import frame
from billfold_protocol.crypto.passwords import PasswordPolicy, _hash, unseal_with_password
from billfold_protocol.errors import CommitMismatch, UnlockFailed
from tests.support.adversaries.findings import named, refused
from tests.support.adversaries.salamander import opens, salamander
from tests.support.adversaries.socket_stage import socket_stage

pytestmark = pytest.mark.attack("K04")

QUICK = PasswordPolicy(memory_size=64 * 2**20, passes=1)
FIRST, SECOND = "correct horse", "battery staple"


def for_two_passwords(file: UnlockFile) -> UnlockFile:
    """Return the file with bytes that the cipher opens under either password."""
    version, parameters, nonce, _, _ = as_array(decode(file.sealed, size_max=4096))
    salt = as_bytes(as_array(parameters)[3])
    header = encode([version, parameters, nonce])
    forms, commitments = [], []
    for password in (FIRST, SECOND):
        secret = _hash(password, salt, QUICK)
        key = derive_key(secret, Domain.PASSWORD_KEY, header, file.context)
        forms.append((key, frame(Domain.PASSWORD_SEAL, header, file.context)))
        commitments.append(derive_key(secret, Domain.PASSWORD_COMMITMENT, header, file.context))
    ciphertext = salamander(forms[0], forms[1], as_bytes(nonce), bytes(32))
    assert all(opens(ciphertext, form, as_bytes(nonce)) for form in forms)
    sealed = encode([version, parameters, nonce, commitments[0], ciphertext])
    return UnlockFile(method=file.method, reference=file.reference, sealed=sealed)


async def test_bytes_that_two_passwords_open_tell_an_attacker_nothing(tmp_path: Path) -> None:
    async with socket_stage("K04", tmp_path) as stage:
        await stage.pair()
        folder = tmp_path / "locked"
        wallet = await Wallet.create(folder, unlock=Passphrase(FIRST, QUICK))
        await wallet.close()
        honest = read_unlock_file(folder)
        made = for_two_passwords(honest)
        with refused(CommitMismatch):
            unseal_with_password(
                made.sealed, password=SECOND, context=made.context, plaintext_size_max=32
            )
        said_before = len(stage.server.answers.wire())
        write_unlock_file(folder, made)
        for password in (SECOND, FIRST):
            # The first password gives a key, which is not the store's: nothing opens at all.
            with refused(UnlockFailed):
                await Wallet.open(folder, unlock=Passphrase(password, QUICK))
        write_unlock_file(folder, honest)
        with refused(UnlockFailed):
            await Wallet.open(folder, unlock=Passphrase(SECOND, QUICK))
        with named("unchanged"):
            async with await Wallet.open(folder, unlock=Passphrase(FIRST, QUICK)) as opened:
                assert opened.status().unsynced_count >= 0
        with named("secrets"):
            # Opening, or failing to, says nothing to any server: no answer to learn from.
            assert len(stage.server.answers.wire()) == said_before
        await stage.ends()
