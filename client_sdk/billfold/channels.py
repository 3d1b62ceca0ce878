"""`wallet.channels`: sealed channels with organisations.

    opened = await wallet.channels.open("https://library.example", name="Library")
    print(opened.uri)                                 # shown to the library, as text or a QR code
    for message in wallet.channels.messages():
        await wallet.channels.answer(message.id, "I am coming.")
    await wallet.channels.close(opened.record)        # nothing more can be sent by it

Spec: 26-channels.md
"""

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from billfold.document import Edit, FieldEdit, RecordView, random_record_id
from billfold.editing import natural_key_text
from billfold.mail.ledger import RefusedMessage
from billfold.mail.records import (
    CHANNEL_TYPE,
    CLOSED,
    DIGEST,
    MESSAGE_TYPE,
    RELATIONSHIP,
    RELATIONSHIP_TYPE,
    SEED,
    Channel,
    channels_of,
    outgoing_edits,
    pinned_sender,
)
from billfold.model.answer_turns import answer_id
from billfold.plaintext import BASIC_MESSAGE, Plaintext
from billfold.replica import Replica
from billfold.synchronizer import Synchronizer
from billfold_protocol.errors import (
    ChannelClosed,
    InputError,
    LocalProtocolError,
    NotFound,
    WrongSender,
)
from billfold_protocol.ids import MailboxAddress
from billfold_protocol.invitation import Invitation
from billfold_protocol.mailbox_sealing import SEED_SIZE, PartyKeys


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelView:
    """One channel, as it is shown."""

    record: str
    """The id of its record."""

    relationship: str
    """The id of the record of the organisation."""

    organisation: str
    """The organisation's identifier."""

    name: str
    """What the person calls it."""

    address: MailboxAddress
    """Its mailbox."""

    uri: str
    """What the organisation is given: text that fits into a QR code."""

    is_closed: bool
    sender: PartyKeys | None
    """The keys of the organisation, pinned when it wrote first; None while it has not."""


class Channels:
    """The channels of one open wallet."""

    def __init__(self, synchronizer: Synchronizer) -> None:
        self._synchronizer = synchronizer

    async def open(self, organisation: str, *, name: str | None = None) -> ChannelView:
        """Give an organisation its address; the one that it has, if there is one that is open.

        The organisation can write once this wallet has been online.

        Args:
            organisation: its identifier, such as its web address.
            name: what the person calls it; the identifier if None.

        Raises:
            LocalProtocolError: the wallet has no server yet.
            InputError: the identifier is empty.
            AccessError: this device may not change the wallet.
            StoreError: it could not be made durable.
        """
        if not organisation:
            raise InputError("an organisation needs an identifier, such as its web address")
        replica = self._replica
        self._require_home()
        key = natural_key_text((organisation,))
        document, wallet_id = replica.document, replica.wallet_id
        relationship = document.natural_record_id(wallet_id, RELATIONSHIP_TYPE, key)
        for channel in channels_of(replica):
            if channel.relationship == relationship and not channel.is_closed:
                return self._view(channel)
        record = random_record_id(secrets.token_bytes(16))
        edits: list[Edit] = []
        if not document.has_record(relationship):
            edits += [
                FieldEdit(relationship, "type", RELATIONSHIP_TYPE),
                FieldEdit(relationship, "organisation", organisation),
                FieldEdit(relationship, "name", name or organisation),
            ]
        edits += [
            FieldEdit(record, "type", CHANNEL_TYPE),
            FieldEdit(record, RELATIONSHIP, relationship),
            FieldEdit(record, SEED, secrets.token_bytes(SEED_SIZE)),
        ]
        await self._synchronizer.edit(edits)
        self._stir()
        return self.get(record)

    async def close(self, channel: str) -> None:
        """End a channel: its organisation can send nothing more by it.

        What it had sent before still comes.

        Args:
            channel: the id of its record, or the organisation's identifier or name.

        Raises:
            NotFound: there is no such channel.
            AccessError: this device may not change the wallet.
            StoreError: it could not be made durable.
        """
        found = self.get(channel)
        if not found.is_closed:
            await self._synchronizer.edit([FieldEdit(found.record, CLOSED, value=True)])
            self._stir()

    def all(self) -> list[ChannelView]:
        """Return all channels, those that are closed last."""
        views = [self._view(channel) for channel in channels_of(self._replica)]
        return sorted(views, key=lambda view: (view.is_closed, view.name.casefold(), view.record))

    def get(self, channel: str) -> ChannelView:
        """Return a channel by the id of its record, or its organisation's identifier or name.

        Raises:
            NotFound: there is no such channel, or several are open under this name.
        """
        views = self.all()
        for view in views:
            if view.record == channel:
                return view
        named = [v for v in views if channel in {v.organisation, v.name, v.relationship}]
        still_open = [view for view in named if not view.is_closed]
        if len(still_open) > 1:
            raise NotFound(f"several channels are called {channel!r}; name one by its id")
        if not named:
            raise NotFound(f"there is no channel with {channel!r}")
        return (still_open or named)[0]

    def messages(self, channel: str | None = None) -> list[RecordView]:
        """Return the messages from and to organisations, the oldest first.

        Args:
            channel: only those of this one.

        Raises:
            NotFound: there is no such channel.
        """
        wanted = None if channel is None else self.get(channel).relationship
        found = [
            view
            for view in self._replica.document.records(MESSAGE_TYPE)
            if wanted is None or _text(view, RELATIONSHIP) == wanted
        ]
        return sorted(found, key=lambda view: (_number(view, "created_time"), view.id))

    def refused(self) -> list[RefusedMessage]:
        """Return what came and was not taken on this device, the oldest first."""
        return self._synchronizer.desks.mailroom.ledger.refused()

    async def read(self, message: str) -> None:
        """Note that the person has read a message.

        Raises:
            NotFound: there is no such message.
            AccessError: this device may not change the wallet.
            StoreError: it could not be made durable.
        """
        view = self._message(message)
        if _text(view, "state") == "received":
            await self._synchronizer.edit([FieldEdit(view.id, "state", "read")])

    async def answer(
        self,
        message: str,
        text: str | None = None,
        *,
        body: Mapping[str, Any] | None = None,
        message_type: str = BASIC_MESSAGE,
    ) -> RecordView:
        """Answer a message; if several devices do, one answer is sent, the one that comes first.

        `AnswerSent` or `AnswerNotSent` tells what became of it, also after a restart.

        Args:
            message: the id of its record.
            text: what to say.
            body: what to say instead, as a JSON object.
            message_type: what kind of message the answer is.

        Raises:
            NotFound: there is no such message.
            LocalProtocolError: it was answered, or is an own one.
            ChannelClosed: its channel is closed.
            InputError: the answer is too long, or cannot be written as JSON.
            AccessError: this device may not change the wallet.
            StoreError: it could not be made durable.
        """
        view = self._message(message)
        if _text(view, "direction") != "in":
            raise LocalProtocolError("this is an own message; only others' can be answered")
        if _text(view, "state") == "answered":
            raise LocalProtocolError("this message has been answered")
        channel = self._channel(_text(view, CHANNEL_TYPE))
        sender, message_id = _text(view, "from"), _text(view, "message_id")
        # One id for whichever device answers, so that a receiver who gets two keeps one.
        id_ = answer_id(sender, message_id)
        plaintext = self._compose(text, body, message_type, id_=id_, thid=message_id)
        about = channel.keys.about(bytes.fromhex(_text(view, DIGEST)))
        return await self._send(channel, plaintext, about, answered=view.id)

    async def send(
        self,
        channel: str,
        text: str | None = None,
        *,
        body: Mapping[str, Any] | None = None,
        message_type: str = BASIC_MESSAGE,
        along: Sequence[Edit] = (),
    ) -> RecordView:
        """Write to an organisation that has written before.

        Args:
            channel: the id of its record, or the organisation's identifier or name.
            text: what to say.
            body: what to say instead, as a JSON object.
            message_type: what kind of message it is.
            along: edits that are made in the same change.

        Raises:
            NotFound: there is no such channel.
            LocalProtocolError: the organisation has not written yet.
            ChannelClosed: the channel is closed.
            InputError: the message is too long, or cannot be written as JSON.
            AccessError: this device may not change the wallet.
            StoreError: it could not be made durable.
        """
        found = self._channel(self.get(channel).record)
        id_ = secrets.token_hex(16)
        plaintext = self._compose(text, body, message_type, id_=id_, thid=None)
        about = found.keys.about(plaintext.id.encode())
        return await self._send(found, plaintext, about, answered=None, along=along)

    def own_keys(self, channel: str) -> PartyKeys:
        """Return the person's public keys for one organisation.

        Raises:
            NotFound: there is no such channel.
        """
        return self._channel(self.get(channel).record).keys.party.keys

    @property
    def _replica(self) -> Replica:
        return self._synchronizer.replica

    def _compose(
        self,
        text: str | None,
        body: Mapping[str, Any] | None,
        message_type: str,
        *,
        id_: str,
        thid: str | None,
    ) -> Plaintext:
        if (text is None) == (body is None):
            raise InputError("a message has either a text or a body")
        plaintext = Plaintext(
            id=id_,
            type=message_type,
            body={"content": text} if body is None else dict(body),
            created_time=max(0, self._replica.core.now_ms() // 1000),
            thid=thid,
        )
        plaintext.encode()  # It would be refused over there.
        return plaintext

    async def _send(
        self,
        channel: Channel,
        plaintext: Plaintext,
        about: bytes,
        *,
        answered: str | None,
        along: Sequence[Edit] = (),
    ) -> RecordView:
        replica, keys = self._replica, channel.keys.party.keys
        replica.require_right_to_write()
        replying = self._synchronizer.desks.mailroom.replying
        replying.require_way(channel)
        record = random_record_id(secrets.token_bytes(16))
        edits = [*outgoing_edits(record, channel, keys, plaintext), *along]
        if answered is not None:
            device = replica.core.device_id.hex()
            edits += [
                FieldEdit(answered, f"answer_drafts/{device}", record),
                FieldEdit(answered, f"answer_claims/{device}", "claimed"),
            ]
        # In one turn of the event loop, so that both are durable or neither is.
        replica.edit(edits)
        replying.prepare(channel, plaintext, record, about, answered)
        self._stir()
        await self._synchronizer.committed()
        return replica.document.record(record)

    def _stir(self) -> None:
        self._synchronizer.desks.mailroom.look_again()
        self._synchronizer.wake()

    def _message(self, message: str) -> RecordView:
        view = self._replica.document.record(message)
        if view.type != MESSAGE_TYPE:
            raise NotFound(f"there is no message {message}")
        return view

    def _channel(self, record: str) -> Channel:
        for channel in channels_of(self._replica):
            if channel.record == record:
                return channel
        raise ChannelClosed("the channel by which this came is gone; it cannot be answered")

    def _require_home(self) -> None:
        if self._replica.state.home is None:
            raise LocalProtocolError("this wallet has no server; `connect` and `sync` give it one")

    def _view(self, channel: Channel) -> ChannelView:
        replica, home = self._replica, self._replica.state.home
        view = replica.document.record(channel.relationship)
        organisation = _text(view, "organisation")
        try:
            sender = pinned_sender(replica, channel)
        except WrongSender:
            sender = None
        uri = ""
        if home is not None:
            uri = Invitation(
                server=home.server.address,
                server_key=home.server.key,
                signing=channel.keys.party.keys.signing,
                capability=channel.keys.capability,
            ).uri()
        return ChannelView(
            record=channel.record,
            relationship=channel.relationship,
            organisation=organisation,
            name=_text(view, "name") or organisation,
            address=channel.address,
            uri=uri,
            is_closed=channel.is_closed,
            sender=sender,
        )


def _text(view: RecordView, field: str) -> str:
    state = view.fields.get(field)
    return state.value if state is not None and isinstance(state.value, str) else ""


def _number(view: RecordView, field: str) -> int:
    state = view.fields.get(field)
    return state.value if state is not None and isinstance(state.value, int) else 0
