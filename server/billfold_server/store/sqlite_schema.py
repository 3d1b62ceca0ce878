"""The tables of the SQLite store, and the way from every older version to the newest.

`PRAGMA application_id` tells a store from another program's database, `PRAGMA user_version` counts
the migrations it has been through; a new file is simply a store of version 0. Each migration is one
transaction with its number, so that a crash leaves a whole version behind.

Spec: 30-server-api.md
"""

import secrets
from collections.abc import Callable, Sequence

import apsw

from billfold_protocol.errors import StoreDamaged, StoreError, UpdateNeeded

from .sqlite_locators import make_locators
from .sqlite_mailboxes import make_mailboxes

APPLICATION_ID = 0x42464C53  # "BFLS"

SQLITE_VERSION_MIN = (3, 51, 3)
"""Earlier ones can lose committed data when a write-ahead log restarts during a checkpoint."""

Migration = Callable[[apsw.Connection], None]


def _make_tables(connection: apsw.Connection) -> None:
    # Rows name their wallet and feed by an integer, so that they do not repeat 32 and 16 bytes.
    # A rowid table with unique indexes is smaller and faster here than WITHOUT ROWID.
    connection.execute(
        """
        CREATE TABLE store (instance_id BLOB NOT NULL) STRICT;
        CREATE TABLE wallet (
            id INTEGER PRIMARY KEY,
            wallet_id BLOB NOT NULL UNIQUE,
            n INTEGER NOT NULL,
            member_count INTEGER NOT NULL,
            size INTEGER NOT NULL
        ) STRICT;
        CREATE TABLE member (
            wallet INTEGER NOT NULL, k INTEGER NOT NULL, raw BLOB NOT NULL,
            UNIQUE (wallet, k)
        ) STRICT;
        CREATE TABLE wrap (
            wallet INTEGER NOT NULL, device BLOB NOT NULL, k INTEGER NOT NULL, raw BLOB NOT NULL,
            UNIQUE (wallet, device, k)
        ) STRICT;
        CREATE TABLE feed (
            id INTEGER PRIMARY KEY,
            wallet INTEGER NOT NULL,
            feed BLOB NOT NULL,
            device BLOB NOT NULL,
            seq INTEGER NOT NULL,
            entry_id BLOB NOT NULL,
            k INTEGER NOT NULL,
            UNIQUE (wallet, feed)
        ) STRICT;
        CREATE TABLE entry (
            wallet INTEGER NOT NULL,
            n INTEGER NOT NULL,
            feed INTEGER NOT NULL,
            seq INTEGER NOT NULL,
            entry_id BLOB NOT NULL,
            raw BLOB NOT NULL,
            UNIQUE (wallet, n),
            UNIQUE (feed, seq)
        ) STRICT;
        CREATE TABLE beacon (
            wallet INTEGER NOT NULL, device BLOB NOT NULL, raw BLOB NOT NULL,
            UNIQUE (wallet, device)
        ) STRICT;
        """
    )
    connection.execute("INSERT INTO store VALUES (?)", (secrets.token_bytes(16),))


def _make_snapshot_tables(connection: apsw.Connection) -> None:
    connection.execute(
        """
        CREATE TABLE snapshot (
            id INTEGER PRIMARY KEY,
            wallet INTEGER NOT NULL,
            snapshot_id BLOB NOT NULL,
            number INTEGER NOT NULL,
            n INTEGER NOT NULL,
            tail_n INTEGER NOT NULL,
            standing INTEGER NOT NULL,
            due_s INTEGER,
            received INTEGER NOT NULL,
            statement BLOB NOT NULL,
            UNIQUE (wallet, snapshot_id)
        ) STRICT;
        CREATE INDEX snapshot_due ON snapshot (due_s) WHERE due_s IS NOT NULL;
        CREATE TABLE snapshot_part (
            snapshot INTEGER NOT NULL, start INTEGER NOT NULL, raw BLOB NOT NULL,
            UNIQUE (snapshot, start)
        ) STRICT;
        CREATE TABLE endorsement (
            snapshot INTEGER NOT NULL, device BLOB NOT NULL, raw BLOB NOT NULL,
            UNIQUE (snapshot, device)
        ) STRICT;
        """
    )


MIGRATIONS: tuple[Migration, ...] = (
    _make_tables,
    _make_snapshot_tables,
    make_locators,
    make_mailboxes,
)
"""The step at index i leads from version i to version i + 1; a released step never changes."""


def require_sound_sqlite(version: str) -> None:
    """Refuse a SQLite, named as in "3.51.3", that is known to lose data.

    Raises:
        StoreError: It is too old.
    """
    if tuple(int(part) for part in version.split(".")) < SQLITE_VERSION_MIN:
        wanted = ".".join(str(part) for part in SQLITE_VERSION_MIN)
        raise StoreError(
            f"SQLite {version} can lose committed data; install an apsw that brings "
            f"SQLite {wanted} or newer."
        )


def store_version(connection: apsw.Connection) -> int:
    """Return the version of the store in this database; 0 when the database is empty.

    Raises:
        StoreDamaged: It is another program's database.
    """
    application_id = connection.pragma("application_id")
    version = int(connection.pragma("user_version"))
    if application_id == APPLICATION_ID:
        return version
    is_empty = not connection.execute("SELECT EXISTS (SELECT 1 FROM sqlite_schema)").get
    if application_id == 0 and version == 0 and is_empty:
        return 0
    raise StoreDamaged("The store's file is a database of another program; choose another path.")


def migrate(
    connection: apsw.Connection, version: int, migrations: Sequence[Migration] = MIGRATIONS
) -> None:
    """Bring a store of this version to the newest, a step at a time.

    Raises:
        UpdateNeeded: A newer server made the store.
    """
    if version > len(migrations):
        raise UpdateNeeded(
            f"The store has version {version} and this server knows {len(migrations)}; "
            "nothing is lost, update the server."
        )
    for number, step in enumerate(migrations[version:], start=version + 1):
        with connection:
            step(connection)
            connection.pragma("application_id", APPLICATION_ID)
            connection.pragma("user_version", number)
