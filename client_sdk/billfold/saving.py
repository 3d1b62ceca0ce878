"""When a replica saves its document as a whole instead of appending one more change.

Spec: 40-wallet-document.md
"""

from billfold.core import Core
from billfold.store import AppendChanges, ReplaceDocument, WalletState

APPENDED_SIZE_MIN = 512 * 1024
"""Bytes of changes that the store may hold behind a saved document, however small that is."""

APPENDED_RATIO = 4
"""Or so many times the saved document's bytes; so each save has earned its cost."""


class Saving:
    """How much the store holds behind the last saved document."""

    def __init__(self, core: Core, state: WalletState) -> None:
        self._core = core
        self._saved_size = len(state.document or b"")
        self._appended_size = sum(map(len, state.changes))

    def save_if_long(self, *, has_pending: bool) -> None:
        """Note a whole document for the store when many changes stand behind the last one.

        Args:
            has_pending: whether the document holds edits that no entry carries yet.
        """
        core = self._core
        self._appended_size += core.journal.appended_size()
        size_max = max(APPENDED_SIZE_MIN, APPENDED_RATIO * self._saved_size)
        if self._appended_size > size_max and not has_pending:
            saved = core.document.save()
            core.write(ReplaceDocument(saved))
            # What waits for other changes is not in a saved document.
            core.write(AppendChanges(core.document.waiting))
            self._saved_size, self._appended_size = len(saved), 0
