from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from billfold.document import Document, FieldEdit, random_record_id
from billfold.keyring import KeyCallback
from billfold.model import wallet_merge_kinds
from billfold.model.provenance import source_field, statements_of
from billfold.wallet import Wallet
from billfold_protocol.errors import InputError, NotFound

KEY = KeyCallback(lambda: bytes(32))
RECORD = random_record_id(bytes(16))


@pytest.fixture
async def wallet(tmp_path: Path) -> AsyncIterator[Wallet]:
    async with await Wallet.create(tmp_path / "wallet", unlock=KEY) as made:
        yield made


async def test_a_statement_is_reviewed_understood_and_corrected(wallet: Wallet) -> None:
    diet = (await wallet.preferences.add(subject="diet")).record.id
    await wallet.statements.state(
        diet, "statement", "meat", source="inferred", evidence="ten orders at a butcher's"
    )
    (found,) = wallet.statements.review()
    assert (found.record.id, found.field) == (diet, "statement")
    (said,) = found.said
    assert (said.value, said.source, said.evidence) == (
        "meat",
        "inferred",
        "ten orders at a butcher's",
    )
    corrected = await wallet.statements.correct(diet, "statement", "vegan")
    (said,) = corrected.said
    assert (said.value, said.source, said.evidence) == ("vegan", "declared", None)
    history = wallet.history(diet, "statement")
    assert [item.value for item in history if not item.is_removal] == ["meat", "vegan"]
    # What was noted about the former value is gone from the record.
    assert [n for n in wallet.record(diet).fields if n.startswith(("sources/", "evidence/"))] == [
        source_field("statement", "vegan")
    ]


async def test_a_conclusion_does_not_replace_what_the_person_said(wallet: Wallet) -> None:
    diet = (await wallet.preferences.add(subject="diet", statement="vegan")).record.id
    for source in ("inferred", "imported"):
        with pytest.raises(InputError, match="is not replaced by what was concluded"):
            await wallet.statements.state(diet, "statement", "meat", source=source)
    await wallet.statements.state(diet, "statement", "vegan", source="imported")
    with pytest.raises(InputError, match="one of declared, confirmed, inferred, imported"):
        await wallet.statements.state(diet, "statement", "vegan", source="guessed")


async def test_what_is_said_can_be_confirmed_and_nothing_else(wallet: Wallet) -> None:
    diet = (await wallet.preferences.add(subject="diet", statement=1)).record.id
    (said,) = (await wallet.statements.confirm(diet, "statement", 1, evidence="a label")).said
    assert (said.source, said.evidence) == ("confirmed", "a label")
    with pytest.raises(NotFound, match="does not say this"):
        await wallet.statements.confirm(diet, "statement", True)
    with pytest.raises(NotFound, match="says nothing"):
        await wallet.statements.correct(diet, "scope", "work")
    person = (await wallet.persons.add(role="self")).record.id
    with pytest.raises(InputError, match="'given_name' of a person is a text"):
        await wallet.statements.state(person, "given_name", 5)


def test_each_of_two_statements_keeps_its_own_source() -> None:
    laptop = Document(b"feed of laptop 1", wallet_merge_kinds)
    start = laptop.change([FieldEdit(RECORD, "type", "preference")], time_ms=0)
    assert start is not None
    phone = Document(b"feed of phone 01", wallet_merge_kinds)
    phone.apply([start.raw])
    for device, value, source in ((laptop, "vegan", "declared"), (phone, "meat", "inferred")):
        edits = [FieldEdit(RECORD, "statement", value)]
        edits.append(FieldEdit(RECORD, source_field("statement", value), source))
        device.change(edits, time_ms=0)
    laptop.apply([raw for _, raw in phone.changes()])
    (statement,) = statements_of(laptop.record(RECORD))
    assert {(said.value, said.source) for said in statement.said} == {
        ("vegan", "declared"),
        ("meat", "inferred"),
    }
    assert list(laptop.record(RECORD).conflicts) == ["statement"]
