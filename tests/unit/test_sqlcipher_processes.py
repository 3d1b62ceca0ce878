import asyncio
import os
import resource
import sys
from pathlib import Path

import pytest

from billfold.store import (
    AppendChanges,
    PendingEdit,
    PutMeta,
    PutPending,
    PutQuarantined,
    SqlCipherStore,
)
from billfold.store.encrypted_file import PAGE_SIZE
from billfold.store.log_room import ROOM_MIN
from billfold_protocol.errors import (
    LocalProtocolError,
    StoreBusy,
    StoreDamaged,
    StoreError,
)
from tests.support.filled_store import KEY, filled, flip, read_all

KEEP_COMMITTING = """
import sys
from pathlib import Path
from billfold.store import AppendChanges, PendingEdit, PutPending, SqlCipherStore

store = SqlCipherStore.open(Path(sys.argv[1]), bytes(range(32)))
position = len(store.load().pending)
while True:
    change = position.to_bytes(4, "big") + b"canary-in-a-change" * 20
    store.commit([PutPending(PendingEdit(position, change, b"intent")), AppendChanges((change,))])
    print(position, flush=True)
    position += 1
"""


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    return tmp_path / "wallet"


def files_with(directory: Path, trace: bytes) -> list[str]:
    return [path.name for path in directory.iterdir() if trace in path.read_bytes()]


async def committing(directory: Path) -> asyncio.subprocess.Process:
    """Start a process that commits to the store until it is killed."""
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        KEEP_COMMITTING,
        str(directory),
        stdout=asyncio.subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )


async def test_every_commit_that_returned_survives_a_kill(directory: Path) -> None:
    SqlCipherStore.create(directory, KEY).close()
    expected = 0
    for count in (1, 7, 2, 23, 11):
        child = await committing(directory)
        assert child.stdout is not None
        printed = b"".join([await child.stdout.readline() for _ in range(count)])
        child.kill()
        # What it still printed before it died had returned as well.
        printed += await child.stdout.read()
        await child.wait()
        whole_lines = printed[: printed.rindex(b"\n")].splitlines()
        expected = int(whole_lines[-1]) + 1
        store = SqlCipherStore.open(directory, KEY)
        state = store.load()
        store.close()
        # The last commit may be on the disk though its print is not.
        assert len(state.pending) in (expected, expected + 1)
        assert [edit.position for edit in state.pending] == list(range(len(state.pending)))
        assert state.changes == tuple(edit.change for edit in state.pending)
        assert not files_with(directory, b"canary")
    assert expected >= 44


async def test_a_running_process_is_named_to_the_next_one(directory: Path) -> None:
    SqlCipherStore.create(directory, KEY).close()
    child = await committing(directory)
    assert child.stdout is not None
    await child.stdout.readline()
    with pytest.raises(StoreBusy, match=f"process {child.pid};"):
        SqlCipherStore.open(directory, KEY)
    child.kill()
    await child.communicate()
    SqlCipherStore.open(directory, KEY).close()


def test_no_file_holds_a_word_of_the_wallet(directory: Path) -> None:
    canary = b"canary-in-a-wallet"
    store = SqlCipherStore.create(directory, KEY)
    store.commit(
        [
            PutMeta("canary-in-a-wallet", canary),
            AppendChanges((canary * 300,)),
            PutPending(PendingEdit(0, canary, canary)),
            PutQuarantined(canary, canary, canary.decode()),
        ]
    )
    with_log = {path.name: path.read_bytes() for path in directory.iterdir()}
    store.close()
    closed = {path.name: path.read_bytes() for path in directory.iterdir()}
    assert "wallet.db-wal" in with_log
    for content in (*with_log.values(), *closed.values()):
        for trace in (canary, KEY, b"SQLite format", b"CREATE TABLE"):
            assert trace not in content
            assert trace.hex().encode() not in content


def test_a_value_of_another_type_is_our_mistake_and_the_store_goes_on(directory: Path) -> None:
    store = SqlCipherStore.create(directory, KEY)
    wrong: object = {"a": 1}
    with pytest.raises(LocalProtocolError):
        store.commit([PutMeta("a", b"1"), PutMeta("b", wrong)])  # type: ignore[arg-type]  # the point
    assert store.load().meta == {}
    store.commit([PutMeta("a", b"1")])
    store.close()


def test_after_a_failing_disk_only_a_new_start_goes_on(directory: Path) -> None:
    store = SqlCipherStore.create(directory, KEY)
    store.commit([PutMeta("a", b"1")])
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    # The operating system refuses to let any file of this process grow further.
    resource.setrlimit(
        resource.RLIMIT_FSIZE, ((directory / "wallet.db-wal").stat().st_size, limits[1])
    )
    try:
        with pytest.raises(StoreError) as caught:
            # More than the room that the log has left.
            store.commit([PutMeta("b", bytes(2 * ROOM_MIN))])
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert type(caught.value) is StoreError
    for call in (store.load, store.entry_index, lambda: store.commit([PutMeta("c", b"3")])):
        with pytest.raises(StoreError, match="close the wallet and open it again"):
            call()
    store.close()
    opened = SqlCipherStore.open(directory, KEY)
    assert opened.load().meta == {"a": b"1"}
    opened.close()


def test_nothing_is_printed_about_damage(
    directory: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    filled(directory)
    flip(directory / "wallet.db", 3 * PAGE_SIZE + 50)
    with pytest.raises(StoreDamaged):
        read_all(directory)
    assert capfd.readouterr() == ("", "")
