"""Getting a wallet's records out of it, as Billfold's plain JSON export has them.

What Billfold keeps for itself, such as the names of devices, what is in the trash and attachments
stay behind.

Spec: 40-wallet-document.md
"""

from typing import Final

from billfold.attachments import ATTACHMENTS
from billfold.document import TAGS, TYPE, RecordView
from billfold.exporters import ExportedRecord, export_json
from billfold.household import DEVICE_TYPE
from billfold.model import tags_of
from billfold.recovery_records import RECOVERY_TYPE
from billfold.wallet import Wallet

INTERNAL_TYPES: Final = frozenset({DEVICE_TYPE, RECOVERY_TYPE})
"""Types of records that belong to the wallet and not to the person."""

INTERNAL_FIELDS: Final = frozenset({TYPE, "trashed", "purged"})
"""Fields that an export tells in another way, or not at all."""


def exported_records(
    wallet: Wallet, record_type: str | None = None, *, is_unsent: bool = False
) -> list[ExportedRecord]:
    """Return the records of a type (None: of all), in order of id.

    Args:
        wallet: the open wallet.
        record_type: such as `login`.
        is_unsent: whether only records with edits that no server has acknowledged are wanted.

    Raises:
        LocalProtocolError: the wallet is closed.
        StoreDamaged: stored bytes fail their checks.
    """
    unsent = wallet.unsent_records() if is_unsent else None
    return [
        _export(view)
        for view in wallet.records(record_type)
        if view.type is not None
        and view.type not in INTERNAL_TYPES
        and (unsent is None or view.id in unsent)
    ]


def export_wallet(
    wallet: Wallet, record_type: str | None = None, *, is_unsent: bool = False
) -> bytes:
    """Return records, chosen as for `exported_records`, as JSON that is not encrypted.

    Raises:
        LocalProtocolError: the wallet is closed.
        StoreDamaged: stored bytes fail their checks.
    """
    return export_json(exported_records(wallet, record_type, is_unsent=is_unsent))


def _export(view: RecordView) -> ExportedRecord:
    assert view.type is not None
    names = [
        name
        for name in view.fields
        if name not in INTERNAL_FIELDS and not name.startswith((ATTACHMENTS, TAGS))
    ]
    return ExportedRecord(
        id=view.id,
        type=view.type,
        fields={name: view.fields[name].value for name in names},
        conflicts={
            name: tuple(one.value for one in state.values)
            for name, state in view.conflicts.items()
            if name in names
        },
        tags=tags_of(view),
        notes=view.notes or None,
    )
