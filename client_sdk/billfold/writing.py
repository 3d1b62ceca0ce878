"""The writing half of a wallet: edits, and its records by type.

    await wallet.logins.add(title="Library", username="ada")
    for login in wallet.logins:
        print(login.username)

Spec: 41-records.md
"""

import asyncio
import importlib
import secrets
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, cast

from billfold.activities import ActivityLog, log_edits, touches_log
from billfold.document import Change, Edit, Scalar
from billfold.editing import EditBlock
from billfold.lockable import LockableWallet
from billfold.model import (
    AgentGrant,
    Agreement,
    DocumentRecord,
    Intent,
    Key,
    Login,
    Message,
    Pass,
    Payment,
    Person,
    Preference,
    Pseudonym,
    Setting,
)
from billfold.opening import now_ms
from billfold.relationships import Relationships
from billfold.restoring import DeviceTokenStore
from billfold.statements import Statements
from billfold.transport import Transport
from billfold.typed_records import TypedRecords, View
from billfold.unlocked import Unlocked

if TYPE_CHECKING:
    from billfold.holdings import Credentials


class WalletWriting(LockableWallet):
    """A wallet whose records can be changed."""

    def __init__(
        self,
        path: Path,
        unlocked: Unlocked,
        transport: Transport,
        device_token_store: DeviceTokenStore,
    ) -> None:
        """Take over an open store; `create`, `open` and `link` are the ways to get a wallet."""
        super().__init__(path, unlocked, transport, device_token_store)
        self._log_lock = asyncio.Lock()

    def edit(self) -> EditBlock:
        """Begin several edits that become one change: `async with wallet.edit() as edit`."""
        return EditBlock(self._commit, random=secrets.token_bytes, natural_id=self._natural_id)

    async def set(self, record: str, field: str, value: Scalar) -> Change | None:
        """Set one field; None if it has this value already.

        Raises:
            NotFound: there is no record with this id.
            AccessError, InputError, LimitExceeded: the edit is not possible.
            StoreError: it could not be made durable, and is undone.
        """
        self._require_record(record)
        async with self.edit() as edit:
            edit.set(record, field, value)
        return edit.change

    async def undo(self, record: str, field: str) -> None:
        """Bring back what a field held before, as a new edit.

        Raises:
            NotFound: nothing ever happened to this field.
        """
        edits = self._replica.document.revert(record, field)
        async with self.edit() as edit:
            edit.apply(edits)

    def typed(self, view: type[View]) -> TypedRecords[View]:
        """Return the records of a type by the class of its views, such as `Login`."""
        return TypedRecords(view, self, self.edit)

    @property
    def credentials(self) -> "Credentials":
        """What issuers have signed about the person."""
        # What checks credentials is loaded when one is touched; most commands need none of it.
        holdings = importlib.import_module("billfold.holdings")
        made = holdings.credentials_of(self, self.edit, self._require_unlocked)
        return cast("Credentials", made)

    @property
    def keys(self) -> TypedRecords[Key]:
        """Keys."""
        return self.typed(Key)

    @property
    def relationships(self) -> Relationships:
        """Organisations that the person deals with, and their channels."""
        return Relationships(self, self.edit, self.channels)

    @property
    def messages(self) -> TypedRecords[Message]:
        """Messages from and to organisations."""
        return self.typed(Message)

    @property
    def agreements(self) -> TypedRecords[Agreement]:
        """What the person has agreed to."""
        return self.typed(Agreement)

    @property
    def activities(self) -> ActivityLog:
        """What the wallet did, on all devices; it names claims and holds no values."""
        return ActivityLog(lambda: self._replica, self.edit, now_ms)

    @property
    def preferences(self) -> TypedRecords[Preference]:
        """What the person says about themselves."""
        return self.typed(Preference)

    @property
    def intents(self) -> TypedRecords[Intent]:
        """What the person looks for."""
        return self.typed(Intent)

    @property
    def passes(self) -> TypedRecords[Pass]:
        """Tickets, cards and coupons."""
        return self.typed(Pass)

    @property
    def payments(self) -> TypedRecords[Payment]:
        """Means of payment."""
        return self.typed(Payment)

    @property
    def logins(self) -> TypedRecords[Login]:
        """Accounts."""
        return self.typed(Login)

    @property
    def documents(self) -> TypedRecords[DocumentRecord]:
        """Papers."""
        return self.typed(DocumentRecord)

    @property
    def agent_grants(self) -> TypedRecords[AgentGrant]:
        """What programs may do in the person's name."""
        return self.typed(AgentGrant)

    @property
    def pseudonyms(self) -> TypedRecords[Pseudonym]:
        """Names under which one party knows the person."""
        return self.typed(Pseudonym)

    @property
    def settings(self) -> TypedRecords[Setting]:
        """How the person wants the wallet to behave."""
        return self.typed(Setting)

    @property
    def persons(self) -> TypedRecords[Person]:
        """The person, and people they know."""
        return self.typed(Person)

    @property
    def statements(self) -> Statements:
        """What the wallet says about the person: to review, to understand, to correct."""
        return Statements(self, self.edit)

    async def _commit(self, edits: Sequence[Edit]) -> Change | None:
        if not touches_log(self._replica, edits):
            return await self._synchronizer.edit(list(edits))
        # One at a time, so that each entry of the log is linked to the one before it.
        async with self._log_lock:
            return await self._synchronizer.edit(log_edits(self._replica, edits))
