"""A local edit while no entry carries it.

Spec: 21-sync.md
"""

from collections.abc import Sequence
from dataclasses import dataclass

from billfold.document import Edit
from billfold.intents import encode_intents, parse_intents
from billfold.store import PendingEdit


@dataclass(frozen=True, slots=True, kw_only=True)
class Pending:
    """A local edit that no entry carries yet."""

    position: int
    change: bytes
    intents: bytes | Sequence[Edit]
    """What it was to do; in bytes as long as nobody asks."""

    origin: bytes | None = None
    """The hash of the change that it was in the feed before, if it was in one."""

    def stored(self) -> PendingEdit:
        """Return it as the store keeps it."""
        intents = self.intents
        if not isinstance(intents, bytes):
            intents = encode_intents(intents, self.origin)
        return PendingEdit(self.position, self.change, intents)

    def edits(self) -> Sequence[Edit]:
        """Return what it was to do.

        Raises:
            StoreDamaged: the store's bytes say something else.
        """
        intents = self.intents
        return parse_intents(intents).edits if isinstance(intents, bytes) else intents

    @classmethod
    def read(cls, edit: PendingEdit) -> "Pending":
        """Take one back from the store.

        Raises:
            StoreDamaged: the store's bytes say something else.
        """
        origin = parse_intents(edit.intents).origin if edit.intents.startswith(b"{") else None
        return cls(position=edit.position, change=edit.change, intents=edit.intents, origin=origin)
