"""What binds a proof to one connection, one server and one origin.

Spec: 20-handshake.md
"""

from billfold_protocol.messages.client import Register, Subscribe
from billfold_protocol.messages.server import Challenge

PROTOCOL_VERSION = 1


def proof_parts(
    challenge: Challenge, origin: str, message: Subscribe | Register
) -> tuple[bytes, ...]:
    """Return what a proof signs: it holds for one connection to one server at one origin."""
    return challenge.nonce, challenge.server_key, origin.encode(), message.signed_fields()
