"""Sealed messages between two linking devices, each bound to all that went before it.

Spec: 22-linking.md
"""

from enum import Enum, unique

from billfold_protocol import codec, limits
from billfold_protocol.crypto import derivation, hashing, sealing
from billfold_protocol.crypto.domains import Domain
from billfold_protocol.errors import BillfoldError, PairingFailed
from billfold_protocol.linking.codes import RandomBytes

VERSION = 1


@unique
class Side(Enum):
    """Which of the two devices this is."""

    INITIATOR = "initiator"
    RESPONDER = "responder"


class Channel:
    """Sealed messages in two directions, each bound to all before it."""

    def __init__(self, secret: bytes, side: Side, random: RandomBytes) -> None:
        keys = {
            Side.INITIATOR: derivation.derive_key(secret, Domain.LINKING_INITIATOR_KEY),
            Side.RESPONDER: derivation.derive_key(secret, Domain.LINKING_RESPONDER_KEY),
        }
        other = Side.RESPONDER if side is Side.INITIATOR else Side.INITIATOR
        self._send_key, self._receive_key = keys[side], keys[other]
        self._random = random
        self.transcript = hashing.digest(Domain.LINKING_TRANSCRIPT)

    def seal(self, fields: list[object]) -> bytes:
        """Return the next message of this side."""
        nonce = self._random(sealing.NONCE_SIZE)
        plaintext = codec.encode([VERSION, *fields])
        sealed = nonce + sealing.seal(self._send_key, nonce, plaintext, self._bound())
        self._extend(sealed)
        return sealed

    def open(self, sealed: bytes, count: int) -> list[object]:
        """Return the fields of the other side's next message.

        Raises:
            PairingFailed: it does not fit.
        """
        try:
            nonce, ciphertext = sealed[: sealing.NONCE_SIZE], sealed[sealing.NONCE_SIZE :]
            plaintext = sealing.unseal(self._receive_key, nonce, ciphertext, self._bound())
            fields = codec.as_array(
                codec.decode(plaintext, size_max=limits.RENDEZVOUS_FRAME_SIZE_MAX), count + 1
            )
            codec.as_integer(fields[0], minimum=VERSION, maximum=VERSION)
        except (BillfoldError, ValueError) as error:
            raise failed() from error
        self._extend(sealed)
        return fields[1:]

    def _bound(self) -> bytes:
        return hashing.frame(Domain.LINKING_SEAL, self.transcript)

    def _extend(self, sealed: bytes) -> None:
        self.transcript = hashing.digest(Domain.LINKING_TRANSCRIPT, self.transcript, sealed)


def failed() -> PairingFailed:
    """Return the one answer to whatever does not fit: it tells an attacker nothing."""
    return PairingFailed("linking failed and the code is spent; start again with a new code")
