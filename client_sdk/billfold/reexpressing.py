"""Making the edits that wait in an outbox anew, as changes of the feed that the device writes now.

A change belongs to the feed it was made in. A device that goes on in a new feed expresses there
what no entry carries yet; and once it has caught up, it drops what turns out to have reached the
server after all, as an entry of the feed before, so that nothing is applied twice.

Spec: 15-feeds.md
"""

from collections.abc import Iterator, Sequence

from billfold.core import Core
from billfold.document import Document, Edit, EditText, MergeKinds, hash_of
from billfold.events import RecordsChanged, Warned
from billfold.outbox import Outbox
from billfold.pending import Pending
from billfold.store import AppendChanges, ReplaceDocument
from billfold_protocol.errors import BillfoldError, NotFound


def express_again(core: Core, outbox: Outbox, edits: Sequence[Pending]) -> None:
    """Make edits anew in the document as it is without them; they wait in place of all others.

    Raises:
        StoreDamaged: what an edit was to do cannot be read.
    """
    outbox.express_again(_made_again(core, edits))


def drop_what_came(core: Core, outbox: Outbox, merge_kinds: MergeKinds) -> None:
    """Drop the waiting edits that others have received already, and make the others anew.

    No commit may be under way: what is not in the store yet is read from the journal.

    Raises:
        StoreDamaged: stored bytes fail their checks.
    """
    shown = core.document
    came = [edit for edit in outbox.pending if edit.origin and shown.has_change(edit.origin)]
    if not came:
        return
    core.document = _without_pending(core, merge_kinds)
    twice = {edit.record for one in came for edit in one.edits() if isinstance(edit, EditText)}
    kept = [
        Pending(
            position=one.position,
            change=one.change,
            intents=_merged(one.edits(), shown, twice),
            origin=one.origin,
        )
        for one in outbox.pending
        if one not in came
    ]
    outbox.express_again(_made_again(core, kept))
    core.tell(RecordsChanged(fields=frozenset(), device=None, is_local=False))


def _made_again(core: Core, pending: Sequence[Pending]) -> list[Pending]:
    made: list[Pending] = []
    for one in pending:
        origin = one.origin or hash_of(one.change)
        for edits, change in _changes(core, one.edits()):
            position = len(made) + 1
            made.append(Pending(position=position, change=change, intents=edits, origin=origin))
    return made


def _changes(core: Core, edits: Sequence[Edit]) -> Iterator[tuple[Sequence[Edit], bytes]]:
    """Make edits as one change; or singly if not all are possible any more, and say which."""
    try:
        change = core.document.change(edits, time_ms=max(0, core.now_ms()))
    except BillfoldError as error:
        if len(edits) == 1:
            # What was to be put into the trash or purged may have gone with a branch of a fork.
            if not isinstance(error, NotFound):
                core.tell(Warned(error))
            return
        for edit in edits:
            yield from _changes(core, [edit])
    else:
        if change is not None:
            yield edits, change.raw


def _merged(edits: Sequence[Edit], shown: Document, twice: set[str]) -> list[Edit]:
    """Take for a note what it was merged to, unless an edit of it is in there twice."""
    return [
        EditText(edit.record, shown.record(edit.record).notes)
        if isinstance(edit, EditText) and edit.record not in twice
        else edit
        for edit in edits
    ]


def _without_pending(core: Core, merge_kinds: MergeKinds) -> Document:
    """Return the document without what no entry carries."""
    state = core.store.load()
    saved, changes = state.document or b"", list(state.changes)
    for write in core.journal.writes:
        match write:
            case ReplaceDocument(new):
                saved, changes = new, []
            case AppendChanges(more):
                changes += more
            case _:
                pass
    return Document.load(
        saved,
        changes,
        actor=core.feed,
        set_aside=core.document.set_aside,
        merge_kinds=merge_kinds,
    )
