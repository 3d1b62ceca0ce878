"""Billfold: wallets that several devices edit and no server can read.

    from billfold import Passphrase, Wallet

    async with await Wallet.create("wallet", unlock=Passphrase("…")) as wallet:
        async with wallet.edit() as edit:
            edit.add("login", title="Library", username="ada")

Spec: 00-overview.md
"""

import importlib
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from billfold.attachments import Attachment, Attachments
    from billfold.blocking import BlockingWallet
    from billfold.credentials import IssuerKeys, Lifecycle
    from billfold.document import (
        Conflict,
        FieldState,
        HistoryItem,
        IssuerFact,
        RecordView,
        Scalar,
        Value,
    )
    from billfold.editing import EditBlock
    from billfold.events import (
        AttachmentProgress,
        AttachmentStored,
        ConnectionChanged,
        DeviceAdded,
        DeviceRemoved,
        DeviceReplaced,
        Event,
        RecordsChanged,
        RecoveryUsed,
        SnapshotLoaded,
        SnapshotProgress,
        Synced,
        SyncProgress,
        ThisDeviceRemoved,
        Warned,
    )
    from billfold.exporting import export_wallet
    from billfold.findings import Finding
    from billfold.holdings import Credentials, Presented, Standing
    from billfold.homecoming import recover_wallet
    from billfold.household import Device
    from billfold.importers import read_import
    from billfold.importing import ImportResult, import_report
    from billfold.keyring import KeyCallback, OsKeyring, Passphrase, Unlock
    from billfold.listening import EventStream
    from billfold.model import (
        Activity,
        AgentGrant,
        Agreement,
        Credential,
        DocumentRecord,
        Intent,
        Key,
        Login,
        Message,
        Pass,
        Payment,
        Person,
        Preference,
        Pseudonym,
        Relationship,
        Setting,
    )
    from billfold.reports import Status, SyncReport
    from billfold.wallet import Wallet
    from billfold_protocol.errors import BillfoldError
    from billfold_protocol.linking import Hello

__all__ = [
    "Activity",
    "AgentGrant",
    "Agreement",
    "Attachment",
    "AttachmentProgress",
    "AttachmentStored",
    "Attachments",
    "BillfoldError",
    "BlockingWallet",
    "Conflict",
    "ConnectionChanged",
    "Credential",
    "Credentials",
    "Device",
    "DeviceAdded",
    "DeviceRemoved",
    "DeviceReplaced",
    "DocumentRecord",
    "EditBlock",
    "Event",
    "EventStream",
    "FieldState",
    "Finding",
    "Hello",
    "HistoryItem",
    "ImportResult",
    "Intent",
    "IssuerFact",
    "IssuerKeys",
    "Key",
    "KeyCallback",
    "Lifecycle",
    "Login",
    "Message",
    "OsKeyring",
    "Pass",
    "Passphrase",
    "Payment",
    "Person",
    "Preference",
    "Presented",
    "Pseudonym",
    "RecordView",
    "RecordsChanged",
    "RecoveryUsed",
    "Relationship",
    "Scalar",
    "Setting",
    "SnapshotLoaded",
    "SnapshotProgress",
    "Standing",
    "Status",
    "SyncProgress",
    "SyncReport",
    "Synced",
    "ThisDeviceRemoved",
    "Unlock",
    "Value",
    "Wallet",
    "Warned",
    "export_wallet",
    "import_report",
    "read_import",
    "recover_wallet",
]

_MODULES: Final = {
    "billfold.attachments": ("Attachment", "Attachments"),
    "billfold.blocking": ("BlockingWallet",),
    "billfold.credentials": ("IssuerKeys", "Lifecycle"),
    "billfold.document": (
        *("Conflict", "FieldState", "HistoryItem", "IssuerFact"),
        *("RecordView", "Scalar", "Value"),
    ),
    "billfold.editing": ("EditBlock",),
    "billfold.events": (
        *("AttachmentProgress", "AttachmentStored"),
        *("ConnectionChanged", "DeviceAdded", "DeviceRemoved", "DeviceReplaced", "Event"),
        *("RecordsChanged", "RecoveryUsed", "SnapshotLoaded", "SnapshotProgress"),
        *("SyncProgress", "Synced", "ThisDeviceRemoved", "Warned"),
    ),
    "billfold.exporting": ("export_wallet",),
    "billfold.findings": ("Finding",),
    "billfold.holdings": ("Credentials", "Presented", "Standing"),
    "billfold.homecoming": ("recover_wallet",),
    "billfold.household": ("Device",),
    "billfold.importers": ("read_import",),
    "billfold.importing": ("ImportResult", "import_report"),
    "billfold.keyring": ("KeyCallback", "OsKeyring", "Passphrase", "Unlock"),
    "billfold.listening": ("EventStream",),
    "billfold.model": (
        *("Activity", "AgentGrant", "Agreement", "Credential", "DocumentRecord", "Intent", "Key"),
        *("Login", "Message", "Pass", "Payment", "Person", "Preference", "Pseudonym"),
        *("Relationship", "Setting"),
    ),
    "billfold.reports": ("Status", "SyncReport"),
    "billfold.wallet": ("Wallet",),
    "billfold_protocol.errors": ("BillfoldError",),
    "billfold_protocol.linking": ("Hello",),
}
"""Where each name is; a module is imported at its first use, so that commands start quickly."""

_HOMES: Final = {name: module for module, names in _MODULES.items() for name in names}


def __getattr__(name: str) -> object:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found: object = getattr(importlib.import_module(home), name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
