"""The start of an id, where a person types no more of it.

Spec: 00-overview.md
"""

from typing import Final

ID_PREFIX_SIZE_MIN: Final = 4
"""Characters of an id that are enough, where only one thing's id begins so."""


def is_start_of(text: str, id_: str) -> bool:
    """Whether what was typed is enough of an id to mean it."""
    return len(text) >= ID_PREFIX_SIZE_MIN and id_.startswith(text.lower())
