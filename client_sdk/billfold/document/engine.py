"""The only module that touches automerge: a document that survives the library's failures.

The library is written in Rust and reports some failures as panics: a `BaseException` that an
`except Exception` does not catch and after which the document cannot be used. So this module
keeps the last saved bytes and every change since, builds the document anew from them after any
failure, and lets all other base exceptions (an interrupt, a cancellation) pass.

Spec: 40-wallet-document.md
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final, TypeVar

from automerge import core

from billfold.document.changes import deflated
from billfold.document.columns import FIRST_LONG_BYTE, encode_unsigned, read_unsigned
from billfold.document.limits import (
    ACTOR_SIZE,
    CHANGE_INFLATED_SIZE_MAX,
    CHANGE_SIZE_MAX,
    TAIL_SIZE_MAX,
)
from billfold.document.operations import OperationId
from billfold.document.values import Scalar
from billfold_protocol.errors import (
    InputError,
    LimitExceeded,
    PeerPoison,
    Quarantined,
    StoreDamaged,
)

_Result = TypeVar("_Result")

_SCALAR_TYPES: Final[dict[type, core.ScalarType]] = {
    type(None): core.ScalarType.Null,
    bool: core.ScalarType.Boolean,
    int: core.ScalarType.Int,
    float: core.ScalarType.F64,
    str: core.ScalarType.Str,
    bytes: core.ScalarType.Bytes,
}

_ACTOR_START: Final = 2
_ACTOR_END: Final = _ACTOR_START + ACTOR_SIZE
"""Where the actor is in the name of an operation."""


@dataclass(frozen=True, slots=True)
class TextObject:
    """Stands for a text where other keys have a scalar."""


Entry = tuple[Scalar | TextObject, bytes]
"""What stands at a key, and the bytes by which the library names the operation that put it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Splice:
    """Replaces part of a text."""

    key: str
    """Where the text stands; it is made if there is none."""

    start: int
    """Index of the first character to replace."""

    delete_count: int
    insert: str


@dataclass(frozen=True, slots=True)
class Committed:
    """A change that this device has just made."""

    raw: bytes
    hash: bytes
    seq: int
    first_counter: int
    """The counter of the first operation: the puts come first, in order."""

    last_counter: int


class Engine:
    """One automerge document with a flat root map.

    Args:
        actor: 16 bytes that no other writer uses.
        saved: the document's saved bytes; none for an empty one.

    Raises:
        StoreDamaged: `saved` is not a document.
    """

    def __init__(self, actor: bytes, saved: bytes = b"") -> None:
        self._actor = actor
        self._base = saved
        self._tail: list[bytes] = []
        self._tail_size = 0
        self._document = self._built()

    @property
    def actor(self) -> bytes:
        """The 16 bytes under which this device writes."""
        return self._actor

    @actor.setter
    def actor(self, actor: bytes) -> None:
        self._document.set_actor(actor)
        self._actor = actor

    @property
    def heads(self) -> tuple[bytes, ...]:
        """The hashes of the changes that no other builds on, sorted."""
        return tuple(sorted(self._document.get_heads()))

    @property
    def kept(self) -> bytes:
        """What `rebuild` goes back to: the last saved bytes with the changes since."""
        return self._base + b"".join(self._tail)

    def save(self) -> bytes:
        """Return the whole document with its history, in the shortest form that can be read back.

        The library's compact form holds operations and makes the changes anew when it is read.
        It cannot do so for some changes that it takes in, so what it returns is tried; failing
        that, the changes of this session are kept as they came.
        """
        saved = self._document.save()
        try:
            is_readable = _loaded(saved).get_heads() == self._document.get_heads()
        except StoreDamaged:
            is_readable = False
        self._base = saved if is_readable else self.kept
        self._tail = []
        self._tail_size = 0
        return self._base

    def rebuild(self) -> None:
        """Go back to what was last kept.

        Raises:
            StoreDamaged: what was kept cannot be read any more.
        """
        self._document = self._built()

    def keep(self, changes: Sequence[bytes]) -> None:
        """Make changes that the document has taken in part of what `rebuild` goes back to."""
        self._tail.extend(changes)
        self._tail_size += sum(map(len, changes))
        if self._tail_size > max(TAIL_SIZE_MAX, 4 * len(self._base)):
            self.save()

    def get(self, key: str, at: Sequence[bytes] | None = None) -> Entry | None:
        """Return what stands at a key, now or at these heads."""
        found = self._document.get(core.ROOT, key, None if at is None else list(at))
        return None if found is None else _entry(found)

    def operation_at(self, key: str, heads: list[bytes]) -> OperationId | None:
        """Return the operation that put the value at a key, at these heads; None without one."""
        found = self._document.get(core.ROOT, key, heads)
        return None if found is None or not isinstance(found[0], tuple) else causal_order(found[1])

    def entries(self) -> Iterator[tuple[str, Entry]]:
        """Yield every key with what stands there.

        Raises:
            StoreDamaged: the library fails on what the document holds.
        """
        keys, values = _guarded(
            lambda: (self._document.keys(core.ROOT), self._document.values(core.ROOT)),
            StoreDamaged("The wallet's document cannot be read: restore it from another device."),
        )
        for key, found in zip(keys, values, strict=True):
            entry = _entry(found)
            if entry is not None:
                yield key, entry

    def text(self, key: str, at: Sequence[bytes] | None = None) -> str:
        """Return the text at a key, now or at these heads; empty where there is none."""
        entry = self.get(key, at)
        if entry is None or not isinstance(entry[0], TextObject):
            return ""
        return self._document.text(entry[1], None if at is None else list(at))

    def characters(self, text: OperationId, at: Sequence[bytes]) -> set[OperationId]:
        """Return the operations that inserted the characters that a text has at these heads."""
        values = self._document.values(operation_name(*text), list(at))
        return {causal_order(operation) for _, operation in values}

    def index(self) -> tuple[dict[bytes, int], dict[bytes, int]]:
        """Return every change's last counter by its hash, and the last number of every actor."""
        changes = self._document.get_changes([])
        # They come dependencies first, so of each actor the last one stays.
        return {c.hash: c.max_op for c in changes}, {c.actor_id: c.seq for c in changes}

    def changes(self) -> Iterator[tuple[bytes, bytes]]:
        """Yield every change's hash and bytes, never deflated, dependencies first."""
        for change in self._document.get_changes([]):
            yield change.hash, change.raw_bytes

    def history(self) -> Iterator[bytes]:
        """Yield every change's bytes, never deflated, dependencies first."""
        for change in self._document.get_changes([]):
            yield change.raw_bytes

    def change(self, change_hash: bytes) -> bytes | None:
        """Return a change's bytes, never deflated, or None if the document does not have it."""
        for change in self._document.get_changes([]):
            if change.hash == change_hash:
                return change.raw_bytes
        return None

    def apply(
        self,
        changes: Sequence[bytes],
        heads: set[bytes],
        check: Callable[[], None],
    ) -> None:
        """Take in changes, all or none.

        Args:
            changes: dependencies first, none of them known.
            heads: what the heads must be afterwards.
            check: looks at the document with these changes, and raises to refuse them.

        Raises:
            PeerPoison: the library fails on at least one of them, or leaves one out.
            Quarantined: `check` refuses them.
        """
        failure = PeerPoison("The document library fails on a change; it is set aside.")
        try:
            _guarded(lambda: self._receive(changes, heads), failure)
            check()
        except (PeerPoison, Quarantined):
            self.rebuild()
            raise
        self.keep(changes)

    def restore(self, changes: Sequence[bytes], heads: set[bytes]) -> None:
        """Take in changes that a document has had before, all or none.

        Args:
            changes: dependencies first, none of them known.
            heads: what the heads must be afterwards.

        Raises:
            PeerPoison: the library fails on one of them, or leaves one out.
        """
        failure = PeerPoison("The document library fails on a change that was kept.")
        try:
            _guarded(lambda: self._receive(changes, heads), failure)
        except PeerPoison:
            self.rebuild()
            raise
        self._base += b"".join(changes)

    def commit(
        self,
        puts: Sequence[tuple[str, Scalar]],
        deletes: Sequence[str],
        splices: Sequence[Splice],
    ) -> Committed:
        """Make one change; it is lost at the next `rebuild` unless `keep` is told of it.

        Raises:
            InputError: the library refuses it; nothing is changed.
            LimitExceeded: the change is larger than others take in; nothing is changed.
        """
        before = self._document.get_heads()
        try:
            _guarded(
                lambda: self._transact(puts, deletes, splices),
                InputError("The document library refuses this edit."),
            )
        except InputError:
            self.rebuild()
            raise
        (change,) = self._document.get_changes(before)
        plain = change.raw_bytes
        raw = deflated(plain)
        if len(raw) > CHANGE_SIZE_MAX or len(plain) > CHANGE_INFLATED_SIZE_MAX:
            self.rebuild()
            raise LimitExceeded("These edits are too large for one change: split them up.")
        return Committed(raw, change.hash, change.seq, change.start_op, change.max_op)

    def _receive(self, changes: Sequence[bytes], heads: set[bytes]) -> None:
        message = core.Message.decode(_sync_message(changes))
        self._document.receive_sync_message(core.SyncState(), message)
        # The library leaves out what it does not like, without a word.
        if set(self._document.get_heads()) != heads:
            raise PeerPoison("The document library leaves a change out.")

    def _transact(
        self,
        puts: Sequence[tuple[str, Scalar]],
        deletes: Sequence[str],
        splices: Sequence[Splice],
    ) -> None:
        root, types = core.ROOT, _SCALAR_TYPES
        with self._document.transaction() as transaction:
            for key, value in puts:
                transaction.put(root, key, types[type(value)], value)
            for key in deletes:
                transaction.delete(root, key)
            for splice in splices:
                _splice(transaction, splice)

    def _built(self) -> core.Document:
        saved = self.kept
        if not saved:
            return core.Document(self._actor)
        document = _loaded(saved)
        document.set_actor(self._actor)
        return document


def _loaded(saved: bytes) -> core.Document:
    return _guarded(
        lambda: core.Document.load(saved),
        StoreDamaged("The wallet's document is damaged: restore it from another device."),
    )


def _guarded(action: Callable[[], _Result], failure: Exception) -> _Result:
    """Run an action of the library; raise `failure` for its errors and its panics."""
    try:
        return action()
    except Exception as error:
        raise failure from error
    except BaseException as error:
        # The type of a panic cannot be imported; it is known by the module that it claims.
        if type(error).__module__ == "pyo3_runtime":
            raise failure from error
        raise


def operation_name(counter: int, actor: bytes) -> bytes:
    """Return the bytes by which the library names an operation and the object that it made."""
    # The zero is a hint where in the document's list of actors this one is; it may be wrong.
    return b"\x10" + bytes((len(actor),)) + actor + b"\x00" + encode_unsigned(counter)


def causal_order(operation: bytes) -> OperationId:
    """Return (counter, actor) of an operation: of two concurrent values the greater is shown."""
    # One byte of kind, one of size, the actor, its index in this document, the counter.
    position = _ACTOR_END
    while operation[position] >= FIRST_LONG_BYTE:
        position += 1
    return read_unsigned(operation, position + 1)[0], operation[_ACTOR_START:_ACTOR_END]


def _entry(found: tuple[object, bytes]) -> Entry | None:
    """Translate what the library returns; None for kinds of values that no field has."""
    held, operation = found
    if not isinstance(held, tuple):
        return (TextObject(), operation) if held == core.ObjType.Text else None
    payload = held[1]
    if payload is None or isinstance(payload, str | int | float):
        return payload, operation
    if isinstance(payload, list):
        return bytes(payload), operation  # The library returns bytes as a list of integers.
    return None


def _splice(transaction: core.Transaction, splice: Splice) -> None:
    found = transaction.get(core.ROOT, splice.key)
    if found is None:
        text = transaction.put_object(core.ROOT, splice.key, core.ObjType.Text)
    else:
        text = found[1]
    for _ in range(splice.delete_count):
        transaction.delete(text, splice.start)
    for index, character in enumerate(splice.insert, splice.start):
        transaction.insert(text, index, core.ScalarType.Str, character)


def _sync_message(changes: Sequence[bytes]) -> bytes:
    """Frame changes as a message of the sync protocol, the library's only way to take them in.

    Its layout is type, heads, needs, haves, changes; each is a count and that many items.
    """
    parts = [b"\x42\x00\x00\x00", encode_unsigned(len(changes))]
    for change in changes:
        parts.append(encode_unsigned(len(change)))
        parts.append(change)
    return b"".join(parts)
