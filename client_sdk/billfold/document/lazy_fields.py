"""The fields of one record, each made ready to be read when it is looked at.

A list of ten thousand records needs a label of each, and not the time and author of every value.
It holds the values of its own record and nothing else of the wallet.

Spec: 40-wallet-document.md
"""

from collections.abc import Iterator, Mapping

from billfold.document.identifiers import time_of_tag
from billfold.document.merge_kinds import MergeKinds, read_values
from billfold.document.operations import OperationId
from billfold.document.values import FieldState, Scalar, Value

Live = tuple[str, Scalar, OperationId]
"""A live value: its tag, itself, and the operation that put it."""


class LazyFields(Mapping[str, FieldState]):
    """A record's fields by name, in order of name; they stay what they were when it was made.

    Args:
        live: the live values of each field, the newest in causal order first.
        record_type: the record's type, where it is known.
        merge_kinds: how fields are read.
    """

    __slots__ = ("_live", "_made", "_merge_kinds", "_record_type")

    def __init__(
        self,
        live: Mapping[str, tuple[Live, ...]],
        record_type: str | None,
        merge_kinds: MergeKinds,
    ) -> None:
        self._live = dict(live)
        self._made: dict[str, FieldState] = {}
        self._record_type = record_type
        self._merge_kinds = merge_kinds

    def __getitem__(self, name: str) -> FieldState:
        made = self._made.get(name)
        if made is None:
            live = self._live[name]
            made = self._made[name] = field_state(self._merge_kinds, self._record_type, name, live)
        return made

    def __iter__(self) -> Iterator[str]:
        return iter(sorted(self._live))

    def __len__(self) -> int:
        return len(self._live)

    def __contains__(self, name: object) -> bool:
        return name in self._live

    def __repr__(self) -> str:
        return repr(dict(self))


def field_state(
    merge_kinds: MergeKinds, record_type: str | None, field: str, live: tuple[Live, ...]
) -> FieldState:
    """Return how a field's live values are read; a kind is asked for only where there are several.

    Args:
        merge_kinds: how fields are read.
        record_type: the record's type, where it is known.
        field: its name.
        live: its values, the newest in causal order first.
    """
    values = tuple([Value(value, tag, time_of_tag(tag), put[1]) for tag, value, put in live])
    if len(values) == 1:
        return FieldState(values[0].value, values, is_conflict=False)
    kind = merge_kinds(record_type, field)
    shown, is_conflict = read_values(kind, [value.value for value in values])
    return FieldState(shown, values, is_conflict)
