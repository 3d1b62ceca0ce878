"""A device as its own process, which attaches or fetches one file and measures its memory.

    python -m tests.support.attachment_program attach FOLDER RECORD FILE
    python -m tests.support.attachment_program fetch FOLDER RECORD FILE

It prints by how many bytes its memory grew at most, from the open wallet to the end.

Spec: 23-blobs.md
"""

import asyncio
import sys
from pathlib import Path

from billfold import Wallet
from tests.support.linked_wallets import UNLOCK

NAME = "large.bin"
DEADLINE_S = 600.0


async def attach(wallet: Wallet, record: str, file: Path) -> None:
    """Attach a file and wait until the server holds it."""
    await wallet.attachments.add(record, file, name=NAME)
    report = await wallet.sync(deadline_s=DEADLINE_S)
    assert report.is_complete, report


async def fetch(wallet: Wallet, record: str, file: Path) -> None:
    """Wait until the record has the file, and write it."""
    async with asyncio.timeout(DEADLINE_S):
        with wallet.events() as events:
            while not wallet.attachments.list(record):
                await anext(events)
        found = wallet.attachments.find(record, NAME)
        await wallet.attachments.save_to(found, file)


def memory_of(process: str, line: str) -> int:
    """Return a process's memory in bytes, `VmRSS` now or `VmHWM` at most."""
    for found in Path(f"/proc/{process}/status").read_text().splitlines():
        if found.startswith(line):
            return int(found.split()[1]) * 1024
    raise AssertionError(line)


async def main(what: str, folder: str, record: str, file: str) -> None:
    """Do what is asked."""
    async with await Wallet.open(Path(folder), unlock=UNLOCK) as wallet:
        before = memory_of("self", "VmRSS")
        await {"attach": attach, "fetch": fetch}[what](wallet, record, Path(file))
        sys.stdout.write(f"{memory_of('self', 'VmHWM') - before}\n")


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
