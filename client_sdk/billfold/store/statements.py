"""Each write of the store interface as SQL.

Spec: 40-wallet-document.md
"""

from billfold.store.encrypted_file import Connection
from billfold.store.interface import (
    AppendChanges,
    CutMembers,
    DeleteMeta,
    DocumentWrite,
    DropEntry,
    DropPending,
    DropQuarantined,
    EntryWrite,
    ForgetEntries,
    ForgetSnapshot,
    KeepSnapshot,
    MarkAcked,
    PutEntry,
    PutEpochKey,
    PutMember,
    PutMeta,
    PutPending,
    PutQuarantined,
    ReplaceDocument,
    SetStatus,
    Write,
)


def execute_write(connection: Connection, write: Write) -> None:
    """Execute one write inside the caller's transaction.

    Raises:
        DatabaseError: SQLCipher refuses.
    """
    execute = connection.execute
    match write:
        case PutEntry() | MarkAcked() | SetStatus() | DropEntry() | ForgetEntries():
            _execute_entry_write(connection, write)
        case PutPending() | DropPending() | AppendChanges() | ReplaceDocument():
            _execute_document_write(connection, write)
        case PutMeta(key, value):
            # Replacing the row would rewrite the key's index with each value.
            statement = (
                "INSERT INTO meta (key, value) VALUES (?, ?)"
                " ON CONFLICT (key) DO UPDATE SET value = excluded.value"
            )
            execute(statement, (key, value))
        case DeleteMeta(key):
            execute("DELETE FROM meta WHERE key = ?", (key,))
        case PutMember(k, raw):
            execute("INSERT OR REPLACE INTO member (k, raw) VALUES (?, ?)", (k, raw))
        case CutMembers(k):
            execute("DELETE FROM member WHERE k >= ?", (k,))
        case KeepSnapshot(snapshot, ciphertext):
            statement = "INSERT OR REPLACE INTO snapshot (id, ciphertext) VALUES (?, ?)"
            execute(statement, (snapshot, ciphertext))
        case ForgetSnapshot(snapshot):
            execute("DELETE FROM snapshot WHERE id = ?", (snapshot,))
        case PutEpochKey(epoch, epoch_key):
            statement = "INSERT OR REPLACE INTO epoch_key (epoch, key) VALUES (?, ?)"
            execute(statement, (epoch, epoch_key))
        case PutQuarantined(quarantined_hash, raw, reason):
            statement = "INSERT OR REPLACE INTO quarantined (hash, raw, reason) VALUES (?, ?, ?)"
            execute(statement, (quarantined_hash, raw, reason))
        case DropQuarantined(quarantined_hash):
            execute("DELETE FROM quarantined WHERE hash = ?", (quarantined_hash,))


def _execute_entry_write(connection: Connection, write: EntryWrite) -> None:
    match write:
        case PutEntry(entry) if entry.is_beside:
            connection.execute(
                "INSERT OR REPLACE INTO entry_beside (id, feed, seq, status, is_acked, raw)"
                " VALUES (?, ?, ?, ?, ?, ?)",
                (
                    *(entry.entry_id, entry.feed, entry.seq),
                    *(int(entry.status), int(entry.is_acked), entry.raw),
                ),
            )
        case PutEntry(entry):
            connection.execute(
                "INSERT OR REPLACE INTO entry (feed, seq, id, status, is_acked)"
                " VALUES (?, ?, ?, ?, ?)",
                (entry.feed, entry.seq, entry.entry_id, int(entry.status), int(entry.is_acked)),
            )
            connection.execute(
                "INSERT OR REPLACE INTO entry_raw (feed, seq, raw) VALUES (?, ?, ?)",
                (entry.feed, entry.seq, entry.raw),
            )
        case MarkAcked(feed, seq):
            connection.execute(
                "UPDATE entry INDEXED BY entry_unacked SET is_acked = 1"
                " WHERE feed = ? AND seq <= ? AND is_acked = 0",
                (feed, seq),
            )
            connection.execute(
                "UPDATE entry_beside SET is_acked = 1 WHERE feed = ? AND seq <= ?", (feed, seq)
            )
        case DropEntry(feed, seq, entry_id):
            place = (feed, seq, entry_id)
            connection.execute(
                "DELETE FROM entry_raw WHERE (feed, seq) IN"
                " (SELECT feed, seq FROM entry WHERE feed = ? AND seq = ? AND id = ?)",
                place,
            )
            connection.execute("DELETE FROM entry WHERE feed = ? AND seq = ? AND id = ?", place)
            connection.execute("DELETE FROM entry_beside WHERE id = ?", (entry_id,))
        case ForgetEntries(feed, seq):
            for table in ("entry_raw", "entry"):
                connection.execute(
                    f"DELETE FROM {table} WHERE feed = ? AND seq <= ?",  # noqa: S608
                    (feed, seq),
                )
        case SetStatus(feed, seq, entry_id, status):
            connection.execute(
                "UPDATE entry SET status = ? WHERE feed = ? AND seq = ? AND id = ?",
                (int(status), feed, seq, entry_id),
            )
            connection.execute(
                "UPDATE entry_beside SET status = ? WHERE id = ?", (int(status), entry_id)
            )


def _execute_document_write(connection: Connection, write: DocumentWrite) -> None:
    match write:
        case PutPending(edit):
            connection.execute(
                "INSERT OR REPLACE INTO pending (position, change, intents) VALUES (?, ?, ?)",
                (edit.position, edit.change, edit.intents),
            )
        case DropPending(up_to_position):
            connection.execute("DELETE FROM pending WHERE position <= ?", (up_to_position,))
        case AppendChanges(changes):
            connection.executemany(
                "INSERT INTO change (raw) VALUES (?)", [(change,) for change in changes]
            )
        case ReplaceDocument(saved):
            connection.execute(
                "INSERT OR REPLACE INTO document (id, saved) VALUES (0, ?)", (saved,)
            )
            connection.execute("DELETE FROM change")
