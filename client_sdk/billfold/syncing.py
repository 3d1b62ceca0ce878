"""Being in step with the server, entries and attachments both, until a deadline.

Spec: 21-sync.md
"""

import asyncio
import contextlib
import time

from billfold.attachments import Attachments
from billfold.reports import SyncReport
from billfold.synchronizer import Synchronizer

POLL_S = 0.01
"""How often to look whether the mailboxes are settled while somebody waits."""


async def sync_all(
    synchronizer: Synchronizer, attachments: Attachments, deadline_s: float
) -> SyncReport:
    """Wait until nothing is under way in either direction, or for so long.

    Raises:
        StoreError: what came could not be kept.
    """
    end_s = time.monotonic() + deadline_s
    error = await synchronizer.sync(deadline_s)
    if error is None and attachments.pending_count:
        error = await attachments.sync(end_s - time.monotonic())
        # What the server holds now is named in records, which are to be pushed.
        error = error or await synchronizer.sync(end_s - time.monotonic())
    if error is None:
        await _settle_mailboxes(synchronizer, end_s)
    return SyncReport(
        is_complete=synchronizer.is_synced and not attachments.pending_count,
        unsynced_count=synchronizer.replica.unsynced_count,
        reason=error,
    )


async def compact(synchronizer: Synchronizer, deadline_s: float) -> bool:
    """Wait until the server holds a snapshot of everything; False if none stands in time."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(deadline_s):
            while not (synchronizer.is_synced and synchronizer.replica.snapshots.is_current):
                synchronizer.replica.snapshots.make_now()
                synchronizer.wake()
                await asyncio.sleep(SNAPSHOT_POLL_S)
            return True
    return False


SNAPSHOT_POLL_S = 0.02
"""How often to look whether others have endorsed a snapshot that somebody waits for."""


async def _settle_mailboxes(synchronizer: Synchronizer, end_s: float) -> None:
    """Wait until all mail is here and merged, and the answers are there; or until the deadline."""
    mailroom = synchronizer.desks.mailroom
    while time.monotonic() < end_s and synchronizer.is_online:
        if mailroom.is_settled and synchronizer.is_synced:
            return
        await asyncio.sleep(POLL_S)
