"""Log stores: where a server keeps its wallets.

Spec: 30-server-api.md
"""

from pathlib import Path

from billfold_protocol.errors import InputError

from .interface import (
    AppendEntries,
    AppendMembers,
    DropLocator,
    DropSnapshot,
    FeedHead,
    KeepLocator,
    LogStore,
    Pruned,
    PutBeacon,
    PutEndorsement,
    PutSnapshot,
    PutSnapshotPart,
    Run,
    SnapshotStanding,
    StoredEntry,
    StoredMember,
    StoredSnapshot,
    StoredWrap,
    WalletLog,
    Write,
)
from .mailboxes import (
    DropMail,
    DropReplies,
    EndMailbox,
    ExpireMail,
    KeepReply,
    MailboxStore,
    MailboxWrite,
    MarkMail,
    PutMail,
    PutMailbox,
    StoredMail,
    StoredMailbox,
    StoredReply,
)
from .memory import MemoryLogStore
from .sqlite import SqliteLogStore

__all__ = [
    "AppendEntries",
    "AppendMembers",
    "DropLocator",
    "DropMail",
    "DropReplies",
    "DropSnapshot",
    "EndMailbox",
    "ExpireMail",
    "FeedHead",
    "KeepLocator",
    "KeepReply",
    "LogStore",
    "MailboxStore",
    "MailboxWrite",
    "MarkMail",
    "MemoryLogStore",
    "Pruned",
    "PutBeacon",
    "PutEndorsement",
    "PutMail",
    "PutMailbox",
    "PutSnapshot",
    "PutSnapshotPart",
    "Run",
    "SnapshotStanding",
    "SqliteLogStore",
    "StoredEntry",
    "StoredMail",
    "StoredMailbox",
    "StoredMember",
    "StoredReply",
    "StoredSnapshot",
    "StoredWrap",
    "WalletLog",
    "Write",
    "open_store",
    "store_path",
]


def store_path(address: str) -> Path | None:
    """Return the file of a store named "sqlite:PATH", or None for "memory:".

    Raises:
        InputError: The address names neither.
    """
    kind, _, path = address.partition(":")
    if address == "memory:":
        return None
    if kind == "sqlite" and path:
        return Path(path)
    raise InputError(f'A store is "memory:" or "sqlite:PATH", not "{address}".')


def open_store(address: str) -> LogStore:
    """Open the store named "memory:" or "sqlite:PATH"; the latter is made if it is not there.

    Raises:
        InputError: The address names neither.
        StoreBusy: Another server has it open.
        StoreMissing: Its folder does not exist.
        StoreFull: There is no room to make it.
        StoreDamaged: The file is no store.
        UpdateNeeded: A newer server made it.
        StoreError: It cannot be opened.
    """
    path = store_path(address)
    return MemoryLogStore() if path is None else SqliteLogStore(path)
