"""Looking into the server's files from outside, as its operator or a thief could.

Spec: 02-threat-model.md
"""

import base64
import contextlib
import sqlite3
import zlib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from rich.table import Table

from billfold import Wallet
from billfold.keyring import Unlock, open_key
from billfold.store import SqlCipherStore
from billfold_protocol.envelope import can_open
from billfold_protocol.feed import parse_entry
from billfold_protocol.ids import EpochId, EpochKey

SHOWN_BYTES = 40


def stored_epoch_keys(folder: Path, unlock: Unlock) -> dict[EpochId, EpochKey]:
    """Return every epoch key in the file of a closed wallet, as its thief finds them."""
    store = SqlCipherStore.open(folder, open_key(folder, unlock))
    try:
        return {epoch: EpochKey(key) for epoch, key in store.load().epoch_keys.items()}
    finally:
        store.close()


def count_opened(
    database: Path, wallet: Wallet, keys: Mapping[EpochId, EpochKey], *, from_k: int
) -> tuple[int, int]:
    """Try every key on every entry made since a membership entry; return opened and tried."""
    opened = tried = 0
    for raw in _column(database, "SELECT raw FROM entry ORDER BY n"):
        entry = parse_entry(raw, wallet.wallet_id).value
        if entry.k < from_k:
            continue
        tried += 1
        opened += any(can_open(entry, wallet.wallet_id, key) for key in keys.values())
    return opened, tried


def find_canaries(folder: Path, canaries: Sequence[str]) -> list[str]:
    """Return which texts occur in any file below a folder: raw, base64, hex, UTF-16 or inflated."""
    found = []
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        data = path.read_bytes()
        haystacks = (data, data.lower(), *_inflated(data))
        found += [
            f"{canary!r} in {path.name}"
            for canary in canaries
            if any(form in hay for form in _forms(canary) for hay in haystacks)
        ]
    return found


def show_both_sides(database: Path, wallet: Wallet) -> Table:
    """Return a table with what each side holds."""
    entries = _column(database, "SELECT raw FROM entry ORDER BY n")
    members = _column(database, "SELECT raw FROM member ORDER BY k")
    table = Table(show_header=True)
    table.add_column("on the server", max_width=52)
    table.add_column("on a device", max_width=52)
    records = wallet.records("relationship") + wallet.records("credential")
    texts = [f"{len(wallet.records())} records, among them:"]
    texts += [
        f"{record.type}: "
        + ", ".join(
            f"{name}={state.value}"
            for name, state in record.fields.items()
            if name in SHOWN_FIELDS and isinstance(state.value, str)
        )
        for record in records[: len(SHOWN_FIELDS)]
    ]
    table.add_row(f"{len(entries)} entries, {sum(map(len, entries)):,} bytes, such as:", texts[0])
    for raw, text in zip(entries[-3:], texts[1:], strict=False):
        table.add_row(raw[-SHOWN_BYTES:].hex(), text)
    table.add_row(f"{len(members)} signed membership entries", f"{len(wallet.devices())} devices")
    return table


SHOWN_FIELDS = ("title", "vct", "issuer")


def _forms(text: str) -> Iterable[bytes]:
    raw = text.encode()
    yield raw
    yield raw.hex().encode()
    yield text.encode("utf-16-le")
    for shift in range(3):
        # What base64 makes of the text depends on where in a group of three it begins.
        encoded = base64.b64encode(bytes(shift) + raw)
        yield encoded[4:-4]


def _inflated(data: bytes) -> Iterable[bytes]:
    """Return what inflates in the data, by the marks that compressed streams begin with."""
    for mark in (b"\x78\x01", b"\x78\x9c", b"\x78\xda"):
        start = data.find(mark)
        while start >= 0:
            with contextlib.suppress(zlib.error):
                yield zlib.decompressobj().decompress(data[start : start + 65536], 1 << 20)
            start = data.find(mark, start + 1)


def _column(database: Path, query: str) -> list[bytes]:
    connection = sqlite3.connect(f"file:{database}?mode=ro", uri=True)
    try:
        return [row[0] for row in connection.execute(query)]
    finally:
        connection.close()
