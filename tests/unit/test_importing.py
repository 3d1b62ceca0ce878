import json
import random
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from billfold.cli import app_transfer
from billfold.exporters import ExportedRecord, export_json
from billfold.exporting import ExportFormat, export_wallet, exported_records
from billfold.import_plan import Past
from billfold.importers import ImportedRecord, ImportReport, interface, read_import
from billfold.importing import ImportResult, import_report
from billfold.keyring import KeyCallback
from billfold.wallet import Wallet
from billfold_protocol.errors import LimitExceeded

SAMPLES = Path(__file__).parents[1] / "support" / "samples"
KEY = KeyCallback(lambda: bytes(32))


@pytest.fixture
async def wallet(tmp_path: Path) -> AsyncIterator[Wallet]:
    async with await Wallet.create(tmp_path / "wallet", unlock=KEY) as made:
        yield made


@pytest.fixture
async def other(tmp_path: Path) -> AsyncIterator[Wallet]:
    async with await Wallet.create(tmp_path / "other", unlock=KEY) as made:
        yield made


def report(*records: ImportedRecord) -> ImportReport:
    return ImportReport(format="test", records=records)


def login(key: str | None = "1", **fields: str) -> ImportedRecord:
    return ImportedRecord(
        type="login",
        natural_key=None if key is None else ("test", key),
        fields=fields,
        label=fields.get("title", ""),
    )


def counts(result: ImportResult) -> tuple[int, int, int]:
    return len(result.added), len(result.updated), len(result.unchanged)


def credential(kind: str) -> bytes:
    return (SAMPLES / "sd-jwt" / "simple_structured" / f"sd_jwt_{kind}.txt").read_bytes()


@pytest.mark.parametrize(
    ("file", "records"),
    [
        ("bitwarden-export.json", 18),
        ("cxf-header.json", None),
        ("cxf-account.json", None),
        ("sd-jwt/arf-pid/sd_jwt_issuance.txt", 1),
        ("sd-jwt/json_serialization_general/sd_jwt_issuance.json", 1),
    ],
)
async def test_importing_a_sample_twice_changes_nothing(
    wallet: Wallet, file: str, records: int | None
) -> None:
    read = read_import((SAMPLES / file).read_bytes(), name=file)
    assert records in {None, len(read.records)}
    told: list[tuple[int, int]] = []
    first = await import_report(wallet, read, lambda done, total: told.append((done, total)))
    assert counts(first) == (len(read.records), 0, 0)
    assert told[-1] == (len(read.records), len(read.records))
    before = wallet.status().state_hash
    for imported in read.records:
        view = wallet.record(wallet.natural_id(imported.type, imported.natural_key or ()))
        assert {name: view.fields[name].value for name in imported.fields} == dict(imported.fields)
        assert view.notes == (imported.notes or "")
    second = await import_report(wallet, read)
    assert counts(second) == (0, 0, len(read.records))
    assert (second.kept, second.refused) == ((), ())
    assert wallet.status().state_hash == before


async def test_a_newer_file_updates_and_an_older_one_does_not_bring_back(wallet: Wallet) -> None:
    await import_report(wallet, report(login(title="Bank", password="one")))
    newer = report(login(title="Bank", password="two", totp="x"))
    assert counts(await import_report(wallet, newer)) == (0, 1, 0)
    record = wallet.natural_id("login", ("test", "1"))
    assert wallet.record(record).fields["password"].value == "two"
    again = await import_report(wallet, report(login(title="Bank", password="one")))
    assert counts(again) == (0, 0, 1)
    assert [(kept.record, kept.field) for kept in again.kept] == [(record, "password")]
    assert wallet.record(record).fields["password"].value == "two"


async def test_what_a_person_changed_or_removed_stays_so(wallet: Wallet) -> None:
    file = ImportedRecord(
        type="login",
        natural_key=("test", "1"),
        fields={"title": "Bank", "username": "ada"},
        tags=("money",),
        notes="as imported",
    )
    await import_report(wallet, report(file))
    record = wallet.natural_id("login", ("test", "1"))
    async with wallet.edit() as edit:
        edit.set(record, "title", "My bank")
        edit.unset(record, "username")
        edit.tag(record, "money", is_set=False)
        edit.set_notes(record, "as I like it")
    before = wallet.status().state_hash
    result = await import_report(wallet, report(file))
    assert counts(result) == (0, 0, 1)
    assert {kept.field for kept in result.kept} == {"title", "username", "tags/money", "notes"}
    assert wallet.status().state_hash == before


async def test_too_many_differences_wait_for_another_import(
    wallet: Wallet, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Past.__init__, "__kwdefaults__", {"lookups_max": 3})
    await import_report(wallet, report(*(login(str(n), password="one") for n in range(5))))
    newer = report(*(login(str(n), password="two") for n in range(5)))
    first = await import_report(wallet, newer)
    assert (counts(first), len(first.kept)) == ((0, 3, 2), 2)
    second = await import_report(wallet, newer)
    assert (counts(second), len(second.kept)) == ((0, 2, 3), 0)


async def test_a_record_in_the_trash_stays_there_and_a_purged_one_comes_anew(
    wallet: Wallet,
) -> None:
    read = report(login(title="Bank"))
    (record,) = (await import_report(wallet, read)).added
    async with wallet.edit() as edit:
        edit.trash(record)
    kept = (await import_report(wallet, read)).kept
    assert [(one.record, one.field) for one in kept] == [(record, None)]
    assert [view.id for view in wallet.records("login")] == []
    async with wallet.edit() as edit:
        edit.purge(record)
    (again,) = (await import_report(wallet, read)).added
    assert again != record


async def test_a_record_without_a_key_is_added_once(wallet: Wallet) -> None:
    read = report(login(None, title="Bank"), login(None, title="Library"))
    assert counts(await import_report(wallet, read)) == (2, 0, 0)
    assert counts(await import_report(wallet, read)) == (0, 0, 2)


async def test_two_records_of_one_key_in_a_file_become_one(wallet: Wallet) -> None:
    read = report(login(title="Bank"), login(title="Bank", username="ada"))
    assert counts(await import_report(wallet, read)) == (1, 1, 0)
    (record,) = wallet.records("login")
    assert {name for name in record.fields if name != "type"} == {"title", "username"}


async def test_a_presentation_never_replaces_a_fuller_credential(wallet: Wallet) -> None:
    whole, presented = (read_import(credential(kind)) for kind in ("issuance", "presentation"))
    (record,) = (await import_report(wallet, whole)).added
    raw = wallet.record(record).fields["raw"].value
    result = await import_report(wallet, presented)
    assert [(kept.record, kept.field) for kept in result.kept] == [(record, None)]
    assert wallet.record(record).fields["raw"].value == raw
    assert len(wallet.records("credential")) == 1


async def test_a_fuller_credential_is_kept_beside_a_presentation(wallet: Wallet) -> None:
    whole, presented = (read_import(credential(kind)) for kind in ("issuance", "presentation"))
    await import_report(wallet, presented)
    assert counts(await import_report(wallet, whole)) == (1, 0, 0)
    raws = {view.fields["raw"].value for view in wallet.records("credential")}
    assert raws == {whole.records[0].fields["raw"], presented.records[0].fields["raw"]}
    assert counts(await import_report(wallet, whole)) == (0, 0, 1)
    assert counts(await import_report(wallet, presented)) == (0, 0, 1)


async def test_what_a_wallet_cannot_hold_is_refused_by_name(wallet: Wallet) -> None:
    odd = ImportedRecord(
        type="login",
        natural_key=("test", "1"),
        fields={
            "title": "Bank",
            "a#b": "no name",
            "trashed": True,
            "long": "x" * 70_000,
            "number": float("nan"),
        },
        tags=("C#", "fine"),
        notes="n" * 70_000,
    )
    result = await import_report(wallet, report(odd))
    assert len(result.refused) == 4
    (view,) = wallet.records("login")
    assert json.loads(str(view.fields["source/tags"].value)) == ["C#"]
    assert view.fields["tags/fine"].value is True
    assert not view.is_trashed


async def test_a_file_cannot_rename_devices(wallet: Wallet) -> None:
    before = wallet.devices()
    device = wallet.records("device")[0]
    file = export_json([ExportedRecord(id=device.id, type="device", fields={"name": "evil"})])
    result = await import_report(wallet, read_import(file))
    assert len(result.refused) == 1
    assert wallet.devices() == before


async def test_records_that_do_not_fit_into_one_change_become_several(wallet: Wallet) -> None:
    noise = random.Random(1)  # What cannot be compressed: four such values fill a change.
    small = [
        ImportedRecord(
            type="document", natural_key=(str(n),), fields={"content": noise.randbytes(60_000)}
        )
        for n in range(6)
    ]
    huge = ImportedRecord(
        type="document",
        natural_key=("huge",),
        fields={f"part/{n}": noise.randbytes(60_000) for n in range(6)},
    )
    result = await import_report(wallet, report(*small[:3], huge, *small[3:]))
    assert len(result.added) == 7
    assert result.refused == ()
    view = wallet.record(wallet.natural_id("document", ("huge",)))
    assert {name: view.fields[name].value for name in huge.fields} == huge.fields
    assert counts(await import_report(wallet, report(*small, huge))) == (0, 0, 7)


async def test_an_export_and_its_import_are_equal_records(wallet: Wallet, other: Wallet) -> None:
    for file in ("bitwarden-export.json", "cxf-header.json", "sd-jwt/arf-pid/sd_jwt_issuance.txt"):
        await import_report(wallet, read_import((SAMPLES / file).read_bytes()))
    async with wallet.edit() as edit:
        record = edit.add("document", photo=b"\x00\x01", count=3, is_open=True, nothing=None)
        edit.tag(record, "odd")
        edit.set_notes(record, "several\nlines")
        edit.trash(edit.add("login", title="thrown away"))
    result = await import_report(other, read_import(export_wallet(wallet)))
    assert (result.refused, result.unmapped, result.kept) == ((), (), ())
    assert exported_records(other) == exported_records(wallet)
    assert export_wallet(other) == export_wallet(wallet)
    own = await import_report(wallet, read_import(export_wallet(wallet)))
    assert counts(own) == (0, 0, len(result.added))


async def test_importing_ones_own_export_with_a_conflict_changes_nothing(wallet: Wallet) -> None:
    async with wallet.edit() as edit:
        record = edit.add("login", title="Bank", password="mine")
    file = export_json(
        [
            ExportedRecord(
                id=record,
                type="login",
                fields={"title": "Bank", "password": "mine"},
                conflicts={"password": ("mine", "mine")},
            )
        ]
    )
    before = wallet.status().state_hash
    result = await import_report(wallet, read_import(file))
    assert counts(result) == (0, 0, 1)
    assert wallet.status().state_hash == before


async def test_an_export_is_of_one_type_where_asked(wallet: Wallet) -> None:
    async with wallet.edit() as edit:
        edit.add("login", title="Bank")
        edit.add("preference", subject="diet")
    assert [record.type for record in exported_records(wallet, "login")] == ["login"]
    assert {record.type for record in exported_records(wallet)} == {"login", "preference"}


def test_the_bound_on_an_import_is_the_same_everywhere() -> None:
    assert app_transfer.IMPORT_SIZE_MAX == interface.IMPORT_SIZE_MAX
    with pytest.raises(LimitExceeded):
        read_import(bytes(interface.IMPORT_SIZE_MAX + 1))


async def test_a_state_that_no_field_has_is_left_out_and_the_rest_comes_in(wallet: Wallet) -> None:
    fields = {"message_id": "1", "state": "eaten", "body": "{}"}
    message = ImportedRecord(type="message", natural_key=("1",), fields=fields)
    card = ImportedRecord(type="pass", natural_key=("2",), fields={"balance": "5", "style": "x"})
    result = await import_report(wallet, report(message, card))
    assert len(result.added) == 2
    assert [one.why for one in result.refused] == [
        "The field 'state' is one of received, read, answered.",
        "The field 'balance' is what its issuer says, with its time.",
    ]


def test_the_command_writes_the_formats_that_the_sdk_has() -> None:
    assert set(app_transfer.FORMATS) == {one.value for one in ExportFormat}
