"""The end of a connection to a relay that only keeps what it is told.

Spec: 30-server-api.md
"""

from billfold_protocol.messages import ServerMessage, parse_server_message


class Listening:
    """An outbox whose frames nobody reads but the test."""

    is_congested = False

    def __init__(self) -> None:
        self.frames: list[bytes] = []

    def send(self, frame: bytes) -> None:
        """Keep a frame."""
        self.frames.append(frame)

    @property
    def messages(self) -> list[ServerMessage]:
        """What was said, in order."""
        return [parse_server_message(frame) for frame in self.frames]
