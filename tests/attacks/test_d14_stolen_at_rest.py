import math
import shutil
import stat
import time
from collections import Counter
from pathlib import Path

import pytest

from billfold import Passphrase, Wallet
from billfold_protocol.crypto.passwords import PasswordPolicy
from billfold_protocol.errors import UnlockFailed, WalletLocked
from tests.support.adversaries.findings import named, refused, scaled
from tests.support.adversaries.socket_stage import socket_stage

pytestmark = pytest.mark.attack("D14")

QUICK = PasswordPolicy(memory_size=64 * 2**20, passes=1)
GUESSES_PER_S_MAX = 10
ENTROPY_BITS_MIN = 7.9
"""For each byte of the store: what is not sealed has far less."""


def entropy_bits(data: bytes) -> float:
    counts = Counter(data).values()
    return -sum(count / len(data) * math.log2(count / len(data)) for count in counts)


async def test_the_files_of_a_locked_device_say_nothing(tmp_path: Path) -> None:
    async with socket_stage("D14", tmp_path) as stage:
        await stage.pair()
        folder, stolen = tmp_path / "device", tmp_path / "stolen"
        wallet = await Wallet.create(folder, unlock=Passphrase("correct horse", QUICK))
        async with wallet:
            async with wallet.edit() as edit:
                for _ in range(50):
                    record = edit.add("login", title=stage.canaries.next(), notes="words " * 50)
            await wallet.lock()
            with refused(WalletLocked):
                wallet.record(record)
            shutil.copytree(folder, stolen)
            files = {path: path.read_bytes() for path in stolen.rglob("*") if path.is_file()}
            with named("secrets"):
                for path, data in files.items():
                    assert stat.S_IMODE(path.stat().st_mode) & 0o177 == 0, path
                    assert not stage.canaries.found_in(data), path
                    assert b"words" not in data, path
                assert entropy_bits(files[stolen / "wallet.db"]) > ENTROPY_BITS_MIN
            for guess in range(scaled(small=10, whole=100)):
                with refused(UnlockFailed):
                    await Wallet.open(stolen, unlock=Passphrase(f"guess {guess}", QUICK))
            with named("unchanged"):
                await wallet.unlock(Passphrase("correct horse", QUICK))
                assert len(wallet.records("login")) == 50
        await stage.ends()


async def test_a_passphrase_is_guessed_slowly(tmp_path: Path) -> None:
    async with await Wallet.create(tmp_path / "device", unlock=Passphrase("correct horse")):
        pass
    begun_s = time.process_time()
    with refused(UnlockFailed):
        await Wallet.open(tmp_path / "device", unlock=Passphrase("battery staple"))
    with named("secrets"):
        assert time.process_time() - begun_s > 1 / GUESSES_PER_S_MAX
