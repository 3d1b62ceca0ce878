"""The mailboxes in the SQLite store.

Spec: 26-channels.md
"""

from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager

import apsw

from billfold_protocol.ids import MailboxAddress, WalletId

from .interface import NUMBER_END
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
    StoredMail,
    StoredMailbox,
    StoredReply,
)

_LIST = """
    SELECT address, capability, closed_s, last, merged,
        (SELECT count(*) FROM mail WHERE mail.mailbox = mailbox.id),
        (SELECT total(length(raw)) FROM mail WHERE mail.mailbox = mailbox.id),
        replies_last,
        (SELECT count(*) FROM reply WHERE reply.mailbox = mailbox.id),
        (SELECT total(length(raw)) FROM reply WHERE reply.mailbox = mailbox.id)
    FROM mailbox WHERE wallet = (SELECT id FROM wallet WHERE wallet_id = ?) ORDER BY address
"""
_OWNER = """
    SELECT wallet.wallet_id FROM mailbox JOIN wallet ON wallet.id = mailbox.wallet
    WHERE mailbox.address = ?
"""
_FIND_MAIL = """
    SELECT number, time_s, item, raw FROM mail
    WHERE mailbox = (SELECT id FROM mailbox WHERE address = ?) AND item = ?
"""
_FIND_REPLY = """
    SELECT number, time_s, about, item, raw FROM reply
    WHERE mailbox = (SELECT id FROM mailbox WHERE address = ?) AND about = ?
"""
_READ_MAIL = """
    SELECT number, time_s, item, raw FROM mail
    WHERE mailbox = (SELECT id FROM mailbox WHERE address = ?) AND number > ?
    ORDER BY number LIMIT ?
"""
_READ_REPLIES = """
    SELECT number, time_s, about, item, raw FROM reply
    WHERE mailbox = (SELECT id FROM mailbox WHERE address = ?) AND number > ? AND raw <> x''
    ORDER BY number LIMIT ?
"""
_DUE = """
    SELECT DISTINCT wallet.wallet_id FROM wallet JOIN mailbox ON mailbox.wallet = wallet.id
    WHERE mailbox.id IN (SELECT mailbox FROM mail WHERE time_s < ?1)
        OR mailbox.id IN (SELECT mailbox FROM reply WHERE time_s < ?1 AND raw <> x'')
        OR mailbox.id IN (SELECT mailbox FROM reply WHERE time_s < ?2)
        OR mailbox.closed_s < ?2
    LIMIT ?3
"""
_PUT = """
    INSERT INTO mailbox (wallet, address, capability, card, closed_s, last, merged, replies_last)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (address) DO NOTHING
"""
_END = "UPDATE mailbox SET closed_s = coalesce(closed_s, ?) WHERE wallet = ? AND address = ?"
_PUT_MAIL = """
    INSERT INTO mail (mailbox, number, time_s, item, raw)
    SELECT id, ?3, ?4, ?5, ?6 FROM mailbox WHERE wallet = ?1 AND address = ?2
    ON CONFLICT DO NOTHING
"""
_PUT_REPLY = """
    INSERT INTO reply (mailbox, number, time_s, about, item, raw)
    SELECT id, ?3, ?4, ?5, ?6, ?7 FROM mailbox WHERE wallet = ?1 AND address = ?2
    ON CONFLICT DO NOTHING
"""
_LAST = "UPDATE mailbox SET last = max(last, ?3) WHERE wallet = ?1 AND address = ?2"
_REPLIES_LAST = """
    UPDATE mailbox SET replies_last = max(replies_last, ?3) WHERE wallet = ?1 AND address = ?2
"""
_MERGED = "UPDATE mailbox SET merged = max(merged, ?3) WHERE wallet = ?1 AND address = ?2"
_MARK = """
    UPDATE mail SET merged_n = ?4
    WHERE mailbox = (SELECT id FROM mailbox WHERE wallet = ?1 AND address = ?2)
        AND number <= ?3 AND merged_n IS NULL
"""
_DROP = """
    DELETE FROM mail
    WHERE mailbox IN (SELECT id FROM mailbox WHERE wallet = ?) AND merged_n <= ?
"""
_TAKEN = """
    UPDATE reply SET raw = x''
    WHERE mailbox = (SELECT id FROM mailbox WHERE wallet = ?1 AND address = ?2) AND number <= ?3
"""
_EXPIRE = """
    DELETE FROM mail
    WHERE mailbox IN (SELECT id FROM mailbox WHERE wallet = :wallet) AND time_s < :before;
    UPDATE reply SET raw = x''
    WHERE mailbox IN (SELECT id FROM mailbox WHERE wallet = :wallet) AND time_s < :before;
    DELETE FROM reply
    WHERE mailbox IN (SELECT id FROM mailbox WHERE wallet = :wallet) AND time_s < :forget;
    DELETE FROM mail
    WHERE mailbox IN (SELECT id FROM mailbox WHERE wallet = :wallet AND closed_s < :forget);
    DELETE FROM reply
    WHERE mailbox IN (SELECT id FROM mailbox WHERE wallet = :wallet AND closed_s < :forget);
    DELETE FROM mailbox WHERE wallet = :wallet AND closed_s < :forget
"""


def make_mailboxes(connection: apsw.Connection) -> None:
    """Make the tables."""
    connection.execute(
        """
        CREATE TABLE mailbox (
            id INTEGER PRIMARY KEY,
            wallet INTEGER NOT NULL,
            address BLOB NOT NULL UNIQUE,
            capability BLOB NOT NULL,
            card BLOB NOT NULL,
            closed_s INTEGER,
            last INTEGER NOT NULL,
            merged INTEGER NOT NULL,
            replies_last INTEGER NOT NULL
        ) STRICT;
        CREATE INDEX mailbox_of_wallet ON mailbox (wallet);
        CREATE TABLE mail (
            mailbox INTEGER NOT NULL, number INTEGER NOT NULL, time_s INTEGER NOT NULL,
            item BLOB NOT NULL, merged_n INTEGER, raw BLOB NOT NULL,
            UNIQUE (mailbox, number)
        ) STRICT;
        CREATE INDEX mail_by_time ON mail (time_s);
        CREATE INDEX mail_by_item ON mail (mailbox, item);
        CREATE TABLE reply (
            mailbox INTEGER NOT NULL, number INTEGER NOT NULL, time_s INTEGER NOT NULL,
            about BLOB NOT NULL, item BLOB NOT NULL, raw BLOB NOT NULL,
            UNIQUE (mailbox, number), UNIQUE (mailbox, about)
        ) STRICT;
        CREATE INDEX reply_by_time ON reply (time_s);
        """
    )


def execute_mailbox_write(connection: apsw.Connection, row: int, write: MailboxWrite) -> None:
    """Execute one write about the mailboxes of the wallet in this row.

    Raises:
        apsw.Error: SQLite refuses it or fails.
    """
    execute = connection.execute
    match write:
        case PutMailbox(mailbox=box, card=card):
            numbers = (box.closed_s, box.last, box.merged, box.replies_last)
            execute(_PUT, (row, box.address, box.capability, card, *numbers))
        case EndMailbox(address=address, closed_s=closed_s):
            execute(_END, (closed_s, row, address))
        case PutMail(address=address, mail=mail):
            execute(_PUT_MAIL, (row, address, mail.number, mail.time_s, mail.item, mail.raw))
            execute(_LAST, (row, address, mail.number))
        case KeepReply(address=address, reply=reply):
            values = (reply.number, reply.time_s, reply.about, reply.item, reply.raw)
            execute(_PUT_REPLY, (row, address, *values))
            execute(_REPLIES_LAST, (row, address, reply.number))
        case MarkMail(address=address, upto=upto, n=n):
            execute(_MARK, (row, address, upto, n))
            execute(_MERGED, (row, address, upto))
        case DropMail(covered_n=covered_n):
            execute(_DROP, (row, covered_n))
        case DropReplies(address=address, upto=upto):
            execute(_TAKEN, (row, address, min(upto, NUMBER_END)))
        case ExpireMail(before_s=before_s, forget_before_s=forget_before_s):
            execute(_EXPIRE, {"wallet": row, "before": before_s, "forget": forget_before_s})


class SqliteMailboxes:
    """See `MailboxStore`; `reader` lends a reading connection."""

    def __init__(self, reader: Callable[[], AbstractContextManager[apsw.Connection]]) -> None:
        self._reader = reader

    def find_wallet(self, address: MailboxAddress) -> WalletId | None:
        """See `MailboxStore.find_wallet`."""
        with self._reader() as reader:
            found = reader.execute(_OWNER, (address,)).fetchone()
            return None if found is None else WalletId(found[0])

    def mailboxes(self, wallet_id: WalletId) -> list[StoredMailbox]:
        """See `MailboxStore.mailboxes`."""
        with self._reader() as reader:
            return [
                StoredMailbox(
                    address=MailboxAddress(address),
                    capability=capability,
                    closed_s=closed_s,
                    last=last,
                    merged=merged,
                    count=count,
                    size=int(size),
                    replies_last=replies_last,
                    replies_count=replies_count,
                    replies_size=int(replies_size),
                )
                for (
                    address,
                    capability,
                    closed_s,
                    last,
                    merged,
                    count,
                    size,
                    replies_last,
                    replies_count,
                    replies_size,
                ) in reader.execute(_LIST, (wallet_id,))
            ]

    def card(self, address: MailboxAddress) -> bytes:
        """See `MailboxStore.card`."""
        with self._reader() as reader:
            found = reader.execute("SELECT card FROM mailbox WHERE address = ?", (address,))
            row = found.fetchone()
            card: bytes = b"" if row is None else row[0]
            return card

    def find_mail(self, address: MailboxAddress, item: bytes) -> StoredMail | None:
        """See `MailboxStore.find_mail`."""
        with self._reader() as reader:
            found = _mail(reader.execute(_FIND_MAIL, (address, item)))
            return found[0] if found else None

    def find_reply(self, address: MailboxAddress, about: bytes) -> StoredReply | None:
        """See `MailboxStore.find_reply`."""
        with self._reader() as reader:
            found = _replies(reader.execute(_FIND_REPLY, (address, about)))
            return found[0] if found else None

    def read_mail(
        self, address: MailboxAddress, *, after: int, count_max: int, size_max: int
    ) -> Sequence[StoredMail]:
        """See `MailboxStore.read_mail`."""
        bindings = (address, min(after, NUMBER_END), count_max)
        with self._reader() as reader:
            return _mail(reader.execute(_READ_MAIL, bindings), size_max)

    def read_replies(
        self, address: MailboxAddress, *, after: int, count_max: int, size_max: int
    ) -> Sequence[StoredReply]:
        """See `MailboxStore.read_replies`."""
        bindings = (address, min(after, NUMBER_END), count_max)
        with self._reader() as reader:
            return _replies(reader.execute(_READ_REPLIES, bindings), size_max)

    def due(self, *, before_s: int, forget_before_s: int, count_max: int) -> Sequence[WalletId]:
        """See `MailboxStore.due`."""
        with self._reader() as reader:
            found = reader.execute(_DUE, (before_s, forget_before_s, count_max))
            return [WalletId(wallet_id) for (wallet_id,) in found]


def _mail(rows: Iterable[tuple[object, ...]], size_max: int = NUMBER_END) -> list[StoredMail]:
    chosen: list[StoredMail] = []
    size = 0
    for number, time_s, item, raw in rows:
        assert isinstance(number, int)
        assert isinstance(time_s, int)
        assert isinstance(item, bytes)
        assert isinstance(raw, bytes)
        size += len(raw)
        if chosen and size > size_max:
            break
        chosen.append(StoredMail(number=number, time_s=time_s, item=item, raw=raw))
    return chosen


def _replies(rows: Iterable[tuple[object, ...]], size_max: int = NUMBER_END) -> list[StoredReply]:
    chosen: list[StoredReply] = []
    size = 0
    for number, time_s, about, item, raw in rows:
        assert isinstance(number, int)
        assert isinstance(time_s, int)
        assert isinstance(about, bytes)
        assert isinstance(item, bytes)
        assert isinstance(raw, bytes)
        size += len(raw)
        if chosen and size > size_max:
            break
        one = StoredReply(number=number, time_s=time_s, about=about, item=item, raw=raw)
        chosen.append(one)
    return chosen
