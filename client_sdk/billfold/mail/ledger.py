"""What one device remembers of mailboxes: how far it has taken each, and what it refused.

Spec: 26-channels.md
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from billfold.replica import Replica
from billfold_protocol import codec
from billfold_protocol.errors import BillfoldError, Malformed
from billfold_protocol.ids import InstanceId, MailboxAddress

CURSOR_KEY: Final = "mail taken:"
REFUSED_KEY: Final = "mail refused"
REFUSED_COUNT_MAX: Final = 64
_SIZE_MAX: Final = 256 * 1024
_NO_INSTANCE: Final = InstanceId(bytes(16))


@dataclass(frozen=True, slots=True, kw_only=True)
class RefusedMessage:
    """A message that came and was not taken; nothing of it is in the wallet."""

    address: MailboxAddress
    number: int
    """Its number in the mailbox."""

    time_s: int
    """When it came, by the server's clock."""

    error: str
    """The name of the error's type, such as `WrongSender`."""

    reason: str
    """For a person."""


class Ledger:
    """The notes, in the store beside the records that they are about."""

    def __init__(self, replica: Callable[[], Replica]) -> None:
        self._replica = replica
        self._instance = _NO_INSTANCE

    def at(self, instance: InstanceId) -> None:
        """Speak of the mailboxes of one server's store from now on."""
        self._instance = instance

    def cursor(self, address: MailboxAddress) -> int:
        """Return the number of the last message that was taken, 0 for none."""
        data = self._replica().meta(CURSOR_KEY + address.hex())
        if data is None:
            return 0
        try:
            instance, number = codec.as_array(codec.decode(data, size_max=64), 2)
            return codec.as_integer(number) if instance == self._instance else 0
        except Malformed:
            return 0

    def advance(self, address: MailboxAddress, number: int) -> None:
        """Note that all up to a number was taken; durable together with the records."""
        if number > self.cursor(address):
            value = codec.encode([self._instance, number])
            self._replica().put_meta(CURSOR_KEY + address.hex(), value)

    def refuse(
        self, address: MailboxAddress, number: int, time_s: int, error: BillfoldError
    ) -> None:
        """Note that a message was refused; the oldest notes make room."""
        one = [address, number, time_s, type(error).__name__, str(error)[:512]]
        kept = [*_fields_of(self._replica().meta(REFUSED_KEY)), one][-REFUSED_COUNT_MAX:]
        self._replica().put_meta(REFUSED_KEY, codec.encode(kept))

    def refused(self) -> list[RefusedMessage]:
        """Return what was refused on this device, the oldest first."""
        found = []
        for item in _fields_of(self._replica().meta(REFUSED_KEY)):
            address, number, time_s, error, reason = codec.as_array(item, 5)
            found.append(
                RefusedMessage(
                    address=MailboxAddress(codec.as_bytes(address, 32)),
                    number=codec.as_integer(number),
                    time_s=codec.as_integer(time_s),
                    error=codec.as_text(error),
                    reason=codec.as_text(reason, size_max=4096),
                )
            )
        return found


def _fields_of(data: bytes | None) -> list[object]:
    """Read the notes; damaged ones are as good as none."""
    if data is None:
        return []
    try:
        return codec.as_list(codec.decode(data, size_max=_SIZE_MAX), count_max=REFUSED_COUNT_MAX)
    except Malformed:
        return []
