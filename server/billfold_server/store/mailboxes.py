"""What the relay asks of a store about mailboxes: values, writes, questions.

A message goes when the wallet holds it for good, a reply when the organisation has taken it, and
either when it is too old. That there was a reply about something is remembered for longer, so that
nothing is answered twice.

Spec: 26-channels.md
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from billfold_protocol.ids import MailboxAddress, WalletId


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredMailbox:
    """One mailbox but for its card and what lies in it."""

    address: MailboxAddress
    capability: bytes
    """32 bytes: the hash of what a sender must show."""
    closed_s: int | None = None
    last: int = 0
    """The number of the newest message that ever came."""
    merged: int = 0
    """Up to which number devices have said that they merged them."""
    count: int = 0
    """Messages that lie there."""
    size: int = 0
    """Their bytes."""
    replies_last: int = 0
    """The number of the newest reply that was ever left."""
    replies_count: int = 0
    """Replies that are remembered, taken ones included."""
    replies_size: int = 0
    """Bytes of those that were not taken."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredMail:
    """One sealed message."""

    number: int
    """Ascending in its mailbox, from 1; numbers may be skipped."""
    time_s: int
    item: bytes
    """32 bytes: the hash of the sealed bytes."""
    raw: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredReply:
    """One sealed reply."""

    number: int
    """Ascending in its mailbox, from 1."""
    time_s: int
    about: bytes
    """32 bytes: what it answers; a mailbox has one reply about each thing."""
    item: bytes
    raw: bytes
    """Empty once the organisation has taken it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PutMailbox:
    """Make an open mailbox; nothing happens if the address is taken."""

    wallet_id: WalletId
    mailbox: StoredMailbox
    card: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class EndMailbox:
    """Close a mailbox; what lies in it stays."""

    wallet_id: WalletId
    address: MailboxAddress
    closed_s: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PutMail:
    """Keep a message; nothing happens if its number is taken."""

    wallet_id: WalletId
    address: MailboxAddress
    mail: StoredMail


@dataclass(frozen=True, slots=True, kw_only=True)
class KeepReply:
    """Keep a reply, unless there is one about the same thing."""

    wallet_id: WalletId
    address: MailboxAddress
    reply: StoredReply


@dataclass(frozen=True, slots=True, kw_only=True)
class MarkMail:
    """Note that the messages up to a number are in entries that arrived up to `n`."""

    wallet_id: WalletId
    address: MailboxAddress
    upto: int
    n: int


@dataclass(frozen=True, slots=True, kw_only=True)
class DropMail:
    """Forget the messages of a wallet that are in entries which arrived up to `covered_n`."""

    wallet_id: WalletId
    covered_n: int


@dataclass(frozen=True, slots=True, kw_only=True)
class DropReplies:
    """Forget the bytes of the replies up to a number."""

    wallet_id: WalletId
    address: MailboxAddress
    upto: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpireMail:
    """Forget what is too old in a wallet's mailboxes, and what has been closed too long."""

    wallet_id: WalletId
    before_s: int
    """Messages, and the bytes of replies, that came before this go."""
    forget_before_s: int
    """Taken replies from before this are remembered no more, nor mailboxes closed before it."""


MailboxWrite = (
    PutMailbox | EndMailbox | PutMail | KeepReply | MarkMail | DropMail | DropReplies | ExpireMail
)


class MailboxStore(Protocol):
    """The questions; each may come in any thread, and raises StoreError if the store is closed."""

    def find_wallet(self, address: MailboxAddress) -> WalletId | None:
        """Return whose mailbox an address is, or None."""

    def mailboxes(self, wallet_id: WalletId) -> list[StoredMailbox]:
        """Return a wallet's mailboxes, by address."""

    def card(self, address: MailboxAddress) -> bytes:
        """Return the card of a mailbox; nothing if there is no such mailbox."""

    def find_mail(self, address: MailboxAddress, item: bytes) -> StoredMail | None:
        """Return the message with this hash, or None."""

    def find_reply(self, address: MailboxAddress, about: bytes) -> StoredReply | None:
        """Return the reply about something, or None."""

    def read_mail(
        self, address: MailboxAddress, *, after: int, count_max: int, size_max: int
    ) -> Sequence[StoredMail]:
        """Return messages after a number, ascending; at least one if there is any."""

    def read_replies(
        self, address: MailboxAddress, *, after: int, count_max: int, size_max: int
    ) -> Sequence[StoredReply]:
        """Return replies after a number that were not taken, ascending; at least one, likewise."""

    def due(self, *, before_s: int, forget_before_s: int, count_max: int) -> Sequence[WalletId]:
        """Return wallets in which `ExpireMail` with these times would find something."""
