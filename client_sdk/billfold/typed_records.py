"""The records of one type, with checked fields going in and typed properties coming out.

Spec: 41-records.md
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Generic, TypeVar

from billfold.document import RecordView
from billfold.editing import EditBlock
from billfold.model import Input, check_fields, type_of_view
from billfold.reading import WalletReading
from billfold_protocol.errors import NotFound

View = TypeVar("View")


class TypedRecords(Generic[View]):
    """The records of one type in a wallet.

    Args:
        view: the class of the type's views, such as `Login`.
        wallet: where the records are read.
        edit: begins an edit of the same wallet.
    """

    def __init__(
        self, view: type[View], wallet: WalletReading, edit: Callable[[], EditBlock]
    ) -> None:
        self._type = type_of_view(view).name
        self._view: Callable[[RecordView], View] = view
        self._wallet = wallet
        self._edit = edit

    def __iter__(self) -> Iterator[View]:
        """Go through the records that are not in the trash, in order of id."""
        return iter(self.all())

    def all(self, *, trashed: bool = False) -> list[View]:
        """Return the records, or with `trashed` those in the trash, in order of id."""
        return [self._view(one) for one in self._wallet.records(self._type, trashed=trashed)]

    def get(self, record: str) -> View:
        """Return one record.

        Raises:
            NotFound: there is none of this type with this id.
        """
        view = self._wallet.record(record)
        if view.type != self._type:
            raise NotFound(f"there is no {self._type} {record}")
        return self._view(view)

    def find(self, **values: Input) -> list[View]:
        """Return the records whose fields have these values, in order of id."""
        found = []
        for record in self._wallet.records(self._type):
            states = {name: record.fields.get(name) for name in values}
            if all(s is not None and s.value == values[name] for name, s in states.items()):
                found.append(self._view(record))
        return found

    async def add(
        self,
        fields: Mapping[str, Input] | None = None,
        /,
        *,
        tags: Iterable[str] = (),
        notes: str | None = None,
        **named: Input,
    ) -> View:
        """Add a record; the same thing, added again or on another device, is the same record.

        Args:
            fields: by name, for names that are not Python names, such as `urls/0`.
            tags: words to find it by.
            notes: a long text.
            named: more fields.

        Raises:
            InputError: a field is missing or cannot hold its value; the message names it.
            AccessError, LimitExceeded: it is not possible.
            StoreError: it could not be made durable, and is undone.
        """
        async with self._edit() as edit:
            values = {**(fields or {}), **named}
            record = edit.add_checked(self._type, values, tags=tags, notes=notes)
        return self.get(record)

    async def update(
        self, record: str, fields: Mapping[str, Input] | None = None, /, **named: Input
    ) -> View:
        """Set fields of a record, as one change.

        Raises:
            NotFound: there is none of this type with this id.
            InputError: a field cannot hold its value, or never changes.
            AccessError, LimitExceeded: it is not possible.
            StoreError: it could not be made durable, and is undone.
        """
        self.get(record)
        checked = check_fields(self._type, {**(fields or {}), **named})
        async with self._edit() as edit:
            for name, value in checked.items():
                edit.set(record, name, value)
        return self.get(record)
