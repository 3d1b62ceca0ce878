import importlib
import os
import secrets
import stat
from collections.abc import Iterator
from pathlib import Path

import keyring
import keyring.backend
import keyring.backends.fail
import keyring.backends.null
import pytest

from billfold.keyring import (
    KeyCallback,
    OsKeyring,
    Passphrase,
    Unlock,
    UnlockMethod,
    change_unlock,
    create_key,
    discard_key,
    open_key,
    unlock_method,
)
from billfold.keyring.unlock_file import (
    UnlockFile,
    read_unlock_file,
    unlock_context,
    write_unlock_file,
)
from billfold.store import SqlCipherStore
from billfold.store.sqlcipher import DATABASE_NAME
from billfold_protocol.codec import decode, encode
from billfold_protocol.crypto.passwords import PasswordPolicy, seal_with_key
from billfold_protocol.errors import (
    InputError,
    KdfPolicy,
    StoreDamaged,
    StoreError,
    StoreExists,
    StoreMissing,
    UnlockFailed,
    UpdateNeeded,
)

QUICK = PasswordPolicy(memory_size=64 * 1024 * 1024, passes=1)
PASSPHRASE = Passphrase("correct horse", QUICK)
CALLBACK = KeyCallback(lambda: bytes(range(32)))


class MemoryKeyring(keyring.backend.KeyringBackend):
    priority = 1

    def __init__(self) -> None:
        self.secrets: dict[tuple[str, str], str] = {}

    def get_password(self, service: str, username: str) -> str | None:
        return self.secrets.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        self.secrets[service, username] = password

    def delete_password(self, service: str, username: str) -> None:
        del self.secrets[service, username]


class LockedKeyring(MemoryKeyring):
    def get_password(self, service: str, username: str) -> str | None:
        raise keyring.errors.KeyringLocked(f"{service} {username}")


@pytest.fixture
def os_keyring() -> Iterator[MemoryKeyring]:
    before = keyring.get_keyring()
    made = MemoryKeyring()
    keyring.set_keyring(made)
    yield made
    keyring.set_keyring(before)


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    return tmp_path / "wallet"


@pytest.mark.usefixtures("os_keyring")
@pytest.mark.parametrize(
    ("unlock", "method"),
    [
        (PASSPHRASE, UnlockMethod.PASSPHRASE),
        (OsKeyring(), UnlockMethod.OS_KEYRING),
        (CALLBACK, UnlockMethod.CALLBACK),
    ],
    ids=["passphrase", "os_keyring", "callback"],
)
def test_a_key_that_was_kept_opens_its_store(
    directory: Path, unlock: Unlock, method: UnlockMethod
) -> None:
    key = create_key(directory, unlock, secrets.token_bytes)
    SqlCipherStore.create(directory, key).close()
    assert len(key) == 32
    assert unlock_method(directory) is method
    assert open_key(directory, unlock) == key
    SqlCipherStore.open(directory, open_key(directory, unlock)).close()


def test_the_file_and_its_directory_are_the_owners_only(directory: Path) -> None:
    key = create_key(directory, CALLBACK, secrets.token_bytes)
    path = directory / "unlock.bin"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(directory.stat().st_mode) == 0o700
    assert [item.name for item in directory.iterdir()] == ["unlock.bin"]
    assert key not in path.read_bytes()
    assert bytes(range(32)) not in path.read_bytes()


@pytest.mark.parametrize("passphrase", ["correct hors", "CORRECT HORSE", "correct horse "])
def test_a_wrong_passphrase_does_not_unlock(directory: Path, passphrase: str) -> None:
    create_key(directory, PASSPHRASE, secrets.token_bytes)
    with pytest.raises(UnlockFailed) as caught:
        open_key(directory, Passphrase(passphrase))
    assert str(caught.value) == "The passphrase is wrong; try again."


def test_a_wrong_callback_key_does_not_unlock(directory: Path) -> None:
    create_key(directory, CALLBACK, secrets.token_bytes)
    with pytest.raises(UnlockFailed):
        open_key(directory, KeyCallback(lambda: bytes(32)))
    with pytest.raises(InputError):
        open_key(directory, KeyCallback(lambda: b"short"))


@pytest.mark.usefixtures("os_keyring")
def test_another_method_is_refused_by_name(directory: Path) -> None:
    create_key(directory, CALLBACK, secrets.token_bytes)
    for other in (PASSPHRASE, OsKeyring()):
        with pytest.raises(UnlockFailed, match="a key that its application gets"):
            open_key(directory, other)


def test_an_empty_passphrase_makes_no_wallet(directory: Path) -> None:
    with pytest.raises(InputError):
        create_key(directory, Passphrase("", QUICK), secrets.token_bytes)
    with pytest.raises(StoreMissing):
        open_key(directory, PASSPHRASE)


def test_a_wallet_is_not_made_over_another(directory: Path) -> None:
    key = create_key(directory, CALLBACK, secrets.token_bytes)
    SqlCipherStore.create(directory, key).close()
    with pytest.raises(StoreExists):
        create_key(directory, CALLBACK, secrets.token_bytes)
    assert open_key(directory, CALLBACK) == key


def test_after_a_crash_between_key_and_store_a_wallet_can_be_made(directory: Path) -> None:
    create_key(directory, CALLBACK, secrets.token_bytes)
    left_over = (directory / "unlock.bin").read_bytes()
    key = create_key(directory, PASSPHRASE, secrets.token_bytes)
    assert open_key(directory, PASSPHRASE) == key
    assert (directory / "unlock.bin.old").read_bytes() == left_over


def test_every_flipped_byte_of_the_file_is_found(directory: Path) -> None:
    create_key(directory, PASSPHRASE, secrets.token_bytes)
    path = directory / "unlock.bin"
    whole = path.read_bytes()
    for offset in range(len(whole)):
        for mask in (1, 0x40, 0xFF):
            flipped = bytearray(whole)
            flipped[offset] ^= mask
            path.write_bytes(flipped)
            with pytest.raises((StoreDamaged, UpdateNeeded)):
                open_key(directory, PASSPHRASE)
    path.write_bytes(whole)
    assert len(open_key(directory, PASSPHRASE)) == 32


def test_every_truncation_of_the_file_is_found(directory: Path) -> None:
    create_key(directory, CALLBACK, secrets.token_bytes)
    path = directory / "unlock.bin"
    whole = path.read_bytes()
    for size in range(len(whole)):
        path.write_bytes(whole[:size])
        with pytest.raises(StoreDamaged):
            open_key(directory, CALLBACK)
    path.write_bytes(whole + b"\0" * 10_000)
    with pytest.raises(StoreDamaged):
        open_key(directory, CALLBACK)


def test_a_file_of_a_later_version_asks_for_an_update(directory: Path) -> None:
    directory.mkdir()
    (directory / "unlock.bin").write_bytes(encode([2, "another layout"]))
    for _ in range(2):
        with pytest.raises(UpdateNeeded):
            open_key(directory, PASSPHRASE)


def test_an_empty_array_and_a_later_seal_are_told_apart(directory: Path) -> None:
    directory.mkdir()
    (directory / "unlock.bin").write_bytes(encode([]))
    with pytest.raises(StoreDamaged):
        open_key(directory, PASSPHRASE)
    later = UnlockFile(method=UnlockMethod.CALLBACK, reference="", sealed=encode([2, b"later"]))
    write_unlock_file(directory, later)
    with pytest.raises(UpdateNeeded):
        open_key(directory, CALLBACK)


@pytest.mark.parametrize("parameters", [(8, 1), (64 * 2**20, 1), (64 * 2**10, 2**31)])
def test_hashing_outside_the_range_is_refused(directory: Path, parameters: tuple[int, int]) -> None:
    create_key(directory, PASSPHRASE, secrets.token_bytes)
    file = read_unlock_file(directory)
    seal = decode(file.sealed, size_max=1024)
    assert isinstance(seal, list)
    seal[1][:2] = parameters
    write_unlock_file(directory, UnlockFile(method=file.method, reference="", sealed=encode(seal)))
    with pytest.raises(KdfPolicy):
        open_key(directory, PASSPHRASE)


def test_a_seal_of_one_method_does_not_open_as_another(
    directory: Path, os_keyring: MemoryKeyring
) -> None:
    key = bytes(range(32))
    os_keyring.set_password("billfold", "account", key.hex())
    create_key(directory, CALLBACK, secrets.token_bytes)
    sealed = read_unlock_file(directory).sealed
    write_unlock_file(
        directory,
        UnlockFile(method=UnlockMethod.OS_KEYRING, reference="account", sealed=sealed),
    )
    with pytest.raises(UnlockFailed):
        open_key(directory, OsKeyring())


def test_a_sealed_value_that_is_no_key_is_damage(directory: Path) -> None:
    directory.mkdir()
    sealed = seal_with_key(
        b"short",
        key=bytes(range(32)),
        context=unlock_context(UnlockMethod.CALLBACK, ""),
        nonce=bytes(24),
    )
    write_unlock_file(
        directory, UnlockFile(method=UnlockMethod.CALLBACK, reference="", sealed=sealed)
    )
    with pytest.raises(StoreDamaged):
        open_key(directory, CALLBACK)


def test_changing_the_method_keeps_the_store_key(
    directory: Path, os_keyring: MemoryKeyring
) -> None:
    key = create_key(directory, PASSPHRASE, secrets.token_bytes)
    change_unlock(directory, current=PASSPHRASE, new=OsKeyring(), random=secrets.token_bytes)
    assert open_key(directory, OsKeyring()) == key
    assert len(os_keyring.secrets) == 1
    with pytest.raises(UnlockFailed):
        open_key(directory, PASSPHRASE)
    change_unlock(directory, current=OsKeyring(), new=CALLBACK, random=secrets.token_bytes)
    assert open_key(directory, CALLBACK) == key
    assert os_keyring.secrets == {}


def test_a_change_that_the_current_way_does_not_open_changes_nothing(directory: Path) -> None:
    key = create_key(directory, CALLBACK, secrets.token_bytes)
    wrong = KeyCallback(lambda: bytes(32))
    with pytest.raises(UnlockFailed):
        change_unlock(directory, current=wrong, new=wrong, random=secrets.token_bytes)
    with pytest.raises(InputError):
        change_unlock(
            directory, current=CALLBACK, new=Passphrase("", QUICK), random=secrets.token_bytes
        )
    assert open_key(directory, CALLBACK) == key


def test_a_key_of_which_no_store_came_is_taken_back_whole(
    directory: Path, os_keyring: MemoryKeyring
) -> None:
    create_key(directory, OsKeyring(), secrets.token_bytes)
    assert os_keyring.secrets
    (directory / DATABASE_NAME).write_bytes(b"a store")
    discard_key(directory, OsKeyring())
    assert unlock_method(directory) is UnlockMethod.OS_KEYRING
    (directory / DATABASE_NAME).unlink()
    for _ in range(2):
        discard_key(directory, OsKeyring())
        assert not list(directory.iterdir())
        assert not os_keyring.secrets


def test_a_lost_or_spoiled_secret_of_the_os_keyring_does_not_unlock(
    directory: Path, os_keyring: MemoryKeyring
) -> None:
    create_key(directory, OsKeyring(), secrets.token_bytes)
    (place,) = os_keyring.secrets
    for spoiled in ("not hexadecimal", "", "00", "00" * 32):
        os_keyring.secrets[place] = spoiled
        with pytest.raises(UnlockFailed):
            open_key(directory, OsKeyring())
    os_keyring.secrets.clear()
    with pytest.raises(UnlockFailed, match="no key for this wallet"):
        open_key(directory, OsKeyring())


@pytest.mark.usefixtures("os_keyring")
@pytest.mark.parametrize(
    ("backend", "message"),
    [
        (keyring.backends.fail.Keyring, "no keyring service"),
        (keyring.backends.null.Keyring, "does not keep"),
        (LockedKeyring, "locked or refused"),
    ],
)
def test_a_computer_without_a_usable_keyring_is_told_the_cure(
    directory: Path, backend: type[keyring.backend.KeyringBackend], message: str
) -> None:
    keyring.set_keyring(backend())
    with pytest.raises(UnlockFailed, match=message):
        create_key(directory, OsKeyring(), secrets.token_bytes)
    assert not (directory / "unlock.bin").exists()


def test_a_missing_keyring_library_is_named(
    directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = importlib.import_module

    def import_module(name: str, package: str | None = None) -> object:
        if name == "keyring":
            raise ModuleNotFoundError(name)
        return real(name, package)

    monkeypatch.setattr(importlib, "import_module", import_module)
    with pytest.raises(UnlockFailed, match="package keyring is not installed"):
        create_key(directory, OsKeyring(), secrets.token_bytes)


def test_no_secret_shows_in_a_repr(directory: Path) -> None:
    create_key(directory, CALLBACK, secrets.token_bytes)
    file = read_unlock_file(directory)
    shown = f"{PASSPHRASE!r} {CALLBACK!r} {OsKeyring()!r} {file!r}"
    assert "horse" not in shown
    assert "lambda" not in shown
    assert file.sealed.hex() not in shown
    assert repr(file.sealed) not in shown


def test_an_interrupted_write_leaves_the_old_file(
    directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = create_key(directory, CALLBACK, secrets.token_bytes)

    def fail(_: int) -> None:
        raise OSError(28, os.strerror(28))

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", fail)
        with pytest.raises(StoreError, match="no room"):
            change_unlock(directory, current=CALLBACK, new=PASSPHRASE, random=secrets.token_bytes)
    assert open_key(directory, CALLBACK) == key
    assert [item.name for item in directory.iterdir()] == ["unlock.bin"]
