"""What becomes of changes while they are applied.

Spec: 40-wallet-document.md
"""

from billfold.document.intake import SetAside
from billfold.document.view import Touched


class Outcome:
    """Collects it."""

    def __init__(self) -> None:
        self.hashes: list[bytes] = []
        self.set_aside: list[SetAside] = []
        self.refused: list[bytes] = []
        self.touched: set[Touched] = set()
        self.notes: set[str] = set()
        """Keys of texts to read anew."""
