import base64
import json
import signal
import zlib
from pathlib import Path

import aiohttp
import apsw
import pytest

from billfold import Wallet, export_wallet, import_report, read_import
from tests.support.canaries import Canaries
from tests.support.linked_wallets import Household
from tests.support.net import RecordingProxy, payloads
from tests.support.server_process import ServerProcess

CANARIES_COUNT = 200
QUERIES = (
    "SELECT * FROM wallet",
    "SELECT * FROM member",
    "SELECT * FROM wrap",
    "SELECT * FROM feed",
    "SELECT * FROM entry",
    "SELECT * FROM beacon",
)


async def plant(wallet: Wallet, canaries: Canaries) -> None:
    """Put canaries wherever the API takes a text."""
    for number in range(20):
        async with wallet.edit() as edit:
            record = edit.add(
                "login",
                natural_key=(canaries.next(), canaries.next()),
                tags=[canaries.next()],
                notes=f"a note with {canaries.next()} in it",
                title=canaries.next(),
            )
            edit.set(record, canaries.next(), canaries.next())
            edit.set(record, "bytes", canaries.next().encode())
        if number % 5 == 0:
            await wallet.set(record, "title", canaries.next())
            await wallet.undo(record, "title")
            async with wallet.edit() as edit:
                edit.add(canaries.next(), title="of a type of its own")
                edit.unset(record, "bytes")
                edit.set_notes(record, f"another note with {canaries.next()}")
                edit.trash(record)
    file = (canaries.next() + " is in a file\n").encode() * 20_000
    await wallet.attachments.add(record, file, name=canaries.next(), media_type="text/plain")
    await wallet.rename_device(wallet.status().device, canaries.next())
    await import_report(wallet, read_import(bitwarden(canaries)))
    await import_report(wallet, read_import(bulk(canaries), name=canaries.next()))


def bitwarden(canaries: Canaries) -> bytes:
    """Return a password manager's export."""
    login: dict[str, object] = {name: canaries.next() for name in ("username", "password", "totp")}
    login["uris"] = [{"uri": f"https://{canaries.next()}.example"}]
    item = {
        "id": "6a0b9d3c-0000-4000-8000-000000000001",
        "type": 1,
        "name": canaries.next(),
        "notes": canaries.next(),
        "fields": [{"name": canaries.next(), "value": canaries.next(), "type": 0}],
        "login": login,
        canaries.next(): canaries.next(),
    }
    return json.dumps({"encrypted": False, "folders": [], "items": [item]}).encode()


def bulk(canaries: Canaries) -> bytes:
    """Return an export with all canaries that are left, a long one so that it is compressed."""
    items: list[dict[str, object]] = []
    while len(canaries.issued) < CANARIES_COUNT - 2:  # Two names follow.
        number = len(items)
        items.append(
            {
                "id": f"6a0b9d3c-0000-4000-8000-0000000001{number:02d}",
                "type": 2,
                "name": canaries.next(),
                "notes": "a line that repeats\n" * 40,
                "secureNote": {"type": 0},
            }
        )
    return json.dumps({"encrypted": False, "folders": [], "items": items}).encode()


def stored_blobs(database: Path) -> list[bytes]:
    """Return every value of bytes in a database."""
    connection = apsw.Connection(str(database), flags=apsw.SQLITE_OPEN_READONLY)
    blobs = [
        value
        for query in QUERIES
        for row in connection.execute(query)
        for value in row
        if isinstance(value, bytes)
    ]
    connection.close()
    return blobs


def every_file(folder: Path) -> list[Path]:
    """Return what the server keeps, blobs included."""
    return [path for path in folder.rglob("*") if path.is_file()]


async def test_no_canary_is_in_what_the_server_holds_logs_or_is_sent(tmp_path: Path) -> None:
    canaries = Canaries("canaries")
    database = tmp_path / "server" / "wallets.db"
    database.parent.mkdir()
    async with (
        ServerProcess(database.parent, "--log-level", "debug") as server,
        RecordingProxy(server.address) as proxy,
    ):
        async with Household(tmp_path, proxy.address) as home:
            laptop = await home.found("laptop")
            await plant(laptop, canaries)
            phone = await home.link(canaries.next(), laptop)
            assert len(canaries.issued) == CANARIES_COUNT
            await home.settle()
            await laptop.revoke(phone.status().device)
            everything = export_wallet(phone) + str(phone.records(trashed=True)).encode()
        # Proof that what is looked for below came this way: all but the 40 parts of natural keys,
        # which are hashed, what was replaced since, and what is bytes is on the other device.
        shown = sum(canary.encode() in everything for canary in canaries.issued)
        assert shown > CANARIES_COUNT * 3 // 5
        async with aiohttp.ClientSession() as http, http.get(f"{server.address}/metrics") as page:
            metrics = await page.read()
        # Also what has not yet moved from the log into the database.
        files = {path.name: path.read_bytes() for path in every_file(database.parent)}
        blobs = stored_blobs(database)
        recorded = proxy.recorded
        server.signal(signal.SIGTERM)
        _, log = await server.exit()
        files |= {path.name: path.read_bytes() for path in every_file(database.parent)}

    traffic = [payload for stream in recorded for payload in payloads(stream)]
    assert sum(map(len, traffic)) > 50_000
    assert len(blobs) > 10
    assert any(name.endswith("-wal") for name in files)
    assert any(name.endswith(".blob") for name in files)
    assert b"billfold" in metrics
    haystacks = {
        **files,
        "log": log.encode(),
        "metrics": metrics,
        "traffic": b"\n".join(traffic),
        "streams": b"\n".join(recorded),
    }
    found = {name: canaries.found_in(data) for name, data in haystacks.items()}
    assert {name: disguises for name, disguises in found.items() if disguises} == {}
    assert not any(canaries.found_inflated(blob) for blob in blobs)


@pytest.mark.parametrize("shift", range(3))
def test_the_search_finds_a_canary_in_every_disguise(shift: int) -> None:
    canaries = Canaries("search")
    text = "x" * shift + canaries.next() + "and more"
    disguises = [
        text.encode(),
        text.upper().encode(),
        text[::-1].encode(),
        text.encode("utf-16-le"),
        text.encode("utf-16-be"),
        text.encode().hex().encode(),
        text.encode().hex().upper().encode(),
        base64.b64encode(text.encode()),
        base64.urlsafe_b64encode(text.encode()),
    ]
    assert all(canaries.found_in(b"\xff" + disguise + b"\xff") for disguise in disguises)
    for window in (-15, 15, 31):
        packer = zlib.compressobj(wbits=window)
        packed = packer.compress(text.encode() * 20) + packer.flush()
        assert canaries.found_inflated(b"\xff" * shift + packed) >= {shift}
    assert canaries.found_in(b"nothing here") == set()
