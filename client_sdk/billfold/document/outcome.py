"""What becomes of changes while they are applied.

Spec: 40-wallet-document.md
"""

from dataclasses import dataclass

from billfold.document.intake import SetAside
from billfold.document.view import Touched


@dataclass(frozen=True, slots=True)
class Applied:
    """What became of changes of other devices."""

    touched: frozenset[Touched]
    """The (record, field) pairs that may differ; the field is `notes` for a note."""

    hashes: tuple[bytes, ...]
    """The changes now in the document, dependencies first, earlier waiting ones among them."""

    set_aside: tuple[SetAside, ...]
    """What was set aside in this call; keep these, and give them to `load`."""

    refused: tuple[bytes, ...]
    """Changes, in bytes, for which there is no room while so many wait; give them again later."""

    missing: frozenset[bytes]
    """Hashes of changes that waiting ones build on."""


class Outcome:
    """Collects it."""

    def __init__(self) -> None:
        self.hashes: list[bytes] = []
        self.set_aside: list[SetAside] = []
        self.refused: list[bytes] = []
        self.touched: set[Touched] = set()
        self.notes: set[str] = set()
        """Keys of texts to read anew."""
