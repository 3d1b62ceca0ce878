"""What a wallet's local store keeps and promises, whatever keeps it.

A store holds one replica: device secrets, membership, epoch keys, feed entries, the document and
the edits that are not sealed yet. It changes by `commit` only, which keeps all of its writes or
none, and has them on the disk when it returns.

Spec: 40-wallet-document.md
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from typing import NamedTuple, Protocol

from billfold_protocol.errors import LocalProtocolError
from billfold_protocol.ids import EntryId, EpochId, FeedId, SnapshotId


class EntryStatus(IntEnum):
    """What a replica made of a feed entry."""

    COUNTED = 0
    """It is part of the wallet."""

    WAITING = 1
    """Something that it names is missing."""

    EXCLUDED = 2
    """It lies beyond a cut, or on a branch of a forked feed that does not stand."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalEntry:
    """A feed entry as this device keeps it."""

    feed: FeedId
    seq: int
    entry_id: EntryId
    raw: bytes = field(repr=False)
    """The signed, sealed entry as it travels."""

    status: EntryStatus
    is_acked: bool
    """Whether the server has signed that it stored the entry, or sent it to us."""

    is_beside: bool = False
    """Whether it stands beside the feed's line, after a fork; such entries are kept by their id."""


class EntryIndexRow(NamedTuple):
    """A feed entry without its bytes."""

    feed: FeedId
    seq: int
    entry_id: EntryId
    status: EntryStatus
    is_acked: bool
    is_beside: bool = False


@dataclass(frozen=True, slots=True)
class PendingEdit:
    """A local edit that no entry carries yet."""

    position: int
    """Its place among the local edits, ascending."""

    change: bytes = field(repr=False)
    intents: bytes = field(repr=False)
    """What the edit set, so that it can be expressed again in another feed."""


@dataclass(frozen=True, slots=True)
class PutMeta:
    """Set one of the replica's named values."""

    key: str
    value: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class DeleteMeta:
    """Forget one of the replica's named values; nothing happens if there is none."""

    key: str


@dataclass(frozen=True, slots=True)
class PutMember:
    """Insert or replace the membership entry with index `k`."""

    k: int
    raw: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class CutMembers:
    """Drop the membership entries from an index on; others follow, of a chain that was merged."""

    k: int


@dataclass(frozen=True, slots=True)
class PutEpochKey:
    """Keep the key of an epoch."""

    epoch: EpochId
    key: bytes = field(repr=False)
    """32 secret bytes."""


@dataclass(frozen=True, slots=True)
class PutEntry:
    """Insert an entry, or replace the one with the same feed and sequence number.

    One beside the line replaces only the one with the same id.
    """

    entry: LocalEntry


@dataclass(frozen=True, slots=True)
class MarkAcked:
    """Mark all entries of a feed up to and including `seq` as acknowledged."""

    feed: FeedId
    seq: int


@dataclass(frozen=True, slots=True)
class SetStatus:
    """Change the status of one entry; nothing happens if there is none."""

    feed: FeedId
    seq: int
    entry_id: EntryId
    status: EntryStatus


@dataclass(frozen=True, slots=True)
class DropEntry:
    """Forget one entry; nothing happens if there is none."""

    feed: FeedId
    seq: int
    entry_id: EntryId


@dataclass(frozen=True, slots=True)
class ForgetEntries:
    """Forget the entries of a feed's line up to and including `seq`: a snapshot covers them."""

    feed: FeedId
    seq: int


@dataclass(frozen=True, slots=True)
class PutPending:
    """Insert an edit, or replace the one at the same position."""

    edit: PendingEdit


@dataclass(frozen=True, slots=True)
class DropPending:
    """Forget the edits up to and including a position: an entry carries them."""

    up_to_position: int


@dataclass(frozen=True, slots=True)
class AppendChanges:
    """Add document changes after the saved base, in the order they were applied."""

    changes: tuple[bytes, ...] = field(repr=False)


@dataclass(frozen=True, slots=True)
class ReplaceDocument:
    """Make a saved document the new base and forget the changes appended before."""

    saved: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class PutQuarantined:
    """Set bytes of a member aside that could not be applied."""

    hash: bytes
    raw: bytes = field(repr=False)
    reason: str


@dataclass(frozen=True, slots=True)
class DropQuarantined:
    """Forget bytes that were set aside; nothing happens if there are none."""

    hash: bytes


@dataclass(frozen=True, slots=True)
class KeepSnapshot:
    """Keep a snapshot as it was sealed, to give it back to a server that loses it."""

    snapshot: SnapshotId
    ciphertext: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class ForgetSnapshot:
    """Forget a snapshot; nothing happens if there is none."""

    snapshot: SnapshotId


ReplicaWrite = (
    PutMeta | DeleteMeta | PutMember | CutMembers | PutEpochKey | PutQuarantined | DropQuarantined
)
SnapshotWrite = KeepSnapshot | ForgetSnapshot
EntryWrite = PutEntry | MarkAcked | SetStatus | DropEntry | ForgetEntries
DocumentWrite = PutPending | DropPending | AppendChanges | ReplaceDocument

Write = ReplicaWrite | SnapshotWrite | EntryWrite | DocumentWrite
"""One step of a `commit`."""

INTEGER_MAX = 2**63 - 1
"""The largest number a store keeps: SQLite's integers have 64 bits and a sign."""


def check_numbers(writes: Sequence[Write]) -> None:
    """Check the sequence numbers, indexes and positions of the writes.

    Raises:
        LocalProtocolError: one is negative or above `INTEGER_MAX`.
    """
    for write in writes:
        match write:
            case PutMember(k, _) | CutMembers(k):
                number = k
            case PutEntry(entry):
                number = entry.seq
            case MarkAcked(_, seq) | SetStatus(_, seq, _, _) | DropEntry(_, seq, _):
                number = seq
            case ForgetEntries(_, seq):
                number = seq
            case PutPending(edit):
                number = edit.position
            case DropPending(up_to_position):
                number = up_to_position
            case _:
                continue
        if not 0 <= number <= INTEGER_MAX:
            raise LocalProtocolError("a store keeps numbers from 0 to 2**63 - 1")


@dataclass(frozen=True, slots=True, kw_only=True)
class WalletState:
    """Everything a replica needs at start, without the bytes of the entries."""

    meta: dict[str, bytes] = field(repr=False)
    members: tuple[bytes, ...] = field(repr=False)
    """The membership entries in the order of their index."""

    epoch_keys: dict[EpochId, bytes] = field(repr=False)
    pending: tuple[PendingEdit, ...]
    """In ascending position."""

    document: bytes | None = field(repr=False)
    """The saved base."""

    changes: tuple[bytes, ...] = field(repr=False)
    """What was appended since that base, in order."""

    quarantined: tuple[bytes, ...]
    """The hashes of what was set aside, ascending."""


class WalletStore(Protocol):
    """One replica's durable state, with one writer; safe to call from several threads.

    After `close` every method raises `LocalProtocolError`. Every method raises `StoreDamaged` when
    stored bytes fail their checks, and `StoreError` when the disk fails.
    """

    def load(self) -> WalletState:
        """Return all but the entries.

        Raises:
            StoreDamaged: stored bytes fail their checks.
        """
        ...

    def commit(self, writes: Sequence[Write]) -> None:
        """Apply the writes in order, all or none, and return when they are on the disk.

        Raises:
            StoreFull: there is no room; nothing of the writes was kept.
            StoreDamaged: stored bytes fail their checks; nothing of the writes was kept.
            LocalProtocolError: a number is negative or above 2**63 - 1; nothing was kept.
        """
        ...

    def entry_index(self) -> list[EntryIndexRow]:
        """Return every entry without its bytes, by feed and sequence number, the line's first.

        Raises:
            StoreDamaged: stored bytes fail their checks.
        """
        ...

    def read_entries(
        self, feed: FeedId, *, from_seq: int, count_max: int, size_max: int
    ) -> list[LocalEntry]:
        """Return entries of a feed's line in order, from `from_seq` on.

        At most `count_max` entries whose raw bytes sum to at most `size_max`; a first entry that is
        bigger alone is returned alone, so that a reader always gets on.

        Raises:
            StoreDamaged: stored bytes fail their checks.
        """
        ...

    def read_beside(self, feed: FeedId) -> list[LocalEntry]:
        """Return the entries beside a feed's line, by sequence number and id.

        Raises:
            StoreDamaged: stored bytes fail their checks.
        """
        ...

    def unacked(self, feed: FeedId) -> list[LocalEntry]:
        """Return the entries of a feed that are not acknowledged, in order.

        Raises:
            StoreDamaged: stored bytes fail their checks.
        """
        ...

    def read_quarantined(self) -> list[PutQuarantined]:
        """Return what was set aside, with its bytes, in ascending order of hash.

        Raises:
            StoreDamaged: stored bytes fail their checks.
        """
        ...

    def read_snapshot(self, snapshot: SnapshotId) -> bytes | None:
        """Return a snapshot as it was sealed, or None where it is not kept.

        Raises:
            StoreDamaged: stored bytes fail their checks.
        """
        ...

    def size(self) -> int:
        """Return the bytes that the store takes."""
        ...

    def close(self) -> None:
        """Let go of the store; closing twice is no mistake."""
        ...
