"""A channel's keys, and the messages that cross it sealed: to the person, and back.

Everything about one relationship follows from one random seed in the wallet's document, so that any
device can open the mailbox again on another server, and no two organisations see a key in common.

Spec: 26-channels.md
"""

from dataclasses import dataclass, field
from enum import Enum

from billfold_protocol import codec, limits
from billfold_protocol.crypto import hashing, sealing, signing, wrapping
from billfold_protocol.crypto.derivation import derive_key
from billfold_protocol.crypto.domains import Domain
from billfold_protocol.crypto.enrolment import check_signing_key, check_wrapping_key
from billfold_protocol.errors import Downgrade, LimitExceeded, Malformed, WrongContext
from billfold_protocol.ids import MailboxAddress, SigningPublicKey, WrappingPublicKey
from billfold_protocol.mailbox import Card, address_of

VERSION = 1
SEED_SIZE = 32


class Direction(Enum):
    """Which way a message goes; each has labels of its own, so that none can be turned round."""

    TO_PERSON = (Domain.CHANNEL_MESSAGE_SIGNATURE, Domain.CHANNEL_MESSAGE_WRAP)
    TO_ORGANISATION = (Domain.CHANNEL_REPLY_SIGNATURE, Domain.CHANNEL_REPLY_WRAP)


@dataclass(frozen=True, slots=True, kw_only=True)
class PartyKeys:
    """The two public keys of one party of a channel."""

    signing: SigningPublicKey
    wrapping: WrappingPublicKey

    @property
    def fingerprint(self) -> bytes:
        """32 bytes that stand for both."""
        return hashing.digest(Domain.CHANNEL_SENDER, self.signing, self.wrapping)


class Party:
    """A key pair to sign with and one to open with; it never shows the seeds."""

    __slots__ = ("_signing_key", "_unwrapping_key", "keys")

    def __init__(self, signing_seed: bytes, wrapping_seed: bytes) -> None:
        self._signing_key = signing.SigningKey(signing_seed)
        self._unwrapping_key = wrapping.UnwrappingKey(wrapping_seed)
        self.keys = PartyKeys(
            signing=self._signing_key.public_key, wrapping=self._unwrapping_key.public_key
        )

    def __repr__(self) -> str:
        return f"Party({self.keys.fingerprint[:4].hex()})"

    @property
    def signing_key(self) -> signing.SigningKey:
        """What this party signs with."""
        return self._signing_key

    def seal(
        self,
        content: bytes,
        *,
        to: WrappingPublicKey,
        address: MailboxAddress,
        direction: Direction,
        time_s: int,
    ) -> tuple[bytes, bytes]:
        """Sign and seal a message of at most 58 KiB; return its 32-byte id and the sealed bytes.

        Sealed again, the same content and time are the same message.

        Raises:
            LimitExceeded: it is too long.
            WeakKey: the recipient's key is not valid.
        """
        if len(content) > limits.CHANNEL_CONTENT_SIZE_MAX:
            raise LimitExceeded("a message on a channel has at most 58 KiB")
        sign, wrap = direction.value
        keys = [self.keys.signing, self.keys.wrapping]
        body = codec.encode([VERSION, address, keys, time_s, content])
        signed = self._signing_key.sign(sign, body) + body
        sealed = wrapping.wrap(sealing.pad(signed), to, wrap, address)
        return message_id(body), sealed

    def unseal(
        self, sealed: bytes, *, address: MailboxAddress, direction: Direction
    ) -> "ChannelMessage":
        """Open a message for this party, and check that its sender signed it for this channel.

        Whether the sender is the expected one, the caller checks.

        Raises:
            AuthFailed: it does not open with this key, or is not signed by the sender it names.
            WrongContext: it was written for another channel.
            Malformed: it is no message.
            Downgrade: it is of another version.
            WeakKey: the sender's keys are not valid.
        """
        sign, wrap = direction.value
        signed = sealing.unpad(self._unwrapping_key.unwrap(sealed, wrap, address))
        signature, body = signing.split(signed)
        fields = codec.as_array(codec.decode(body, size_max=limits.MAILBOX_ITEM_SIZE_MAX))
        if not fields or type(fields[0]) is not int or fields[0] != VERSION:
            raise Downgrade("the message is of a version that is not spoken here")
        _, named, keys, time_s, content = codec.as_array(fields, 5)
        signing_key, wrapping_key = codec.as_array(keys, 2)
        sender = PartyKeys(
            signing=check_signing_key(codec.as_bytes(signing_key)),
            wrapping=check_wrapping_key(codec.as_bytes(wrapping_key)),
        )
        signing.check_signature(sender.signing, signature, sign, body)
        if codec.as_bytes(named, 32) != address:
            raise WrongContext("the message was written for another channel")
        return ChannelMessage(
            id=message_id(body),
            sender=sender,
            time_s=codec.as_integer(time_s),
            content=codec.as_bytes(content, size_max=limits.CHANNEL_CONTENT_SIZE_MAX),
            signed=signed,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelMessage:
    """A message that was opened and whose signature holds."""

    id: bytes
    """32 bytes: the hash of what was signed."""

    sender: PartyKeys
    time_s: int
    """When it was written, by the sender's clock."""

    content: bytes = field(repr=False)
    """A DIDComm plaintext message, as JSON."""

    signed: bytes = field(repr=False)
    """The sender's signature and what it signed: whoever has the sender's key can check it."""


class ChannelKeys:
    """What follows from the 32-byte seed of one relationship's channel."""

    __slots__ = ("_about_key", "address", "capability", "party")

    def __init__(self, seed: bytes) -> None:
        if len(seed) != SEED_SIZE:
            raise Malformed(f"the seed of a channel has {SEED_SIZE} bytes")
        signing_seed = derive_key(seed, Domain.CHANNEL_SIGNING_SEED)
        wrapping_seed = derive_key(seed, Domain.CHANNEL_WRAPPING_SEED)
        self.party = Party(signing_seed, wrapping_seed)
        self.address: MailboxAddress = address_of(self.party.keys.signing)
        self.capability: bytes = derive_key(seed, Domain.CHANNEL_CAPABILITY)
        self._about_key = derive_key(seed, Domain.CHANNEL_ABOUT_KEY)

    def __repr__(self) -> str:
        return f"ChannelKeys({self.address[:4].hex()})"

    def about(self, message: bytes) -> bytes:
        """Return the 32 bytes by which a server knows what is answered, and nothing else of it."""
        return derive_key(self._about_key, Domain.CHANNEL_ABOUT, message)

    def card(self) -> bytes:
        """Return the signed card that an organisation gets from the server."""
        keys = self.party.keys
        return Card(signing=keys.signing, wrapping=keys.wrapping).sign(self.party.signing_key)


def message_id(body: bytes) -> bytes:
    """Return the 32-byte id of a message from the bytes that its sender signed."""
    return hashing.digest(Domain.CHANNEL_MESSAGE_ID, body)
