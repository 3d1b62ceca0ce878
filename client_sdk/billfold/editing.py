"""Several edits that become one change: all of them happen, or none.

Spec: 40-wallet-document.md
"""

from collections.abc import Awaitable, Callable, Iterable, Mapping
from types import TracebackType
from typing import Self

from billfold.document import (
    Change,
    Edit,
    EditText,
    FieldEdit,
    Purge,
    RemoveField,
    Restore,
    Scalar,
    Trash,
    random_record_id,
)
from billfold.model import Input, check_new, tag_field
from billfold_protocol.envelope import RandomBytes
from billfold_protocol.errors import InputError

Commit = Callable[[list[Edit]], Awaitable[Change | None]]


class EditBlock:
    """Collects edits; `async with` makes them durable at its end, or drops them on an error."""

    def __init__(
        self,
        commit: Commit,
        *,
        random: RandomBytes,
        natural_id: Callable[[str, str], str],
    ) -> None:
        self._commit = commit
        self._random = random
        self._natural_id = natural_id
        self.edits: list[Edit] = []
        """What the block does so far, in order."""

        self.change: Change | None = None
        """What the edits became, after the block; None if nothing differs."""

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if error is None and self.edits:
            self.change = await self._commit(self.edits)

    def add(
        self,
        record_type: str,
        *,
        natural_key: tuple[str, ...] | None = None,
        tags: Iterable[str] = (),
        notes: str | None = None,
        **fields: Scalar,
    ) -> str:
        """Add a record and return its id.

        Args:
            record_type: what it is, such as `login`; it never changes.
            natural_key: what makes it this thing and no other, such as issuer and serial: two
                devices that add the same thing apart add one record. None for a record of its own.
            tags: words to find it by.
            notes: a long text.
            fields: its fields; use `set` for names that are not Python names.

        Raises:
            InputError: the type is empty.
        """
        if not record_type:
            raise InputError("a record needs a type, such as login or credential")
        if natural_key is None:
            record = random_record_id(self._random(16))
        else:
            record = self._natural_id(record_type, natural_key_text(natural_key))
        self.set(record, "type", record_type)
        for name, value in fields.items():
            self.set(record, name, value)
        for tag in tags:
            self.tag(record, tag)
        if notes:
            self.set_notes(record, notes)
        return record

    def add_checked(
        self,
        record_type: str,
        fields: Mapping[str, Input],
        *,
        tags: Iterable[str] = (),
        notes: str | None = None,
    ) -> str:
        """Add a record whose fields are checked against its type, and return its id.

        Its natural key is found in its fields: the same thing, added again or on another device,
        is the same record.

        Args:
            record_type: such as `login`; one that is not known has no checks and a random id.
            fields: by name; names that the type does not know pass.
            tags: words to find it by.
            notes: a long text.

        Raises:
            InputError: a field is missing or cannot hold its value; the message names it.
            LimitExceeded: a value is too long.
        """
        checked = check_new(record_type, fields)
        record = self.add(checked.type, natural_key=checked.natural_key, tags=tags, notes=notes)
        for name, value in checked.fields.items():
            self.set(record, name, value)
        return record

    def set(self, record: str, field: str, value: Scalar) -> None:
        """Set a field."""
        self.edits.append(FieldEdit(record, field, value))

    def unset(self, record: str, field: str) -> None:
        """Take a field away."""
        self.edits.append(RemoveField(record, field))

    def tag(self, record: str, tag: str, *, is_set: bool = True) -> None:
        """Put a tag on a record, or take it off."""
        self.edits.append(FieldEdit(record, tag_field(tag), is_set))

    def set_notes(self, record: str, text: str) -> None:
        """Make a record's note read like this; concurrent edits of it merge letter by letter."""
        self.edits.append(EditText(record, text))

    def trash(self, record: str) -> None:
        """Put a record into the trash."""
        self.edits.append(Trash(record))

    def restore(self, record: str) -> None:
        """Take a record out of the trash."""
        self.edits.append(Restore(record))

    def purge(self, record: str) -> None:
        """Take all of a record's values away, for good."""
        self.edits.append(Purge(record))

    def apply(self, edits: Iterable[Edit]) -> None:
        """Add edits that were made elsewhere, such as those that undo a change."""
        self.edits.extend(edits)


def natural_key_text(parts: tuple[str, ...]) -> str:
    """Join the parts of a natural key so that no two keys join to one text."""
    return "".join(f"{len(part)}:{part}" for part in parts)
