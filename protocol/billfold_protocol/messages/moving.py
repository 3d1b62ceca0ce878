"""The messages about moving in: asking a server, before anything is decided, whether it would.

Spec: 25-moving.md
"""

from dataclasses import dataclass

from billfold_protocol import codec
from billfold_protocol.errors import Malformed
from billfold_protocol.feed.checkpoint import Reason, parse_reason
from billfold_protocol.ids import WalletId

INQUIRE, VACANCY = 54, 24


@dataclass(frozen=True, slots=True, kw_only=True)
class Inquire:
    """Ask whether the server would take a wallet; it need not hold it, and takes nothing."""

    wallet_id: WalletId
    size: int
    """Bytes of membership and feed entries that would come."""

    token: str | None
    """What the operator gave to people who may register, if the server asks for one."""

    def fields(self) -> list[object]:
        """Return the message's array."""
        return [INQUIRE, self.wallet_id, self.size, self.token]


@dataclass(frozen=True, slots=True, kw_only=True)
class Vacancy:
    """Whether the server would take the wallet now."""

    wallet_id: WalletId
    reason: Reason | None
    """Why it would not; None if it would."""

    def fields(self) -> list[object]:
        """Return the message's array."""
        return [VACANCY, self.wallet_id, None if self.reason is None else self.reason.value]


def parse_inquire(fields: list[object]) -> Inquire:
    """Parse the array of an `Inquire`.

    Raises:
        Malformed: it is something else.
    """
    match fields:
        case [kind, wallet_id, size, token] if kind == INQUIRE:
            return Inquire(
                wallet_id=WalletId(codec.as_bytes(wallet_id, 32)),
                size=codec.as_integer(size),
                token=None if token is None else codec.as_text(token),
            )
        case _:
            raise Malformed("the message is not one that a client sends")


def parse_vacancy(fields: list[object]) -> Vacancy:
    """Parse the array of a `Vacancy`.

    Raises:
        Malformed: it is something else.
    """
    match fields:
        case [kind, wallet_id, reason] if kind == VACANCY:
            return Vacancy(
                wallet_id=WalletId(codec.as_bytes(wallet_id, 32)),
                reason=None if reason is None else parse_reason(reason),
            )
        case _:
            raise Malformed("the message is not one that a server sends")
