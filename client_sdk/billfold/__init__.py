"""Billfold: wallets that several devices edit and no server can read.

    from billfold import Passphrase, Wallet

    async with await Wallet.create("wallet", unlock=Passphrase("…")) as wallet:
        async with wallet.edit() as edit:
            edit.add("login", title="Library", username="ada")

Spec: 00-overview.md
"""

from billfold.document import (
    Conflict,
    FieldState,
    HistoryItem,
    RecordView,
    Scalar,
    Value,
)
from billfold.editing import EditBlock
from billfold.events import (
    ConnectionChanged,
    DeviceAdded,
    DeviceRemoved,
    Event,
    RecordsChanged,
    Synced,
    SyncProgress,
    ThisDeviceRemoved,
    Warned,
)
from billfold.household import Device
from billfold.keyring import KeyCallback, OsKeyring, Passphrase, Unlock
from billfold.listening import EventStream
from billfold.reports import Status, SyncReport
from billfold.wallet import Wallet
from billfold_protocol.errors import BillfoldError
from billfold_protocol.linking import Hello

__all__ = [
    "BillfoldError",
    "Conflict",
    "ConnectionChanged",
    "Device",
    "DeviceAdded",
    "DeviceRemoved",
    "EditBlock",
    "Event",
    "EventStream",
    "FieldState",
    "Hello",
    "HistoryItem",
    "KeyCallback",
    "OsKeyring",
    "Passphrase",
    "RecordView",
    "RecordsChanged",
    "Scalar",
    "Status",
    "SyncProgress",
    "SyncReport",
    "Synced",
    "ThisDeviceRemoved",
    "Unlock",
    "Value",
    "Wallet",
    "Warned",
]
