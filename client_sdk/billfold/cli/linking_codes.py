"""A linking code as a QR code, on the terminal and in files, and the digits people compare.

Spec: 22-linking.md
"""

import io
from pathlib import Path

import segno

from billfold.cli.settings import write_owner_file
from billfold_protocol.linking import LinkingCode

_SCALE = 8


def qr_text(uri: str) -> str:
    """Return a QR code drawn with half blocks, for a terminal."""
    drawn = io.StringIO()
    # ISO/IEC 18004 level L: a terminal is not dirty, and smaller codes fit.
    segno.make(uri, error="l", micro=False).terminal(out=drawn, compact=True)
    return drawn.getvalue()


def write_qr(uri: str, *, png: Path | None, svg: Path | None) -> None:
    """Write a QR code to files that only their owner can read: it is a secret for five minutes.

    Raises:
        StoreError: a file cannot be written.
    """
    code = segno.make(uri, error="m", micro=False)
    for path, kind in ((png, "png"), (svg, "svg")):
        if path is not None:
            drawn = io.BytesIO()
            code.save(drawn, kind=kind, scale=_SCALE)
            write_owner_file(path, drawn.getvalue())


def fingerprint_of(uri: str) -> str:
    """Return the six digits that the other device shows for the keys behind a code.

    Raises:
        WrongContext, PairingFailed: it is no linking code.
    """
    return LinkingCode.parse(uri).fingerprint
