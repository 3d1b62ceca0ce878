"""The wallet document: a CRDT of flat fields that merges whatever devices wrote apart.

`Document` holds it, `Edit`s change it, `limits` bounds it. Only this package knows automerge.

Spec: 40-wallet-document.md
"""

from billfold.document.changes import change_actor, hash_of
from billfold.document.document import Change, Document
from billfold.document.edits import (
    Edit,
    EditText,
    FieldEdit,
    Purge,
    RemoveField,
    Restore,
    Trash,
)
from billfold.document.history import HistoryItem
from billfold.document.identifiers import NOTES, random_record_id, record_id
from billfold.document.intake import SetAside
from billfold.document.issuer_facts import IssuerFact, parse_issuer_fact
from billfold.document.merge_kinds import (
    TAGS,
    TYPE,
    Ladder,
    Merge,
    MergeKind,
    MergeKinds,
    base_merge_kinds,
    read_values,
    stays,
)
from billfold.document.outcome import Applied
from billfold.document.values import (
    Conflict,
    FieldState,
    RecordView,
    Scalar,
    Value,
    check_scalar,
    encode_scalar,
)

__all__ = [
    "NOTES",
    "TAGS",
    "TYPE",
    "Applied",
    "Change",
    "Conflict",
    "Document",
    "Edit",
    "EditText",
    "FieldEdit",
    "FieldState",
    "HistoryItem",
    "IssuerFact",
    "Ladder",
    "Merge",
    "MergeKind",
    "MergeKinds",
    "Purge",
    "RecordView",
    "RemoveField",
    "Restore",
    "Scalar",
    "SetAside",
    "Trash",
    "Value",
    "base_merge_kinds",
    "change_actor",
    "check_scalar",
    "encode_scalar",
    "hash_of",
    "parse_issuer_fact",
    "random_record_id",
    "read_values",
    "record_id",
    "stays",
]
