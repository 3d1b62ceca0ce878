"""What every exporter takes and gives.

Spec: 43-portability.md
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, TypeAlias

Scalar: TypeAlias = str | int | float | bool | bytes | None
"""What one field of a record can hold."""


ORIGINAL: Final = "source/original"
"""The field that tells how a file had written what other fields hold; no format needs it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportedRecord:
    """One record as the wallet shows it."""

    id: str
    """The record's id, as the command line writes it."""

    type: str
    """The record type."""

    fields: Mapping[str, Scalar]
    """The fields without `type`, `tags/…` and `notes/…`, which have places of their own."""

    conflicts: Mapping[str, tuple[Scalar, ...]] = field(default_factory=dict)
    """For each field in conflict all its values, the one in `fields` included."""

    tags: tuple[str, ...] = ()
    """The tags that are set."""

    notes: str | None = None
    """The notes, joined as they are shown."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LeftOut:
    """What a format has no place for."""

    record: str
    """The record's id."""

    field: str | None
    """None: the whole record."""

    why: str
    """One sentence for a person."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Export:
    """The bytes of a file, and all that is not in it."""

    data: bytes
    left_out: tuple[LeftOut, ...] = ()
