"""Opens a server's blob store, and collects in it what nobody holds any more.

Spec: 23-blobs.md
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import Executor
from pathlib import Path

from billfold_protocol.errors import StoreDamaged, StoreError
from billfold_server.blobs.files import FileBlobStore
from billfold_server.blobs.memory import MemoryBlobStore
from billfold_server.blobs.service import BlobService
from billfold_server.blobs.store import BlobStore
from billfold_server.logs import ServerLog
from billfold_server.quotas import Quotas

COLLECTION_INTERVAL_S = 3600.0
FOLDER_SUFFIX = ".blobs"


def open_blob_store(path: Path | None, quotas: Quotas, *, now_s: Callable[[], float]) -> BlobStore:
    """Open the blobs beside a server's database; in memory if it has no file.

    Raises:
        StoreError: the folder cannot be made.
    """
    if path is None:
        return MemoryBlobStore(quotas, now_s=now_s)
    return FileBlobStore(path.with_name(path.name + FOLDER_SUFFIX), quotas, now_s=now_s)


async def keep_collected(
    service: BlobService, executor: Executor, *, on_broken: Callable[[BaseException], None]
) -> None:
    """Collect at the start and about once an hour, until cancelled."""
    server_log, loop = ServerLog(), asyncio.get_running_loop()
    while True:
        try:
            found = await loop.run_in_executor(executor, service.store.collect)
        except StoreDamaged as error:
            on_broken(error)
            return
        except StoreError as error:
            server_log.error("blobs could not be collected", error)
        else:
            service.counters.blobs_collected += found.removed_count
            service.stored = found.left
            if found.removed_count:
                server_log.info("collected blobs", count=found.removed_count)
        await asyncio.sleep(COLLECTION_INTERVAL_S)
