"""Forgets in small steps, beside the commits: what snapshots cover after their grace, old mail.

Spec: 16-snapshots.md
"""

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from billfold_protocol.errors import StoreError, StoreFull
from billfold_server.committer import Committer
from billfold_server.logs import ServerLog
from billfold_server.relay import Relay
from billfold_server.store import LogStore

INTERVAL_S = 30.0
"""How often the server looks for what is due."""

DUE_COUNT_MAX = 64
"""Snapshots that are gone on with at each look."""

STEP_COUNT_MAX = 512
"""Entries pruned in one transaction, for which commits may have to wait."""


async def keep_compacted(
    relay: Relay,
    store: LogStore,
    committer: Committer,
    *,
    interval_s: float = INTERVAL_S,
    on_broken: Callable[[BaseException], None],
) -> None:
    """Go on with the snapshots that are due, now and then, until cancelled."""
    with ThreadPoolExecutor(max_workers=1, thread_name_prefix="billfold-compaction") as thread:
        while True:
            await asyncio.sleep(interval_s)
            try:
                await _compact_due(relay, store, committer, thread)
            except StoreFull:
                ServerLog().warning("the store has no room to prune")
            except StoreError as error:
                on_broken(error)
                return


async def _compact_due(
    relay: Relay, store: LogStore, committer: Committer, thread: ThreadPoolExecutor
) -> None:
    loop = asyncio.get_running_loop()
    await _expire_mail(relay, store, committer, thread)
    find = partial(store.due_snapshots, now_s=int(time.time()), count_max=DUE_COUNT_MAX)
    for wallet_id, snapshot_id in await loop.run_in_executor(thread, find):
        job = relay.compact(wallet_id, snapshot_id)
        committer.kick()
        if job is None:
            continue
        prune = partial(store.prune, wallet_id, job.covered, count_max=STEP_COUNT_MAX)
        while True:
            step = await loop.run_in_executor(thread, prune)
            relay.pruned(job, step)
            committer.kick()
            if step.count == 0:
                break


async def _expire_mail(
    relay: Relay, store: LogStore, committer: Committer, thread: ThreadPoolExecutor
) -> None:
    """Forget what is too old in the mailboxes of some wallets."""
    before_s, forget_before_s = relay.mailbox_desk.expiry()
    find = partial(
        store.mail.due,
        before_s=before_s,
        forget_before_s=forget_before_s,
        count_max=DUE_COUNT_MAX,
    )
    for wallet_id in await asyncio.get_running_loop().run_in_executor(thread, find):
        relay.mailbox_desk.expire(wallet_id)
        committer.kick()
