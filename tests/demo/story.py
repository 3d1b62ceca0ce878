"""What happens in the demo, scene by scene.

Spec: 00-overview.md
"""

import asyncio
import time
from pathlib import Path

import segno
from rich.console import Console

from billfold import DeviceRemoved, KeyCallback, Passphrase, RecordsChanged, Wallet
from billfold.importers import read_import
from billfold.importing import import_report
from tests.demo.claims import Claims
from tests.demo.inspection import (
    count_opened,
    find_canaries,
    show_both_sides,
    stored_epoch_keys,
)
from tests.demo.server import server_process

SAMPLES = Path(__file__).parent.parent / "support" / "samples"
CREDENTIALS = ("pid-03", "simple", "arf-pid")
DEADLINE_S = 20.0

CANARIES = (
    "Octavia Plumridge",
    "meet me under the clock",
    "hunter2-of-the-demo",
    "Zanzibar Library",
)


TABLET_UNLOCK = KeyCallback(lambda: b"the tablet's keystore answers it")


async def tell(folder: Path, console: Console, claims: Claims) -> None:
    """Tell the whole story."""
    async with server_process(folder / "server") as address:
        console.rule("[bold]a server that holds only ciphertext")
        console.print(f"billfold-server runs as its own process at {address}\n")
        laptop = await _make_wallet(folder, address, console, claims)
        phone = await _link_by_qr(folder, address, laptop, console, claims)
        tablet = await _link_by_words(folder, address, laptop, console, claims)
        try:
            await _show_live(laptop, phone, console, claims)
            await _edit_apart(laptop, phone, tablet, console, claims)
            await _lose_the_tablet(folder, laptop, phone, tablet, console, claims)
            await _look_at_the_server(folder, laptop, phone, console, claims)
        finally:
            for wallet in (laptop, phone, tablet):
                await wallet.close()


async def _make_wallet(folder: Path, address: str, console: Console, claims: Claims) -> Wallet:
    console.rule("[bold]laptop: a wallet, real credentials, a password manager's export")
    unlock = Passphrase("correct horse battery staple")
    laptop = await Wallet.create(folder / "laptop", unlock=unlock, name="laptop", server=address)
    sources = [SAMPLES / "sd-jwt" / name / "sd_jwt_issuance.txt" for name in CREDENTIALS]
    sources.append(SAMPLES / "bitwarden-export.json")
    imported = 0
    for source in sources:
        report = read_import(source.read_bytes(), name=source.parent.name)
        result = await import_report(laptop, report)
        imported += len(report.records)
        console.print(
            f"  {source.parent.name}/{source.name}: {report.format}, {len(report.records)} records,"
            f" {len(report.unmapped)} parts kept as they were, {len(report.refused)} refused"
        )
        claims.check(
            f"{source.parent.name}: importing twice adds nothing",
            holds=not (await import_report(laptop, report)).added,
            detail=f"{len(result.added)} added the first time",
        )
    async with laptop.edit() as edit:
        edit.add(
            "relationship",
            natural_key=("library.example",),
            title=CANARIES[3],
            contact=CANARIES[0],
            tags=["reading"],
            notes=f"{CANARIES[1]}\nBring the card.",
        )
        edit.add("login", title="Demo", username="octavia", password=CANARIES[2])
    synced = await laptop.sync(deadline_s=DEADLINE_S)
    claims.check(
        "the laptop's wallet is on the server",
        holds=synced.is_complete,
        detail=f"{imported} records imported",
    )
    console.print()
    return laptop


async def _link_by_qr(
    folder: Path, address: str, laptop: Wallet, console: Console, claims: Claims
) -> Wallet:
    console.rule("[bold]phone: linked by QR code")
    shown: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    linking = asyncio.create_task(
        Wallet.link(
            folder / "phone",
            unlock=KeyCallback(lambda: b"the phone's own keystore answers"),
            server=address,
            name="phone",
            show=shown.set_result,
        )
    )
    uri = await shown
    code = segno.make(uri, error="l")
    console.print(f"the phone shows a version-{code.version} QR code, which the laptop scans:")
    code.terminal(compact=True)
    hello = await laptop.link_device(uri, confirm=lambda hello: hello.name == "phone")
    phone = await linking
    report = await phone.sync(deadline_s=DEADLINE_S)
    console.print(f"linked {hello.name}, fingerprint {hello.fingerprint}\n")
    claims.check(
        "the phone, linked by QR, holds the laptop's wallet",
        holds=report.is_complete and _are_equal(laptop, phone),
        detail=f"state hash {phone.status().state_hash[:16]}",
    )
    return phone


async def _link_by_words(
    folder: Path, address: str, laptop: Wallet, console: Console, claims: Claims
) -> Wallet:
    console.rule("[bold]tablet: linked by typed code")
    shown: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    sponsoring = asyncio.create_task(
        laptop.link_device_by_words(show=shown.set_result, confirm=lambda _: True)
    )
    code = await shown
    console.print(f"the laptop shows [bold]{code}[/], which is typed on the tablet\n")
    tablet = await Wallet.link(
        folder / "tablet",
        unlock=TABLET_UNLOCK,
        server=address,
        name="tablet",
        code=code,
    )
    await sponsoring
    report = await tablet.sync(deadline_s=DEADLINE_S)
    await laptop.sync(deadline_s=DEADLINE_S)
    claims.check(
        "the tablet, linked by three words, holds the same",
        holds=report.is_complete and _are_equal(laptop, tablet),
        detail=f"{len(tablet.devices())} devices",
    )
    return tablet


async def _show_live(laptop: Wallet, phone: Wallet, console: Console, claims: Claims) -> None:
    console.rule("[bold]live: what the laptop writes, the phone sees")
    login = _demo_login(laptop)
    delays_ms = []
    with phone.events() as events:
        for number in range(20):
            started = time.perf_counter()
            await laptop.set(login, "visits", number)
            async for event in events:
                if isinstance(event, RecordsChanged) and (login, "visits") in event.fields:
                    break
            delays_ms.append((time.perf_counter() - started) * 1000)
    median_ms = sorted(delays_ms)[len(delays_ms) // 2]
    console.print(f"20 edits, each durable on both the laptop and the server: {median_ms:.1f} ms\n")
    claims.check(
        "an edit on the laptop is seen on the phone",
        holds=phone.record(login).fields["visits"].value == len(delays_ms) - 1,
        detail=f"median {median_ms:.1f} ms",
    )


async def _edit_apart(
    laptop: Wallet, phone: Wallet, tablet: Wallet, console: Console, claims: Claims
) -> None:
    console.rule("[bold]apart: phone and tablet go offline and edit; so does the laptop")
    await phone.disconnect()
    await tablet.disconnect()
    login = _demo_login(laptop)
    await phone.set(login, "username", "octavia@phone")
    await tablet.set(login, "username", "octavia@tablet")
    await phone.set(login, "website", "https://demo.example/phone")
    await tablet.set(login, "two_factor", True)
    await laptop.set(login, "favorite", True)
    async with tablet.edit() as edit:
        made = edit.add("preference", statement="diet", value="no peanuts")
    for wallet in (phone, tablet, phone, laptop):
        await wallet.sync(deadline_s=DEADLINE_S)
    await _until_equal(laptop, phone, tablet)
    fields = laptop.record(login).fields
    merged = [name for name in ("website", "two_factor", "favorite") if name in fields]
    console.print(f"fields that came from three devices: {', '.join(merged)}")
    claims.check(
        "edits of different fields and records are all there",
        holds=len(merged) == len(("website", "two_factor", "favorite"))
        and bool(laptop.record(made).fields),
        detail="3 fields, 1 record",
    )
    for conflict in laptop.conflicts():
        console.print(f"kept conflict in {conflict.field}:")
        for value in conflict.values:
            device = laptop.device_of(value.actor)
            console.print(f"    {value.value!s}  from {'?' if device is None else device.name}")
    conflicts = [(c.record, c.field) for c in laptop.conflicts()]
    claims.check(
        "the field both set keeps both values, and is the only conflict",
        holds=conflicts == [(login, "username")],
        detail="username: 2 values",
    )
    await laptop.set(login, "username", "octavia@phone")
    await _until_equal(laptop, phone, tablet)
    claims.check("choosing one settles it everywhere", holds=not phone.conflicts())
    console.print()


async def _lose_the_tablet(
    folder: Path, laptop: Wallet, phone: Wallet, tablet: Wallet, console: Console, claims: Claims
) -> None:
    console.rule("[bold]lost: the laptop revokes the tablet")
    with phone.events() as events:
        await laptop.revoke("tablet")
        async for event in events:
            if isinstance(event, DeviceRemoved):
                break
    before = laptop.status().records_count
    async with laptop.edit() as edit:
        for number in range(50):
            edit.add("login", title=f"after the tablet {number}", password="later-secret")
    for number in range(10):
        await laptop.set(_demo_login(laptop), "after", number)
    await laptop.sync(deadline_s=DEADLINE_S)
    await _until_equal(laptop, phone)
    status = tablet.status()
    await tablet.close()
    keys = stored_epoch_keys(folder / "tablet", TABLET_UNLOCK)
    opened, tried = count_opened(
        folder / "server" / "wallets.db", laptop, keys, from_k=laptop.membership_length - 1
    )
    console.print(f"the tablet's keys open {opened} of the {tried} entries made since\n")
    claims.check(
        "the revoked tablet reads nothing new",
        holds=opened == 0 and tried > 0 and status.records_count <= before,
        detail=f"opens {opened} of {tried} entries",
    )
    claims.check("the tablet knows that it was revoked", holds=status.is_removed)


async def _look_at_the_server(
    folder: Path, laptop: Wallet, phone: Wallet, console: Console, claims: Claims
) -> None:
    console.rule("[bold]both sides: what the server holds, what the devices hold")
    console.print(show_both_sides(folder / "server" / "wallets.db", laptop))
    record = next(r for r in phone.records("relationship"))
    known = all(
        text in f"{record.fields} {record.notes} {phone.record(_demo_login(phone)).fields}"
        for text in CANARIES
    )
    found = find_canaries(folder / "server", CANARIES)
    claims.check("the phone shows every canary text", holds=known, detail=f"{len(CANARIES)} texts")
    claims.check(
        "none of them is in the server's database, WAL or log",
        holds=not found,
        detail=", ".join(found) or "raw, base64, hex, inflated: none",
    )


def _demo_login(wallet: Wallet) -> str:
    return next(r.id for r in wallet.records("login") if r.fields["title"].value == "Demo")


def _are_equal(*wallets: Wallet) -> bool:
    return len({wallet.status().state_hash for wallet in wallets}) == 1


async def _until_equal(*wallets: Wallet) -> None:
    """Wait, within a deadline, until the wallets are equal."""
    deadline = time.monotonic() + DEADLINE_S
    while not _are_equal(*wallets) and time.monotonic() < deadline:
        await asyncio.sleep(0.02)
