"""The messages about recovery: leaving a pin under a locator, and asking for it.

Spec: 24-recovery.md
"""

from dataclasses import dataclass

from billfold_protocol import codec, limits
from billfold_protocol.errors import Malformed
from billfold_protocol.ids import DeviceId, WalletId

PUT_LOCATOR, LOCATE = 51, 52
LOCATOR_KEPT, LOCATED = 22, 23
LOCATOR_SIZE = 32
PROOF_SIZE = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class PutLocator:
    """Leave the sealed pin that whoever holds the recovery key asks for."""

    wallet_id: WalletId
    device: DeviceId
    """The recovery member."""

    locator: bytes
    """32 bytes that follow from the recovery key."""

    proof: bytes
    """64 bytes: the recovery member's signature, see `locator_parts`."""

    pin: bytes
    """Sealed for the recovery key."""

    def fields(self) -> list[object]:
        """Return the message's array."""
        return [PUT_LOCATOR, self.wallet_id, self.device, self.locator, self.proof, self.pin]


@dataclass(frozen=True, slots=True, kw_only=True)
class Locate:
    """Ask for the pin under a locator; no wallet need be subscribed to."""

    locator: bytes

    def fields(self) -> list[object]:
        """Return the message's array."""
        return [LOCATE, self.locator]


@dataclass(frozen=True, slots=True, kw_only=True)
class LocatorKept:
    """A pin is durable under its locator."""

    wallet_id: WalletId
    locator: bytes

    def fields(self) -> list[object]:
        """Return the message's array."""
        return [LOCATOR_KEPT, self.wallet_id, self.locator]


@dataclass(frozen=True, slots=True, kw_only=True)
class Located:
    """The sealed pin under a locator; where there is none, bytes that look like one."""

    locator: bytes
    pin: bytes

    def fields(self) -> list[object]:
        """Return the message's array."""
        return [LOCATED, self.locator, self.pin]


def parse_from_client(fields: list[object]) -> PutLocator | Locate:
    """Parse the array of a client's message about recovery.

    Raises:
        Malformed: it is something else.
    """
    match fields:
        case [kind, wallet_id, device, locator, proof, pin] if kind == PUT_LOCATOR:
            return PutLocator(
                wallet_id=WalletId(codec.as_bytes(wallet_id, 32)),
                device=DeviceId(codec.as_bytes(device, 16)),
                locator=codec.as_bytes(locator, LOCATOR_SIZE),
                proof=codec.as_bytes(proof, PROOF_SIZE),
                pin=codec.as_bytes(pin, size_max=limits.RECOVERY_PIN_SIZE_MAX),
            )
        case [kind, locator] if kind == LOCATE:
            return Locate(locator=codec.as_bytes(locator, LOCATOR_SIZE))
        case _:
            raise Malformed("the message is not one that a client sends")


def parse_from_server(fields: list[object]) -> LocatorKept | Located:
    """Parse the array of a server's message about recovery.

    Raises:
        Malformed: it is something else.
    """
    match fields:
        case [kind, wallet_id, locator] if kind == LOCATOR_KEPT:
            return LocatorKept(
                wallet_id=WalletId(codec.as_bytes(wallet_id, 32)),
                locator=codec.as_bytes(locator, LOCATOR_SIZE),
            )
        case [kind, locator, pin] if kind == LOCATED:
            return Located(
                locator=codec.as_bytes(locator, LOCATOR_SIZE),
                pin=codec.as_bytes(pin, size_max=limits.RECOVERY_PIN_SIZE_MAX),
            )
        case _:
            raise Malformed("the message is not one that a server sends")


def locator_parts(wallet_id: WalletId, device: DeviceId, locator: bytes) -> tuple[bytes, ...]:
    """Return what a recovery key signs, once, to have its wallet found under a locator."""
    return wallet_id, device, locator
