"""How long two devices have been members, proved by a server's signed clock and nothing else.

Two checkpoints of one server of the wallet, the earlier one of a moment at which both were members
already: what lies between them is the least time for which they have been. A device's own clock
proves nothing, and validity depends on bytes only, so that all devices judge alike.

Spec: 13-membership.md
"""

from collections.abc import Callable, Collection
from dataclasses import dataclass

from billfold_protocol import codec
from billfold_protocol.crypto import signing
from billfold_protocol.crypto.domains import Domain
from billfold_protocol.errors import AuthFailed, Malformed, NotAuthorised
from billfold_protocol.ids import ChainHead, DeviceId, ServerKey, SigningPublicKey, WalletId
from billfold_protocol.membership.records import Consent

TENURE_S = 7 * 24 * 3600
"""For so long two devices must have been members before they remove a recovery member."""

CHECKPOINT_SIZE_MAX = 512

Holds = Callable[[int, ChainHead], bool]
"""Whether the chain has this head at this index."""


@dataclass(frozen=True, slots=True)
class Moment:
    """What a server signed about the membership, and when."""

    server_key: ServerKey
    k: int
    head: ChainHead
    time_s: int


def check_tenure(
    consent: Consent,
    *,
    since_k: int,
    wallet_id: WalletId,
    server_keys: Collection[ServerKey],
    holds: Holds,
) -> None:
    """Check that a consent's two checkpoints prove enough time.

    Args:
        consent: of the second device.
        since_k: index of the entry since which both devices are members.
        wallet_id: the wallet.
        server_keys: of every server that the chain has named.
        holds: whether the chain has a head at an index.

    Raises:
        NotAuthorised: they do not.
    """
    earlier = read_moment(consent.earlier, wallet_id, server_keys)
    later = read_moment(consent.later, wallet_id, server_keys)
    are_ours = all(holds(moment.k, moment.head) for moment in (earlier, later))
    if not are_ours or not since_k <= earlier.k <= later.k:
        raise NotAuthorised("the checkpoints are not of when both devices were members")
    if earlier.server_key != later.server_key or later.time_s - earlier.time_s < TENURE_S:
        raise NotAuthorised("both devices must have been members for seven days")


def check_consent(consent: Consent, key: SigningPublicKey, *parts: bytes) -> None:
    """Check that a second device has signed for a removal.

    Raises:
        NotAuthorised: it has not.
    """
    try:
        signing.check_signature(key, consent.signature, Domain.MEMBERSHIP_CONSENT, *parts)
    except AuthFailed as error:
        raise NotAuthorised("the second device has not signed for this removal") from error


def read_moment(raw: bytes, wallet_id: WalletId, server_keys: Collection[ServerKey]) -> Moment:
    """Read a checkpoint that one of the wallet's servers signed.

    Raises:
        NotAuthorised: none of them did, or it is no checkpoint of this wallet.
    """
    try:
        signature, body = signing.split(raw)
        key = next(key for key in server_keys if _is_signed(key, signature, body))
        fields = codec.as_array(codec.decode(body, size_max=CHECKPOINT_SIZE_MAX), 8)
        version, wallet, _, k, head, time_s, _, _ = fields
        if codec.as_bytes(wallet, 32) != wallet_id or codec.as_integer(version) != 1:
            raise NotAuthorised("the checkpoint is about another wallet")
        return Moment(
            key,
            codec.as_integer(k),
            ChainHead(codec.as_bytes(head, 16)),
            codec.as_integer(time_s),
        )
    except (Malformed, StopIteration) as error:
        raise NotAuthorised("the checkpoint is not one of the wallet's servers") from error


def _is_signed(key: ServerKey, signature: bytes, body: bytes) -> bool:
    try:
        signing.check_signature(key, signature, Domain.CHECKPOINT_SIGNATURE, body)
    except AuthFailed:
        return False
    return True


def encode_consent(consent: Consent) -> list[object]:
    """Return a consent as it stands in an entry."""
    return [consent.device, consent.signature, consent.earlier, consent.later]


def parse_consent(value: object) -> Consent:
    """Read what `encode_consent` made.

    Raises:
        Malformed: it is something else.
    """
    device, signature, earlier, later = codec.as_array(value, 4)
    return Consent(
        device=DeviceId(codec.as_bytes(device, 16)),
        signature=codec.as_bytes(signature, signing.SIGNATURE_SIZE),
        earlier=codec.as_bytes(earlier, size_max=CHECKPOINT_SIZE_MAX),
        later=codec.as_bytes(later, size_max=CHECKPOINT_SIZE_MAX),
    )
