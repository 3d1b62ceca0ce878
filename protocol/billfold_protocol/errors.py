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


class NotProven(VerificationError):
    """A file that claims to prove something does not."""


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


class PairingFailed(AccessError):
    """Linking did not succeed and its code is spent; start again with a new code."""


class RecoveryRefused(AccessError):
    """Recovery words, shares or a kit do not open a wallet here; nothing was changed."""


class UnlockFailed(AccessError):
    """The passphrase or key does not open this wallet."""


class WalletLocked(AccessError):
    """The wallet is locked; unlock it first."""


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
