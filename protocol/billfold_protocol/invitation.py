"""The text by which an organisation gets its address: printed, as a QR code, or in a link.

Spec: 26-channels.md
"""

import base64
import binascii
from dataclasses import dataclass, field

from billfold_protocol import codec, limits
from billfold_protocol.crypto.enrolment import check_signing_key
from billfold_protocol.errors import InputError, Malformed, WeakKey, WrongContext
from billfold_protocol.ids import MailboxAddress, ServerKey, SigningPublicKey
from billfold_protocol.mailbox import CAPABILITY_SIZE, address_of

VERSION = 1
URI_PREFIX = "billfold-channel:"


@dataclass(frozen=True, slots=True, kw_only=True)
class Invitation:
    """Where and how one organisation, and nobody else, may write to the person."""

    server: str
    """The origin of the wallet's server, at most 256 bytes."""

    server_key: ServerKey
    signing: SigningPublicKey
    """The person's key for this relationship; it makes the address."""

    capability: bytes = field(repr=False)
    """32 bytes: the right to send."""

    @property
    def address(self) -> MailboxAddress:
        """The mailbox."""
        return address_of(self.signing)

    def uri(self) -> str:
        """Return the text, about 250 characters."""
        fields = [VERSION, self.server, self.server_key, self.signing, self.capability]
        return URI_PREFIX + base64.urlsafe_b64encode(codec.encode(fields)).decode().rstrip("=")

    @classmethod
    def parse(cls, uri: str) -> "Invitation":
        """Read the text of an invitation.

        Raises:
            WrongContext: it is not an invitation to a channel.
            InputError: it is one, but damaged or of another version.
        """
        text = uri.strip()
        if not text.startswith(URI_PREFIX):
            raise WrongContext("this is not an invitation to a channel")
        encoded = text.removeprefix(URI_PREFIX)
        try:
            padded = encoded + "=" * (-len(encoded) % 4)
            data = base64.b64decode(padded, altchars=b"-_", validate=True)
            fields = codec.as_array(codec.decode(data, size_max=limits.TEXT_SIZE_MAX), 5)
            version, server, server_key, signing_key, capability = fields
            codec.as_integer(version, minimum=VERSION, maximum=VERSION)
            invitation = cls(
                server=codec.as_text(server, size_max=limits.ADDRESS_SIZE_MAX),
                server_key=ServerKey(codec.as_bytes(server_key, 32)),
                signing=check_signing_key(codec.as_bytes(signing_key)),
                capability=codec.as_bytes(capability, CAPABILITY_SIZE),
            )
        except (Malformed, WeakKey, binascii.Error, ValueError) as error:
            raise InputError("the invitation is damaged; ask for it again") from error
        if invitation.uri() != text:
            raise InputError("the invitation is damaged; ask for it again")
        return invitation
