"""The two kinds of linking code: a QR code that one device shows, and words that a person types.

Spec: 22-linking.md
"""

import base64
import binascii
from collections.abc import Callable
from dataclasses import dataclass

from spake2 import SPAKE2_A, SPAKE2_B, SPAKEError
from spake2.ed25519_basic import NotOnCurve

from billfold_protocol import codec, limits
from billfold_protocol.crypto import derivation
from billfold_protocol.crypto.domains import Domain
from billfold_protocol.errors import InputError, Malformed, PairingFailed, WrongContext

VERSION = 1
URI_PREFIX = "billfold-link:"
CODE_WORDS_COUNT = 3
MESSAGE_SIZE = 33
"""A letter for the side and a point of 32 bytes."""

RandomBytes = Callable[[int], bytes]


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkingCode:
    """What a QR code carries from the new device to the person's other one."""

    address: str
    """The server at which the two meet."""

    rendezvous: bytes
    """16 random bytes: where on that server."""

    keys_hash: bytes
    """32 bytes: the hash of the new device's public keys."""

    secret: bytes
    """32 random bytes, good once."""

    def __repr__(self) -> str:
        return f"LinkingCode(address={self.address!r}, rendezvous={self.rendezvous.hex()})"

    @property
    def fingerprint(self) -> str:
        """Six digits that both screens show."""
        return digits_of(self.keys_hash)

    def uri(self) -> str:
        """Return the text of the QR code; no other scanner of ours takes it."""
        fields = [VERSION, self.address, self.rendezvous, self.keys_hash, self.secret]
        encoded = base64.urlsafe_b64encode(codec.encode(fields)).decode().rstrip("=")
        return URI_PREFIX + encoded

    @classmethod
    def parse(cls, uri: str) -> "LinkingCode":
        """Read the text of a QR code.

        Raises:
            WrongContext: it is not a linking code.
            PairingFailed: it is one, but damaged or of another version.
        """
        text = uri.strip()
        if not text.startswith(URI_PREFIX):
            raise WrongContext("this is not a code for linking a device")
        encoded = text.removeprefix(URI_PREFIX)
        try:
            data = base64.b64decode(
                encoded + "=" * (-len(encoded) % 4), altchars=b"-_", validate=True
            )
            version, address, rendezvous, keys_hash, secret = codec.as_array(
                codec.decode(data, size_max=limits.TEXT_SIZE_MAX), 5
            )
            codec.as_integer(version, minimum=VERSION, maximum=VERSION)
            return cls(
                address=codec.as_text(address, size_max=limits.ADDRESS_SIZE_MAX),
                rendezvous=codec.as_bytes(rendezvous, 16),
                keys_hash=codec.as_bytes(keys_hash, 32),
                secret=codec.as_bytes(secret, 32),
            )
        except (Malformed, binascii.Error, ValueError) as error:
            raise PairingFailed("the linking code is damaged; show it again") from error


class CodeExchange:
    """Turns a typed code into a secret that both sides share, with one guess for an attacker."""

    def __init__(self, words: str, *, is_initiator: bool, random: RandomBytes) -> None:
        """Begin.

        Args:
            words: the code's words, as `normalise_code` returns them.
            is_initiator: whether this is the new device's side.
            random: the source of random bytes.
        """
        side = SPAKE2_A if is_initiator else SPAKE2_B
        self._exchange = side(
            words.encode(),
            idA=Domain.LINKING_INITIATOR_KEY.value,
            idB=Domain.LINKING_RESPONDER_KEY.value,
            entropy_f=random,
        )
        self.message: bytes = self._exchange.start()

    def finish(self, message: bytes) -> bytes:
        """Return the 32-byte secret; it is equal on both sides only if the words were.

        Raises:
            PairingFailed: the other side's message is no message of this exchange.
        """
        if len(message) != MESSAGE_SIZE:
            raise PairingFailed("linking failed; start again with a new code")
        try:
            key: bytes = self._exchange.finish(message)
        except (SPAKEError, NotOnCurve, ValueError, AssertionError) as error:
            raise PairingFailed("linking failed; start again with a new code") from error
        return derivation.derive_key(key, Domain.LINKING_CODE_SECRET)


def split_code(code: str) -> tuple[int, str]:
    """Return the number and the words of a typed code such as `7-crossbow-paris-velvet`.

    Raises:
        InputError: it does not look like a code.
    """
    parts = code.strip().lower().replace(" ", "-").split("-")
    parts = [part for part in parts if part]
    if len(parts) != 1 + CODE_WORDS_COUNT or not (parts[0].isascii() and parts[0].isdigit()):
        raise InputError(
            "a linking code is a number and three words, such as 7-crossbow-paris-velvet"
        )
    return int(parts[0][:9]), "-".join(parts[1:])


def digits_of(hash_of_keys: bytes) -> str:
    """Return the six digits that stand for a new device's keys on both screens."""
    number = int.from_bytes(hash_of_keys[:8], "big") % 1_000_000
    return f"{number // 1000:03d} {number % 1000:03d}"
