"""The ways to answer a whole query, with the least disclosed first (OpenID4VP 1.0 §6.4.2).

A query can have more answers than atoms are in the sea; the best are found one after another
without making the others, and at most `ANSWERS_MAX` are given.

Spec: 42-credentials.md
"""

import heapq
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Protocol, TypeVar

from billfold.credentials.bounds import ANSWERS_MAX
from billfold.credentials.dcql.matching import Answer, match_credentials
from billfold.credentials.dcql.query import CredentialSet, Query
from billfold.credentials.held import HeldCredential


@dataclass(frozen=True, slots=True, kw_only=True)
class Option:
    """One way to answer."""

    answers: tuple[Answer, ...]
    """What to present, in the order of the query."""

    @property
    def amount(self) -> int:
        """How many single claims the verifier learns."""
        return sum(answer.amount for answer in self.answers)


@dataclass(frozen=True, slots=True, kw_only=True)
class Missing:
    """A credential that is asked for and not to be had."""

    query_id: str
    why: str
    """One plain sentence, without any value."""

    is_required: bool
    """Whether nothing can be answered without it or an alternative to it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answers:
    """What can be answered."""

    options: tuple[Option, ...]
    """The least disclosed first; empty where the query cannot be answered."""

    missing: tuple[Missing, ...]
    """What the wallet has no answer to, in the order of the query."""

    more: Mapping[str, tuple[Answer, ...]]
    """By credential query that takes several: all credentials that may be shown together."""

    @property
    def can_answer(self) -> bool:
        """Whether there is an answer."""
        return bool(self.options)


def answer_query(query: Query, held: Mapping[str, HeldCredential]) -> Answers:
    """Find the ways to answer a query.

    Args:
        query: what is asked for.
        held: the credentials of the wallet that are in their time, by the wallet's name for them.
    """
    found: dict[str, list[Answer]] = {}
    reasons: dict[str, str] = {}
    for credential in query.credentials:
        found[credential.id], reasons[credential.id] = match_credentials(credential, held)
    options: dict[tuple[Answer, ...], Option] = {}
    for names in islice(_ways(query, found), ANSWERS_MAX):
        ordered = [one.id for one in query.credentials if one.id in names]
        for chosen in islice(_cheapest([found[name] for name in ordered]), ANSWERS_MAX):
            options.setdefault(chosen, Option(answers=chosen))
    best = sorted(
        options.values(),
        key=lambda option: (option.amount, len(option.answers), _preferences(option)),
    )
    needed = _required_names(query)
    return Answers(
        options=tuple(best[:ANSWERS_MAX]),
        missing=tuple(
            Missing(query_id=name, why=why, is_required=name in needed)
            for name, why in reasons.items()
            if why
        ),
        more={
            one.id: _one_each(found[one.id])
            for one in query.credentials
            if one.is_multiple and found[one.id]
        },
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Choice:
    names: tuple[str, ...]
    amount: int


class _Costing(Protocol):
    @property
    def amount(self) -> int: ...


_Cost = TypeVar("_Cost", bound=_Costing)


def _ways(query: Query, found: Mapping[str, list[Answer]]) -> Iterator[frozenset[str]]:
    """Yield which credential queries to answer together, about the cheapest first."""
    if not query.sets:
        if all(found.values()):
            yield frozenset(found)
        return
    seen: set[frozenset[str]] = set()
    for chosen in islice(_cheapest([_choices(one, found) for one in query.sets]), ANSWERS_MAX**2):
        names = frozenset(name for choice in chosen for name in choice.names)
        if names and names not in seen:
            seen.add(names)
            yield names


def _choices(one: CredentialSet, found: Mapping[str, list[Answer]]) -> list[_Choice]:
    choices = [
        _Choice(names=names, amount=sum(found[name][0].amount for name in names))
        for names in one.options
        if all(found[name] for name in names)
    ]
    skipped = [] if one.is_required else [_Choice(names=(), amount=0)]
    return sorted([*skipped, *choices], key=lambda choice: choice.amount)


def _cheapest(columns: Sequence[list[_Cost]]) -> Iterator[tuple[_Cost, ...]]:
    """Yield one of each column, the smallest sum first; each column is in ascending order."""
    if not all(columns):
        return
    start: tuple[int, ...] = (0,) * len(columns)
    heap: list[tuple[int, tuple[int, ...]]] = [(sum(one[0].amount for one in columns), start)]
    seen = {start}
    while heap:
        amount, indexes = heapq.heappop(heap)
        yield tuple(column[index] for column, index in zip(columns, indexes, strict=True))
        for position, column in enumerate(columns):
            index = indexes[position]
            step = (*indexes[:position], index + 1, *indexes[position + 1 :])
            if index + 1 < len(column) and step not in seen:
                seen.add(step)
                more = column[index + 1].amount - column[index].amount
                heapq.heappush(heap, (amount + more, step))


def _one_each(answers: list[Answer]) -> tuple[Answer, ...]:
    cheapest: dict[str, Answer] = {}
    for answer in answers:
        cheapest.setdefault(answer.credential_id, answer)
    return tuple(cheapest.values())


def _required_names(query: Query) -> frozenset[str]:
    if not query.sets:
        return frozenset(one.id for one in query.credentials)
    required = [one for one in query.sets if one.is_required]
    return frozenset(name for one in required for option in one.options for name in option)


def _preferences(option: Option) -> tuple[int, ...]:
    return tuple(answer.preference for answer in option.answers)
