"""What a device of the wallet can read, so that the person knows what to have issued anew.

A device that is linked gets the keys of all epochs before, and every epoch's until it is removed.
So it can read every record that reached the others; not what is on this device only.

Spec: 13-membership.md
"""

from dataclasses import dataclass

from billfold.core import verified_entry
from billfold.document import TYPE, FieldEdit, RecordView, hash_of
from billfold.model import CREDENTIAL, DEVICE, label_of
from billfold.replica import Replica
from billfold_protocol.envelope import open_entry


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadableRecord:
    """One record that a device could read, without its values."""

    id: str
    type: str
    label: str
    """What to call it; it holds no secret."""

    is_trashed: bool

    @property
    def is_credential(self) -> bool:
        """Whether somebody issued it, who can issue it again."""
        return self.type == CREDENTIAL


def readable_records(replica: Replica) -> tuple[ReadableRecord, ...]:
    """Return the records that all present devices can read, by type and label.

    Records that only edits made which no entry carries are left out; one such edit of an older
    record does not leave that out.
    """
    document, pending = replica.document, replica.pending
    unsent = {hash_of(edit.change) for edit in pending}
    new = {
        edit.record
        for one in pending
        for edit in one.edits()
        if isinstance(edit, FieldEdit) and edit.field == TYPE
    }
    return tuple(
        sorted(
            (
                _describe(view)
                for view in (*document.records(), *document.records(trashed=True))
                if view.type != DEVICE
                and not (
                    view.id in new
                    and all(item.change in unsent for item in document.history(view.id, TYPE))
                )
            ),
            key=lambda record: (record.type, record.label, record.id),
        )
    )


def unsent_records(replica: Replica) -> frozenset[str]:
    """Return the ids of the records that edits touch which no server has acknowledged.

    Raises:
        StoreDamaged: stored bytes fail their checks.
    """
    core = replica.core
    changes = [edit.change for edit in replica.pending]
    for raw in replica.unacked_raws:
        entry = verified_entry(core, raw)
        key = core.epoch_keys[entry.value.epoch]
        changes.extend(open_entry(entry, core.wallet_id, key).changes)
    return frozenset(record for change in changes for record in replica.document.records_of(change))


def _describe(view: RecordView) -> ReadableRecord:
    return ReadableRecord(
        id=view.id, type=view.type or "", label=label_of(view), is_trashed=view.is_trashed
    )
