"""What the operations of a change do, and whether a wallet document has a place for it.

In a wallet document a change puts new keys of its own, deletes keys of fields, and inserts and
deletes characters of notes. Whatever else a change could do is set aside: it would let what is
shown depend on the order in which changes arrive, or keep the document from being saved.

Spec: 40-wallet-document.md
"""

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

from billfold.document.columns import (
    DELETE,
    MAKE_TEXT,
    SET,
    predecessor_counts,
    read_actions,
    read_deltas,
    read_flags,
    read_numbers,
    read_texts,
    read_unsigned,
)
from billfold.document.identifiers import is_own_field_key, is_own_note_key, parse_field_key
from billfold_protocol.errors import Malformed, Quarantined

OBJECT_ACTOR: Final = 0x01
OBJECT_COUNTER: Final = 0x02
ELEMENT_ACTOR: Final = 0x11
ELEMENT_COUNTER: Final = 0x13
KEY: Final = 0x15
INSERT: Final = 0x34
ACTION: Final = 0x42
VALUE_METADATA: Final = 0x56
VALUE: Final = 0x57
PREDECESSOR_COUNT: Final = 0x70
PREDECESSOR_ACTOR: Final = 0x71
PREDECESSOR_COUNTER: Final = 0x73
COLUMNS: Final = frozenset(
    {
        *(OBJECT_ACTOR, OBJECT_COUNTER, ELEMENT_ACTOR, ELEMENT_COUNTER, KEY, INSERT, ACTION),
        *(VALUE_METADATA, VALUE, PREDECESSOR_COUNT, PREDECESSOR_ACTOR, PREDECESSOR_COUNTER),
    },
)
_TEXT_COLUMNS: Final = frozenset(
    {OBJECT_ACTOR, OBJECT_COUNTER, ELEMENT_ACTOR, ELEMENT_COUNTER},
)

OperationId = tuple[int, bytes]
"""An operation's counter and actor; it also names the object or character that it made."""


class Operations(NamedTuple):
    """What a change does."""

    row_count: int
    keys: tuple[str, ...]
    """The distinct keys that it puts or deletes."""

    deletes: tuple[str, ...]
    """Those of them that it deletes; its author must have seen them."""

    made_texts: Mapping[OperationId, str]
    """The notes that it makes, and their keys."""

    edited_texts: Mapping[OperationId, frozenset[OperationId]]
    """The notes of others that it edits, and the characters that it builds on or deletes."""


def read_operations(
    columns: Mapping[int, bytes],
    actors: Sequence[bytes],
    seq: int,
    start: int,
) -> Operations:
    """Return what a change does.

    Args:
        columns: by number.
        actors: the change's author, then the others it names.
        seq: the change's number.
        start: the counter of its first operation.

    Raises:
        Malformed: the columns are not in order.
        Quarantined: an operation has no place in a wallet document.
        LimitExceeded: there are too many.
    """
    actions = read_actions(columns.get(ACTION, b""))
    predecessor_rows, predecessors = predecessor_counts(columns.get(PREDECESSOR_COUNT, b""))
    if predecessor_rows != len(actions):
        raise Malformed("A change's columns differ in length.")
    texts = read_texts(columns.get(KEY, b""))
    if not _TEXT_COLUMNS.isdisjoint(columns):
        reader = _TextReader(columns, actors, start, actions, predecessors)
        texts = reader.read(texts)
        rows = [row for row, text in enumerate(texts) if text is not None]
        edited = reader.edited_texts
        predecessors = reader.predecessor_count
    else:
        inserts = columns.get(INSERT, b"")
        if inserts and read_unsigned(inserts, 0) != (len(actions), len(inserts)):
            raise Quarantined("A change inserts where there is nothing to insert into.")
        rows = list(range(len(actions)))
        edited = {}
    if len(texts) != len(actions):
        raise Malformed("A change's columns differ in length.")
    deletes, made = _read_keys([(row, texts[row], actions[row]) for row in rows], actors[0], seq)
    if predecessors != len(deletes):
        raise Quarantined("A change does not delete what it says.")
    made_texts = {(start + row, actors[0]): key for row, key in made.items()}
    for item in made_texts:
        # A note's own change may edit it at once; there is nothing of it to have seen.
        if edited.pop(item, None):
            raise Quarantined("A change edits characters that are not in the note.")
    keys = tuple([key for row in rows if (key := texts[row]) is not None])
    return Operations(len(actions), keys, tuple(deletes), made_texts, edited)


def _read_keys(
    rows: Sequence[tuple[int, str | None, int]],
    actor: bytes,
    seq: int,
) -> tuple[list[str], dict[int, str]]:
    """Check what rows do to keys; return the deleted keys, and those of notes made, by row."""
    keys: set[str] = set()
    deletes: list[str] = []
    made: dict[int, str] = {}
    for row, key, action in rows:
        if key is None or key in keys:
            raise Quarantined("A change says two things about one key, or nothing.")
        keys.add(key)
        parts = parse_field_key(key)
        if action == MAKE_TEXT:
            if not is_own_note_key(key, actor, seq):
                raise Quarantined("A change makes a note under a key that is not its own.")
            made[row] = key
        elif parts is None:
            raise Quarantined("A change puts or deletes what is not a field.")
        elif action == DELETE:
            deletes.append(key)
        elif not is_own_field_key(parts, actor, seq):
            raise Quarantined("A change puts a key that is not its own.")
    return deletes, made


class _TextReader:
    """Reads the rows of a change that edits notes."""

    def __init__(
        self,
        columns: Mapping[int, bytes],
        actors: Sequence[bytes],
        start: int,
        actions: bytes,
        predecessors: int,
    ) -> None:
        self._actors = actors
        self._start = start
        self._actions = actions
        count = len(actions)
        self._objects = _pairs(
            read_numbers(columns.get(OBJECT_COUNTER, b"")),
            read_numbers(columns.get(OBJECT_ACTOR, b"")),
            count,
        )
        self._elements = _pairs(
            read_deltas(columns.get(ELEMENT_COUNTER, b"")),
            read_numbers(columns.get(ELEMENT_ACTOR, b"")),
            count,
        )
        self._inserts = read_flags(columns.get(INSERT, b""))
        self._counts = read_numbers(columns.get(PREDECESSOR_COUNT, b""))
        if len(self._inserts) != count:
            raise Malformed("A change's columns differ in length.")
        self._predecessors = _pairs(
            read_deltas(columns.get(PREDECESSOR_COUNTER, b"")),
            read_numbers(columns.get(PREDECESSOR_ACTOR, b"")),
            predecessors,
        )
        self.predecessor_count = 0
        """How many predecessors the rows about keys have."""

        self.edited_texts: dict[OperationId, frozenset[OperationId]] = {}

    def read(self, texts: list[str | None]) -> list[str | None]:
        """Read every row about a note; return the key of every other row."""
        texts = texts or [None] * len(self._actions)
        if len(texts) != len(self._actions):
            raise Malformed("A change's columns differ in length.")
        seen: dict[OperationId, set[OperationId]] = {}
        inserted: set[tuple[OperationId, OperationId]] = set()
        used = 0
        for row, action in enumerate(self._actions):
            count = self._counts[row] or 0
            predecessors = self._predecessors[used : used + count]
            used += count
            text = self._name(self._objects[row])
            if text is None:
                if texts[row] is None or self._inserts[row]:
                    raise Quarantined("A change edits neither a key nor a note.")
                self.predecessor_count += count
                continue
            if texts[row] is not None:
                raise Quarantined("A change treats a note as a map.")
            built_on = seen.setdefault(text, set())
            element = self._name(self._elements[row], is_head_allowed=self._inserts[row])
            if element is not None and (text, element) not in inserted:
                built_on.add(element)
            if self._inserts[row] and action == SET and not count:
                inserted.add((text, (self._start + row, self._actors[0])))
            elif self._inserts[row] or action != DELETE or element is None:
                raise Quarantined("A change does to a note what has no place in it.")
            elif [self._name(item) for item in predecessors] != [element]:
                raise Quarantined("A change deletes another character than it says.")
        self.edited_texts = {text: frozenset(items) for text, items in seen.items()}
        return texts

    def _name(
        self,
        pair: tuple[int | None, int | None],
        *,
        is_head_allowed: bool = False,
    ) -> OperationId | None:
        """Return the operation that a row names; None for the root and a text's beginning."""
        counter, index = pair
        if index is None:
            if counter is None or (counter == 0 and is_head_allowed):
                return None
            raise Malformed("A change names an operation of nobody.")
        if counter is None or index >= len(self._actors):
            raise Malformed("A change names an operation of a feed that it does not name.")
        return counter, self._actors[index]


def _pairs(
    counters: list[int | None],
    actors: list[int | None],
    count: int,
) -> list[tuple[int | None, int | None]]:
    """Return the rows of two columns, either of which may be absent."""
    counters = counters or [None] * count
    actors = actors or [None] * count
    if len(counters) != count or len(actors) != count:
        raise Malformed("A change's columns differ in length.")
    return list(zip(counters, actors, strict=True))
