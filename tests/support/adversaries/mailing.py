"""A person and their organisations, without server or network: what each hands out and seals.

Spec: 26-channels.md
"""

from billfold.plaintext import Plaintext
from billfold_protocol.ids import ServerKey
from billfold_protocol.invitation import Invitation
from billfold_protocol.mailbox_sealing import ChannelKeys, ChannelMessage, Direction, Party
from tests.support.seeded_bytes import bytes_of

SERVER = "https://wallet.example.org"


class Correspondence:
    """One channel between a person and an organisation."""

    def __init__(self, name: str) -> None:
        self.seed = bytes_of(f"{name}/seed", 32)
        self.keys = ChannelKeys(self.seed)
        self.organisation = Party(bytes_of(f"{name}/signing", 32), bytes_of(f"{name}/wrapping", 32))

    @property
    def invitation(self) -> Invitation:
        """What the organisation was given."""
        return Invitation(
            server=SERVER,
            server_key=ServerKey(bytes(32)),
            signing=self.keys.party.keys.signing,
            capability=self.keys.capability,
        )

    def write(self, text: str) -> bytes:
        """Return a sealed message of the organisation."""
        _, sealed = self.organisation.seal(
            _content(text),
            to=self.keys.party.keys.wrapping,
            address=self.keys.address,
            direction=Direction.TO_PERSON,
            time_s=1,
        )
        return sealed

    def reply(self, text: str) -> bytes:
        """Return a sealed reply of the person."""
        _, sealed = self.keys.party.seal(
            _content(text),
            to=self.organisation.keys.wrapping,
            address=self.keys.address,
            direction=Direction.TO_ORGANISATION,
            time_s=1,
        )
        return sealed

    def read(self, sealed: bytes) -> ChannelMessage:
        """Open what the organisation sealed, as the person's device does.

        Raises:
            BillfoldError: it is refused.
        """
        address, direction = self.keys.address, Direction.TO_PERSON
        return self.keys.party.unseal(sealed, address=address, direction=direction)


def _content(text: str) -> bytes:
    return Plaintext(id="1", body={"content": text}).encode()
