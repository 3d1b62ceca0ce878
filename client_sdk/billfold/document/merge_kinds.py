"""How several values that are live in one field are read.

All fields are stored alike; a merge kind decides only what is shown and whether a person has to
choose. So a device that does not know a field's kind still loses nothing.

Spec: 40-wallet-document.md
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Final, Protocol, assert_never

from billfold.document.issuer_facts import issuer_order, parse_issuer_fact
from billfold.document.values import Scalar, encode_scalar, is_same
from billfold_protocol.errors import InputError

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

    REMOVE_WINS = "remove_wins"
    """False when any is false: a consent, which a concurrent yes does not bring back."""

    MONOTONE = "monotone"
    """True when any is true, and never unset."""

    IMMUTABLE = "immutable"
    """Set once; if two devices set it differently, a person chooses among these values."""

    GROW_ONLY = "grow_only"
    """Set once, an element of a set that only grows; what is concurrent differs in no way that
    matters, and the least value is shown."""

    ISSUER_ORDERED = "issuer_ordered"
    """What its issuer said last, by the issuer's own time, is the value (`IssuerFact`)."""


@dataclass(frozen=True, slots=True)
class Ladder:
    """A monotone field of named states: the highest is the value, and none below it comes after."""

    states: tuple[str, ...]
    """From the lowest; a state that is not among them, as of a later version, is above all."""

    def rank(self, value: Scalar) -> int:
        """Return how high a value is."""
        if not isinstance(value, str):
            return -1
        return self.states.index(value) if value in self.states else len(self.states)


Merge = MergeKind | Ladder


class MergeKinds(Protocol):
    """Knows the merge kind of every field."""

    def __call__(self, record_type: str | None, field: str) -> Merge:
        """Return the kind of a field in records of a type (None: not known)."""


def base_merge_kinds(record_type: str | None, field: str) -> Merge:
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


def read_values(kind: Merge, values: Sequence[Scalar]) -> tuple[Scalar, bool]:
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
        case MergeKind.REMOVE_WINS:
            return (False if any(value is False for value in values) else newest), False
        case MergeKind.GROW_ONLY:
            return min(values, key=encode_scalar), False
        case MergeKind.ISSUER_ORDERED:
            return max(values, key=issuer_order), False
        case Ladder():
            # Of two states of a later version the greater text, so that all devices show one.
            return max(values, key=lambda value: (kind.rank(value), encode_scalar(value))), False
        case MergeKind.MULTI_VALUE | MergeKind.IMMUTABLE:
            return newest, len({encode_scalar(value) for value in values}) > 1
        case _:
            assert_never(kind)


def stays(kind: Merge) -> bool:
    """Tell whether a field of this kind is never taken away, but by purging its record."""
    return isinstance(kind, Ladder) or kind in {
        MergeKind.IMMUTABLE,
        MergeKind.MONOTONE,
        MergeKind.GROW_ONLY,
        MergeKind.ISSUER_ORDERED,
    }


def check_successor(kind: Merge, field: str, current: Sequence[Scalar], value: Scalar) -> bool:
    """Tell whether setting a field to a value is an edit; False if it only repeats what is known.

    Args:
        kind: how the field merges.
        field: its name, for the message.
        current: its live values.
        value: the new one.

    Raises:
        InputError: the field cannot become this.
    """
    match kind:
        case MergeKind.IMMUTABLE | MergeKind.GROW_ONLY:
            if current and not any(is_same(value, one) for one in current):
                raise InputError(f"The field '{field}' of a record does not change once set.")
        case MergeKind.MONOTONE:
            if value is not True and True in current:
                raise InputError(f"The field '{field}' is never unset.")
        case MergeKind.ISSUER_ORDERED:
            if parse_issuer_fact(value) is None:
                raise InputError(f"The field '{field}' is what its issuer says, with its time.")
            # What its issuer said before what is known already is no news.
            return all(issuer_order(value) >= issuer_order(one) for one in current)
        case Ladder(states):
            if value not in states:
                raise InputError(f"The field '{field}' is one of {', '.join(states)}.")
            return all(kind.rank(value) >= kind.rank(one) for one in current)
        case (
            MergeKind.ADD_WINS
            | MergeKind.REMOVE_WINS
            | MergeKind.LAST_WRITER
            | MergeKind.MULTI_VALUE
        ):
            pass
        case _:
            assert_never(kind)
    return True
