"""Fields that a record of any type may have, and tags.

Spec: 41-records.md
"""

import unicodedata
from typing import Any, Final

from billfold.document import TAGS, TYPE, MergeKind, RecordView
from billfold.model.declaring import anything, flag, text, time
from billfold.model.fields import FIXED, LAST, MULTI, Field
from billfold.model.statements import SOURCES

COMMON_FIELDS: Final[tuple[Field[Any], ...]] = (
    text(TYPE, "what it is; it never changes", merge=FIXED),
    flag("trashed", "whether it is in the trash"),
    flag("purged", "whether it was purged", merge=MergeKind.MONOTONE),
    flag("tags/*", "words to find it by", "CXF 1.0 item.tags", MergeKind.ADD_WINS),
    flag("favorite", "whether it is shown first", "CXF 1.0 item.favorite"),
    time("last_used_at", "when it was last used", merge=LAST),
    time("created_at", "when it was made", "CXF 1.0 item.creationAt", MULTI),
    time("modified_at", "when it was changed elsewhere", "CXF 1.0 item.modifiedAt", MULTI),
    text(
        "sources/*",
        "where a value of a statement is from, by field and hash of the value",
        merge=MULTI,
        choices=SOURCES,
    ),
    text("evidence/*", "what shows it, by field and hash of the value", merge=MULTI),
    anything("source/*", "what a file had that has no field", merge=MULTI),
    anything("custom/*", "what the person named themselves", "CXF 1.0 custom-fields", MULTI),
    anything("attachments/*", "a file that belongs to it", merge=MULTI),
)


def tag_field(tag: str) -> str:
    """Return the field that says whether a record has a tag; one field for each way to type it."""
    return TAGS + unicodedata.normalize("NFC", tag.strip())


def tags_of(record: RecordView) -> tuple[str, ...]:
    """Return a record's tags, sorted."""
    return tuple(
        name.removeprefix(TAGS)
        for name, state in record.fields.items()
        if name.startswith(TAGS) and state.value is True
    )
