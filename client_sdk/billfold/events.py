"""What a wallet tells its application: one value for each thing that happened.

Spec: 40-wallet-document.md
"""

from dataclasses import dataclass

from billfold_protocol.errors import BillfoldError
from billfold_protocol.ids import DeviceId


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordsChanged:
    """Fields differ from before; read them again."""

    fields: frozenset[tuple[str, str]]
    """Record id and field name; the field is `notes` for a note."""

    device: DeviceId | None
    """Whose edit it was; None where several devices' edits came at once."""

    is_local: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceAdded:
    """A device belongs to the wallet from now on; its name follows in the wallet's records."""

    device: DeviceId
    sponsor: DeviceId


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceRemoved:
    """A device was revoked; it gets nothing new."""

    device: DeviceId
    by: DeviceId | None
    """Who did it; None where two histories were merged."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceReplaced:
    """A device goes on with new keys; whoever holds a copy of the old ones gets nothing new."""

    device: DeviceId
    """By its old keys."""

    successor: DeviceId
    """By its new ones."""

    by: DeviceId
    """Who confirmed it: another device, or the recovery member."""


@dataclass(frozen=True, slots=True)
class ThisDeviceRemoved:
    """This device was revoked: it keeps what it holds, can export it, and gets nothing new."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RecoveryUsed:
    """Somebody used the recovery words; if it was not the person, the wallet is in danger."""

    recovery: DeviceId
    """The recovery member."""

    device: DeviceId | None
    """The device that it linked; None if it did something else."""

    time_s: int
    """When, by the clock of the device that did it, in seconds since 1970."""

    k: int
    """Index of the membership entry that shows it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SyncProgress:
    """How far catching up has come."""

    done: int
    total: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SnapshotProgress:
    """How much of a snapshot with which this device begins has come, in bytes."""

    done: int
    total: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SnapshotLoaded:
    """This device has begun with a snapshot: the wallet can be read; what came later follows."""

    entries_count: int
    """Entries that the snapshot covers."""


@dataclass(frozen=True, slots=True)
class Synced:
    """Everything on the server is here, and everything here is on the server."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionChanged:
    """The server is reachable, or is not and why."""

    is_online: bool
    reason: BillfoldError | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AttachmentProgress:
    """How far an attachment's way to the server has come."""

    record: str
    attachment: str
    """Its id."""

    done: int
    """Bytes that the server has, of what it will take."""

    total: int


@dataclass(frozen=True, slots=True, kw_only=True)
class AttachmentStored:
    """The server holds an attachment of this device; the other devices see it from now on."""

    record: str
    attachment: str
    """Its id."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageReceived:
    """An organisation has written; the message is a record now."""

    record: str
    relationship: str
    """The record of the organisation."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageRefused:
    """Something came by a channel that is no message of its organisation; nothing of it is kept."""

    relationship: str
    error: BillfoldError


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerSent:
    """The server holds an own message for the organisation, and no other in its place."""

    record: str
    """The own message."""

    answered: str | None
    """The message that it answers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerNotSent:
    """An own message was not sent: another device had answered, or the server refused it."""

    record: str
    answered: str | None
    error: BillfoldError


@dataclass(frozen=True, slots=True)
class Warned:
    """Something is wrong that the person should know; the wallet goes on."""

    error: BillfoldError


Event = (
    RecordsChanged
    | DeviceAdded
    | DeviceRemoved
    | DeviceReplaced
    | ThisDeviceRemoved
    | RecoveryUsed
    | SyncProgress
    | SnapshotProgress
    | SnapshotLoaded
    | Synced
    | ConnectionChanged
    | AttachmentProgress
    | AttachmentStored
    | MessageReceived
    | MessageRefused
    | AnswerSent
    | AnswerNotSent
    | Warned
)
