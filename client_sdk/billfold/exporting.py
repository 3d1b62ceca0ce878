"""Getting a wallet's records out of it: Billfold's JSON, CXF, a TS10 object, a page to read.

What Billfold keeps for itself, such as the names of devices, what is in the trash and attachments
stay behind.

Spec: 43-portability.md
"""

import time
from enum import Enum, unique
from typing import Final

from billfold.attachments import ATTACHMENTS
from billfold.document import TAGS, TYPE, RecordView
from billfold.exporters import Export, ExportedRecord, export_cxf, export_json, export_ts10
from billfold.household import DEVICE_TYPE
from billfold.model import tags_of
from billfold.recovery_records import RECOVERY_TYPE
from billfold.report import report_html
from billfold.wallet import Wallet
from billfold_protocol.errors import InputError

INTERNAL_TYPES: Final = frozenset({DEVICE_TYPE, RECOVERY_TYPE})
"""Types of records that belong to the wallet and not to the person."""

INTERNAL_FIELDS: Final = frozenset({TYPE, "trashed", "purged"})
"""Fields that an export tells in another way, or not at all."""


@unique
class ExportFormat(Enum):
    """What a wallet's records can be written as."""

    BILLFOLD = "billfold"
    """Billfold's own JSON: every field; not encrypted."""

    CXF = "cxf"
    """FIDO Credential Exchange Format 1.0: logins, cards, papers, keys; not encrypted."""

    TS10 = "ts10"
    """EUDI TS10 migration object: credentials and the log; sealed with a password."""

    HTML = "html"
    """A page to read or print; secrets are hidden unless asked for."""


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


def export_as(
    wallet: Wallet,
    export_format: ExportFormat,
    record_type: str | None = None,
    *,
    is_unsent: bool = False,
    password: str | None = None,
    is_secret_shown: bool = False,
) -> Export:
    """Return records, chosen as for `exported_records`, in a format, and what is not in it.

    Args:
        wallet: the open wallet.
        export_format: what to write.
        record_type: such as `login`.
        is_unsent: whether only records with edits that no server has acknowledged are wanted.
        password: seals a TS10 object, which must have one.
        is_secret_shown: whether secrets stand on the page to read.

    Raises:
        InputError: a TS10 object got no password, or a text cannot be written.
        LocalProtocolError: the wallet is closed.
        StoreDamaged: stored bytes fail their checks.
    """
    records = exported_records(wallet, record_type, is_unsent=is_unsent)
    match export_format:
        case ExportFormat.BILLFOLD:
            return Export(data=export_json(records))
        case ExportFormat.CXF:
            now = int(time.time())
            return export_cxf(records, account_id=wallet.wallet_id[:16], exported_at=now)
        case ExportFormat.TS10:
            if password is None:
                raise InputError("A TS10 object is sealed with a password, and none was given.")
            return export_ts10(records, password)
        case ExportFormat.HTML:
            now = int(time.time())
            return Export(data=report_html(records, made_at=now, is_secret_shown=is_secret_shown))


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
