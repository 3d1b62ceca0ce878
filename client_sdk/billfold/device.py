"""One device's secrets in one wallet, and the keys made from them.

A device has different keys in each wallet, so that one person's wallets cannot be joined by key.

Spec: 12-key-hierarchy.md
"""

from billfold_protocol import codec
from billfold_protocol.crypto.signing import SigningKey
from billfold_protocol.crypto.wrapping import UnwrappingKey
from billfold_protocol.envelope import RandomBytes, Sealer
from billfold_protocol.errors import Malformed, StoreDamaged
from billfold_protocol.ids import DeviceId
from billfold_protocol.membership import DeviceKeys
from billfold_protocol.snapshot_sealing import Maker

_VERSION = 1
_SECRETS_SIZE_MAX = 256


class DeviceSecrets:
    """The three 32-byte seeds of a device; they never show in a representation."""

    __slots__ = ("_seeds", "device_id", "keys", "maker", "sealer", "signing_key", "unwrapping_key")

    def __init__(self, signing_seed: bytes, wrapping_seed: bytes, nonce_seed: bytes) -> None:
        self._seeds = (signing_seed, wrapping_seed, nonce_seed)
        self.signing_key = SigningKey(signing_seed)
        self.unwrapping_key = UnwrappingKey(wrapping_seed)
        self.sealer = Sealer(self.signing_key, nonce_seed)
        self.keys = DeviceKeys(self.signing_key.public_key, self.unwrapping_key.public_key)
        self.device_id: DeviceId = self.keys.device_id
        self.maker = Maker(
            device=self.device_id,
            signing_key=self.signing_key,
            make_nonce=self.sealer.nonce,
        )

    def __repr__(self) -> str:
        return f"DeviceSecrets(device_id={self.device_id.hex()})"

    @classmethod
    def generate(cls, random: RandomBytes) -> "DeviceSecrets":
        """Draw new secrets."""
        return cls(random(32), random(32), random(32))

    @classmethod
    def decode(cls, data: bytes) -> "DeviceSecrets":
        """Read what `encode` made.

        Raises:
            StoreDamaged: it is something else.
        """
        try:
            fields = codec.as_array(codec.decode(data, size_max=_SECRETS_SIZE_MAX), 4)
            codec.as_integer(fields[0], minimum=_VERSION, maximum=_VERSION)
            seeds = [codec.as_bytes(field, 32) for field in fields[1:]]
        except Malformed as error:
            raise StoreDamaged("the device's secrets in the wallet are damaged") from error
        return cls(*seeds)

    def encode(self) -> bytes:
        """Return the secrets, for the encrypted store only."""
        return codec.encode([_VERSION, *self._seeds])
