"""The main job, shown: three devices share a wallet through a server that holds only ciphertext.

Every claim is checked while it is shown; a broken one ends with exit code 1.

Spec: 00-overview.md
"""

import asyncio
import sys
import tempfile
from pathlib import Path

from rich.console import Console

from billfold import BillfoldError
from tests.demo.claims import Claims
from tests.demo.story import tell


def main() -> None:
    """Run the demo in a temporary folder."""
    console = Console(highlight=False, width=110)
    claims = Claims()
    with tempfile.TemporaryDirectory(prefix="billfold-demo-") as folder:
        try:
            asyncio.run(tell(Path(folder), console, claims))
        except BillfoldError as error:
            claims.check(f"the story goes to its end ({error})", holds=False)
    console.print(claims.table())
    sys.exit(0 if claims.hold else 1)


if __name__ == "__main__":
    main()
