"""Where a person's mailbox is, and what a refusal there means.

Spec: 26-channels.md
"""

from dataclasses import dataclass

from billfold_protocol.errors import (
    BillfoldError,
    ChannelClosed,
    ChannelUnknown,
    LimitExceeded,
    TransportError,
)
from billfold_protocol.ids import ServerKey
from billfold_protocol.mailbox import Refusal


@dataclass(frozen=True, slots=True)
class Place:
    """Where a mailbox is."""

    server: str
    server_key: ServerKey


def error_of(reason: Refusal) -> BillfoldError:
    """Return what a server's refusal means to an organisation."""
    match reason:
        case Refusal.CLOSED:
            return ChannelClosed("the person has closed this channel; nothing more can be sent")
        case Refusal.UNKNOWN | Refusal.MOVED:
            return ChannelUnknown(
                "the server does not know this channel; ask the person for the address again"
            )
        case Refusal.FULL:
            return LimitExceeded("nothing was collected for long; try again later")
        case Refusal.RATE:
            return LimitExceeded("too much was sent within the hour; try again later")
        case Refusal.STORE:
            return TransportError("the server could not keep it; try again later")
