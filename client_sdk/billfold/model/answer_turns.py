"""Which device sends the answer to a message: exactly one, though several want to.

    claimed ──nobody else, or it is the least──► sending ──► sent
       └────another is before it──► yielded

A device writes that it claims, waits until the server has it, and only then looks at what the
server has. So of two devices that claim, at least the later one sees the other. It sends when it
sees no claim beside its own; of two that see each other the one with the greater id yields.

Spec: 41-records.md
"""

from collections.abc import Collection, Mapping
from enum import Enum

from billfold_protocol.crypto.domains import Domain
from billfold_protocol.crypto.hashing import digest


class Turn(Enum):
    """What a device does next about an answer."""

    SEND = "send"
    """Say so in the wallet, then send; after a crash send the same again."""

    WAIT = "wait"
    """Another device claims too, and will yield when it is next online."""

    YIELD = "yield"
    """Another device is before this one: say so in the wallet, and never send."""

    DONE = "done"
    """It is sent, or another device sends it."""

    ASK = "ask"
    """Whoever was to send it is gone, and may have sent it: the person decides."""


def next_turn(claims: Mapping[str, str], own: str, *, gone: Collection[str] = ()) -> Turn:
    """Return what a device does next.

    Args:
        claims: the state of each device's claim by its id, looked up at the server after the server
            had this device's own claim.
        own: this device's id.
        gone: devices that were removed; what they claimed they will not send.
    """
    state = claims.get(own)
    others = {device: claim for device, claim in claims.items() if device != own}
    here = {device: claim for device, claim in others.items() if device not in gone}
    if state == "sent" or "sent" in others.values():
        return Turn.YIELD if state == "claimed" else Turn.DONE
    if state == "sending":
        return Turn.SEND
    if "sending" in here.values():
        return Turn.YIELD if state == "claimed" else Turn.DONE
    if state == "claimed":
        rivals = [device for device, claim in here.items() if claim == "claimed"]
        if "sending" in others.values() and not rivals:
            return Turn.ASK
        if not rivals:
            return Turn.SEND
        return Turn.WAIT if own < min(rivals) else Turn.YIELD
    return Turn.WAIT if "claimed" in here.values() else Turn.ASK


def answer_id(sender: str, message_id: str) -> str:
    """Return the id of the one answer to a message, 32 hexadecimal digits.

    Whoever sends it uses this id, so that a receiver who gets it twice keeps one.
    """
    return digest(Domain.ANSWER_ID, sender.encode(), message_id.encode())[:16].hex()
