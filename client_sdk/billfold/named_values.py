"""A replica's small values, by name: in memory as the store will hold them after the next commit.

Spec: 40-wallet-document.md
"""

from collections.abc import Mapping

from billfold.journal import Journal
from billfold.store import DeleteMeta, PutMeta


class NamedValues:
    """The named values of one open replica."""

    def __init__(self, held: Mapping[str, bytes], journal: Journal) -> None:
        """Begin.

        Args:
            held: what the store holds.
            journal: takes what the store must keep from now on.
        """
        self._values = dict(held)
        self._journal = journal

    def meta(self, key: str) -> bytes | None:
        """Return a named value, or None."""
        return self._values.get(key)

    def meta_keys(self, prefix: str) -> list[str]:
        """Return the names that begin so, sorted."""
        return sorted(key for key in self._values if key.startswith(prefix))

    def put_meta(self, key: str, value: bytes | None) -> None:
        """Note a named value for the store, or with None its removal."""
        if value is None:
            self._values.pop(key, None)
        else:
            self._values[key] = value
        self._journal.writes.append(DeleteMeta(key) if value is None else PutMeta(key, value))
