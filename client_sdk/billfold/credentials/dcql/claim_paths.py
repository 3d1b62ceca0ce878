"""Claims path pointers (OpenID4VP 1.0 §7): from a path to the places of claims.

A text goes to a member, a number to an element, and null to all elements.

Spec: 42-credentials.md
"""

from typing import TypeAlias

from billfold.credentials.disclosures import Place
from billfold.importers.interface import Json

ClaimPath: TypeAlias = tuple[str | int | None, ...]
"""A claims path pointer; it is not empty, and no number in it is negative."""


def places_at(claims: Json, path: ClaimPath) -> tuple[tuple[Place, Json], ...]:
    """Return the places that a path selects, each with its value; none where it leads nowhere."""
    selected: list[tuple[Place, Json]] = [((), claims)]
    for part in path:
        if not all(_can_step(value, part) for _, value in selected):
            return ()  # §7.1.1: a step that does not fit the value ends it all.
        selected = [
            ((*place, key), member)
            for place, value in selected
            for key, member in _members(value, part)
        ]
    return tuple(selected)


def path_text(path: ClaimPath) -> str:
    """Return a path as a person reads it, such as `address / locality`."""
    return " / ".join("each" if part is None else str(part) for part in path)


def _can_step(value: Json, part: str | int | None) -> bool:
    return isinstance(value, dict if isinstance(part, str) else list)


def _members(value: Json, part: str | int | None) -> list[tuple[str | int, Json]]:
    match value, part:
        case dict(), str() if part in value:
            return [(part, value[part])]
        case list(), int() if part < len(value):
            return [(part, value[part])]
        case list(), None:
            return list(enumerate(value))
        case _:
            return []
