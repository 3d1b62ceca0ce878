"""The few threads in which all wallets of a process wait for the disk.

With hundreds of wallets a thread for each would be too many: whichever waits for the interpreter
wakes up every few milliseconds to ask for it, and all of that together costs more than the commits.

Spec: 21-sync.md
"""

import os
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor

THREADS_COUNT = 8
"""Waits for the disk at one time; the file system joins those that come together."""


class _Threads:
    """One pool for each process: a forked child has none of its parent's threads."""

    def __init__(self) -> None:
        self._process = 0
        self._pool: ThreadPoolExecutor | None = None

    def get(self) -> ThreadPoolExecutor:
        if self._pool is None or self._process != os.getpid():
            self._process = os.getpid()
            self._pool = ThreadPoolExecutor(THREADS_COUNT, thread_name_prefix="billfold-commit")
        return self._pool


_THREADS = _Threads()


def run_in_thread(work: Callable[[], None]) -> Future[None]:
    """Run something in one of the threads; the caller sees to the order of its own work."""
    return _THREADS.get().submit(work)
