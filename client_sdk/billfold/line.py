"""What the parts of one conversation share: the session, what to send, and whom to tell.

Spec: 21-sync.md
"""

from collections.abc import Callable
from dataclasses import dataclass, field

from billfold.events import Event, Warned
from billfold.replica import Replica
from billfold_protocol.client_session import ClientSession
from billfold_protocol.envelope import RandomBytes
from billfold_protocol.errors import BillfoldError
from billfold_protocol.feed import Freshness
from billfold_protocol.membership import ServerAddress
from billfold_protocol.messages import ClientMessage


@dataclass(slots=True, kw_only=True)
class Line:
    """One connection to one server, about one wallet."""

    get_replica: Callable[[], Replica]
    """Returns the replica as it is now."""

    address: str
    """The server's origin, as it was dialled."""

    token: str | None
    """What the operator gave for registering, if anything."""

    random: RandomBytes
    tell: Callable[[Event], None]
    session: ClientSession
    freshness: Freshness = field(default_factory=lambda: Freshness.of(bytes(32), ()))
    """What the newest nonce was made of."""

    was_forgotten: bool = False
    """Whether the server did not know the wallet, though it had held it."""

    outgoing: list[bytes] = field(default_factory=list)
    """Frames to send, in order."""

    @property
    def replica(self) -> Replica:
        """The replica as it is now."""
        return self.get_replica()

    @property
    def is_live(self) -> bool:
        """Whether everything the server holds is here."""
        return self.session.is_live(self.replica.wallet_id)

    @property
    def home(self) -> ServerAddress:
        """The server that the chain names; it is named before anything is asked."""
        home = self.replica.state.home
        assert home is not None
        return home.server

    def send(self, message: ClientMessage) -> None:
        """Send a message that needs no proof and no credit."""
        self.outgoing.append(self.session.send(message))

    def warn(self, error: BillfoldError) -> None:
        """Tell the application of something wrong that the person should know."""
        self.tell(Warned(error))
