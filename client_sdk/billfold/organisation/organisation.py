"""An organisation that people have given an address: it sends, collects replies, and verifies both.

What is sent is kept until the server has signed for it; what is collected is kept before the
server may forget it. So a crash at any point loses nothing and sends nothing twice.

Spec: 26-channels.md
"""

import base64
import secrets
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from billfold.organisation.places import Place, error_of
from billfold.organisation.replies import Reply, fields_of, reply_of
from billfold.organisation.state import Correspondent, State, Waiting, load_state, save_state
from billfold.plaintext import BASIC_MESSAGE, Plaintext
from billfold.receipts import COUNTERSIGN
from billfold.transport.posting import Posting
from billfold_protocol.errors import (
    ChannelClosed,
    ChannelUnknown,
    InputError,
    LimitExceeded,
    NotFound,
    RemoteProtocolError,
    StoreMissing,
    TransportError,
    VerificationError,
    WrongContext,
    WrongSender,
)
from billfold_protocol.ids import MailboxAddress
from billfold_protocol.invitation import Invitation
from billfold_protocol.mailbox import (
    NONCE_SIZE,
    AskCard,
    Card,
    CardShown,
    Deposit,
    Deposited,
    MailboxAnswer,
    MailboxRequest,
    Question,
    Refused,
    Replies,
    TakeReplies,
    encode_request,
    verify_answer,
)
from billfold_protocol.mailbox_sealing import Direction, Party, PartyKeys

MOVES_COUNT_MAX: Final = 4
"""Servers that one request may be sent on to: a wallet that moved may have moved again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """A message that the person's server has signed for."""

    id: str
    """The message's id, by which answers name it."""

    expires_s: int
    """When the server gives it up if no device of the person has come, in seconds since 1970."""


class Organisation:
    """One organisation; close it, or use it with `async with`."""

    def __init__(
        self,
        path: str | Path,
        *,
        posting: Posting | None = None,
        now_s: Callable[[], float] = time.time,
    ) -> None:
        """Open the file of an organisation; it is made, with fresh keys, if it is not there.

        Args:
            path: a file; whoever has it can write to all these people.
            posting: how servers are reached.
            now_s: the clock.

        Raises:
            StoreDamaged: the file cannot be understood.
            StoreError: it cannot be read or written.
        """
        self._path = Path(path)
        self._posting = posting or Posting()
        self._now_s = now_s
        try:
            self._state = load_state(self._path)
        except StoreMissing:
            self._state = State.new()
            save_state(self._path, self._state)
        self._party = Party(self._state.signing_seed, self._state.wrapping_seed)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close every connection."""
        await self._posting.close()

    @property
    def keys(self) -> PartyKeys:
        """The keys by which wallets know this organisation."""
        return self._party.keys

    @property
    def correspondents(self) -> list[Correspondent]:
        """The people who have given an address."""
        return list(self._state.correspondents.values())

    @property
    def replies(self) -> list[Reply]:
        """All replies that were collected, the oldest first."""
        return [reply_of(fields) for fields in self._state.replies]

    async def accept(self, uri: str) -> Correspondent:
        """Take a person's address, and check with their server that it is theirs and open.

        Raises:
            WrongContext: the text is no invitation, or the server shows another person's keys.
            InputError: it is one, but damaged.
            ChannelClosed: the person has closed the channel since.
            ChannelUnknown: the server does not know it, perhaps not yet: try again later.
            TransportError: the server cannot be reached.
            VerificationError: the server's answer does not verify.
        """
        invitation = Invitation.parse(uri)
        known = self._state.correspondents.get(invitation.address.hex())
        here = (invitation.server, invitation.server_key)
        if known is not None and not known.is_closed and (known.server, known.server_key) == here:
            return known
        place = Place(invitation.server, invitation.server_key)
        capability = invitation.capability
        request = AskCard(nonce=secrets.token_bytes(NONCE_SIZE))
        answer, place = await self._ask_at(place, invitation.address.hex(), capability, request)
        if not isinstance(answer, CardShown):
            raise RemoteProtocolError("the server answers what it was not asked")
        card = Card.verify(answer.card)
        if card.signing != invitation.signing:
            raise WrongContext("the server shows another person's keys")
        one = Correspondent(
            server=place.server,
            server_key=place.server_key,
            card=card,
            capability=capability,
        )
        self._keep(self._state.with_correspondent(one))
        return one

    async def send(
        self,
        correspondent: Correspondent | str,
        text: str | None = None,
        *,
        body: Mapping[str, Any] | None = None,
        message_type: str = BASIC_MESSAGE,
        thid: str | None = None,
        expires_time: int | None = None,
    ) -> Sent:
        """Write to a person; when this returns their server holds the message.

        After a `TransportError`, `LimitExceeded` or `ChannelUnknown` the message is kept, and
        `flush` sends it.

        Args:
            correspondent: who, or their id.
            text: what to say.
            body: what to say instead, as a JSON object.
            message_type: what kind of message it is.
            thid: the id of the message that it answers.
            expires_time: until when it matters, in seconds since 1970.

        Raises:
            ChannelClosed: the person has closed the channel.
            ChannelUnknown: the server does not know it any more.
            LimitExceeded: too much was sent, or nothing was collected for long.
            InputError: the message is too long, or cannot be written as JSON.
            TransportError: the server cannot be reached.
            VerificationError: the server's answer does not verify.
            StoreError: the message could not be kept.
        """
        if (text is None) == (body is None):
            raise InputError("a message has either a text or a body")
        one, now_s = self._find(correspondent), int(self._now_s())
        if one.is_closed:
            raise ChannelClosed("the person has closed this channel; nothing more can be sent")
        plaintext = Plaintext(
            id=secrets.token_hex(16),
            type=message_type,
            body={"content": text} if body is None else dict(body),
            created_time=now_s,
            thid=thid,
            expires_time=expires_time,
        )
        waiting = Waiting(correspondent=one.id, content=plaintext.encode(), time_s=now_s)
        self._keep(replace(self._state, waiting={**self._state.waiting, plaintext.id: waiting}))
        return await self._deliver(plaintext.id)

    async def flush(self) -> list[Sent]:
        """Send what the servers have not signed for; what cannot be sent now stays.

        Raises:
            StoreError: what became of it could not be kept.
        """
        sent = []
        for id_ in tuple(self._state.waiting):
            try:
                sent.append(await self._deliver(id_))
            except (TransportError, LimitExceeded, ChannelClosed, ChannelUnknown):
                continue
        return sent

    async def collect(self, correspondent: Correspondent | str) -> list[Reply]:
        """Return the replies that have come since the last time; each comes once.

        Raises:
            ChannelClosed: the person has closed the channel, and nothing is left.
            ChannelUnknown: the server does not know it any more.
            TransportError: the server cannot be reached.
            VerificationError: the server's answer does not verify.
            StoreError: the replies could not be kept.
        """
        one = self._find(correspondent)
        found: list[Reply] = []
        while True:
            nonce = secrets.token_bytes(NONCE_SIZE)
            request = TakeReplies(nonce=nonce, after=one.replies_taken)
            answer = await self._ask(one, request)
            if not isinstance(answer, Replies):
                raise RemoteProtocolError("the server answers what it was not asked")
            one = self._find(one.id)  # It may live elsewhere now.
            state = self._state
            for number, sealed in answer.items:
                if number <= one.replies_taken:
                    raise WrongContext("the server gives replies again that were taken")
                one = replace(one, replies_taken=number)
                reply = self._open(one, sealed, state.replies)
                if reply is not None:
                    found.append(reply)
                    state = replace(state, replies=(*state.replies, fields_of(reply)))
            self._keep(state.with_correspondent(one))
            if not answer.has_more:
                return found

    async def countersign(self, reply: Reply) -> Sent:
        """Sign the receipt of what a person has shared, so that both sides hold it.

        Raises:
            InputError: nothing is shared by this reply, or not with this organisation's channel.
            BillfoldError: as for `send`.
        """
        shared, one = reply.shared, self._find(reply.correspondent)
        card = PartyKeys(signing=one.card.signing, wrapping=one.card.wrapping)
        if shared is None or shared.receipt.data_subject != card.fingerprint.hex():
            raise InputError("there is no receipt of this person to sign")
        receipt = shared.receipt
        body = {"record_id": receipt.record_id, "digest": receipt.digest}
        return await self.send(one, body=body, message_type=COUNTERSIGN)

    def _open(
        self, one: Correspondent, sealed: bytes, kept: Sequence[Mapping[str, Any]]
    ) -> Reply | None:
        """Open and verify a reply; None for one that is none, or that is here already."""
        try:
            direction = Direction.TO_ORGANISATION
            message = self._party.unseal(sealed, address=one.address, direction=direction)
            card = one.card
            if message.sender != PartyKeys(signing=card.signing, wrapping=card.wrapping):
                raise WrongSender("the reply is not signed by the person")
            plaintext = Plaintext.parse(message.content)
        except (VerificationError, RemoteProtocolError):
            # Only the person's devices can leave one; whatever else does harms this one only.
            return None
        # Of two answers with one id the first counts: devices that answer apart use the same.
        known = any(
            fields["correspondent"] == one.id and fields["id"] == plaintext.id for fields in kept
        )
        if known:
            return None
        return Reply(correspondent=one.id, message=plaintext, signed=message.signed)

    async def _deliver(self, id_: str) -> Sent:
        waiting = self._state.waiting[id_]
        one = self._find(waiting.correspondent)
        _, sealed = self._party.seal(
            waiting.content,
            to=one.card.wrapping,
            address=one.address,
            direction=Direction.TO_PERSON,
            time_s=waiting.time_s,
        )
        try:
            answer = await self._ask(one, Deposit(sealed=sealed))
        except ChannelClosed:
            self._forget(id_)
            raise
        if not isinstance(answer, Deposited):
            raise RemoteProtocolError("the server answers what it was not asked")
        self._forget(id_)
        return Sent(id=id_, expires_s=answer.expires_s)

    def _forget(self, id_: str) -> None:
        waiting = {key: one for key, one in self._state.waiting.items() if key != id_}
        self._keep(replace(self._state, waiting=waiting))

    async def _ask(self, one: Correspondent, request: MailboxRequest) -> MailboxAnswer:
        place = Place(one.server, one.server_key)
        try:
            answer, found = await self._ask_at(place, one.id, one.capability, request)
        except ChannelClosed:
            self._keep(self._state.with_correspondent(replace(one, is_closed=True)))
            raise
        if found != place:
            moved = replace(one, server=found.server, server_key=found.server_key)
            # Numbers of replies belong to one server's store.
            self._keep(self._state.with_correspondent(replace(moved, replies_taken=0)))
        return answer

    async def _ask_at(
        self, place: Place, name: str, capability: bytes, request: MailboxRequest
    ) -> tuple[MailboxAnswer, Place]:
        bearer = base64.urlsafe_b64encode(capability).decode().rstrip("=")
        for _ in range(MOVES_COUNT_MAX + 1):
            body = encode_request(request)
            question = Question(address=MailboxAddress(bytes.fromhex(name)), body=body)
            raw = await self._posting.post(
                f"{place.server}/v1/mailboxes/{name}", body, bearer=bearer
            )
            answer = verify_answer(raw, place.server_key, question)
            if not isinstance(answer, Refused):
                return answer, place
            if answer.home is None:
                raise error_of(answer.reason)
            place = Place(*answer.home)
            if isinstance(request, TakeReplies):
                request = replace(request, after=0)
            if not isinstance(request, AskCard):
                place = await self._checked(place, name, capability)
        raise RemoteProtocolError("the servers send this request on and on")

    async def _checked(self, place: Place, name: str, capability: bytes) -> Place:
        """Return where a mailbox is, once the server there has shown the person's keys."""
        request = AskCard(nonce=secrets.token_bytes(NONCE_SIZE))
        answer, found = await self._ask_at(place, name, capability, request)
        if not isinstance(answer, CardShown):
            raise RemoteProtocolError("the server answers what it was not asked")
        if Card.verify(answer.card).address.hex() != name:
            raise WrongContext("the new server shows another person's keys")
        return found

    def _find(self, correspondent: Correspondent | str) -> Correspondent:
        name = correspondent if isinstance(correspondent, str) else correspondent.id
        found = self._state.correspondents.get(name)
        if found is None:
            raise NotFound("nobody with this address has been accepted")
        return found

    def _keep(self, state: State) -> None:
        save_state(self._path, state)
        self._state = state
