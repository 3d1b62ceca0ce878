"""Work on a saved document in a process of its own, so that the one that shows it goes on.

The library holds the interpreter's lock while it reads or saves a document, half a second for
50,000 edits: a thread would not help. This file is run by its path, reads the bytes from standard
input and writes the answer to standard output; it imports nothing but the library.

    python -P apart.py hashes   the hashes of all changes, 32 bytes each
    python -P apart.py save     the document in its shortest form, if that can be read back

Spec: 16-snapshots.md
"""

import sys
from collections.abc import Callable, Mapping
from typing import Final

from automerge import core

UNREADABLE: Final = 3
"""The exit code where the bytes are no document."""


def hashes_in(kept: bytes) -> bytes:
    """Return the hashes of a document's changes, one after the other."""
    return b"".join(change.hash for change in core.Document.load(kept).get_changes([]))


def saved(kept: bytes) -> bytes:
    """Return a document in its shortest form, or as it is where that cannot be read back."""
    document = core.Document.load(kept)
    short = document.save()
    try:
        is_readable = core.Document.load(short).get_heads() == document.get_heads()
    except BaseException:  # noqa: BLE001  # A panic; an interrupt ends the process all the same.
        is_readable = False
    return short if is_readable else kept


WORKS: Final[Mapping[str, Callable[[bytes], bytes]]] = {"hashes": hashes_in, "save": saved}


def main() -> None:
    """Do the work that the argument names."""
    data = sys.stdin.buffer.read()
    try:
        answer = WORKS[sys.argv[1]](data)
    except BaseException:  # noqa: BLE001  # The library's panics are no `Exception`.
        sys.exit(UNREADABLE)
    sys.stdout.buffer.write(answer)


if __name__ == "__main__":
    main()
