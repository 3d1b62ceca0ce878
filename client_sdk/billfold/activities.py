"""The wallet's activity log: writing to it, reading it in order, and checking that nobody cut it.

Every edit of the log passes here, whichever way it was made: new entries get their place in this
device's chain, values are refused, and only the person may delete.

Spec: 41-records.md
"""

import secrets
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Final

from billfold.document import (
    TAGS,
    TYPE,
    Document,
    Edit,
    EditText,
    FieldEdit,
    Purge,
    RemoveField,
    Restore,
    Scalar,
    Trash,
)
from billfold.editing import EditBlock, natural_key_text
from billfold.model import DEVICE, RECORD_TYPES, Activity, Input, check_fields
from billfold.model.activity_log import (
    ACTIVITY,
    DELETED,
    HEAD,
    Head,
    LogReport,
    check_activity,
    hash_of_entry,
    in_order,
    linked_after,
    parse_head,
    verify_log,
)
from billfold.replica import Replica
from billfold_protocol.errors import InputError, NotAuthorised, NotFound
from billfold_protocol.ids import FeedId
from billfold_protocol.membership import Kind

EXPORT: Final = "another log"
"""Where an entry is from that was in a log and does not say in which."""

_PLACE: Final = frozenset({"origin", "device", "number", "previous"})

_MARKS: Final = frozenset({TYPE, "favorite", "created_at", "modified_at"})
"""Fields of any record that say nothing about the person; tags are the others."""


def touches_log(replica: Replica, edits: Sequence[Edit]) -> bool:
    """Tell whether any of the edits is of an activity."""
    return bool(_entries_among(replica.document, edits))


def log_edits(replica: Replica, edits: Sequence[Edit]) -> list[Edit]:
    """Return the edits with new entries in their place in this device's chain.

    Raises:
        InputError: an entry would hold more than names.
        NotAuthorised: this device belongs to a program, and would delete from the log.
    """
    document = replica.document
    entries = _entries_among(document, edits)
    device = replica.core.device_id.hex()
    device_record = _record_of_device(replica, device)
    head = _head_in(document, device_record)
    made: list[Edit] = []
    new: dict[str, dict[str, Scalar]] = {}
    for edit in edits:
        if edit.record not in entries:
            made.append(edit)
            continue
        match edit:
            case EditText(text=text) if text:
                raise InputError("the activity log holds no notes: they might hold values")
            case FieldEdit(record=record, field=field, value=value):
                _check_field(document, edit)
                if document.has_record(record) or field.startswith(TAGS):
                    made.append(edit)
                else:
                    new.setdefault(record, {})[field] = value
            case Trash() | Purge():
                _require_person(replica)
                made += _noted(document, device_record, edit)
            case EditText() | RemoveField() | Restore():
                made.append(edit)
    is_linked = False
    for record, fields in new.items():
        check_activity(fields)
        if not fields.keys().isdisjoint(_PLACE):
            # It was in another log, whose chain is not ours.
            elsewhere = {"origin": EXPORT} | fields
            made += [FieldEdit(record, name, value) for name, value in elsewhere.items()]
            continue
        is_linked = True
        linked = linked_after(head, device, fields)
        head = Head(number=1 if head is None else head.number + 1, hash=hash_of_entry(linked))
        made += [FieldEdit(record, name, value) for name, value in linked.items()]
    if is_linked and head is not None:
        made += [FieldEdit(device_record, TYPE, DEVICE)]
        made += [FieldEdit(device_record, HEAD, head.encode())]
    return made


class ActivityLog:
    """What the wallet did, on all devices, by time.

    Args:
        replica: returns the open wallet's.
        edit: begins an edit of the same wallet.
        now_ms: the clock, in milliseconds since 1970.
    """

    def __init__(
        self,
        replica: Callable[[], Replica],
        edit: Callable[[], EditBlock],
        now_ms: Callable[[], int],
    ) -> None:
        self._replica = replica
        self._edit = edit
        self._now_ms = now_ms

    def __iter__(self) -> Iterator[Activity]:
        """Go through the entries of all devices, the oldest first."""
        return iter(in_order(self._replica().document.records(ACTIVITY)))

    def get(self, record: str) -> Activity:
        """Return one entry.

        Raises:
            NotFound: there is none with this id.
        """
        view = self._replica().document.record(record)
        if view.type != ACTIVITY:
            raise NotFound(f"there is no activity {record}")
        return Activity(view)

    async def add(self, fields: Mapping[str, Input]) -> Activity:
        """Add an entry of what has just happened.

        Args:
            fields: such as `transaction_type`, and `claims_presented/<path>` with the credential's
                type (see `claim_name`); identifier, time and result have their usual values.

        Raises:
            InputError: a field is missing, or holds more than it names.
            AccessError: this device may not write.
            StoreError: it could not be made durable, and is undone.
        """
        async with self._edit() as edit:
            record = self.add_to(edit, fields)
        return self.get(record)

    def add_to(self, edit: EditBlock, fields: Mapping[str, Input]) -> str:
        """Add an entry in one change with other edits; return its record's id.

        Raises:
            InputError: a field is missing or cannot hold its value; the message names it.
        """
        usual: dict[str, Input] = {
            "transaction_identifier": secrets.token_hex(16),
            "time": self._now_ms() // 1000,
            "transaction_result": "Completed",
        }
        return edit.add_checked(ACTIVITY, usual | dict(fields))

    async def delete(self, record: str) -> None:
        """Take an entry away for good, as only the person may; the log says that they did.

        Raises:
            NotFound: there is none with this id.
            NotAuthorised: this device belongs to a program.
        """
        self.get(record)
        async with self._edit() as edit:
            edit.purge(record)

    def verify(self) -> LogReport:
        """Check that every entry is there as it was written, or was deleted by the person."""
        replica = self._replica()
        document, state = replica.document, replica.state
        devices = {
            _record_of_device(replica, device.hex()): device.hex()
            for device in (*state.members, *state.removed)
        }
        heads: dict[str, Head] = {}
        deleted: dict[tuple[str, int], str] = {}
        for record, owner in devices.items():
            for name, field in document.fields(record).items():
                writers = [one for one in field.values if not _is_of_agent(replica, one.actor)]
                head = parse_head(writers[0].value) if writers and name == HEAD else None
                if head is not None:
                    heads[owner] = head
                elif name.startswith(DELETED) and writers:
                    device, _, number = name.removeprefix(DELETED).partition("/")
                    if number.isdecimal():
                        deleted[device, int(number)] = str(writers[0].value)
        entries = [*document.records(ACTIVITY), *document.records(ACTIVITY, trashed=True)]
        own = [record for record in entries if "origin" not in record.fields]
        return verify_log(own, heads, deleted)


def _entries_among(document: Document, edits: Sequence[Edit]) -> set[str]:
    entries = {
        edit.record
        for edit in edits
        if isinstance(edit, FieldEdit) and edit.field == TYPE and edit.value == ACTIVITY
    }
    for record in {edit.record for edit in edits} - entries:
        held = document.field(record, TYPE)
        if held is not None and held.value == ACTIVITY:
            entries.add(record)
    return entries


def check_entry_field(field: str, value: Scalar) -> None:
    """Check that an entry may have a field: one of the table that names, or a mark.

    Raises:
        InputError: it may not, or the value may be more than a name.
    """
    if is_mark(field):
        return
    known = RECORD_TYPES[ACTIVITY].fields
    if not any(one.covers(field) for one in known.values()):
        raise InputError(f"an activity has no field {field!r}: it names, and holds no values")
    check_activity(check_fields(ACTIVITY, {field: value}))


def is_mark(field: str) -> bool:
    """Tell whether a field says nothing about the person, and may be set later."""
    return field in _MARKS or field.startswith(TAGS)


def _check_field(document: Document, edit: FieldEdit) -> None:
    check_entry_field(edit.field, edit.value)
    is_new = document.field(edit.record, edit.field) is None
    if is_new and not is_mark(edit.field) and document.has_record(edit.record):
        raise InputError("an entry of the activity log stays as it was written")


def _noted(document: Document, device_record: str, edit: Trash | Purge) -> list[Edit]:
    """Return the edit, and for a purge what says that the person deleted the entry."""
    entry = Activity(document.record(edit.record))
    if isinstance(edit, Trash) or entry.device is None or entry.number is None:
        return [edit]
    fields = {name: state.value for name, state in entry.record.fields.items()}
    name = f"{DELETED}{entry.device}/{entry.number}"
    return [
        edit,
        FieldEdit(device_record, TYPE, DEVICE),
        FieldEdit(device_record, name, hash_of_entry(fields)),
    ]


def _require_person(replica: Replica) -> None:
    if _is_agent(replica):
        raise NotAuthorised("only the person may delete from the activity log, and no program")


def _is_agent(replica: Replica) -> bool:
    member = replica.core.member
    return member is not None and member.kind is Kind.AGENT


def _is_of_agent(replica: Replica, actor: bytes) -> bool:
    if actor == replica.core.feed:
        return _is_agent(replica)
    device = replica.core.graph.device_of(FeedId(actor))
    member = None if device is None else replica.state.members.get(device)
    return member is not None and member.kind is Kind.AGENT


def _head_in(document: Document, device_record: str) -> Head | None:
    held = document.field(device_record, HEAD)
    return None if held is None else parse_head(held.value)


def _record_of_device(replica: Replica, device: str) -> str:
    return replica.document.natural_record_id(
        replica.wallet_id, DEVICE, natural_key_text((device,))
    )
