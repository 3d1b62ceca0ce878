"""Assertions that bear names, and what a row has shown, for the table.

    with named("error"):
        assert ...                       # fails as Broken("error", ...)
    with refused(CommitMismatch):
        open_wrap(...)                   # this very type, no other

Spec: 02-threat-model.md
"""

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Literal

from billfold_protocol.errors import BillfoldError

Assertion = Literal["error", "unchanged", "kept", "others", "secrets"]
"""The five that every row makes: the exact error; nothing accepted; nothing lost; other wallets go
on; no secret where none belongs."""

SHOWN: list[str] = []
"""What the row that runs now has shown; the table takes it away after each test."""

IS_WHOLE = os.environ.get("BILLFOLD_ATTACKS", "small") == "whole"
"""Whether the rows run at the size that the table of attacks asks for."""


class Broken(AssertionError):
    """One of the five assertions does not hold."""

    def __init__(self, name: Assertion, why: object) -> None:
        super().__init__(f"[{name}] {why}")
        self.name = name


@contextmanager
def named(name: Assertion) -> Iterator[None]:
    """Let an assertion that fails within say which of the five it is."""
    try:
        yield
    except Broken:
        raise
    except AssertionError as error:
        raise Broken(name, error) from error


@contextmanager
def refused(*kinds: type[BillfoldError]) -> Iterator[None]:
    """Require that what is done within is refused, with exactly one of these errors."""
    names = " or ".join(kind.__name__ for kind in kinds)
    try:
        yield
    except BillfoldError as error:
        if type(error) not in kinds:
            raise Broken("error", f"{error!r} is not {names}") from error
        show(type(error))
        return
    raise Broken("error", f"nothing was refused; {names} was due")


def show(*kinds: type[BaseException] | str) -> None:
    """Note what a row has shown."""
    names = (kind if isinstance(kind, str) else kind.__name__ for kind in kinds)
    SHOWN.extend(name for name in names if name not in SHOWN)


def require_exactly(
    errors: Iterable[BillfoldError], kinds: Iterable[type[BillfoldError]], who: object
) -> None:
    """Require that a client has shown errors of these types, each of them, and no other."""
    found, wanted = {type(error) for error in errors}, set(kinds)
    if found != wanted:
        names = sorted(kind.__name__ for kind in found)
        due = sorted(kind.__name__ for kind in wanted)
        raise Broken("error", f"{who} has shown {names}; {due} was due")
    show(*sorted(wanted, key=lambda kind: kind.__name__))


def scaled(*, small: int, whole: int) -> int:
    """Return how many tries a row makes: few in every test run, all of them in `make attacks`."""
    return whole if IS_WHOLE else small
