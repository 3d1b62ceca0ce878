"""Linking a device: four sealed messages between a new device and one that belongs to the wallet.

The new device is the *initiator*. The secret comes from its QR code or from typed words.

    initiator                                   responder
        hello: keys, name, kind     ──────────►    the person confirms name, kind, fingerprint
        acceptance: a signature     ◄──────────    proposal: wallet, sponsor, holder, role, session
                                    ──────────►    appends the `link` entry
        opens the welcome           ◄──────────    welcome: server, its key, k, M, a beacon

Each message is bound to all that went before; whatever does not fit ends the attempt for good.

Spec: 22-linking.md
"""

from dataclasses import dataclass, replace

from billfold_protocol import codec, limits
from billfold_protocol.crypto import hashing, wrapping
from billfold_protocol.crypto.domains import Domain
from billfold_protocol.crypto.signing import SigningKey
from billfold_protocol.errors import BillfoldError, Malformed
from billfold_protocol.ids import (
    DeviceId,
    HolderId,
    MembershipHash,
    ServerKey,
    SigningPublicKey,
    WalletId,
    WrappingPublicKey,
)
from billfold_protocol.linking.channel import Channel, Side, failed
from billfold_protocol.linking.codes import RandomBytes, digits_of
from billfold_protocol.membership import DeviceKeys, Kind, Link, Role, acceptance_parts

NAME_SIZE_MAX = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Hello:
    """The new device, as the person is asked to confirm it."""

    keys: DeviceKeys
    name: str
    kind: Kind

    @property
    def fingerprint(self) -> str:
        """Six digits that both screens show."""
        return fingerprint(self.keys)


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """What the new device is asked to join, and as what."""

    wallet_id: WalletId
    sponsor: DeviceId
    link: Link
    """Its acceptance and wrap hash are empty until both are known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Welcome:
    """What the new device pins before it asks the server for anything."""

    wallet_id: WalletId
    holder: HolderId
    address: str
    server_key: ServerKey
    k: int
    hash: MembershipHash
    """Hash of the membership entry at index `k`, the one that lists the new device."""

    beacon: bytes
    """Signed by the linking device: what it holds, so that no server can show less of it."""


def keys_hash(keys: DeviceKeys) -> bytes:
    """Return the 32-byte hash of a new device's keys that its QR code carries."""
    return hashing.digest(Domain.LINKING_KEYS, keys.signing, keys.wrapping)


def fingerprint(keys: DeviceKeys) -> str:
    """Return six digits for a person to compare."""
    return digits_of(keys_hash(keys))


class LinkInitiator:
    """The new device's side: `hello`, then `accept` the proposal, then open the `welcome`."""

    def __init__(
        self,
        secret: bytes,
        *,
        keys: DeviceKeys,
        signing_key: SigningKey,
        unwrapping_key: wrapping.UnwrappingKey,
        random: RandomBytes,
    ) -> None:
        self._channel = Channel(secret, Side.INITIATOR, random)
        self._keys = keys
        self._signing_key = signing_key
        self._unwrapping_key = unwrapping_key
        self._proposal: Proposal | None = None
        self._kind: Kind | None = None

    def hello(self, name: str, kind: Kind) -> bytes:
        """Return the first message."""
        self._kind = kind
        return self._channel.seal([self._keys.encode(), name, kind.value])

    def accept(self, message: bytes) -> tuple[Proposal, bytes]:
        """Read the proposal and return it with the answer that accepts it.

        Raises:
            PairingFailed: the message does not fit; the code is spent.
        """
        fields = self._channel.open(message, 6)
        try:
            wallet_id, sponsor, holder, role, kind, session = fields
            link = Link(
                is_invite=False,
                keys=self._keys,
                holder=HolderId(codec.as_bytes(holder, 16)),
                role=Role(codec.as_text(role)),
                kind=Kind(codec.as_text(kind)),
                session=codec.as_bytes(session, 16),
                acceptance=b"",
                wrap_hash=b"",
            )
            proposal = Proposal(
                wallet_id=WalletId(codec.as_bytes(wallet_id, 32)),
                sponsor=DeviceId(codec.as_bytes(sponsor, 16)),
                link=link,
            )
        except (Malformed, ValueError) as error:
            raise failed() from error
        if link.kind is not self._kind:
            # What the person confirmed on the other screen is not what it would sign.
            raise failed()
        parts = acceptance_parts(proposal.wallet_id, proposal.sponsor, link)
        signature = self._signing_key.sign(Domain.MEMBERSHIP_ACCEPTANCE, *parts)
        self._proposal = proposal
        return proposal, self._channel.seal([signature])

    def welcome(self, message: bytes) -> Welcome:
        """Open the last message.

        Raises:
            PairingFailed: the message does not fit; the code is spent.
        """
        assert self._proposal is not None
        transcript = self._channel.transcript
        (wrapped,) = self._channel.open(message, 1)
        try:
            plaintext = self._unwrapping_key.unwrap(
                codec.as_bytes(wrapped), Domain.LINKING_WRAP, transcript
            )
            address, server_key, k, hash_, beacon = codec.as_array(
                codec.decode(plaintext, size_max=limits.RENDEZVOUS_FRAME_SIZE_MAX), 5
            )
            return Welcome(
                wallet_id=self._proposal.wallet_id,
                holder=self._proposal.link.holder,
                address=codec.as_text(address, size_max=limits.ADDRESS_SIZE_MAX),
                server_key=ServerKey(codec.as_bytes(server_key, 32)),
                k=codec.as_integer(k, maximum=limits.CHAIN_LENGTH_MAX),
                hash=MembershipHash(codec.as_bytes(hash_, 32)),
                beacon=codec.as_bytes(beacon, size_max=limits.RENDEZVOUS_FRAME_SIZE_MAX),
            )
        except BillfoldError as error:
            raise failed() from error


class LinkResponder:
    """The side that belongs to the wallet: read `hello`, `propose`, read `accepted`, `welcome`."""

    def __init__(
        self, secret: bytes, *, expected_keys_hash: bytes | None, random: RandomBytes
    ) -> None:
        """Begin.

        Args:
            secret: 32 bytes from the QR code or the code exchange.
            expected_keys_hash: what the QR code says of the new device's keys.
            random: the source of random bytes.
        """
        self._channel = Channel(secret, Side.RESPONDER, random)
        self._expected_keys_hash = expected_keys_hash
        self._proposal: Proposal | None = None
        self._hello: Hello | None = None

    def hello(self, message: bytes) -> Hello:
        """Read the first message; ask the person before going on.

        Raises:
            PairingFailed: the message does not fit; the code is spent.
        """
        keys, name, kind = self._channel.open(message, 3)
        try:
            signing_key, wrapping_key = codec.as_array(keys, 2)
            hello = Hello(
                keys=DeviceKeys(
                    SigningPublicKey(codec.as_bytes(signing_key, 32)),
                    WrappingPublicKey(codec.as_bytes(wrapping_key, 1216)),
                ),
                name=codec.as_text(name, size_max=NAME_SIZE_MAX),
                kind=Kind(codec.as_text(kind)),
            )
        except (Malformed, ValueError) as error:
            raise failed() from error
        if self._expected_keys_hash not in {None, keys_hash(hello.keys)}:
            raise failed()
        self._hello = hello
        return hello

    def propose(
        self,
        *,
        wallet_id: WalletId,
        sponsor: DeviceId,
        holder: HolderId,
        role: Role,
        session: bytes,
    ) -> bytes:
        """Return the message that asks the confirmed device to join."""
        assert self._hello is not None
        link = Link(
            is_invite=False,
            keys=self._hello.keys,
            holder=holder,
            role=role,
            kind=self._hello.kind,
            session=session,
            acceptance=b"",
            wrap_hash=b"",
        )
        self._proposal = Proposal(wallet_id=wallet_id, sponsor=sponsor, link=link)
        return self._channel.seal(
            [wallet_id, sponsor, holder, role.value, link.kind.value, session]
        )

    def accepted(self, message: bytes) -> Link:
        """Read the answer and return what the `link` entry needs but for the wrap's hash.

        Raises:
            PairingFailed: the message does not fit; the code is spent.
        """
        assert self._proposal is not None
        (signature,) = self._channel.open(message, 1)
        try:
            return replace(self._proposal.link, acceptance=codec.as_bytes(signature, 64))
        except Malformed as error:
            raise failed() from error

    def welcome(self, welcome: Welcome) -> bytes:
        """Return the last message, for the new device's eyes only.

        Raises:
            WeakKey: the new device's key is not valid.
        """
        assert self._proposal is not None
        plaintext = codec.encode(
            [welcome.address, welcome.server_key, welcome.k, welcome.hash, welcome.beacon]
        )
        wrapped = wrapping.wrap(
            plaintext,
            self._proposal.link.keys.wrapping,
            Domain.LINKING_WRAP,
            self._channel.transcript,
        )
        return self._channel.seal([wrapped])
