import asyncio
import os
import random
import sys
from pathlib import Path

from billfold_server.store import SqliteLogStore
from tests.support.log_writes import append, arrivals, birth, entry, wallet

WALLETS = [wallet(number) for number in range(3)]
KILL_COUNT = 10


def commit_for_ever(path: Path) -> None:
    """Commit ever further to each wallet and print each arrival number once it is durable."""
    store = SqliteLogStore(path, wal_size_max=300_000)
    if store.wallet_count() == 0:
        store.commit([birth(one) for one in WALLETS])
    log = store.load_wallet(WALLETS[0])
    assert log is not None
    n = log.n
    while True:
        n += 1
        store.commit([append(one, entry(n, seq=n, size=3_000)) for one in WALLETS])
        sys.stdout.write(f"{n}\n")
        sys.stdout.flush()


async def acked_before_the_kill(path: Path, ack_count: int) -> int:
    """Run a committing process, kill it after this many acks, and return the last it gave."""
    root = Path(__file__).parents[2]
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        __file__,
        os.fspath(path),
        stdout=asyncio.subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([*filter(None, sys.path), str(root)])},
    )
    assert process.stdout is not None
    acks = [await process.stdout.readline() for _ in range(ack_count)]
    process.kill()
    acks += (await process.stdout.read()).splitlines(keepends=True)
    await process.wait()
    # The last line may have been cut short by the kill.
    return max(int(ack) for ack in acks if ack.endswith(b"\n"))


async def test_every_acked_commit_outlives_a_killed_server(tmp_path: Path) -> None:
    seed = random.SystemRandom().randrange(2**32)
    generator = random.Random(seed)
    path = tmp_path / "wallets.db"
    before = 0
    for _ in range(KILL_COUNT):
        acked = await acked_before_the_kill(path, generator.randrange(1, 60))
        store = SqliteLogStore(path)
        held = [arrivals(store, one) for one in WALLETS]
        store.close()
        # One commit may have been under way, for all wallets or for none.
        whole = list(range(1, len(held[0]) + 1))
        assert held == [whole, whole, whole], f"seed {seed}"
        assert len(whole) in {acked, acked + 1}, f"seed {seed}"
        assert acked > before, f"seed {seed}"
        before = len(whole)


if __name__ == "__main__":
    commit_for_ever(Path(sys.argv[1]))
