"""Where a device keeps its replica: the interface, a store on disk and one in memory.

Spec: 40-wallet-document.md
"""

from billfold.store.interface import (
    AppendChanges,
    CutMembers,
    DeleteMeta,
    DropEntry,
    DropPending,
    DropQuarantined,
    EntryIndexRow,
    EntryStatus,
    ForgetEntries,
    ForgetSnapshot,
    KeepSnapshot,
    LocalEntry,
    MarkAcked,
    PendingEdit,
    PutEntry,
    PutEpochKey,
    PutMember,
    PutMeta,
    PutPending,
    PutQuarantined,
    ReplaceDocument,
    SetStatus,
    WalletState,
    WalletStore,
    Write,
)
from billfold.store.lock import WalletLock
from billfold.store.memory import MemoryStore
from billfold.store.sqlcipher import SqlCipherStore

__all__ = [
    "AppendChanges",
    "CutMembers",
    "DeleteMeta",
    "DropEntry",
    "DropPending",
    "DropQuarantined",
    "EntryIndexRow",
    "EntryStatus",
    "ForgetEntries",
    "ForgetSnapshot",
    "KeepSnapshot",
    "LocalEntry",
    "MarkAcked",
    "MemoryStore",
    "PendingEdit",
    "PutEntry",
    "PutEpochKey",
    "PutMember",
    "PutMeta",
    "PutPending",
    "PutQuarantined",
    "ReplaceDocument",
    "SetStatus",
    "SqlCipherStore",
    "WalletLock",
    "WalletState",
    "WalletStore",
    "Write",
]
