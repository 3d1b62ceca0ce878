"""What the parts of one conversation share: the session, what to send, and whom to tell.

Spec: 21-sync.md
"""

from collections.abc import Callable
from dataclasses import dataclass, field

from billfold.events import Event, Warned
from billfold.homes import Standing, standing_of
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

    meant: ServerAddress | None = None
    """A server that is asked though the chain does not name it as the home, or does not yet."""

    server: ServerAddress | None = None
    """The server at the other end, once it has named its key."""

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
        """The server at the other end; it is known before anything is asked."""
        assert self.server is not None
        return self.server

    @property
    def standing(self) -> Standing:
        """What that server is to the wallet, as the chain stands now."""
        return standing_of(self.replica.core.chain, self.home.key)

    @property
    def is_home(self) -> bool:
        """Whether the wallet lives there: only there is anything pushed."""
        return self.server is not None and self.standing is Standing.HOME

    def send(self, message: ClientMessage) -> None:
        """Send a message that needs no proof and no credit."""
        self.outgoing.append(self.session.send(message))

    def warn(self, error: BillfoldError) -> None:
        """Tell the application of something wrong that the person should know."""
        self.tell(Warned(error))
