"""Being let in by a server: pinning its key, asking for the wallet, bringing it when it is new.

Spec: 20-handshake.md
"""

from collections.abc import Callable, Sequence

from billfold.cursor import CURSOR_KEY, read_cursor
from billfold.evidence import freshness, read_ack, read_checkpoint
from billfold.homes import Standing, arrive, former_homes
from billfold.journal import SubscribeDue
from billfold.line import Line
from billfold.wrap_keeping import all_kept_wraps, ask_again_k
from billfold_protocol import limits
from billfold_protocol.client_session import Opened
from billfold_protocol.errors import ServerIdentity, ServerRollback, TransportError
from billfold_protocol.ids import ChainHead
from billfold_protocol.membership import Home, ServerAddress
from billfold_protocol.messages import Register, RegisterPart, Subscribe, Wish


class Entrance:
    """How one connection begins."""

    def __init__(self, line: Line, wish: Callable[[], Wish | None]) -> None:
        self._line = line
        self._wish = wish
        self._has_registered = False
        self._nonce: bytes | None = None

    def open(self, opened: Opened) -> None:
        """Pin the server's key at first use; from then on the chain says which it is.

        Raises:
            ServerIdentity: the server's key is not the pinned one.
        """
        line, replica = self._line, self._line.replica
        home = replica.state.home
        if line.meant is not None:
            line.server = line.meant
        elif home is not None:
            line.server = home.server
        else:
            line.server = ServerAddress(address=line.address, key=opened.server_key)
            replica.set_home(Home(server=line.server))
        if line.server.key != opened.server_key:
            raise ServerIdentity("the server's key is not the one that the wallet pins")
        if line.is_home:
            arrive(replica)
        # Not before that is durable: another `home`, after a crash, would be a fork of the chain.
        self._nonce = self._line.session.challenge.nonce
        replica.journal.sends.append(SubscribeDue(self._nonce))

    def begin(self, due: SubscribeDue) -> None:
        """Ask for the wallet, if that was noted on this connection and not on one before."""
        if due.nonce == self._nonce:
            self.subscribe()

    def subscribe(self) -> None:
        """Ask for the wallet."""
        line, replica = self._line, self._line.replica
        cursor = read_cursor(replica.meta(CURSOR_KEY))
        is_known = cursor is not None and cursor.instance == line.session.challenge.instance
        k, head = replica.state.k, replica.state.head
        again_k = ask_again_k(replica)
        if again_k is not None:
            k = again_k
            head = ChainHead(bytes(16)) if k < 0 else replica.core.chain.state_at(k).head
        line.freshness = freshness(replica, line.home.key, line.random(32))
        message = Subscribe(
            wallet_id=replica.wallet_id,
            device=replica.core.device_id,
            client_nonce=line.freshness.nonce,
            k=k,
            head=head,
            cursor=cursor if is_known else None,
            vector=None if is_known else replica.vector_on_server(),
            wish=self._wish(),
        )
        key = replica.core.secrets.signing_key
        line.outgoing.append(line.session.subscribe(message, key, pinned_key=line.home.key))

    def register(self) -> None:
        """Bring the whole chain to a server that does not have the wallet.

        Raises:
            ServerRollback: it still says so after it took the chain.
            TransportError: the wallet does not live there.
        """
        line, replica = self._line, self._line.replica
        if not line.is_home:
            raise TransportError(
                f"the server at {line.address} does not hold this wallet; if it was moved there, "
                "let the device that moved it finish first"
                if line.standing is Standing.STRANGER
                else f"the former server at {line.address} does not hold this wallet any more"
            )
        if self._has_registered:
            raise ServerRollback("the server has forgotten that this device belongs to the wallet")
        self._has_registered = True
        if replica.meta(CURSOR_KEY) is not None:
            line.was_forgotten = self._had_held()
            replica.put_meta(CURSOR_KEY, None)
        *parts, last = _pieces(replica.core.chain.raws)
        for part in parts:
            line.send(RegisterPart(wallet_id=replica.wallet_id, members=part))
        message = Register(
            wallet_id=replica.wallet_id,
            device=replica.core.device_id,
            members=last,
            wraps=all_kept_wraps(replica),
            token=line.token,
        )
        key = replica.core.secrets.signing_key
        line.outgoing.append(line.session.register(message, key, pinned_key=line.home.key))

    def _had_held(self) -> bool:
        """Whether this server had held the wallet, which has read one server's log."""
        replica, key = self._line.replica, self._line.home.key
        if not former_homes(replica.core.chain):
            return True
        return read_checkpoint(replica, key) is not None or read_ack(replica, key) is not None


def _pieces(raws: Sequence[bytes]) -> list[tuple[bytes, ...]]:
    """Split a chain into what fits into one message each; there is at least one piece."""
    pieces: list[list[bytes]] = [[]]
    size = 0
    for raw in raws:
        is_full = size + len(raw) > limits.BATCH_SIZE_MAX
        if pieces[-1] and (is_full or len(pieces[-1]) == limits.BATCH_COUNT_MAX):
            pieces.append([])
            size = 0
        pieces[-1].append(raw)
        size += len(raw)
    return [tuple(piece) for piece in pieces]
