"""What a simulated device has promised, and what it may say.

Spec: 21-sync.md
"""

from collections.abc import Sequence
from dataclasses import dataclass

from billfold.document import Edit, FieldEdit
from billfold.store import MemoryStore
from billfold_protocol.errors import (
    DeviceCloned,
    Equivocation,
    FalseAck,
    Gap,
    ServerRollback,
    StaleServer,
)


@dataclass(frozen=True, slots=True)
class Returned:
    """An edit whose commit returned."""

    hash: bytes
    k: int
    """Length of the chain when it was made."""

    records: frozenset[str]
    """The records that it made."""

    is_provisional: bool
    """Whether it may since have been made anew, and so have another hash."""


@dataclass(frozen=True, slots=True)
class Backup:
    """A copy of a device's store, and what had returned by then."""

    store: MemoryStore
    returned: tuple[Returned, ...]
    """Edits that an entry carried."""

    records: frozenset[str]
    """Records of edits that no entry carried, and of those that were made anew before."""


LIES = Equivocation | DeviceCloned | Gap | ServerRollback | StaleServer | FalseAck
"""What a device says that was told what the server never had."""


def records_made(edits: Sequence[Edit]) -> frozenset[str]:
    """Return the records that edits make for certain."""
    made = (edit for edit in edits if isinstance(edit, FieldEdit) and edit.field == "type")
    return frozenset(edit.record for edit in made)
