"""What every message begins with: its type, and in nearly all of them the wallet it is about.

Spec: 21-sync.md
"""

from billfold_protocol import codec, limits
from billfold_protocol.errors import Malformed
from billfold_protocol.ids import WalletId

TYPE_MAX = 255


def open_message(data: bytes) -> tuple[int, list[object]]:
    """Return the type of a WebSocket message and all of its fields, the type first.

    Raises:
        Malformed: it is no message.
    """
    fields = codec.as_array(codec.decode(data, size_max=limits.FRAME_SIZE_MAX))
    if not fields[1:]:
        raise Malformed("a message has a type and a wallet")
    return codec.as_integer(fields[0], maximum=TYPE_MAX), fields


def wallet_of(fields: list[object]) -> WalletId:
    """Return the wallet that a message is about.

    Raises:
        Malformed: its second field is no wallet id.
    """
    return WalletId(codec.as_bytes(fields[1], 32))
