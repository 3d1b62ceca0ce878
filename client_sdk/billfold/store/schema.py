"""The tables of the SQLCipher store, and how an older file becomes one of this version.

`user_version` counts the migrations that a file has seen. Each migration runs once, in order, in
one transaction with the others; a migration that has been released is never edited.

Spec: 40-wallet-document.md
"""

APPLICATION_ID = 0x42464C44
"""What SQLite's header says the file is: `BFLD`."""

Migrations = tuple[tuple[str, ...], ...]
"""Statements for each version; the first tuple leads from an empty file to version 1."""

_VERSION_1 = (
    "CREATE TABLE meta (key TEXT PRIMARY KEY, value BLOB NOT NULL)",
    "CREATE TABLE member (k INTEGER PRIMARY KEY, raw BLOB NOT NULL)",
    "CREATE TABLE epoch_key (epoch BLOB PRIMARY KEY, key BLOB NOT NULL)",
    # The bytes lie apart: the index is read whole at each start, the bytes hardly ever.
    """CREATE TABLE entry (feed BLOB NOT NULL, seq INTEGER NOT NULL, id BLOB NOT NULL,
    status INTEGER NOT NULL, is_acked INTEGER NOT NULL, PRIMARY KEY (feed, seq)) WITHOUT ROWID""",
    # With a rowid: without one, rows of a kilobyte take four times the room.
    """CREATE TABLE entry_raw (feed BLOB NOT NULL, seq INTEGER NOT NULL, raw BLOB NOT NULL,
    PRIMARY KEY (feed, seq))""",
    # Acknowledging must not walk through all that was acknowledged before.
    "CREATE INDEX entry_unacked ON entry (feed, seq) WHERE is_acked = 0",
    """CREATE TABLE pending (position INTEGER PRIMARY KEY, change BLOB NOT NULL,
    intents BLOB NOT NULL)""",
    "CREATE TABLE document (id INTEGER PRIMARY KEY CHECK (id = 0), saved BLOB NOT NULL)",
    "CREATE TABLE change (number INTEGER PRIMARY KEY, raw BLOB NOT NULL)",
    "CREATE TABLE quarantined (hash BLOB PRIMARY KEY, raw BLOB NOT NULL, reason TEXT NOT NULL)",
)

_VERSION_2 = (
    # What a device that lies has put beside its own entries: rare, so apart, and by id.
    """CREATE TABLE entry_beside (id BLOB PRIMARY KEY, feed BLOB NOT NULL, seq INTEGER NOT NULL,
    status INTEGER NOT NULL, is_acked INTEGER NOT NULL, raw BLOB NOT NULL)""",
    "CREATE INDEX entry_beside_place ON entry_beside (feed, seq)",
)

_VERSION_3 = ("CREATE TABLE snapshot (id BLOB PRIMARY KEY, ciphertext BLOB NOT NULL)",)

MIGRATIONS: Migrations = (_VERSION_1, _VERSION_2, _VERSION_3)
