"""The command `billfold`.

Spec: 00-overview.md
"""

import importlib
import sys
from collections.abc import Sequence


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command and end the process with its exit code.

    Raises:
        SystemExit: always; the codes are those of `exit_codes`.
    """
    given = list(sys.argv[1:] if arguments is None else arguments)
    # Imported here, so that importing this package costs nothing.
    run = importlib.import_module("billfold.cli.entry").run
    sys.exit(run(given))
