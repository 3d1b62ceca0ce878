"""Where a wallet's log ends, and the rule that a write must continue it: one rule for every store.

What only an index can tell (is this feed and `seq`, or this wrap, taken?) is left to the store.

Spec: 30-server-api.md
"""

from dataclasses import dataclass

from billfold_protocol.errors import StoreError
from billfold_protocol.ids import short

from .interface import (
    NUMBER_END,
    AppendEntries,
    AppendMembers,
    DropLocator,
    DropSnapshot,
    KeepLocator,
    PutBeacon,
    PutEndorsement,
    PutSnapshot,
    PutSnapshotPart,
    Write,
)
from .mailboxes import (
    DropMail,
    DropReplies,
    EndMailbox,
    ExpireMail,
    KeepReply,
    MarkMail,
    PutMail,
    PutMailbox,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tail:
    """The end of one wallet's log."""

    n: int
    """The last arrival number; 0 when nothing has arrived."""
    member_count: int
    """How many membership entries there are; 0 only before the first."""
    size: int
    """Bytes of the raw entries, membership entries and wraps."""


UNBORN = Tail(n=0, member_count=0, size=0)
"""The tail of a wallet that the store has never seen."""


def follow(tail: Tail, write: Write) -> Tail:
    """Return the tail after the write.

    Raises:
        StoreError: The write does not continue the wallet's log.
    """
    match write:
        case AppendMembers():
            following = _follow_members(tail, write)
        case AppendEntries():
            following = _follow_entries(tail, write)
        case PutBeacon() | PutSnapshot() | PutSnapshotPart() | PutEndorsement() | DropSnapshot():
            following = tail
        case KeepLocator() | DropLocator():
            following = tail
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
            following = tail
    if following.member_count == 0:
        raise StoreError(
            f"Wallet {short(write.wallet_id)} is unknown here; its membership chain comes first."
        )
    return following


def _follow_members(tail: Tail, write: AppendMembers) -> Tail:
    member_count = tail.member_count
    size = tail.size
    for member in write.members:
        if member.k != member_count:
            raise StoreError(
                f"Membership entry {member.k} does not continue the chain of wallet "
                f"{short(write.wallet_id)}, whose next is {member_count}."
            )
        member_count += 1
        size += len(member.raw)
    for wrap in write.wraps:
        if not 0 <= wrap.k < member_count:
            raise StoreError(
                f"A wrapped key names membership entry {wrap.k}, which wallet "
                f"{short(write.wallet_id)} does not have."
            )
        size += len(wrap.raw)
    return Tail(n=tail.n, member_count=member_count, size=size)


def _follow_entries(tail: Tail, write: AppendEntries) -> Tail:
    n = tail.n
    size = tail.size
    for entry in write.entries:
        if not n < entry.n < NUMBER_END or not 0 <= entry.seq < NUMBER_END:
            raise StoreError(
                f"Entry {entry.n} does not continue wallet {short(write.wallet_id)}, "
                f"whose last arrival number is {n}."
            )
        if entry.feed not in write.heads:
            raise StoreError(f"The new head of feed {short(entry.feed)} is missing from the write.")
        n = entry.n
        size += len(entry.raw)
    for feed, head in write.heads.items():
        if not 0 <= head.seq < NUMBER_END or not 0 <= head.k < NUMBER_END:
            raise StoreError(f"The head of feed {short(feed)} has a number that cannot be stored.")
    return Tail(n=n, member_count=tail.member_count, size=size)
