"""What goes on from one connection to the next beside the entries: recovery pins and mailboxes.

Spec: 21-sync.md
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Self

from billfold.events import Event
from billfold.mail.mailroom import Mailroom
from billfold.pins import Pins
from billfold.replica import Replica
from billfold_protocol.envelope import RandomBytes


@dataclass(frozen=True, slots=True)
class Desks:
    """The desks of one wallet."""

    pins: Pins
    mailroom: Mailroom

    @classmethod
    def of(
        cls, replica: Callable[[], Replica], random: RandomBytes, tell: Callable[[Event], None]
    ) -> Self:
        """Make them for a wallet whose replica is as it is now, telling what happens."""
        return cls(Pins(replica, random), Mailroom(replica, tell))

    def connected(self) -> None:
        """Begin anew with a server."""
        self.pins.connected()
        self.mailroom.connected()
