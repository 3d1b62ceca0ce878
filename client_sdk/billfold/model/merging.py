"""The merge kind of every field, as the table of record types has it.

What is not in the table is multi-value: two different values are both kept until a person chooses.
That is what statements about oneself and passwords need, and what is safe for unknown fields.

Spec: 41-records.md
"""

from billfold.document import Merge, base_merge_kinds
from billfold.model.registry import field_of


def wallet_merge_kinds(record_type: str | None, field: str) -> Merge:
    """Return the merge kind of a field in records of a type (None: not known)."""
    known = field_of(record_type, field)
    return base_merge_kinds(record_type, field) if known is None else known.merge
