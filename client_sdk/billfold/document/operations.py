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
    Unread,
    read_actions,
    read_deltas,
    read_flags,
    read_numbers,
    read_predecessor_counts,
    read_texts,
    read_unsigned,
    read_values,
)
from billfold.document.identifiers import (
    FieldKey,
    change_mark,
    has_mark,
    is_own_note_key,
    parse_field_key,
)
from billfold.document.values import Scalar
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

_COUNT_OF_ACTION: Final = bytes(1 if action == DELETE else 0 for action in range(256))

OperationId = tuple[int, bytes]
"""An operation's counter and actor; it also names the object or character that it made."""


class Put(NamedTuple):
    """A value that a change writes."""

    place: FieldKey
    value: Scalar | Unread
    operation: OperationId


class Delete(NamedTuple):
    """A value that a change supersedes."""

    key: str
    place: FieldKey
    operation: OperationId
    """The one that put the value, as the change says; its author must have seen it."""


class Operations(NamedTuple):
    """What a change does."""

    row_count: int
    keys: tuple[str, ...]
    """The keys that it puts or deletes, none of them twice."""

    puts: tuple[Put, ...]
    deletes: tuple[Delete, ...]
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
    read = columns.get
    actions = read_actions(read(ACTION, b""))
    count = len(actions)
    counts = read_predecessor_counts(read(PREDECESSOR_COUNT, b""))
    values = read_values(read(VALUE_METADATA, b""), read(VALUE, b""))
    if len(counts) != count or len(values) != count:
        raise Malformed("A change's columns differ in length.")
    # A deletion supersedes the one operation that put what it deletes; nothing else does.
    if counts != actions.translate(_COUNT_OF_ACTION):
        raise Quarantined("A change does not delete what it says.")
    superseded = _names(
        read_deltas(read(PREDECESSOR_COUNTER, b"")),
        read_numbers(read(PREDECESSOR_ACTOR, b"")),
        actors,
    )
    if len(superseded) != counts.count(1):
        raise Malformed("A change's columns differ in length.")
    texts = read_texts(read(KEY, b""))
    edited: dict[OperationId, frozenset[OperationId]] = {}
    if not _TEXT_COLUMNS.isdisjoint(columns):
        reader = _TextReader(columns, actors, start, actions, superseded)
        texts = reader.read(texts)
        edited = reader.edited_texts
    else:
        inserts = read(INSERT, b"")
        if inserts and read_unsigned(inserts, 0) != (count, len(inserts)):
            raise Quarantined("A change inserts where there is nothing to insert into.")
        if len(texts) != count:
            raise Malformed("A change's columns differ in length.")
        if None in texts:
            raise Quarantined("A change says nothing about a key.")
    return _read_keys(_Rows(texts, actions, values, superseded), (actors[0], seq, start), edited)


class _Rows(NamedTuple):
    """The columns of a change, row by row."""

    keys: list[str | None]
    """None in rows about a note's characters."""

    actions: bytes
    values: list[Scalar | Unread]
    superseded: list[OperationId]
    """What the deletions among them delete."""


def _read_keys(
    rows: _Rows,
    change: tuple[bytes, int, int],
    edited: dict[OperationId, frozenset[OperationId]],
) -> Operations:
    """Check what rows do to keys.

    Args:
        rows: all rows of the change.
        change: its author, its number, and the counter of its first operation.
        edited: the notes that it edits.
    """
    actor, seq, start = change
    mark = change_mark(actor, seq)
    tag = ""
    puts: list[Put] = []
    deletes: list[Delete] = []
    made: dict[OperationId, str] = {}
    superseded = iter(rows.superseded)
    columns = zip(rows.keys, rows.actions, rows.values, strict=True)
    for counter, (key, action, value) in enumerate(columns, start):
        if key is None:
            if action == DELETE:
                next(superseded)
            continue
        place = parse_field_key(key)
        if action == MAKE_TEXT:
            if not is_own_note_key(key, actor, seq):
                raise Quarantined("A change makes a note under a key that is not its own.")
            made[counter, actor] = key
        elif place is None:
            raise Quarantined("A change puts or deletes what is not a field.")
        elif action == DELETE:
            deletes.append(Delete(key, place, next(superseded)))
        elif place[2] == tag or (not tag and has_mark(place[2], mark)):
            # With one tag, and no key twice, a change writes a field at most once.
            tag = place[2]
            puts.append(Put(place, value, (counter, actor)))
        else:
            raise Quarantined("A change puts a key that is not its own.")
    for item in made:
        # A note's own change may edit it at once; there is nothing of it to have seen.
        if edited.pop(item, None):
            raise Quarantined("A change edits characters that are not in the note.")
    keys = tuple([key for key in rows.keys if key is not None])
    if len(set(keys)) != len(keys):
        raise Quarantined("A change says two things about one key.")
    return Operations(len(rows.actions), keys, tuple(puts), tuple(deletes), made, edited)


class _TextReader:
    """Reads the rows of a change that edits notes."""

    def __init__(
        self,
        columns: Mapping[int, bytes],
        actors: Sequence[bytes],
        start: int,
        actions: bytes,
        superseded: Sequence[OperationId],
    ) -> None:
        self._actors = actors
        self._start = start
        self._actions = actions
        self._superseded = iter(superseded)
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
        if len(self._inserts) != count:
            raise Malformed("A change's columns differ in length.")
        self.edited_texts: dict[OperationId, frozenset[OperationId]] = {}

    def read(self, texts: list[str | None]) -> list[str | None]:
        """Read every row about a note; return the key of every other row."""
        texts = texts or [None] * len(self._actions)
        if len(texts) != len(self._actions):
            raise Malformed("A change's columns differ in length.")
        seen: dict[OperationId, set[OperationId]] = {}
        inserted: set[tuple[OperationId, OperationId]] = set()
        for row, action in enumerate(self._actions):
            is_insert = self._inserts[row]
            deleted = next(self._superseded) if action == DELETE else None
            text = _name(self._objects[row], self._actors)
            if text is None:
                if texts[row] is None or is_insert:
                    raise Quarantined("A change edits neither a key nor a note.")
                continue
            if texts[row] is not None:
                raise Quarantined("A change treats a note as a map.")
            built_on = seen.setdefault(text, set())
            element = _name(self._elements[row], self._actors, is_head_allowed=is_insert)
            if element is not None and (text, element) not in inserted:
                built_on.add(element)
            if is_insert and action == SET:
                inserted.add((text, (self._start + row, self._actors[0])))
            elif is_insert or action != DELETE or element is None:
                raise Quarantined("A change does to a note what has no place in it.")
            elif deleted != element:
                raise Quarantined("A change deletes another character than it says.")
        self.edited_texts = {text: frozenset(items) for text, items in seen.items()}
        return texts


def _name(
    pair: tuple[int | None, int | None],
    actors: Sequence[bytes],
    *,
    is_head_allowed: bool = False,
) -> OperationId | None:
    """Return the operation that a row names; None for the root and a text's beginning."""
    counter, index = pair
    if index is None:
        if counter is None or (counter == 0 and is_head_allowed):
            return None
        raise Malformed("A change names an operation of nobody.")
    if counter is None or index >= len(actors):
        raise Malformed("A change names an operation of a feed that it does not name.")
    return counter, actors[index]


def _names(
    counters: Sequence[int | None],
    indexes: Sequence[int | None],
    actors: Sequence[bytes],
) -> list[OperationId]:
    """Return the operations that two columns name."""
    if len(counters) != len(indexes):
        raise Malformed("A change's columns differ in length.")
    names: list[OperationId] = []
    count = len(actors)
    for counter, index in zip(counters, indexes, strict=True):
        if counter is None or index is None or index >= count:
            raise Malformed("A change names an operation of a feed that it does not name.")
        names.append((counter, actors[index]))
    return names


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
