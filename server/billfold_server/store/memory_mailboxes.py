"""The mailboxes of the store in memory.

Spec: 26-channels.md
"""

from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from typing import TypeVar

from billfold_protocol.ids import MailboxAddress, WalletId

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

Item = TypeVar("Item", StoredMail, StoredReply)


@dataclass(slots=True)
class Box:
    """One mailbox with what lies in it."""

    wallet_id: WalletId
    about: StoredMailbox
    card: bytes
    mail: dict[int, StoredMail] = field(default_factory=dict)
    merged_n: dict[int, int] = field(default_factory=dict)
    replies: dict[int, StoredReply] = field(default_factory=dict)

    def drop(self, numbers: Iterable[int]) -> None:
        """Forget messages."""
        for number in tuple(numbers):
            self.mail.pop(number, None)
            self.merged_n.pop(number, None)


class MemoryMailboxes:
    """See `MailboxStore`; `guard` is held while it answers, and refuses once the store is closed.

    Writes come with the guard held already.
    """

    def __init__(
        self,
        boxes: dict[MailboxAddress, Box],
        guard: Callable[[], AbstractContextManager[object]],
    ) -> None:
        self._boxes = boxes
        self._guard = guard

    def find_wallet(self, address: MailboxAddress) -> WalletId | None:
        """See `MailboxStore.find_wallet`."""
        with self._guard():
            box = self._boxes.get(address)
            return None if box is None else box.wallet_id

    def mailboxes(self, wallet_id: WalletId) -> list[StoredMailbox]:
        """See `MailboxStore.mailboxes`."""
        with self._guard():
            return [
                replace(
                    box.about,
                    count=len(box.mail),
                    size=sum(len(mail.raw) for mail in box.mail.values()),
                    replies_count=len(box.replies),
                    replies_size=sum(len(reply.raw) for reply in box.replies.values()),
                )
                for _, box in sorted(self._boxes.items())
                if box.wallet_id == wallet_id
            ]

    def card(self, address: MailboxAddress) -> bytes:
        """See `MailboxStore.card`."""
        with self._guard():
            box = self._boxes.get(address)
            return b"" if box is None else box.card

    def find_mail(self, address: MailboxAddress, item: bytes) -> StoredMail | None:
        """See `MailboxStore.find_mail`."""
        with self._guard():
            box = self._boxes.get(address)
            found = () if box is None else box.mail.values()
            return next((mail for mail in found if mail.item == item), None)

    def find_reply(self, address: MailboxAddress, about: bytes) -> StoredReply | None:
        """See `MailboxStore.find_reply`."""
        with self._guard():
            box = self._boxes.get(address)
            found = () if box is None else box.replies.values()
            return next((reply for reply in found if reply.about == about), None)

    def read_mail(
        self, address: MailboxAddress, *, after: int, count_max: int, size_max: int
    ) -> Sequence[StoredMail]:
        """See `MailboxStore.read_mail`."""
        with self._guard():
            box = self._boxes.get(address)
            mail = [] if box is None else [m for n, m in sorted(box.mail.items()) if n > after]
            return _within(mail[:count_max], size_max)

    def read_replies(
        self, address: MailboxAddress, *, after: int, count_max: int, size_max: int
    ) -> Sequence[StoredReply]:
        """See `MailboxStore.read_replies`."""
        with self._guard():
            box = self._boxes.get(address)
            replies = [] if box is None else sorted(box.replies.items())
            return _within([r for n, r in replies if n > after and r.raw][:count_max], size_max)

    def due(self, *, before_s: int, forget_before_s: int, count_max: int) -> Sequence[WalletId]:
        """See `MailboxStore.due`."""
        with self._guard():
            found = {
                box.wallet_id: None
                for box in self._boxes.values()
                if _is_due(box, before_s, forget_before_s)
            }
            return list(found)[:count_max]

    def apply(self, write: MailboxWrite) -> None:
        """Apply one write; what names a mailbox that is not there changes nothing."""
        match write:
            case PutMailbox(wallet_id=wallet_id, mailbox=mailbox, card=card):
                self._boxes.setdefault(mailbox.address, Box(wallet_id, mailbox, card))
            case DropMail(wallet_id=wallet_id, covered_n=covered_n):
                for box in self._of(wallet_id):
                    box.drop(n for n, merged_n in box.merged_n.items() if merged_n <= covered_n)
            case ExpireMail(wallet_id=wallet_id):
                for box in self._of(wallet_id):
                    self._expire(box, write)
            case (
                EndMailbox(wallet_id=wallet_id, address=address)
                | PutMail(wallet_id=wallet_id, address=address)
                | KeepReply(wallet_id=wallet_id, address=address)
                | MarkMail(wallet_id=wallet_id, address=address)
                | DropReplies(wallet_id=wallet_id, address=address)
            ):
                found = self._boxes.get(address)
                if found is not None and found.wallet_id == wallet_id:
                    _apply(found, write)

    def _of(self, wallet_id: WalletId) -> list[Box]:
        return [box for box in self._boxes.values() if box.wallet_id == wallet_id]

    def _expire(self, box: Box, write: ExpireMail) -> None:
        box.drop(n for n, mail in tuple(box.mail.items()) if mail.time_s < write.before_s)
        for number, reply in tuple(box.replies.items()):
            if reply.time_s < write.forget_before_s:
                del box.replies[number]
            elif reply.time_s < write.before_s:
                box.replies[number] = replace(reply, raw=b"")
        closed_s = box.about.closed_s
        if closed_s is not None and closed_s < write.forget_before_s:
            del self._boxes[box.about.address]


def _apply(box: Box, write: EndMailbox | PutMail | KeepReply | MarkMail | DropReplies) -> None:
    match write:
        case EndMailbox(closed_s=closed_s):
            if box.about.closed_s is None:
                box.about = replace(box.about, closed_s=closed_s)
        case PutMail(mail=mail):
            box.mail.setdefault(mail.number, mail)
            box.about = replace(box.about, last=max(box.about.last, mail.number))
        case KeepReply(reply=reply):
            if all(reply.about != other.about for other in box.replies.values()):
                box.replies.setdefault(reply.number, reply)
            last = max(box.about.replies_last, reply.number)
            box.about = replace(box.about, replies_last=last)
        case MarkMail(upto=upto, n=n):
            for number in box.mail:
                if number <= upto:
                    box.merged_n.setdefault(number, n)
            box.about = replace(box.about, merged=max(box.about.merged, upto))
        case DropReplies(upto=upto):
            for number, reply in box.replies.items():
                if number <= upto:
                    box.replies[number] = replace(reply, raw=b"")


def _is_due(box: Box, before_s: int, forget_before_s: int) -> bool:
    closed_s = box.about.closed_s
    return (
        any(mail.time_s < before_s for mail in box.mail.values())
        or any(reply.raw and reply.time_s < before_s for reply in box.replies.values())
        or any(reply.time_s < forget_before_s for reply in box.replies.values())
        or (closed_s is not None and closed_s < forget_before_s)
    )


def _within(items: Sequence[Item], size_max: int) -> Sequence[Item]:
    """Return the first items that fit, and the very first in any case."""
    size = 0
    for count, item in enumerate(items):
        size += len(item.raw)
        if count and size > size_max:
            return items[:count]
    return items
