"""Answers on their way to organisations: made by any device, sent by one.

    draft ──kept on this device──► claimed ──the server keeps it──► sent
                                      └──another device's stands──► yielded

The server keeps one reply about each thing, the first. So two devices that answer apart send one
answer, and each learns which; the sealed bytes are kept before they are sent, so that a device that
was interrupted offers the very same again.

Spec: 26-channels.md
"""

from collections.abc import Callable
from typing import Final

from billfold.document import Edit, FieldEdit
from billfold.events import AnswerNotSent, AnswerSent, Event
from billfold.mail.records import Channel, pinned_sender
from billfold.plaintext import Plaintext
from billfold.refusals import error_of
from billfold.replica import Replica
from billfold_protocol import codec
from billfold_protocol.errors import (
    BillfoldError,
    ChannelClosed,
    LocalProtocolError,
    Malformed,
    StoreDamaged,
)
from billfold_protocol.feed import Reason
from billfold_protocol.ids import MailboxAddress
from billfold_protocol.mailbox import item_id
from billfold_protocol.mailbox_sealing import Direction, PartyKeys
from billfold_protocol.messages import AskMailbox, MailboxRefused, PutReply, ReplyKept

WAITING_KEY: Final = "reply waiting:"
_SIZE_MAX: Final = 80 * 1024
_RETRIED: Final = frozenset({Reason.RATE, Reason.FULL, Reason.QUOTA})
"""Reasons that time may cure: the reply is offered again on the next connection."""


class Replying:
    """The replies of this device that the server has not answered."""

    def __init__(self, replica: Callable[[], Replica], tell: Callable[[Event], None]) -> None:
        self._get_replica = replica
        self._tell = tell
        self._is_due = True
        self._resting: set[bytes] = set()
        """What replies are about that wait for the next connection."""

    def connected(self) -> None:
        """Offer everything again."""
        self._is_due = True
        self._resting.clear()

    @property
    def is_settled(self) -> bool:
        """Whether nothing waits for an answer of the server."""
        replica = self._get_replica()
        waiting = replica.meta_keys(WAITING_KEY)
        return all(bytes.fromhex(key.removeprefix(WAITING_KEY)) in self._resting for key in waiting)

    def require_way(self, channel: Channel) -> PartyKeys:
        """Return the keys of the organisation that can be written to by a channel.

        Raises:
            LocalProtocolError: the organisation has not written yet, so its keys are not known.
            ChannelClosed: the channel is closed.
            WrongSender: two organisations have used the channel.
        """
        if channel.is_closed:
            raise ChannelClosed("this channel is closed; open another one to write by")
        sender = pinned_sender(self._get_replica(), channel)
        if sender is None:
            raise LocalProtocolError(
                "the organisation has not written yet; it can be written to once it has"
            )
        return sender

    def prepare(
        self,
        channel: Channel,
        plaintext: Plaintext,
        record: str,
        about: bytes,
        answered: str | None,
    ) -> None:
        """Seal an own message, and keep it until the server has taken one.

        Args:
            channel: by which it goes.
            plaintext: what it says.
            record: its record.
            about: 32 bytes that the server knows it by.
            answered: the record of the message that it answers, if it is an answer.

        Raises:
            LocalProtocolError: the organisation has not written yet, so its keys are not known.
            ChannelClosed: the channel is closed.
            WrongSender: two organisations have used the channel.
        """
        replica = self._get_replica()
        _, sealed = channel.keys.party.seal(
            plaintext.encode(),
            to=self.require_way(channel).wrapping,
            address=channel.address,
            direction=Direction.TO_ORGANISATION,
            time_s=max(0, replica.core.now_ms() // 1000),
        )
        value = codec.encode([channel.address, record, answered, sealed])
        replica.put_meta(WAITING_KEY + about.hex(), value)
        self._is_due = True

    def offer(self) -> None:
        """Have everything that waits sent, once it is durable here."""
        if not self._is_due:
            return
        self._is_due = False
        replica = self._get_replica()
        for key in replica.meta_keys(WAITING_KEY):
            about = bytes.fromhex(key.removeprefix(WAITING_KEY))
            address, _, _, sealed = _parse(replica.meta(key))
            request = PutReply(address=address, about=about, sealed=sealed)
            ask = AskMailbox(wallet_id=replica.wallet_id, request=request)
            replica.core.journal.sends.append(ask)

    def kept(self, news: ReplyKept) -> None:
        """Take note which reply stands."""
        waiting = self._waiting(news.about)
        if waiting is None:
            return
        address, record, answered, sealed = waiting
        is_ours = item_id(address, sealed) == news.item
        self._end(news.about, record, answered, is_sent=is_ours)
        if is_ours:
            self._tell(AnswerSent(record=record, answered=answered))
        else:
            error = LocalProtocolError("another device had answered already; its answer stands")
            self._tell(AnswerNotSent(record=record, answered=answered, error=error))

    def refused(self, news: MailboxRefused) -> None:
        """Take note that the server refused a reply: for good, or until the next connection."""
        waiting = None if news.about is None else self._waiting(news.about)
        if waiting is None or news.about is None:
            return
        _, record, answered, _ = waiting
        error: BillfoldError = error_of(news.reason)
        if news.reason in _RETRIED:
            self._resting.add(news.about)
        else:
            if news.reason is Reason.CLOSED:
                error = ChannelClosed("this channel is closed; the answer was not sent")
            self._end(news.about, record, answered, is_sent=False)
        self._tell(AnswerNotSent(record=record, answered=answered, error=error))

    def _waiting(self, about: bytes) -> tuple[MailboxAddress, str, str | None, bytes] | None:
        data = self._get_replica().meta(WAITING_KEY + about.hex())
        return None if data is None else _parse(data)

    def _end(self, about: bytes, record: str, answered: str | None, *, is_sent: bool) -> None:
        replica = self._get_replica()
        replica.put_meta(WAITING_KEY + about.hex(), None)
        device = replica.core.device_id.hex()
        edits: list[Edit] = []
        if is_sent:
            edits.append(FieldEdit(record, "delivery", "sent"))
        if answered is not None:
            claim = "sent" if is_sent else "yielded"
            edits.append(FieldEdit(answered, f"answer_claims/{device}", claim))
            if is_sent:
                edits.append(FieldEdit(answered, "state", "answered"))
        if edits and replica.core.may_write:
            replica.edit(edits)


def _parse(data: bytes | None) -> tuple[MailboxAddress, str, str | None, bytes]:
    try:
        fields = codec.as_array(codec.decode(data or b"", size_max=_SIZE_MAX), 4)
        address, record, answered, sealed = fields
        return (
            MailboxAddress(codec.as_bytes(address, 32)),
            codec.as_text(record),
            None if answered is None else codec.as_text(answered),
            codec.as_bytes(sealed),
        )
    except Malformed as error:
        raise StoreDamaged("an answer on its way is damaged") from error
