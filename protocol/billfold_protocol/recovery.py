"""The recovery key: what follows from the 32 bytes that a person wrote down as 24 words.

From the seed alone follow the keys of a member of kind `recovery`, the *locator* under which a
server finds the wallet, and the key of the *pin*: a small sealed record of which wallet it is, on
which server, and how far it had come. So the words and a server's address are enough. They cannot
tell an old wallet from the newest one; the printed *kit*, which says how far the wallet had come,
can.

Spec: 24-recovery.md
"""

import base64
import binascii
from dataclasses import dataclass, field

from billfold_protocol import codec, limits
from billfold_protocol.crypto import derivation, hashing, sealing, signing, wrapping
from billfold_protocol.crypto.domains import Domain
from billfold_protocol.errors import (
    AuthFailed,
    CommitMismatch,
    Downgrade,
    LocalProtocolError,
    Malformed,
    RecoveryRefused,
    WrongContext,
)
from billfold_protocol.feed import Vector, parse_vector, vector_hash
from billfold_protocol.feed.vector import encode_vector
from billfold_protocol.ids import DeviceId, EpochKey, MembershipHash, ServerKey, WalletId
from billfold_protocol.key_hierarchy import commit_to
from billfold_protocol.membership import DeviceKeys, MembershipState
from billfold_protocol.messages import locator_parts

SEED_SIZE = 32
"""256 bits: no password, however it is stretched, takes the place of a recovery key."""

SEED_VALUES_COUNT_MIN = 16
"""Different byte values that a seed has; one drawn at random has fewer once in 2^50."""

VERSION = 1
URI_PREFIX = "billfold-recovery:"


class RecoveryKeys:
    """The keys that follow from a recovery seed; the seed itself is not kept."""

    __slots__ = ("device_id", "keys", "locator", "pin_key", "signing_key", "unwrapping_key")

    def __init__(self, seed: bytes) -> None:
        """Derive the keys.

        Raises:
            RecoveryRefused: the seed is not 32 bytes that were drawn at random.
        """
        check_seed(seed)
        self.signing_key = signing.SigningKey(
            derivation.derive_key(seed, Domain.RECOVERY_SIGNING_SEED)
        )
        self.unwrapping_key = wrapping.UnwrappingKey(
            derivation.derive_key(seed, Domain.RECOVERY_WRAPPING_SEED)
        )
        self.keys = DeviceKeys(self.signing_key.public_key, self.unwrapping_key.public_key)
        self.device_id: DeviceId = self.keys.device_id
        self.locator = derivation.derive_key(seed, Domain.RECOVERY_LOCATOR)
        self.pin_key = derivation.derive_key(seed, Domain.RECOVERY_PIN_KEY)

    def __repr__(self) -> str:
        return f"RecoveryKeys(device_id={self.device_id.hex()})"

    def prove_locator(self, wallet_id: WalletId) -> bytes:
        """Return the 64-byte signature without which a server keeps nothing under the locator."""
        parts = locator_parts(wallet_id, self.device_id, self.locator)
        return self.signing_key.sign(Domain.RECOVERY_LOCATOR_SIGNATURE, *parts)

    def open_wrap(self, wrapped: bytes, state: MembershipState) -> EpochKey:
        """Open what `wrap_for_recovery` made in a state of the chain.

        Raises:
            AuthFailed: it was made for another key, or in another epoch.
            CommitMismatch: it holds another key than the one that the chain commits to.
        """
        context = _wrap_context(self.device_id, state)
        key = EpochKey(self.unwrapping_key.unwrap(wrapped, Domain.RECOVERY_WRAP, *context))
        if commit_to(key) != state.epoch.commitment:
            raise CommitMismatch("the wrapped key is not the one the chain commits to")
        return key


def check_seed(seed: bytes) -> None:
    """Check that a seed can be one that was drawn at random.

    Raises:
        RecoveryRefused: it has another size, or is a pattern.
    """
    if len(seed) != SEED_SIZE:
        raise RecoveryRefused("a recovery key has 256 bits, which are 24 words; this one has not")
    if len(set(seed)) < SEED_VALUES_COUNT_MIN:
        raise RecoveryRefused(
            "these recovery words were not drawn at random, so that others could guess them"
        )


def wrap_for_recovery(key: EpochKey, member: DeviceKeys, state: MembershipState) -> bytes:
    """Wrap the key of a state's epoch for a recovery member: 1168 bytes.

    Raises:
        WeakKey: the member's key is not valid.
    """
    context = _wrap_context(member.device_id, state)
    return wrapping.wrap(key, member.wrapping, Domain.RECOVERY_WRAP, *context)


@dataclass(frozen=True, slots=True, kw_only=True)
class RecoveryPin:
    """What a device leaves for whoever comes with nothing but the recovery words."""

    wallet_id: WalletId
    address: str
    server_key: ServerKey
    n: int
    """The server's arrival number up to which the device had read; so that a kit can tell."""

    k: int
    hash: MembershipHash
    """Of the newest membership entry that the device knew, at index `k`."""

    vector: Vector
    """The heads of all feeds up to there."""

    wrapped: bytes = field(repr=False)
    """The key of the epoch at `k`, wrapped for the recovery member; see `wrap_for_recovery`.

    The server holds such wraps too, but one that lost them cannot be given them again.
    """

    def seal(self, pin_key: bytes, locator: bytes, nonce: bytes) -> bytes:
        """Return the sealed pin: at least `limits.RECOVERY_PIN_SIZE_MIN` bytes.

        Args:
            pin_key: 32 bytes, of `RecoveryKeys`.
            locator: 32 bytes, under which it will be kept.
            nonce: 24 bytes, used once.
        """
        plaintext = _pad(
            codec.encode(
                [
                    VERSION,
                    self.wallet_id,
                    self.address,
                    self.server_key,
                    self.n,
                    self.k,
                    self.hash,
                    encode_vector(self.vector),
                    self.wrapped,
                ]
            )
        )
        return nonce + sealing.seal(pin_key, nonce, plaintext, _pin_context(locator))

    @classmethod
    def open(cls, sealed: bytes, pin_key: bytes, locator: bytes) -> "RecoveryPin":
        """Open what `seal` made.

        Raises:
            AuthFailed: key, locator and bytes do not belong together.
            Malformed: the bytes inside are no pin.
            Downgrade: it is a pin of another version.
        """
        if len(sealed) > limits.RECOVERY_PIN_SIZE_MAX:
            raise AuthFailed("the sealed pin is too large")
        nonce, ciphertext = sealed[: sealing.NONCE_SIZE], sealed[sealing.NONCE_SIZE :]
        if len(nonce) < sealing.NONCE_SIZE:
            raise AuthFailed("the sealed pin is too short")
        plaintext = sealing.unseal(pin_key, nonce, ciphertext, _pin_context(locator))
        fields = codec.as_array(
            codec.decode(_unpad(plaintext), size_max=limits.RECOVERY_PIN_SIZE_MAX)
        )
        if not fields or type(fields[0]) is not int or fields[0] != VERSION:
            raise Downgrade("the recovery pin is of a version this client does not speak")
        _, wallet_id, address, server_key, n, k, hash_, vector, wrapped = codec.as_array(fields, 9)
        return cls(
            wallet_id=WalletId(codec.as_bytes(wallet_id, 32)),
            address=codec.as_text(address, size_max=limits.ADDRESS_SIZE_MAX),
            server_key=ServerKey(codec.as_bytes(server_key, 32)),
            n=codec.as_integer(n),
            k=codec.as_integer(k, maximum=limits.CHAIN_LENGTH_MAX - 1),
            hash=MembershipHash(codec.as_bytes(hash_, 32)),
            vector=parse_vector(vector),
            wrapped=codec.as_bytes(wrapped, size_max=limits.WRAP_SIZE_MAX),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class RecoveryKit:
    """What is printed: where the wallet lives and how far it had come, perhaps with the key."""

    wallet_id: WalletId
    address: str
    server_key: ServerKey
    n: int
    k: int
    hash: MembershipHash
    vector_hash: bytes
    """32 bytes: the hash of the pin's vector; it, `n`, `k` and `hash` are those of one pin."""

    seed: bytes | None = field(default=None, repr=False)
    """The recovery seed, where the kit holds the words too."""

    @classmethod
    def of(cls, pin: RecoveryPin, seed: bytes | None) -> "RecoveryKit":
        """Return the kit that goes with a pin."""
        return cls(
            wallet_id=pin.wallet_id,
            address=pin.address,
            server_key=pin.server_key,
            n=pin.n,
            k=pin.k,
            hash=pin.hash,
            vector_hash=vector_hash(pin.vector),
            seed=seed,
        )

    def uri(self) -> str:
        """Return the text of the kit's QR code; no other scanner of ours takes it."""
        fields = [
            VERSION,
            self.wallet_id,
            self.address,
            self.server_key,
            self.n,
            self.k,
            self.hash,
            self.vector_hash,
            self.seed,
        ]
        encoded = base64.urlsafe_b64encode(codec.encode(fields)).decode().rstrip("=")
        return URI_PREFIX + encoded

    @classmethod
    def parse(cls, uri: str) -> "RecoveryKit":
        """Read the text of a kit's QR code.

        Raises:
            WrongContext: it is the code of something else.
            RecoveryRefused: it is one, but damaged or of another version.
        """
        text = uri.strip()
        if not text.startswith(URI_PREFIX):
            raise WrongContext("this is not the code of a recovery kit")
        encoded = text.removeprefix(URI_PREFIX)
        try:
            data = base64.b64decode(
                encoded + "=" * (-len(encoded) % 4), altchars=b"-_", validate=True
            )
            fields = codec.as_array(codec.decode(data, size_max=limits.TEXT_SIZE_MAX), 9)
            version, wallet_id, address, server_key, n, k, hash_, vector, seed = fields
            codec.as_integer(version, minimum=VERSION, maximum=VERSION)
            kit = cls(
                wallet_id=WalletId(codec.as_bytes(wallet_id, 32)),
                address=codec.as_text(address, size_max=limits.ADDRESS_SIZE_MAX),
                server_key=ServerKey(codec.as_bytes(server_key, 32)),
                n=codec.as_integer(n),
                k=codec.as_integer(k, maximum=limits.CHAIN_LENGTH_MAX - 1),
                hash=MembershipHash(codec.as_bytes(hash_, 32)),
                vector_hash=codec.as_bytes(vector, 32),
                seed=None if seed is None else codec.as_bytes(seed, SEED_SIZE),
            )
        except (Malformed, binascii.Error, ValueError) as error:
            raise RecoveryRefused("the recovery kit's code is damaged") from error
        if kit.uri() != text:
            raise RecoveryRefused("the recovery kit's code is damaged")
        return kit


def _wrap_context(device: DeviceId, state: MembershipState) -> tuple[bytes, ...]:
    return state.wallet_id, device, state.epoch.id, state.epoch.commitment


def _pin_context(locator: bytes) -> bytes:
    return hashing.frame(Domain.RECOVERY_PIN_SEAL, locator)


def _pad(plaintext: bytes) -> bytes:
    """Put the length before and zeros behind, so that most pins have one size."""
    size = 4 + len(plaintext)
    inner_min = limits.RECOVERY_PIN_SIZE_MIN - sealing.NONCE_SIZE - sealing.TAG_SIZE
    padded = inner_min if size <= inner_min else sealing.padded_size(size)
    if padded + sealing.NONCE_SIZE + sealing.TAG_SIZE > limits.RECOVERY_PIN_SIZE_MAX:
        raise LocalProtocolError("the recovery pin is larger than any wallet's")
    return len(plaintext).to_bytes(4, "big") + plaintext + bytes(padded - size)


def _unpad(padded: bytes) -> bytes:
    size = int.from_bytes(padded[:4], "big")
    plaintext = padded[4 : 4 + size]
    if len(plaintext) != size or _pad(plaintext) != padded:
        raise Malformed("the padding is not the one of this length")
    return plaintext
