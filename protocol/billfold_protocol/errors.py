"""The one tree of errors: the type says what to do, the message says what happened.

Six roots, one for each reaction a caller can have; below them the exact findings. Messages never
hold secrets or values of a wallet.

Spec: 01-terms.md
"""


class BillfoldError(Exception):
    """The root of every error that Billfold raises on purpose."""


class LocalProtocolError(BillfoldError):
    """We were asked for what the protocol forbids now; the caller fixes its code."""


class RemoteProtocolError(BillfoldError):
    """The peer broke the protocol; the caller closes the connection with `close_code`."""

    close_code: int
    """WebSocket close code (RFC 6455 §7.4) that tells the peer what it did."""

    def __init__(self, message: str, *, close_code: int = 1002) -> None:
        super().__init__(message)
        self.close_code = close_code


class Malformed(RemoteProtocolError):
    """Bytes are not the canonical encoding of what they claim to be."""


class PeerPoison(RemoteProtocolError):
    """A member's change makes the document library fail; it is set aside by its hash."""


class Quarantined(RemoteProtocolError):
    """A member's change decrypts but is not a change of its feed; it is set aside by its hash."""


class VerificationError(BillfoldError):
    """A signature, tag, hash or chain does not match; discard the data and tell the user."""


class AuthFailed(VerificationError):
    """A signature or an authentication tag does not verify."""


class CommitMismatch(VerificationError):
    """A key or plaintext is not the one that was committed to."""


class WrongContext(VerificationError):
    """Valid bytes were presented in another place than the one they were made for."""


class Downgrade(VerificationError):
    """An older version or a weaker suite than this client accepts was offered."""


class KdfPolicy(VerificationError):
    """Password-hashing parameters are outside the range compiled into this client."""


class WeakKey(VerificationError):
    """A public key has small order or is not canonical."""


class UnsignedMember(VerificationError):
    """A membership entry is not signed by a member who may make it."""


class ChainFork(VerificationError):
    """Two membership entries claim the same place in one chain."""


class ChainRollback(VerificationError):
    """The server shows a shorter membership chain than this device has already seen."""


class ServerRollback(VerificationError):
    """The server has forgotten entries that it acknowledged or that this device holds."""


class FalseAck(VerificationError):
    """The server signed that it stored an entry which it does not have."""


class Gap(VerificationError):
    """An entry builds on another that the server does not give."""


class StaleServer(VerificationError):
    """The server's view is older than what another device is known to have seen."""


class Equivocation(VerificationError):
    """Two different entries carry one feed and sequence number; both are kept as proof."""


class SnapshotMismatch(VerificationError):
    """A member's snapshot is not what the feeds say; it is named, and the feeds are used."""


class DeviceCloned(VerificationError):
    """Another copy of this device is alive: its feed grows by entries this one never made."""


class UnknownEpoch(VerificationError):
    """An entry names an epoch whose key this device does not hold."""


class ServerIdentity(VerificationError):
    """The server does not prove the key that the wallet's chain pins for it."""


class WrongSender(VerificationError):
    """A message is signed by another than the organisation whose key the relationship pins."""


class NotProven(VerificationError):
    """A file that claims to prove something does not."""


class CredentialRefused(VerificationError):
    """A credential, or a presentation of one, must not be relied on; the kinds say why."""


class UntrustedIssuer(CredentialRefused):
    """No key that is trusted for this issuer belongs to the credential's signature."""


class CredentialTampered(CredentialRefused):
    """The issuer's signature does not match what it is said to sign."""


class AlgorithmRefused(CredentialRefused):
    """The token is unsigned, or names an algorithm that is not the one of the key."""


class CredentialExpired(CredentialRefused):
    """The credential's time is over."""


class CredentialNotYetValid(CredentialRefused):
    """The credential's time has not begun."""


class WrongCredentialType(CredentialRefused):
    """The token is a credential of another type, or none."""


class UnreferencedDisclosure(CredentialRefused):
    """The issuer did not sign this disclosure: no digest names it."""


class DuplicateDisclosure(CredentialRefused):
    """One disclosure, or one digest, occurs twice."""


class MisplacedDisclosure(CredentialRefused):
    """A disclosure gives a claim that is there already, or one that no claim may be."""


class KeyBindingMissing(CredentialRefused):
    """The presentation does not prove that who shows it holds the credential's key."""


class WrongHolder(CredentialRefused):
    """The presentation is signed by another key than the credential is bound to."""


class WrongAudience(CredentialRefused):
    """The presentation was made for another verifier."""


class NonceReplayed(CredentialRefused):
    """The presentation does not answer this request, or has been shown before."""


class PresentationAltered(CredentialRefused):
    """What is shown is not what the holder has signed."""


class PresentationStale(CredentialRefused):
    """The presentation was made too long ago, or in the future."""


class StatusListRefused(CredentialRefused):
    """A status list is not the one the credential names, is too old, or lacks its place."""


class AccessError(BillfoldError):
    """The person or device is not entitled to this; tell the user."""


class NotAuthorised(AccessError):
    """The member's role does not allow it."""


class NotMember(AccessError):
    """The device is not in the wallet's membership chain."""


class DeviceRevoked(AccessError):
    """The device was revoked: it keeps what it holds and gets nothing new."""


class LimitExceeded(AccessError):
    """A size, count, rate or quota is above its bound."""


class RegistrationClosed(AccessError):
    """The server takes no new wallet from this client."""


class WalletClosed(AccessError):
    """The wallet has ended by a `close` entry."""


class ChannelClosed(AccessError):
    """The person has closed the channel: nothing more can be sent by it."""


class ChannelUnknown(AccessError):
    """The server knows no such channel, or not with this capability."""


class PairingFailed(AccessError):
    """Linking did not succeed and its code is spent; start again with a new code."""


class RecoveryRefused(AccessError):
    """Recovery words, shares or a kit do not open a wallet here; nothing was changed."""


class UnlockFailed(AccessError):
    """The passphrase or key does not open this wallet."""


class WalletLocked(AccessError):
    """The wallet is locked; unlock it first."""


class OutOfStock(AccessError):
    """No unused instance of a one-time credential is left for this device."""


class StoreError(BillfoldError):
    """The local or server store is missing, full or damaged; stop and keep the file."""


class StoreMissing(StoreError):
    """There is no store at this place."""


class BlobMissing(StoreError):
    """The server does not hold a blob that was asked for; a device that has it offers it again."""


class StoreExists(StoreError):
    """There is a store at this place already."""


class StoreBusy(StoreError):
    """Another process has the store open."""


class StoreFull(StoreError):
    """The disk has no room; nothing of the refused write was kept."""


class StoreDamaged(StoreError):
    """The store's bytes fail their own checks."""


class UpdateNeeded(StoreError):
    """A store or entry was written by a newer version; nothing is lost, update to go on."""


class TransportError(BillfoldError):
    """The connection failed; reconnect and resume."""


class InputError(LocalProtocolError):
    """A value that the caller gave is not acceptable; the message says which and why."""


class NotFound(InputError):
    """No record, field or device has this name."""
