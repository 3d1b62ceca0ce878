"""How several values that are live in one field are read.

All fields are stored alike; a merge kind decides only what is shown and whether a person has to
choose. So a device that does not know a field's kind still loses nothing.

Spec: 40-wallet-document.md
"""

from collections.abc import Sequence
from enum import Enum
from typing import Final, Protocol

from billfold.document.values import Scalar, encode_scalar

TYPE: Final = "type"
TRASHED: Final = "trashed"
PURGED: Final = "purged"
TAGS: Final = "tags/"
"""What the name of a set's element begins with; its value says whether the element is in."""


class MergeKind(Enum):
    """What a field's live values mean together."""

    MULTI_VALUE = "multi_value"
    """All are kept and shown; a person chooses."""

    LAST_WRITER = "last_writer"
    """The newest in causal order is the value."""

    ADD_WINS = "add_wins"
    """True when any is true: an element of a set, or a flag that concurrent clearing leaves set."""

    MONOTONE = "monotone"
    """True when any is true, and never unset."""

    IMMUTABLE = "immutable"
    """Set once; if two devices set it differently, a person chooses among these values."""


class MergeKinds(Protocol):
    """Knows the merge kind of every field."""

    def __call__(self, record_type: str | None, field: str) -> MergeKind:
        """Return the kind of a field in records of a type (None: not known)."""


def base_merge_kinds(record_type: str | None, field: str) -> MergeKind:
    """Return the kind of a field that every record has; multi-value for all others."""
    del record_type
    if field == TYPE:
        return MergeKind.IMMUTABLE
    if field == TRASHED:
        return MergeKind.LAST_WRITER
    if field == PURGED:
        return MergeKind.MONOTONE
    if field.startswith(TAGS):
        return MergeKind.ADD_WINS
    return MergeKind.MULTI_VALUE


def read_values(kind: MergeKind, values: Sequence[Scalar]) -> tuple[Scalar, bool]:
    """Return the value to show and whether it is a conflict.

    Args:
        kind: how the field merges.
        values: at least one, the newest in causal order first.
    """
    newest = values[0]
    if len(values) == 1:
        return newest, False
    match kind:
        case MergeKind.LAST_WRITER:
            return newest, False
        case MergeKind.ADD_WINS | MergeKind.MONOTONE:
            return (True if any(value is True for value in values) else newest), False
        case MergeKind.MULTI_VALUE | MergeKind.IMMUTABLE:
            return newest, len({encode_scalar(value) for value in values}) > 1
