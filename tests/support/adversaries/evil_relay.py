"""The real relay with hooks on everything that it says and hears, for a server that lies.

`Answers` is what the attacker holds on to; it is the same in the simulation and over a socket.

Spec: 02-threat-model.md
"""

from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from billfold_protocol import codec, limits
from billfold_protocol.crypto.signing import SigningKey
from billfold_protocol.errors import BillfoldError
from billfold_protocol.ids import DeviceId
from billfold_protocol.messages import (
    ClientMessage,
    Entries,
    Register,
    ServerMessage,
    Subscribe,
    encode_server_message,
    parse_client_message,
    parse_server_message,
)
from billfold_server.hub import Outbox, Peer
from billfold_server.intake import RelayConfig
from billfold_server.relay import Relay
from billfold_server.store import LogStore

Answer = ServerMessage | bytes
"""A message, or the bytes of one that no honest server would send."""

Tamper = Callable[["EvilOutbox", ServerMessage], Iterable[Answer]]
"""Returns what is said in place of an answer: nothing, itself, another, several."""


class EvilOutbox:
    """The way to one peer, on which every answer is changed as the attacker likes."""

    def __init__(self, inner: Outbox, answers: "Answers") -> None:
        self._inner = inner
        self._answers = answers
        self.device: DeviceId | None = None
        """Who is behind the connection, once it has said so."""

        self.heard: list[bytes] = []
        """The frames that came from the peer."""

        self.said: list[bytes] = []
        """The frames that went to it, as they went."""

    def send(self, frame: bytes) -> None:
        """Send what the attacker makes of an answer."""
        for answer in self._answers.instead_of(self, frame):
            self.tell(answer)

    def tell(self, answer: Answer) -> None:
        """Send something as it is."""
        frame = answer if isinstance(answer, bytes) else encode_server_message(answer)
        self.said.append(frame)
        self._inner.send(frame)

    @property
    def is_congested(self) -> bool:
        """Whether the peer reads slower than it is sent to."""
        return self._inner.is_congested

    @property
    def messages(self) -> list[ClientMessage]:
        """Everything that the peer has said, parsed."""
        return [parse_client_message(frame) for frame in self.heard]


@dataclass(slots=True)
class Answers:
    """What a server says, and what the attacker does to it."""

    tamper: Tamper | None = None
    """Stands between the relay and the peers; None for a server that is honest now."""

    choose_nonce: Callable[[], bytes] | None = None
    """Draws the challenge of each connection; None for fresh ones."""

    outboxes: list[EvilOutbox] = field(default_factory=list)
    """One for each connection there ever was, in order."""

    def instead_of(self, outbox: EvilOutbox, frame: bytes) -> Iterable[Answer]:
        """Return what goes to the peer in place of an answer."""
        if self.tamper is None:
            return [frame]
        return self.tamper(outbox, parse_server_message(frame))

    def of(self, device: DeviceId) -> list[EvilOutbox]:
        """Return the connections of one device, in order."""
        return [outbox for outbox in self.outboxes if outbox.device == device]

    def inject(self, device: DeviceId, *answers: Answer) -> None:
        """Say something unasked on a device's newest connection."""
        outbox = self.of(device)[-1]
        for answer in answers:
            outbox.tell(answer)

    def wire(self) -> list[bytes]:
        """Return every frame that ever went either way."""
        return [frame for outbox in self.outboxes for frame in (*outbox.heard, *outbox.said)]


class EvilRelay(Relay):
    """The real relay; only its connections are the attacker's."""

    def __init__(
        self,
        store: LogStore,
        key: SigningKey,
        config: RelayConfig,
        *,
        now_s: Callable[[], float],
        answers: Answers,
    ) -> None:
        super().__init__(store, key, config, now_s=now_s)
        self._answers = answers

    def connect(
        self, outbox: Outbox, *, nonce: bytes, origins: Sequence[str], address: str
    ) -> Peer:
        """Begin a connection through an outbox of the attacker's."""
        evil = EvilOutbox(outbox, self._answers)
        self._answers.outboxes.append(evil)
        if self._answers.choose_nonce is not None:
            nonce = self._answers.choose_nonce()
        return super().connect(evil, nonce=nonce, origins=origins, address=address)

    def receive(self, peer: Peer, frame: bytes) -> None:
        """Note a frame and who is behind it, then judge it."""
        outbox = peer.outbox
        assert isinstance(outbox, EvilOutbox)
        outbox.heard.append(frame)
        with suppress(BillfoldError):
            message = parse_client_message(frame)
            if isinstance(message, Subscribe | Register):
                outbox.device = message.device
        super().receive(peer, frame)


def only_to(device: DeviceId, tamper: Tamper) -> Tamper:
    """Return a hook that lies to one device and is honest with all others."""
    return lambda outbox, message: tamper(outbox, message) if outbox.device == device else [message]


def changing_entries(change: Callable[[bytes], Iterable[bytes]]) -> Tamper:
    """Return a hook that puts other entries in place of each entry."""

    def tamper(_outbox: EvilOutbox, message: ServerMessage) -> Iterable[Answer]:
        if not isinstance(message, Entries):
            return [message]
        entries = tuple(new for raw in message.entries for new in change(raw))
        return [Entries(wallet_id=message.wallet_id, n=message.n, entries=entries)]

    return tamper


def fields_of(frame: bytes) -> list[object]:
    """Return the fields of a message, to be changed and encoded again."""
    return codec.as_array(codec.decode(frame, size_max=limits.FRAME_SIZE_MAX))


def without(*kinds: type[ServerMessage]) -> Tamper:
    """Return a hook that keeps some kinds of answers back."""
    return lambda _outbox, message: [] if isinstance(message, kinds) else [message]
