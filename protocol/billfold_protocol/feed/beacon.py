"""What a device signs about what it has seen, relayed to the wallet's other devices.

Its heads are those that the device knows its server to hold; where a checkpoint is with it, the
server itself has signed exactly these heads. So whoever hears it knows what must exist.

Spec: 15-feeds.md
"""

from dataclasses import dataclass

from billfold_protocol import codec, limits
from billfold_protocol.crypto import signing
from billfold_protocol.crypto.domains import Domain
from billfold_protocol.feed.checkpoint import open_statement, sign_statement
from billfold_protocol.feed.vector import Vector, encode_vector, parse_vector
from billfold_protocol.ids import ChainHead, DeviceId, SigningPublicKey, WalletId

BEACON_VERSION = 2

CHECKPOINT_SIZE_MAX = 512


@dataclass(frozen=True, slots=True, kw_only=True)
class Beacon:
    """A device's signed statement of what it has seen."""

    wallet_id: WalletId
    device: DeviceId
    k: int
    head: ChainHead
    vector: Vector
    """The heads that the device holds and knows its server to hold."""

    time_s: int
    """The device's clock; shown as `last heard`, never relied on."""

    checkpoint: bytes | None = None
    """What the device's server signed of exactly this vector, if it did."""

    proofs: tuple[bytes, ...] = ()
    """The newest proofs that the device has against its server, as files."""

    def sign(self, key: signing.SigningKey) -> bytes:
        """Return the signature followed by the statement."""
        body = codec.encode(
            [
                BEACON_VERSION,
                self.wallet_id,
                self.device,
                self.k,
                self.head,
                encode_vector(self.vector),
                self.time_s,
                self.checkpoint,
                list(self.proofs),
            ]
        )
        return sign_statement(key, body, Domain.BEACON_SIGNATURE)

    @classmethod
    def verify(cls, raw: bytes, key: SigningPublicKey, wallet_id: WalletId) -> "Beacon":
        """Check and parse a signed beacon; what it carries is not checked.

        Raises:
            AuthFailed: the signature is not the device's.
            WrongContext: it is about another wallet.
            Malformed: it is no beacon.
            Downgrade: it is of another version.
        """
        device, k, head, vector, time_s, checkpoint, proofs = open_statement(
            raw,
            key,
            Domain.BEACON_SIGNATURE,
            9,
            wallet_id,
            version=BEACON_VERSION,
            size_max=limits.BEACON_SIZE_MAX,
        )
        items = codec.as_list(proofs, count_max=limits.CARRIED_PROOFS_COUNT_MAX)
        return cls(
            wallet_id=wallet_id,
            device=DeviceId(codec.as_bytes(device, 16)),
            k=codec.as_integer(k),
            head=ChainHead(codec.as_bytes(head, 16)),
            vector=parse_vector(vector),
            time_s=codec.as_integer(time_s),
            checkpoint=None
            if checkpoint is None
            else codec.as_bytes(checkpoint, size_max=CHECKPOINT_SIZE_MAX),
            proofs=tuple(
                codec.as_bytes(item, size_max=limits.CARRIED_PROOF_SIZE_MAX) for item in items
            ),
        )
