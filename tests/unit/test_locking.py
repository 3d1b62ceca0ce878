import asyncio
import gc
import shutil
from collections.abc import Sequence
from pathlib import Path

import pytest

from billfold import Passphrase, Wallet
from billfold.core import Core
from billfold.device import DeviceSecrets
from billfold.document import Document
from billfold.keyring import unlock_file
from billfold_protocol.crypto.passwords import PasswordPolicy, policy_of
from billfold_protocol.errors import (
    InputError,
    LocalProtocolError,
    StoreFull,
    UnlockFailed,
    WalletLocked,
)

MIB = 1024 * 1024
WEAK = PasswordPolicy(memory_size=64 * MIB, passes=1)
STRONGER = PasswordPolicy(memory_size=65 * MIB, passes=2)


def weak(text: str) -> Passphrase:
    return Passphrase(text, policy=WEAK)


async def made(folder: Path) -> tuple[Wallet, str]:
    wallet = await Wallet.create(folder, unlock=weak("old words"))
    async with wallet.edit() as edit:
        record = edit.add("login", title="Library")
    return wallet, record


def secrets_in_memory(*, beside: Sequence[object] = ()) -> list[object]:
    """Return what holds keys or records, but for what another test of this process left."""
    gc.collect()
    known = {id(one) for one in beside}
    return [
        one
        for one in gc.get_objects()
        if isinstance(one, Core | Document | DeviceSecrets) and id(one) not in known
    ]


async def test_a_locked_wallet_refuses_everything_until_it_is_unlocked(tmp_path: Path) -> None:
    wallet, record = await made(tmp_path / "wallet")
    async with wallet:
        await wallet.lock()
        assert wallet.is_locked
        with pytest.raises(WalletLocked, match="unlock it first"):
            wallet.record(record)
        for attempt in (
            lambda: wallet.set(record, "user", "ada"),
            wallet.sync,
            lambda: wallet.rename_device("laptop", "x"),
            lambda: wallet.revoke("laptop"),
            lambda: wallet.change_unlock(current=weak("old words"), new=weak("new words")),
        ):
            with pytest.raises(WalletLocked):
                await attempt()
        with pytest.raises(UnlockFailed):
            await wallet.unlock(weak("other words"))
        assert wallet.is_locked
        await wallet.unlock(weak("old words"))
        assert not wallet.is_locked
        assert wallet.record(record).fields["title"].value == "Library"
        await wallet.set(record, "user", "ada")
        await wallet.unlock(weak("whatever: it is open"))
    with pytest.raises(LocalProtocolError, match="closed"):
        await wallet.unlock(weak("old words"))


async def test_nothing_refers_to_keys_or_records_of_a_locked_wallet(tmp_path: Path) -> None:
    before = secrets_in_memory()
    wallet, record = await made(tmp_path / "wallet")
    async with wallet:
        assert len(secrets_in_memory(beside=before)) >= 3
        await wallet.lock()
        assert secrets_in_memory(beside=before) == []
        # The folder is free for another process meanwhile.
        async with await Wallet.open(tmp_path / "wallet", unlock=weak("old words")) as other:
            assert other.record(record).fields["title"].value == "Library"
        await wallet.lock()


async def test_edits_made_before_locking_are_kept_and_streams_end(tmp_path: Path) -> None:
    wallet, record = await made(tmp_path / "wallet")
    async with wallet:
        stream = wallet.events()
        edits = [asyncio.create_task(wallet.set(record, f"f{n}", n)) for n in range(20)]
        await asyncio.sleep(0)
        await wallet.lock()
        await asyncio.gather(*edits)
        assert [event async for event in stream]
        await wallet.unlock(weak("old words"))
        assert {f"f{n}" for n in range(20)} <= wallet.record(record).fields.keys()


async def test_a_changed_passphrase_opens_and_the_old_one_does_not(tmp_path: Path) -> None:
    wallet, record = await made(tmp_path / "wallet")
    async with wallet:
        shutil.copytree(tmp_path / "wallet", tmp_path / "copy")
        with pytest.raises(UnlockFailed):
            await wallet.change_unlock(current=weak("wrong words"), new=weak("new words"))
        with pytest.raises(InputError):
            await wallet.change_unlock(current=weak("old words"), new=weak(""))
        await wallet.change_unlock(current=weak("old words"), new=weak("new words"))
        await wallet.set(record, "user", "ada")
    with pytest.raises(UnlockFailed):
        await Wallet.open(tmp_path / "wallet", unlock=weak("old words"))
    async with await Wallet.open(tmp_path / "wallet", unlock=weak("new words")) as again:
        assert again.record(record).fields["user"].value == "ada"
    # What the threat model says of copies from before.
    async with await Wallet.open(tmp_path / "copy", unlock=weak("old words")) as copy:
        assert copy.record(record).fields["title"].value == "Library"


async def test_being_killed_while_the_passphrase_changes_leaves_one_that_opens(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wallet, _ = await made(tmp_path / "wallet")
    async with wallet:
        before = (tmp_path / "wallet" / "unlock.bin").read_bytes()

        def killed(_path: Path, _target: Path) -> None:
            raise OSError("killed before the file was replaced")

        monkeypatch.setattr(Path, "replace", killed)
        with pytest.raises(Exception, match="unlock"):
            await wallet.change_unlock(current=weak("old words"), new=weak("new words"))
        monkeypatch.undo()
        assert (tmp_path / "wallet" / "unlock.bin").read_bytes() == before
    async with await Wallet.open(tmp_path / "wallet", unlock=weak("old words")):
        pass


def policy_in(folder: Path) -> PasswordPolicy:
    return policy_of(unlock_file.read_unlock_file(folder).sealed, plaintext_size_max=32)


async def test_weak_parameters_are_upgraded_when_the_wallet_opens(tmp_path: Path) -> None:
    folder = tmp_path / "wallet"
    wallet, _ = await made(folder)
    await wallet.close()
    assert policy_in(folder) == WEAK
    stronger = Passphrase("old words", policy=STRONGER)
    with pytest.raises(UnlockFailed):
        await Wallet.open(folder, unlock=Passphrase("wrong", policy=STRONGER))
    assert policy_in(folder) == WEAK
    async with await Wallet.open(folder, unlock=stronger):
        assert policy_in(folder) == STRONGER
    # A weaker wish takes nothing away.
    before = (folder / "unlock.bin").read_bytes()
    async with await Wallet.open(folder, unlock=weak("old words")):
        pass
    assert (folder / "unlock.bin").read_bytes() == before


async def test_a_full_disk_leaves_weak_parameters_and_opens_the_wallet(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "wallet"
    wallet, _ = await made(folder)
    await wallet.close()

    def full(_folder: Path, _content: object) -> None:
        raise StoreFull("no room")

    monkeypatch.setattr("billfold.keyring.write_unlock_file", full)
    async with await Wallet.open(folder, unlock=Passphrase("old words", policy=STRONGER)):
        assert policy_in(folder) == WEAK
