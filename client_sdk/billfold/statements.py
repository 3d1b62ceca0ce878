"""Reviewing what the wallet says about the person, understanding why, and correcting it.

Spec: 41-records.md
"""

from collections.abc import Callable
from typing import Final

from billfold.document import RecordView, Scalar
from billfold.editing import EditBlock
from billfold.model import Input, check_field
from billfold.model.provenance import (
    CONFIRMED,
    DECLARED,
    Statement,
    evidence_field,
    is_the_persons,
    provenance_fields,
    source_field,
    statement_of,
    statements_of,
)
from billfold.reading import WalletReading
from billfold_protocol.errors import InputError, NotFound

_ORDER: Final = ("imported", "inferred")


class Statements:
    """What the wallet says about the person.

    Args:
        wallet: where the records are read.
        edit: begins an edit of the same wallet.
    """

    def __init__(self, wallet: WalletReading, edit: Callable[[], EditBlock]) -> None:
        self._wallet = wallet
        self._edit = edit

    def review(self, record_type: str | None = None) -> list[Statement]:
        """Return all that is said about the person, in order of record and field.

        Args:
            record_type: such as `preference`; None for all types.
        """
        views = self._wallet.records(record_type)
        return [one for view in views for one in statements_of(view)]

    def get(self, record: str, field: str) -> Statement:
        """Return what one field says, with where it is from.

        Raises:
            NotFound: the record has no such field.
        """
        view = self._wallet.record(record)
        state = view.fields.get(field)
        if state is None:
            raise NotFound(f"this record says nothing in the field {field!r}")
        return statement_of(view, field, state)

    async def state(
        self,
        record: str,
        field: str,
        value: Input,
        *,
        source: str = DECLARED,
        evidence: str | None = None,
    ) -> Statement:
        """Say something; it replaces all that is said in this field, conflicts too.

        Args:
            record: the record's id.
            field: such as `statement`.
            value: what is said.
            source: `declared`, `confirmed`, `inferred` or `imported`.
            evidence: what shows it.

        Raises:
            NotFound: there is no record with this id.
            InputError: the field cannot hold it; or it was concluded or imported, and the person
                has said something else.
            AccessError, LimitExceeded: it is not possible.
            StoreError: it could not be made durable, and is undone.
        """
        view = self._wallet.record(record)
        stored = check_field(view.type, field, value)
        if source in _ORDER and _is_spoken_for(view, field, stored):
            raise InputError("what the person has said is not replaced by what was concluded")
        async with self._edit() as edit:
            edit.set(record, field, stored)
            _note(edit, view, field, stored, source=source, evidence=evidence)
        return self.get(record, field)

    async def correct(
        self, record: str, field: str, value: Input, *, evidence: str | None = None
    ) -> Statement:
        """Say what is right instead; what was said before stays in the field's history.

        Raises:
            NotFound: there is no record with this id, or it says nothing in this field.
            InputError, AccessError, LimitExceeded, StoreError: see `state`.
        """
        self.get(record, field)
        return await self.state(record, field, value, evidence=evidence)

    async def confirm(
        self, record: str, field: str, value: Input, *, evidence: str | None = None
    ) -> Statement:
        """Note that one of the values that are said is right; it stays and the others go.

        Raises:
            NotFound: the field does not say this.
            InputError, AccessError, LimitExceeded, StoreError: see `state`.
        """
        said = self.get(record, field).said
        stored = check_field(self._wallet.record(record).type, field, value)
        if not any(one.value == stored and type(one.value) is type(stored) for one in said):
            raise NotFound(f"the field {field!r} does not say this; `correct` makes it say so")
        return await self.state(record, field, stored, source=CONFIRMED, evidence=evidence)


def _is_spoken_for(view: RecordView, field: str, value: Scalar) -> bool:
    state = view.fields.get(field)
    if state is None:
        return False
    said = statement_of(view, field, state).said
    return any(is_the_persons(one) and one.value != value for one in said)


def _note(
    edit: EditBlock,
    view: RecordView,
    field: str,
    value: Scalar,
    *,
    source: str,
    evidence: str | None,
) -> None:
    """Note where the value is from, and let go of what was noted about others."""
    own = {source_field(field, value), evidence_field(field, value)}
    for name in provenance_fields(view, field):
        if name not in own:
            edit.unset(view.id, name)
    edit.set(
        view.id, source_field(field, value), check_field(None, source_field(field, value), source)
    )
    if evidence is not None:
        edit.set(view.id, evidence_field(field, value), evidence)
    elif evidence_field(field, value) in view.fields:
        edit.unset(view.id, evidence_field(field, value))
