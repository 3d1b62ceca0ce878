"""How far this replica has read a server's log, as it is kept beside the wallet.

Spec: 21-sync.md
"""

from billfold_protocol import codec
from billfold_protocol.errors import Malformed
from billfold_protocol.ids import InstanceId
from billfold_protocol.messages import Cursor

CURSOR_KEY = "cursor"


def encode_cursor(cursor: Cursor) -> bytes:
    """Return a cursor as it is kept."""
    return codec.encode([cursor.instance, cursor.n])


def read_cursor(data: bytes | None) -> Cursor | None:
    """Read a stored cursor; a damaged one is as good as none."""
    if data is None:
        return None
    try:
        instance, n = codec.as_array(codec.decode(data, size_max=64), 2)
        return Cursor(instance=InstanceId(codec.as_bytes(instance, 16)), n=codec.as_integer(n))
    except Malformed:
        return None
