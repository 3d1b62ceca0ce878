"""What a command asks for, wherever it runs: its name, its arguments, and bytes that go with them.

Spec: 00-overview.md
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from billfold.cli.exit_codes import ExitCode
from billfold.cli.wire import JsonObject
from billfold_protocol.errors import InputError


@dataclass(frozen=True, slots=True, kw_only=True)
class Arguments:
    """A command's arguments, checked as they are read, because they may come from a socket."""

    values: Mapping[str, Any] = field(default_factory=dict)

    def text(self, name: str) -> str:
        """Return a text.

        Raises:
            InputError: it is missing or no text.
        """
        value = self.values.get(name)
        if not isinstance(value, str):
            raise InputError(f"the argument {name!r} is a text")
        return value

    def optional_text(self, name: str) -> str | None:
        """Return a text, or None.

        Raises:
            InputError: it is something else.
        """
        return None if self.values.get(name) is None else self.text(name)

    def texts(self, name: str) -> list[str]:
        """Return a list of texts; an empty one where it is missing.

        Raises:
            InputError: it is something else.
        """
        value = self.values.get(name, [])
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            raise InputError(f"the argument {name!r} is a list of texts")
        return list(value)

    def members(self, name: str) -> dict[str, Any]:
        """Return an object; an empty one where it is missing.

        Raises:
            InputError: it is something else.
        """
        value = self.values.get(name, {})
        if not isinstance(value, dict):
            raise InputError(f"the argument {name!r} is an object")
        return value

    def flag(self, name: str) -> bool:
        """Return a flag; False where it is missing.

        Raises:
            InputError: it is something else.
        """
        value = self.values.get(name, False)
        if not isinstance(value, bool):
            raise InputError(f"the argument {name!r} is true or false")
        return value

    def seconds(self, name: str, *, default: float) -> float:
        """Return a duration in seconds.

        Raises:
            InputError: it is no number above zero.
        """
        value = self.values.get(name, default)
        if isinstance(value, bool) or not isinstance(value, int | float) or not value > 0:
            raise InputError(f"the argument {name!r} is a number of seconds")
        return float(value)

    def optional_seconds(self, name: str) -> float | None:
        """Return a duration in seconds, or None.

        Raises:
            InputError: it is no number above zero.
        """
        return None if self.values.get(name) is None else self.seconds(name, default=0.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One command."""

    command: str
    arguments: Arguments = field(default_factory=Arguments)
    attachment: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a command gives: one JSON object, and bytes such as an export's."""

    result: JsonObject
    attachment: bytes = field(default=b"", repr=False)
    exit_code: ExitCode = ExitCode.DONE
    """What the process ends with, where nothing failed."""
