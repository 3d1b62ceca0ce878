"""Which server a wallet syncs with, as it is kept beside the wallet.

Spec: 40-wallet-document.md
"""

from dataclasses import dataclass

from billfold_protocol import codec
from billfold_protocol.errors import Malformed, StoreDamaged

SERVER_KEY = "server"


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """Where a wallet syncs."""

    address: str
    token: str | None = None
    """What the operator gave for registering, if anything."""


def encode_server(where: Server) -> bytes:
    """Return what the store keeps."""
    return codec.encode([where.address, where.token])


def parse_server(data: bytes | None) -> Server | None:
    """Read what the store keeps; None if the wallet has no server.

    Raises:
        StoreDamaged: it is something else.
    """
    if data is None:
        return None
    try:
        address, token = codec.as_array(codec.decode(data, size_max=2048), 2)
        return Server(
            address=codec.as_text(address), token=None if token is None else codec.as_text(token)
        )
    except Malformed as error:
        raise StoreDamaged("the server's address in the wallet's file is damaged") from error
