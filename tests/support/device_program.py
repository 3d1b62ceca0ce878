"""A device as its own process: it edits without end and says which edits have returned.

    python -m tests.support.device_program FOLDER RECORD NAME FIRST

It prints `ready`, then one line `FIELD VALUE` after each edit has returned. It ends when it is
killed, or when its input closes: then it closes the wallet and prints `closed`.

Spec: 40-wallet-document.md
"""

import asyncio
import contextlib
import sys
from pathlib import Path

from billfold import Wallet
from tests.support.linked_wallets import UNLOCK

FIELDS_COUNT = 10
WRITERS_COUNT = 3
"""Edits that are made at the same time."""


async def edit_for_ever(wallet: Wallet, record: str, name: str, first: int, writer: int) -> None:
    """Set one field after the other to a value that was never there before."""
    number = first
    while True:
        field, value = f"field{number % FIELDS_COUNT}", f"{name}/{writer}/{number}"
        await wallet.set(record, field, value)
        sys.stdout.write(f"{field} {value}\n")
        sys.stdout.flush()
        number += 1


async def main(folder: str, record: str, name: str, first: str) -> None:
    """Open the wallet and edit until the input ends."""
    async with await Wallet.open(Path(folder), unlock=UNLOCK) as wallet:
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        writing = [
            asyncio.create_task(edit_for_ever(wallet, record, name, int(first), writer))
            for writer in range(WRITERS_COUNT)
        ]
        await asyncio.to_thread(sys.stdin.read)
        for task in writing:
            task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.gather(*writing)
    sys.stdout.write("closed\n")
    sys.stdout.flush()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
