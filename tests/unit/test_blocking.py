import contextlib
import inspect
import threading
from pathlib import Path

import pytest

import billfold
from billfold import Attachments, BlockingWallet, KeyCallback, RecordsChanged, Wallet
from billfold.blocking_parts import public_names
from billfold.recovery import Recovery
from billfold.recovery_status import RecoveryState
from billfold_protocol.errors import (
    InputError,
    LocalProtocolError,
    NotFound,
    RecoveryRefused,
    StoreBusy,
    StoreMissing,
    UnlockFailed,
    WalletLocked,
)

KEY = KeyCallback(lambda: bytes(32))
OF_FILES = {"export", "import_file"}
"""What scripts are given besides; with asyncio these are functions."""

SAMPLES = Path(__file__).parents[1] / "support" / "samples"


def test_a_script_uses_a_wallet_without_asyncio(tmp_path: Path) -> None:
    with BlockingWallet.create(tmp_path / "wallet", unlock=KEY, name="laptop") as wallet:
        with wallet.edit() as edit:
            record = edit.add("login", title="Library", username="ada")
        assert edit.change is not None
        assert wallet.set(record, "username", "bob") is not None
        assert wallet.set(record, "username", "bob") is None
        assert [item.value for item in wallet.history(record, "username")] == ["ada", "bob"]
        wallet.undo(record, "username")
        wallet_id, state_hash = wallet.wallet_id, wallet.status().state_hash
        assert wallet.conflicts() == []
        assert [device.name for device in wallet.devices()] == ["laptop"]
        wallet.rename_device("laptop", "old laptop")
        assert not wallet.sync(deadline_s=1).is_complete
    with BlockingWallet.open(tmp_path / "wallet", unlock=KEY) as wallet:
        assert wallet.wallet_id == wallet_id
        assert wallet.record(record).fields["username"].value == "ada"
        assert wallet.records("login") == [wallet.record(record)]
        assert wallet.status().state_hash != state_hash
        assert wallet.devices()[0].name == "old laptop"


def test_a_script_uses_typed_records(tmp_path: Path) -> None:
    with BlockingWallet.create(tmp_path / "wallet", unlock=KEY) as wallet:
        logins = wallet.logins
        made = logins.add({"urls/0": "https://library.example"}, title="Library", username="ada")
        assert logins.update(made.record.id, username="bob").username == "bob"
        assert [login.urls for login in logins] == [("https://library.example",)]
        assert logins.find(username="bob") == [logins.get(made.record.id)]
        with pytest.raises(InputError, match="'title' of a login is a text"):
            logins.add(title=5)
        diet = wallet.preferences.add(subject="diet", statement="meat").record.id
        wallet.statements.correct(diet, "statement", "vegan")
        assert [one.statement for one in wallet.preferences] == ["vegan"]
    with pytest.raises(LocalProtocolError):
        list(logins)


def test_files_come_in_and_out(tmp_path: Path) -> None:
    with BlockingWallet.create(tmp_path / "wallet", unlock=KEY) as wallet:
        data = (SAMPLES / "bitwarden-export.json").read_bytes()
        assert len(wallet.import_file(data).added) == 18
        exported = wallet.export()
        assert len(wallet.import_file(exported).unchanged) == 18
        assert b'"type": "payment"' in exported
        assert b'"type": "payment"' not in wallet.export("login")


def test_an_error_in_the_block_drops_its_edits(tmp_path: Path) -> None:
    with BlockingWallet.create(tmp_path / "wallet", unlock=KEY) as wallet:
        with contextlib.suppress(KeyError), wallet.edit() as edit:
            edit.add("login", title="Library")
            raise KeyError
        assert wallet.records("login") == []
        with pytest.raises(InputError), wallet.edit() as edit:
            edit.set("not an id", "title", "x")


def test_errors_are_those_of_the_wallet(tmp_path: Path) -> None:
    with pytest.raises(StoreMissing):
        BlockingWallet.open(tmp_path / "nothing", unlock=KEY)
    with BlockingWallet.create(tmp_path / "wallet", unlock=KEY) as wallet:
        with pytest.raises(StoreBusy):
            BlockingWallet.open(tmp_path / "wallet", unlock=KEY)
        with pytest.raises(NotFound):
            wallet.record("nothing")
        with pytest.raises(InputError):
            wallet.connect("ftp://example.org")
    with pytest.raises(LocalProtocolError):
        wallet.records()
    wallet.close()


def test_several_threads_share_one_wallet(tmp_path: Path) -> None:
    with BlockingWallet.create(tmp_path / "wallet", unlock=KEY) as wallet:

        def work(number: int) -> None:
            for count in range(5):
                with wallet.edit() as edit:
                    edit.add("login", title=f"{number}/{count}")

        threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(wallet.records("login")) == 20
    assert not any(thread.name == "billfold-wallet" for thread in threading.enumerate())


def test_all_that_the_package_offers_is_there() -> None:
    assert sorted(billfold.__all__) == billfold.__all__
    for name in billfold.__all__:
        assert getattr(billfold, name) is not None
    assert set(billfold.__all__) <= set(dir(billfold))
    with pytest.raises(AttributeError):
        getattr(billfold, "nothing at all")


def test_a_file_is_attached_saved_and_detached(tmp_path: Path) -> None:
    source = tmp_path / "scan.pdf"
    source.write_bytes(b"what the scanner saw")
    with BlockingWallet.create(tmp_path / "wallet", unlock=KEY) as wallet:
        with wallet.edit() as edit:
            record = edit.add("document", title="Passport")
        wallet.attachments.add(record, source, media_type="application/pdf")
        (found,) = wallet.attachments.list(record)
        wallet.attachments.save_to(found, tmp_path / "copy.pdf")
        assert (tmp_path / "copy.pdf").read_bytes() == source.read_bytes()
        assert b"".join(wallet.attachments.open(found, start=5)) == source.read_bytes()[5:]
        with wallet.attachments.open(found) as pieces:
            assert next(pieces) == source.read_bytes()
        assert wallet.attachments.pending_count == 1
        wallet.attachments.remove(found)
        assert wallet.attachments.list(record) == []
    with pytest.raises(LocalProtocolError):
        wallet.attachments.list(record)


def test_it_has_every_public_name_of_a_wallet_and_of_its_parts(tmp_path: Path) -> None:
    with BlockingWallet.create(tmp_path / "wallet", unlock=KEY) as wallet:
        assert set(dir(wallet)) >= set(public_names(Wallet))
        assert set(public_names(BlockingWallet)) <= set(public_names(Wallet)) | OF_FILES
        for name in public_names(Wallet):
            assert hasattr(wallet, name), name
        for part, kind in ((wallet.recovery, Recovery), (wallet.attachments, Attachments)):
            assert dir(part) == public_names(kind)
            for name in public_names(kind):
                assert hasattr(part, name), name
        for name in ("no_such_thing", "_replica"):
            with pytest.raises(AttributeError):
                getattr(wallet, name)
            with pytest.raises(AttributeError):
                getattr(wallet.recovery, name)


def test_what_both_wallets_spell_out_is_called_with_the_same_names() -> None:
    for name in public_names(BlockingWallet):
        here, there = getattr(BlockingWallet, name), getattr(Wallet, name, None)
        if not callable(here) or there is None:
            continue
        named = set(inspect.signature(here).parameters)
        wanted = set(inspect.signature(there).parameters)
        assert wanted - named <= {"transport", "device_token_store"}, name
        assert named <= wanted, name


def test_a_wallet_is_locked_and_unlocked_without_asyncio(tmp_path: Path) -> None:
    other = KeyCallback(lambda: bytes(range(32)))
    with BlockingWallet.create(tmp_path / "wallet", unlock=KEY) as wallet:
        wallet.change_unlock(current=KEY, new=other)
        wallet.lock()
        assert wallet.is_locked
        with pytest.raises(WalletLocked):
            wallet.records()
        with pytest.raises(UnlockFailed):
            wallet.unlock(KEY)
        wallet.unlock(other)
        assert not wallet.is_locked
        assert wallet.records("login") == []
        assert wallet.proofs() == []


def test_recovery_words_and_events_are_there_without_asyncio(tmp_path: Path) -> None:
    with BlockingWallet.create(tmp_path / "wallet", unlock=KEY) as wallet:
        with wallet.events() as events:
            words = wallet.recovery.begin()
            with pytest.raises(RecoveryRefused):
                wallet.recovery.confirm("some words")
            assert wallet.recovery.confirm(words).state is RecoveryState.PENDING
            assert isinstance(next(events), RecordsChanged)
        assert wallet.recovery.status.state is RecoveryState.PENDING
        wallet.logins.add(title="Library", username="ada")
        assert [found.username for found in wallet.logins.all()] == ["ada"]
