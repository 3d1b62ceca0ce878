"""Times as other programs write them, read as Unix seconds or as unknown.

Spec: 40-wallet-document.md
"""

import re
from datetime import UTC, datetime

from billfold.importers.interface import Json

_SECONDS_MAX = 100_000_000_000
"""The year 5138; a larger number is milliseconds, which pass this bound in 1973."""

_MILLISECONDS_MAX = 253_402_300_800_000
"""The year 10000."""

_DIGITS = re.compile(r"-?[0-9]{1,15}")


def unix_seconds(value: Json) -> int | None:
    """Read seconds, milliseconds or ISO 8601 text; None when it is no plausible time.

    Zero and less are unknown: exporters write 0, or -11644473600 (the year 1601, where Windows
    begins to count), for a time that they do not have.
    """
    match value:
        case bool() | None | dict() | list():
            return None
        case str() if _DIGITS.fullmatch(value):
            return unix_seconds(int(value))
        case str():
            return _parse_text(value)
        case _ if 1 <= value < _SECONDS_MAX:
            return int(value)
        case _ if _SECONDS_MAX <= value < _MILLISECONDS_MAX:
            return int(value // 1000)
        case _:
            return None


def _parse_text(text: str) -> int | None:
    try:
        moment = datetime.fromisoformat(text)
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=UTC)
        seconds = int(moment.timestamp())
    except (ValueError, OverflowError):
        return None
    return seconds if seconds >= 1 else None
