"""Checks that changes act only on what their authors had seen.

Else what they do would depend on what has arrived before them, and devices would differ.

Spec: 40-wallet-document.md
"""

from billfold.document.changes import ParsedChange
from billfold.document.engine import Engine, TextObject
from billfold.document.identifiers import field_key
from billfold.document.intake import Batch
from billfold.document.operations import OperationId
from billfold.document.view import View
from billfold_protocol.errors import Quarantined


class Unseen(Quarantined):
    """Carries the change that acts on what its author had not seen."""

    def __init__(self, message: str, change: ParsedChange) -> None:
        super().__init__(message)
        self.change = change


def check_causes(engine: Engine, view: View, batch: Batch) -> None:
    """Check changes that the document has just taken in.

    Args:
        engine: the document with these changes.
        view: what it held before them; learns where the notes are that they make.
        batch: these changes.

    Raises:
        Unseen: one of them does not pass.
    """
    put: dict[str, OperationId] = {}
    gone: set[str] = set()
    for change in batch.changes:
        operations = change.operations
        heads = list(change.dependencies)
        has_seen_all = change.hash in batch.covering
        for key, place, operation in operations.deletes:
            # What is live now was never deleted; who has seen everything has seen it put.
            if has_seen_all and key not in gone:
                is_seen = (put.get(key) or view.operation_of(place)) == operation
            else:
                is_seen = False
            if not is_seen and engine.operation_at(key, heads) != operation:
                raise Unseen("A change deletes a value that its author had not seen.", change)
            gone.add(key)
        for place, _, operation in operations.puts:
            put[field_key(*place)] = operation
        if operations.made_texts:
            view.learn_notes(operations.made_texts)
        for text, characters in operations.edited_texts.items():
            entry = engine.get(view.note_key_of(text) or "", heads)
            if entry is None or not isinstance(entry[0], TextObject):
                raise Unseen("A change edits a note that its author had not seen.", change)
            if not characters <= engine.characters(text, heads):
                raise Unseen("A change builds on a character not in the note.", change)
