"""The merge kind of every field whose kind is not the usual one, by record type.

What is not listed is multi-value: two different values are both kept until a person chooses. That
is what statements about oneself and passwords need, and what is safe for fields nobody knows yet.

Spec: 40-wallet-document.md
"""

from collections.abc import Mapping
from typing import Final

from billfold.document import MergeKind, base_merge_kinds
from billfold.model.records import CREDENTIAL, LOGIN, PREFERENCE, RELATIONSHIP

_ALL_TYPES: Final[Mapping[str, MergeKind]] = {
    "favourite": MergeKind.LAST_WRITER,
    "last_used_at": MergeKind.LAST_WRITER,
}

_BY_TYPE: Final[Mapping[str, Mapping[str, MergeKind]]] = {
    # What an issuer has signed is replaced by another credential, never edited.
    CREDENTIAL: {
        "format": MergeKind.IMMUTABLE,
        "issuer": MergeKind.IMMUTABLE,
        "raw": MergeKind.IMMUTABLE,
        "vct": MergeKind.IMMUTABLE,
    },
    LOGIN: {},
    PREFERENCE: {"subject": MergeKind.IMMUTABLE},
    RELATIONSHIP: {"organisation": MergeKind.IMMUTABLE},
}


def wallet_merge_kinds(record_type: str | None, field: str) -> MergeKind:
    """Return the merge kind of a field in records of a type (None: not known)."""
    kind = _BY_TYPE.get(record_type or "", {}).get(field) or _ALL_TYPES.get(field)
    return kind or base_merge_kinds(record_type, field)
