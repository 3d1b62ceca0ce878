from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from billfold import activities, export_wallet, import_report, read_import
from billfold.document import Edit, FieldEdit, Purge, RecordView
from billfold.keyring import KeyCallback
from billfold.model.activity_log import claim_name
from billfold.wallet import Wallet
from billfold_protocol.errors import InputError, NotAuthorised, NotFound

KEY = KeyCallback(lambda: bytes(32))
SHOWN = {
    "transaction_type": "Presentation",
    "interacting_party_identifier": "https://bank.example",
    "claims_presented/age_over_18": "urn:eudi:pid:1",
}


@pytest.fixture
async def wallet(tmp_path: Path) -> AsyncIterator[Wallet]:
    async with await Wallet.create(tmp_path / "wallet", unlock=KEY, name="laptop") as made:
        yield made


async def filled(wallet: Wallet, count: int) -> list[RecordView]:
    return [(await wallet.activities.add({**SHOWN, "time": n})).record for n in range(count)]


async def test_entries_are_linked_in_the_order_of_their_device(wallet: Wallet) -> None:
    await filled(wallet, 3)
    entries = list(wallet.activities)
    assert [entry.number for entry in entries] == [1, 2, 3]
    assert {entry.device for entry in entries} == {wallet.this_device}
    assert entries[0].previous is None
    assert entries[1].previous != entries[2].previous
    assert wallet.activities.verify().is_whole


async def test_several_entries_of_one_change_are_linked_too(wallet: Wallet) -> None:
    async with wallet.edit() as edit:
        wallet.activities.add_to(edit, SHOWN)
        wallet.activities.add_to(edit, SHOWN)
        edit.add("login", title="Library")
    await wallet.activities.add(SHOWN)
    assert sorted(entry.number or 0 for entry in wallet.activities) == [1, 2, 3]
    assert wallet.activities.verify().is_whole


async def test_an_entry_that_the_person_deletes_leaves_a_note(wallet: Wallet) -> None:
    records = await filled(wallet, 3)
    await wallet.activities.delete(records[1].id)
    await wallet.activities.delete(records[2].id)
    report = wallet.activities.verify()
    assert report.is_whole
    assert report.deleted == ((wallet.this_device, 2), (wallet.this_device, 3))
    await wallet.activities.add(SHOWN)
    assert [entry.number for entry in wallet.activities] == [1, 4]
    assert wallet.activities.verify().is_whole
    with pytest.raises(NotFound):
        await wallet.activities.delete(records[1].id)


async def behind_the_back(wallet: Wallet, *edits: Edit) -> None:
    """Edit as a device does that does not follow the rules."""
    await wallet._synchronizer.edit(list(edits))  # noqa: SLF001  # Past the checks of `edit()`.


@pytest.mark.parametrize("index", [0, 1, 2])
async def test_an_entry_that_somebody_else_takes_away_is_missed(wallet: Wallet, index: int) -> None:
    records = await filled(wallet, 3)
    await behind_the_back(wallet, Purge(records[index].id))
    report = wallet.activities.verify()
    assert not report.is_whole
    assert report.missing == ((wallet.this_device, index + 1),)


async def test_an_entry_that_was_written_anew_is_found(wallet: Wallet) -> None:
    records = await filled(wallet, 3)
    await behind_the_back(wallet, FieldEdit(records[1].id, "purpose", "another"))
    assert wallet.activities.verify().altered == (records[1].id,)


async def test_an_entry_outside_of_every_chain_is_found(wallet: Wallet) -> None:
    await filled(wallet, 1)
    stray = wallet.natural_id("activity", ("stray",))
    await behind_the_back(wallet, FieldEdit(stray, "type", "activity"))
    assert wallet.activities.verify().altered == (stray,)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("claims_presented/Ada Lovelace", "urn:eudi:pid:1"),
        ("claims_presented/given_name", "Ada Lovelace"),
        ("claims_presented/given_name", ""),
        ("given_name", "Ada"),
        ("custom/0/value", "Ada"),
        ("source/claims", "Ada"),
        ("purpose", "x" * 2_049),
    ],
)
async def test_an_entry_holds_names_and_no_values(wallet: Wallet, field: str, value: str) -> None:
    with pytest.raises(InputError):
        await wallet.activities.add({**SHOWN, field: value})
    # Nor does it when it is written without its type's checks, or later.
    async with wallet.edit() as edit:
        record = edit.add("activity", natural_key=("1",), transaction_identifier="1")
    with pytest.raises(InputError):
        await wallet.set(record, field, value)
    with pytest.raises(InputError, match="holds no notes"):
        async with wallet.edit() as edit:
            edit.set_notes(record, "Ada Lovelace, 1815")
    held = wallet.record(record)
    assert held.fields.keys() == {"type", "transaction_identifier", "device", "number"}
    assert held.notes == ""


async def test_an_entry_may_be_marked_and_stays_as_it_was_written(wallet: Wallet) -> None:
    (record,) = await filled(wallet, 1)
    await wallet.set(record.id, "favorite", True)
    async with wallet.edit() as edit:
        edit.tag(record.id, "bank")
    with pytest.raises(InputError, match="stays as it was written"):
        await wallet.set(record.id, "purpose", "another")
    assert wallet.activities.verify().is_whole


async def test_the_log_of_another_wallet_is_in_no_chain_of_ours(wallet: Wallet) -> None:
    await wallet.activities.add({**SHOWN, "origin": "another wallet"})
    await wallet.activities.add(SHOWN)
    assert sorted(entry.number or 0 for entry in wallet.activities) == [0, 1]
    assert wallet.activities.verify().is_whole


async def test_an_exported_log_comes_back_as_it_was(wallet: Wallet, tmp_path: Path) -> None:
    await filled(wallet, 2)
    exported = export_wallet(wallet)
    assert not (await import_report(wallet, read_import(exported))).added
    async with await Wallet.create(tmp_path / "other", unlock=KEY) as other:
        assert len((await import_report(other, read_import(exported))).added) == 2
        assert {entry.device for entry in other.activities} == {wallet.this_device}
        assert {entry.origin for entry in other.activities} == {"another log"}
        assert other.activities.verify().is_whole
    assert wallet.activities.verify().is_whole


async def test_a_program_may_write_to_the_log_and_not_delete_from_it(
    wallet: Wallet, monkeypatch: pytest.MonkeyPatch
) -> None:
    records = await filled(wallet, 1)
    monkeypatch.setattr(activities, "_is_agent", lambda _: True)
    await wallet.activities.add(SHOWN)
    with pytest.raises(NotAuthorised, match="only the person may delete"):
        await wallet.activities.delete(records[0].id)
    with pytest.raises(NotAuthorised):
        async with wallet.edit() as edit:
            edit.trash(records[0].id)


def test_a_claim_is_named_by_its_path() -> None:
    assert claim_name(["address", "streetName"]) == "address.street-name"
    assert claim_name(["nationalities", None]) == "nationalities.*"
    assert claim_name(["degrees", 0, "type-a"]) == "degrees.0.type--a"
    assert claim_name(["org.iso.18013.5.1", "age"]) == "org:2e:iso:2e:18013:2e:5:2e:1.age"


LOG = b"""[
  {"transactionIdentifier": "1", "time": "2025-08-15T10:00:00", "transactionType": "Presentation",
   "transactionResult": "Completed", "interactingPartyName": "Bank", "nickname": "Ada",
   "listOfClaimsPresented": [
     {"credentialIdentifier": "urn:eudi:pid:1", "claims": ["given_name", "Ada Lovelace"]}]},
  {"transactionIdentifier": "2", "time": "2025-08-15T11:00:00", "transactionType": "Presentation",
   "transactionResult": "Completed", "listOfClaimsPresented": []}
]"""


async def test_a_log_of_another_wallet_comes_in_without_values(wallet: Wallet) -> None:
    await filled(wallet, 1)
    result = await import_report(wallet, read_import(LOG))
    assert len(result.added) == 2
    assert wallet.activities.verify().is_whole
    held = {entry.identifier: entry for entry in wallet.activities if entry.origin is not None}
    assert held["1"].claims_presented == {"given_name": "urn:eudi:pid:1"}
    assert held["1"].party_name == "Bank"
    assert b"Ada" not in export_wallet(wallet)
    again = await import_report(wallet, read_import(LOG))
    assert not again.added
    assert not again.updated
