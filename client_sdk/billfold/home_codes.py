"""The text that tells another device of the same wallet where it lives now.

It is shown as a QR code, and is no secret: a device believes it only when the wallet's membership
chain, which that server then shows, names the server.

Spec: 25-moving.md
"""

import base64
import binascii

from billfold_protocol import codec, limits
from billfold_protocol.errors import Downgrade, Malformed, WrongContext
from billfold_protocol.ids import ServerKey, WalletId
from billfold_protocol.membership import ServerAddress

PREFIX = "billfold-home:"
CODE_VERSION = 1
_SIZE_MAX = 512


def encode_home_code(wallet_id: WalletId, server: ServerAddress) -> str:
    """Return the code's text: the prefix and unpadded base64url (RFC 4648 §5)."""
    data = codec.encode([CODE_VERSION, wallet_id, server.address, server.key])
    return PREFIX + base64.urlsafe_b64encode(data).decode().rstrip("=")


def parse_home_code(text: str, wallet_id: WalletId) -> ServerAddress:
    """Read a code of this wallet.

    Raises:
        WrongContext: it is something else, or another wallet's.
        Downgrade: a newer version made it.
    """
    body = text.strip().removeprefix(PREFIX)
    if body == text.strip():
        raise WrongContext("this is not the code that `billfold home` shows")
    try:
        data = base64.b64decode(body + "=" * (-len(body) % 4), altchars=b"-_", validate=True)
        fields = codec.as_array(codec.decode(data, size_max=_SIZE_MAX))
        if fields[:1] != [CODE_VERSION]:
            raise Downgrade("the code was made by another version; update to use it")
        _, whose, address, key = codec.as_array(fields, 4)
        named = codec.as_bytes(whose, 32)
        server = ServerAddress(
            address=codec.as_text(address, size_max=limits.ADDRESS_SIZE_MAX),
            key=ServerKey(codec.as_bytes(key, 32)),
        )
    except (Malformed, binascii.Error, ValueError) as error:
        raise WrongContext("the code is damaged; copy it whole") from error
    if named != wallet_id:
        raise WrongContext("the code is another wallet's")
    return server
