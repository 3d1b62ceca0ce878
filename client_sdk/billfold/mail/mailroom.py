"""Keeps a wallet's mailboxes at its server as the document wants them, and takes what comes there.

    document ──open, close──► server            server ──messages──► records ──merged──► server
    answers  ──reply────────► server ──which reply stands──► who has answered

It neither dials nor waits. What is said rests on what is durable: a reply is kept before it is
sent, and a message is called merged once the entry that holds its record was acknowledged.

Spec: 26-channels.md
"""

from collections.abc import Callable, Iterator

from billfold.events import Event, MessageRefused
from billfold.mail.intake import take_message
from billfold.mail.ledger import Ledger
from billfold.mail.records import Channel, channels_of
from billfold.mail.replying import Replying
from billfold.replica import Replica
from billfold_protocol.errors import (
    InputError,
    LimitExceeded,
    RemoteProtocolError,
    VerificationError,
)
from billfold_protocol.feed import Reason
from billfold_protocol.ids import InstanceId, MailboxAddress
from billfold_protocol.mailbox import capability_hash, sign_opening
from billfold_protocol.messages import (
    AskMailbox,
    CloseMailbox,
    ListMailboxes,
    Mail,
    MailboxList,
    MailboxRefused,
    MailboxState,
    MergedMail,
    OpenMailbox,
    OwnerNews,
    OwnerRequest,
    ReplyKept,
    TakeMail,
)


class Mailroom:
    """The mailboxes of one wallet."""

    def __init__(self, replica: Callable[[], Replica], tell: Callable[[Event], None]) -> None:
        self._get_replica = replica
        self._tell = tell
        self.ledger = Ledger(replica)
        """What this device remembers of mailboxes."""

        self.replying = Replying(replica, tell)
        """The answers on their way."""

        self._states: dict[MailboxAddress, MailboxState] | None = None
        """How the server's mailboxes stand; None while it has not said."""

        self._is_asked = False
        self._is_due = True
        self._has_unknown = False
        """Whether there is mail for a channel whose record has not come yet."""

        self._wanted: set[tuple[MailboxAddress, bool]] = set()
        """What was asked to be open, or closed, on this connection."""

        self._taking: set[MailboxAddress] = set()
        self._merged: dict[MailboxAddress, int] = {}
        """Up to where the server was told that messages are merged, on this connection."""

        self._known: tuple[tuple[bytes, ...], tuple[Channel, ...]] | None = None
        """The wallet's channels as of the document's heads: looking for them reads every record."""

        self.refusals: dict[MailboxAddress, Reason] = {}
        """Why the server did not open or close a mailbox, on this connection."""

    def connected(self) -> None:
        """Begin anew with a server."""
        self._states, self._is_asked, self._is_due = None, False, True
        for asked in (self._wanted, self._taking, self._merged, self.refusals):
            asked.clear()
        self.replying.connected()

    def look_again(self) -> None:
        """Compare with the document at the next chance: a channel was opened or closed."""
        self._is_due = True

    def entries_came(self) -> None:
        """Compare with the document again if a record was missing."""
        self._is_due = self._is_due or self._has_unknown

    @property
    def is_settled(self) -> bool:
        """Whether the server's mailboxes are as the document wants them, and all mail is here."""
        replica = self._get_replica()
        channels = self._channels()
        if not channels or not replica.core.may_write:
            return True
        if self._states is None or self._is_due or self._taking or not self.replying.is_settled:
            return False
        return all(
            channel.address in self.refusals or self._is_right(channel) for channel in channels
        )

    def due(self, instance: InstanceId, n: int) -> Iterator[AskMailbox]:
        """Return what the server must be told now; call it while live.

        Args:
            instance: which server's store it is.
            n: all that arrived there up to this number is here, own acknowledged entries included.
        """
        replica = self._get_replica()
        if not replica.core.may_write:
            return
        self.ledger.at(instance)
        if self._is_due and self._states is None:
            self._is_due = False
            if not self._is_asked and self._channels():
                self._is_asked = True
                yield self._ask(ListMailboxes())
        if self._states is None:
            return
        if self._is_due:
            self._is_due = False
            yield from self._compare(self._states)
        if replica.unsynced_count == 0:
            yield from self._tell_merged(self._states, n)
        self.replying.offer()

    def receive(self, news: OwnerNews) -> None:
        """Take what the server says."""
        match news:
            case MailboxList(mailboxes=mailboxes):
                self._states = {state.address: state for state in mailboxes}
                self._is_due = True
            case MailboxState(address=address):
                self._is_due = True
                if self._states is not None:
                    self._states[address] = news
            case Mail():
                self._take(news)
            case ReplyKept():
                self.replying.kept(news)
            case MailboxRefused(about=bytes()):
                self.replying.refused(news)
            case MailboxRefused(address=address, reason=reason):
                self.refusals[address] = reason

    def _compare(self, states: dict[MailboxAddress, MailboxState]) -> Iterator[AskMailbox]:
        """Ask for what makes the server's mailboxes what the document wants."""
        known: set[MailboxAddress] = set()
        for channel in self._channels():
            address, state = channel.address, states.get(channel.address)
            known.add(address)
            if not _stands_right(channel, state) and (address, state is None) not in self._wanted:
                self._wanted.add((address, state is None))
                yield self._ask(self._opening(channel) if state is None else _closing(channel))
            after = self.ledger.cursor(address)
            if state is not None and state.last > after and address not in self._taking:
                self._taking.add(address)
                yield self._ask(TakeMail(address=address, after=after))
        with_mail = {address for address, state in states.items() if state.last}
        self._has_unknown = not with_mail <= known

    def _channels(self) -> tuple[Channel, ...]:
        replica = self._get_replica()
        heads = replica.document.heads
        if self._known is None or self._known[0] != heads:
            self._known = (heads, tuple(channels_of(replica)))
        return self._known[1]

    def _is_right(self, channel: Channel) -> bool:
        state = (self._states or {}).get(channel.address)
        has_all = state is None or state.last <= self.ledger.cursor(channel.address)
        return has_all and _stands_right(channel, state)

    def _opening(self, channel: Channel) -> OpenMailbox:
        replica, keys = self._get_replica(), channel.keys
        home = replica.state.home
        assert home is not None
        capability = capability_hash(keys.address, keys.capability)
        key, server_key = keys.party.signing_key, home.server.key
        proof = sign_opening(key, server_key, replica.wallet_id, capability)
        return OpenMailbox(card=keys.card(), capability=capability, proof=proof)

    def _take(self, mail: Mail) -> None:
        """Merge the messages of one answer, and go on from there."""
        replica, address = self._get_replica(), mail.address
        self._taking.discard(address)
        channel = next((one for one in self._channels() if one.address == address), None)
        if channel is None or not replica.core.may_write:
            return
        for number, time_s, sealed in mail.items:
            if number > self.ledger.cursor(address):
                self._take_one(replica, channel, number, time_s, sealed)
                self.ledger.advance(address, number)
        self.ledger.advance(address, mail.upto)
        self._is_due = True

    def _take_one(
        self, replica: Replica, channel: Channel, number: int, time_s: int, sealed: bytes
    ) -> None:
        try:
            received = take_message(replica, channel, sealed)
        except (VerificationError, RemoteProtocolError, InputError, LimitExceeded) as error:
            self.ledger.refuse(channel.address, number, time_s, error)
            self._tell(MessageRefused(relationship=channel.relationship, error=error))
            return
        if received is not None:
            self._tell(received)

    def _tell_merged(
        self, states: dict[MailboxAddress, MailboxState], n: int
    ) -> Iterator[AskMailbox]:
        for address, state in states.items():
            upto = min(self.ledger.cursor(address), state.last)
            if upto > max(state.merged, self._merged.get(address, 0)):
                self._merged[address] = upto
                yield self._ask(MergedMail(address=address, upto=upto, n=n))

    def _ask(self, request: OwnerRequest) -> AskMailbox:
        return AskMailbox(wallet_id=self._get_replica().wallet_id, request=request)


def _stands_right(channel: Channel, state: MailboxState | None) -> bool:
    """Whether a mailbox need not be opened or closed; a closed one is never opened again."""
    if state is None:
        return channel.is_closed
    return not (state.is_open and channel.is_closed)


def _closing(channel: Channel) -> CloseMailbox:
    return CloseMailbox(address=channel.address)
