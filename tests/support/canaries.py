"""Canaries: texts that must not be found anywhere, and a search for them in many disguises.

    canaries = Canaries("seed")
    canaries.next()                    # a new one; put it somewhere
    canaries.found_in(database_bytes)  # the disguises in which any of them shows

Spec: 02-threat-model.md
"""

import base64
import zlib
from collections.abc import Iterable

from tests.support.seeded_bytes import bytes_of

MARK_SIZE = 12
"""Characters with which every canary begins: one search finds any of them."""

INFLATED_SIZE_MAX = 4096


class Canaries:
    """Texts of letters and digits that begin alike and then differ."""

    def __init__(self, seed: str) -> None:
        self.mark = "q" + base64.b32encode(bytes_of(seed, 10)).decode().lower()[: MARK_SIZE - 1]
        self.issued: list[str] = []

    def next(self) -> str:
        """Return a new canary."""
        canary = f"{self.mark}{len(self.issued):04d}"
        self.issued.append(canary)
        return canary

    def found_in(self, data: bytes) -> set[str]:
        """Return the disguises in which a canary shows in some bytes."""
        return {name for name, needle in self._needles() if needle in data}

    def found_inflated(self, data: bytes) -> set[int]:
        """Return the offsets at which a compressed stream begins that holds a canary."""
        mark = self.mark.encode()
        view = memoryview(data)
        return {
            offset
            for offset in range(len(data))
            for window in (-15, 15, 31)
            if mark in _inflated(view[offset : offset + INFLATED_SIZE_MAX], window)
        }

    def _needles(self) -> Iterable[tuple[str, bytes]]:
        mark = self.mark.encode()
        yield "raw", mark
        yield "upper case", mark.upper()
        yield "reversed", mark[::-1]
        yield "UTF-16, little end first", self.mark.encode("utf-16-le")
        yield "UTF-16, big end first", self.mark.encode("utf-16-be")
        yield "hexadecimal", mark.hex().encode()
        yield "hexadecimal, upper case", mark.hex().upper().encode()
        for shift in range(3):
            # The characters that depend on the neighbours are left out.
            encoded = base64.b64encode(b"\0" * shift + mark)
            core = encoded[(0, 2, 3)[shift] : (shift + len(mark)) // 3 * 4]
            yield f"base64, shifted by {shift}", core
            yield f"base64url, shifted by {shift}", core.translate(bytes.maketrans(b"+/", b"-_"))


def _inflated(data: memoryview, window: int) -> bytes:
    """Return what a compressed stream at the start of some bytes holds, as far as it goes."""
    try:
        return zlib.decompressobj(window).decompress(data, INFLATED_SIZE_MAX)
    except zlib.error:
        return b""
