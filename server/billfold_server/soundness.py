"""Refuses to run on versions of the libraries below that are known to be unsafe.

The store checks SQLite the same way when it is opened.

Spec: 30-server-api.md
"""

import re
from importlib import metadata

from billfold_protocol.errors import UpdateNeeded

VERSIONS_MIN = {
    "aiohttp": (3, 14, 3),  # Request smuggling and reads beyond a buffer before it.
    "cryptography": (50, 0, 0),  # The first with the key wrapping that wallets use.
    "pynacl": (1, 6, 2),  # Accepts signing keys of small order before it.
}


def require_sound_libraries() -> None:
    """Check the installed versions.

    Raises:
        UpdateNeeded: one is missing, older than is safe, or has no version that can be read.
    """
    for name, minimum in VERSIONS_MIN.items():
        wanted = ".".join(map(str, minimum))
        try:
            found = metadata.version(name)
        except metadata.PackageNotFoundError as error:
            raise UpdateNeeded(f"{name} is not installed; install {wanted} or later.") from error
        if parse_version(found) < minimum:
            raise UpdateNeeded(f"{name} {found} is not safe; install {wanted} or later.")


def parse_version(text: str) -> tuple[int, ...]:
    """Return the numbers at the start of a version; one before a release counts as older."""
    numbers = re.match(r"\d+(?:\.\d+)*", text)
    if numbers is None:
        return ()
    parsed = [int(number) for number in numbers.group().split(".")]
    if re.match(r"[.-]?(?:a|b|rc|dev)", text[numbers.end() :]):
        parsed[-1] -= 1
    return tuple(parsed) + (0,) * (3 - len(parsed))
