"""The recovery pins in the SQLite store, each under its locator.

Spec: 24-recovery.md
"""

import apsw

from billfold_protocol.ids import DeviceId, WalletId

from .interface import KeepLocator, LocatorWrite

_KEEP = """
    INSERT INTO locator (wallet, device, locator, raw) VALUES (?, ?, ?, ?)
    ON CONFLICT (wallet, device) DO UPDATE SET locator = excluded.locator, raw = excluded.raw
"""
_DROP = "DELETE FROM locator WHERE wallet = ? AND device = ?"
_FIND = """
    SELECT wallet.wallet_id, locator.device, locator.raw
    FROM locator JOIN wallet ON wallet.id = locator.wallet
    WHERE locator.locator = ? ORDER BY locator.rowid LIMIT 1
"""


def make_locators(connection: apsw.Connection) -> None:
    """Make the table; the locator is not unique, lest one wallet make another's group fail."""
    connection.execute(
        """
        CREATE TABLE locator (
            wallet INTEGER NOT NULL, device BLOB NOT NULL, locator BLOB NOT NULL, raw BLOB NOT NULL,
            UNIQUE (wallet, device)
        ) STRICT;
        CREATE INDEX locator_of_wallet ON locator (locator);
        """
    )


def execute_locator_write(connection: apsw.Connection, row: int, write: LocatorWrite) -> None:
    """Keep or drop the pin of a recovery member of the wallet in this row."""
    if isinstance(write, KeepLocator):
        connection.execute(_KEEP, (row, write.device, write.locator, write.raw))
    else:
        connection.execute(_DROP, (row, write.device))


def find_kept(connection: apsw.Connection, locator: bytes) -> KeepLocator | None:
    """Return what is kept under a locator, or None."""
    found = [
        KeepLocator(
            wallet_id=WalletId(wallet_id), device=DeviceId(device), locator=locator, raw=raw
        )
        for wallet_id, device, raw in connection.execute(_FIND, (locator,))
    ]
    return found[0] if found else None
