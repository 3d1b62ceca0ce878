import resource
import time
from pathlib import Path

import pytest

from billfold import Passphrase, Wallet
from billfold.keyring.unlock_file import UnlockFile, read_unlock_file, write_unlock_file
from billfold_protocol.codec import as_array, decode, encode
from billfold_protocol.crypto import passwords
from billfold_protocol.crypto.passwords import PasswordPolicy
from billfold_protocol.errors import BillfoldError, KdfPolicy, StoreDamaged
from tests.support.adversaries.findings import named, refused
from tests.support.adversaries.socket_stage import socket_stage

pytestmark = pytest.mark.attack("K06")

SECRET = "correct horse"
QUICK = PasswordPolicy(memory_size=64 * 2**20, passes=1)
SALT = bytes(16)
KIB_PER_GIB = 2**20

WEAK_OR_HUGE: list[tuple[object, type[BillfoldError]]] = [
    ([8, 1, 1, SALT], KdfPolicy),
    ([64 * 1024 - 1, 3, 1, SALT], KdfPolicy),
    ([64 * KIB_PER_GIB, 1, 1, SALT], KdfPolicy),
    ([64 * 1024, 2**31, 1, SALT], KdfPolicy),
    ([64 * 1024, 0, 1, SALT], KdfPolicy),
    ([64 * 1024, 1, 0, SALT], KdfPolicy),
    ([2**64 - 1, 2**64 - 1, 1, SALT], KdfPolicy),
    (["PBKDF2", 1, 1, SALT], StoreDamaged),
    (["PBKDF2-SHA256", 1], StoreDamaged),
]


async def test_parameters_that_a_person_did_not_choose_are_refused_unhashed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hashed: list[object] = []

    def counting(*given: object) -> bytes:
        hashed.append(given)
        return bytes(32)

    async with socket_stage("K06", tmp_path) as stage:
        await stage.pair()
        folder = tmp_path / "locked"
        async with await Wallet.create(folder, unlock=Passphrase(SECRET, QUICK)) as wallet:
            before = wallet.status().state_hash
        honest = read_unlock_file(folder)
        stage.secrets["the passphrase"] = SECRET.encode()
        with monkeypatch.context() as patch:
            patch.setattr(passwords, "crypto_pwhash_alg", counting)
            for parameters, kind in WEAK_OR_HUGE:
                items = as_array(decode(honest.sealed, size_max=4096))
                sealed = encode([items[0], parameters, *items[2:]])
                changed = UnlockFile(method=honest.method, reference="", sealed=sealed)
                write_unlock_file(folder, changed)
                peak, began_s = peak_memory_size(), time.perf_counter()
                with refused(kind):
                    await Wallet.open(folder, unlock=Passphrase(SECRET, QUICK))
                with named("error"):
                    assert hashed == [], "the passphrase was hashed"
                    assert time.perf_counter() - began_s < 0.5
                    assert peak_memory_size() - peak < 10 * 2**20
        write_unlock_file(folder, honest)
        async with await Wallet.open(folder, unlock=Passphrase(SECRET, QUICK)) as wallet:
            with named("unchanged"):
                assert wallet.status().state_hash == before
        await stage.ends()


def peak_memory_size() -> int:
    """Return the most bytes that this process has ever held."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
