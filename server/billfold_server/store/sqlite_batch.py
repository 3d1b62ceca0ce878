"""One commit's rows, gathered table by table so that SQLite gets them in few, large pieces.

The interpreter's lock changes hands at every statement: a statement for each table and commit is
what keeps the writer thread fast beside a busy event loop.

Spec: 30-server-api.md
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

import apsw

from billfold_protocol.ids import FeedId, WalletId

from .interface import (
    AppendEntries,
    AppendMembers,
    DropLocator,
    DropSnapshot,
    FeedHead,
    KeepLocator,
    LocatorWrite,
    PutBeacon,
    PutEndorsement,
    PutSnapshot,
    PutSnapshotPart,
    SnapshotWrite,
    Write,
)
from .mailboxes import (
    DropMail,
    DropReplies,
    EndMailbox,
    ExpireMail,
    KeepReply,
    MailboxWrite,
    MarkMail,
    PutMail,
    PutMailbox,
)
from .sqlite_locators import execute_locator_write
from .sqlite_mailboxes import execute_mailbox_write
from .sqlite_snapshots import execute_snapshot_write
from .tail import UNBORN, Tail, follow

_INSERT_MEMBER = "INSERT INTO member (wallet, k, raw) VALUES (?, ?, ?)"
_INSERT_WRAP = "INSERT INTO wrap (wallet, device, k, raw) VALUES (?, ?, ?, ?)"
_PUT_HEAD = """
    INSERT INTO feed (wallet, feed, device, seq, entry_id, k) VALUES (?, ?, ?, ?, ?, ?)
    ON CONFLICT (wallet, feed) DO UPDATE SET
        device = excluded.device, seq = excluded.seq, entry_id = excluded.entry_id, k = excluded.k
"""
_INSERT_ENTRY = """
    INSERT INTO entry (wallet, n, feed, seq, entry_id, raw)
    VALUES (?1, ?2, (SELECT id FROM feed WHERE wallet = ?1 AND feed = ?3), ?4, ?5, ?6)
"""
_PUT_BEACON = """
    INSERT INTO beacon (wallet, device, raw) VALUES (?, ?, ?)
    ON CONFLICT (wallet, device) DO UPDATE SET raw = excluded.raw
"""
_PUT_TAIL = "UPDATE wallet SET n = ?, member_count = ?, size = ? WHERE id = ?"
_INSERT_WALLET = "INSERT INTO wallet (wallet_id, n, member_count, size) VALUES (?, 0, 0, 0)"
_FIND_WALLET = "SELECT id, n, member_count, size FROM wallet WHERE wallet_id = ?"


@dataclass(frozen=True, slots=True)
class KnownWallet:
    """A wallet's row in the store and the tail of its log."""

    row: int
    tail: Tail


@dataclass(slots=True)
class _Rows:
    members: list[tuple[int, int, bytes]] = field(default_factory=list)
    wraps: list[tuple[int, bytes, int, bytes]] = field(default_factory=list)
    entries: list[tuple[int, int, bytes, int, bytes, bytes]] = field(default_factory=list)
    heads: dict[tuple[int, FeedId], FeedHead] = field(default_factory=dict)
    beacons: list[tuple[int, bytes, bytes]] = field(default_factory=list)
    snapshots: list[tuple[int, SnapshotWrite]] = field(default_factory=list)  # In their order.
    locators: list[tuple[int, LocatorWrite]] = field(default_factory=list)
    mailboxes: list[tuple[int, MailboxWrite]] = field(default_factory=list)  # Likewise.


class Batch:
    """The writes of one transaction, which the caller begins and ends.

    `known` spares a question for each wallet that it holds; it must be true.
    """

    def __init__(self, connection: apsw.Connection, known: Mapping[WalletId, KnownWallet]) -> None:
        self._connection = connection
        self._known = known
        self._rows = _Rows()
        self.wallets: dict[WalletId, KnownWallet] = {}
        """The touched wallets as they will be after the commit."""
        self.new_wallet_count = 0

    def add(self, write: Write) -> None:
        """Check a write against the wallet and the writes before it, and gather its rows.

        Raises:
            StoreError: It does not continue the wallet's log.
        """
        wallet = self._wallet(write.wallet_id)
        # The rule comes before the row: a refused write must not name a wallet that is not there.
        tail = follow(UNBORN if wallet is None else wallet.tail, write)
        row = self._make_wallet(write.wallet_id) if wallet is None else wallet.row
        self.wallets[write.wallet_id] = KnownWallet(row, tail)
        rows = self._rows
        match write:
            case AppendMembers():
                rows.members.extend((row, member.k, member.raw) for member in write.members)
                rows.wraps.extend((row, wrap.device, wrap.k, wrap.raw) for wrap in write.wraps)
            case AppendEntries():
                rows.entries.extend(
                    (row, entry.n, entry.feed, entry.seq, entry.entry_id, entry.raw)
                    for entry in write.entries
                )
                rows.heads.update({(row, feed): head for feed, head in write.heads.items()})
            case PutBeacon():
                rows.beacons.append((row, write.device, write.raw))
            case PutSnapshot() | PutSnapshotPart() | PutEndorsement() | DropSnapshot():
                rows.snapshots.append((row, write))
            case KeepLocator() | DropLocator():
                rows.locators.append((row, write))
            case (
                PutMailbox()
                | EndMailbox()
                | PutMail()
                | KeepReply()
                | MarkMail()
                | DropMail()
                | DropReplies()
                | ExpireMail()
            ):
                rows.mailboxes.append((row, write))

    def insert(self) -> None:
        """Hand everything gathered to SQLite.

        Raises:
            apsw.Error: SQLite refuses it or fails.
        """
        rows = self._rows
        heads = [
            (row, feed, head.device, head.seq, head.entry_id, head.k)
            for (row, feed), head in rows.heads.items()
        ]
        tails = [
            (wallet.tail.n, wallet.tail.member_count, wallet.tail.size, wallet.row)
            for wallet in self.wallets.values()
        ]
        insert = self._connection.executemany
        insert(_INSERT_MEMBER, rows.members)
        insert(_INSERT_WRAP, rows.wraps)
        insert(_PUT_HEAD, heads)  # Before the entries, which name their feed's row.
        insert(_INSERT_ENTRY, rows.entries)
        insert(_PUT_BEACON, rows.beacons)
        for row, locator_write in rows.locators:
            execute_locator_write(self._connection, row, locator_write)
        for row, mailbox_write in rows.mailboxes:
            execute_mailbox_write(self._connection, row, mailbox_write)
        insert(_PUT_TAIL, tails)
        for row, write in rows.snapshots:
            execute_snapshot_write(self._connection, row, write)

    def _wallet(self, wallet_id: WalletId) -> KnownWallet | None:
        wallet = self.wallets.get(wallet_id) or self._known.get(wallet_id)
        if wallet is not None:
            return wallet
        found = self._connection.execute(_FIND_WALLET, (wallet_id,)).fetchone()
        if found is None:
            return None
        row, n, member_count, size = found
        return KnownWallet(row, Tail(n=n, member_count=member_count, size=size))

    def _make_wallet(self, wallet_id: WalletId) -> int:
        self._connection.execute(_INSERT_WALLET, (wallet_id,))
        self.new_wallet_count += 1
        return self._connection.last_insert_rowid()
