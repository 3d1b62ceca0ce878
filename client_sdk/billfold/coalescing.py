"""Which blocks of edits may share one change.

Spec: 21-sync.md
"""

from collections.abc import Callable, Iterator, Sequence

from billfold.document import NOTES, Change, Edit, EditText, FieldEdit, Purge, RemoveField
from billfold_protocol.errors import BillfoldError

BLOCKS_COUNT_MAX = 256
"""Blocks that share one change."""

EDITS_COUNT_MAX = 512
"""Edits in a change that blocks share; a larger block has a change of its own."""

SIZE_MAX = 48 * 1024
"""Bytes of text and bytes in a change that blocks share, so that it fits into a live entry."""

Blocks = list[Sequence[Edit]]
Outcome = Change | BillfoldError | None


def edit_all(
    edit: Callable[[Sequence[Edit]], Change | None], blocks: Sequence[Sequence[Edit]]
) -> list[Outcome]:
    """Make blocks of edits in order, each whole or not at all, and say what became of each.

    Blocks that touch different fields share a change: one change of twenty edits costs author and
    readers a fraction of twenty changes. Blocks that touch the same field never do, so that each
    value has its place in the field's history.
    """
    outcomes: list[Outcome] = []
    for group in group_blocks(blocks):
        try:
            change = edit([one for block in group for one in block])
        except BillfoldError as error:
            if len(group) == 1:
                outcomes.append(error)
            else:
                # One of them is not possible; the others are made without it.
                for block in group:
                    outcomes += edit_all(edit, [block])
        else:
            outcomes += [change] * len(group)
    return outcomes


def group_blocks(blocks: Sequence[Sequence[Edit]]) -> Iterator[Blocks]:
    """Yield runs of blocks, in order, in which no two touch the same field."""
    group: Blocks = []
    touched: set[tuple[str, str]] = set()
    size = 0
    for block in blocks:
        fields = {place for edit in block if (place := _place(edit)) is not None}
        block_size = sum(map(_size, block))
        is_alone = len(fields) != len(block) or len(block) > EDITS_COUNT_MAX
        is_full = (
            len(group) == BLOCKS_COUNT_MAX
            or len(touched) + len(fields) > EDITS_COUNT_MAX
            or size + block_size > SIZE_MAX
        )
        if group and (is_alone or is_full or not touched.isdisjoint(fields)):
            yield group
            group, touched, size = [], set(), 0
        group.append(block)
        touched |= fields
        size += block_size
        if is_alone:
            yield group
            group, touched, size = [], set(), 0
    if group:
        yield group


def _place(edit: Edit) -> tuple[str, str] | None:
    """Return the one field that an edit touches; None if it may touch several."""
    match edit:
        case FieldEdit(record, field, _) | RemoveField(record, field):
            return record, field
        case EditText(record, _):
            return record, NOTES
        case Purge():
            return None
        case _:
            return edit.record, "trashed"


def _size(edit: Edit) -> int:
    match edit:
        case FieldEdit(value=str() | bytes() as value):
            return len(value) + 64
        case EditText(text=text):
            return len(text) + 64
        case _:
            return 64
