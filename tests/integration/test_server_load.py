from billfold_protocol.client_session import Acked
from billfold_protocol.messages import CaughtUp, Entries, Fetch
from billfold_server import outbox
from tests.support.running_server import running_server
from tests.support.sync_client import SyncClient, ids_of
from tests.support.wallets import TestDevice, TestFeed, TestWallet

ENTRY_SIZE = 60_000


async def test_a_slow_reader_falls_back_to_the_store_and_misses_nothing() -> None:
    """Twelve megabytes go past a device that reads nothing until its author is done."""
    wallet = TestWallet()
    phone = wallet.link(TestDevice("phone"))
    feed = TestFeed("laptop")
    async with (
        running_server() as server,
        SyncClient(server.addresses[0]) as laptop_client,
        SyncClient(server.addresses[0]) as phone_client,
    ):
        await laptop_client.join(wallet)
        await phone_client.join(wallet, phone)
        entries = [wallet.seal(wallet.owner, feed, bytes(ENTRY_SIZE)) for _ in range(200)]
        pool = server.outbox_pool
        for start in range(0, len(entries), 8):
            await laptop_client.push(wallet, entries[start : start + 8])
            await laptop_client.until(Acked)
            assert pool.size < 2 * outbox.OUTBOX_SIZE_MAX
        ids = await phone_client.collect(wallet.chain.wallet_id, len(entries))
        assert ids == ids_of(entries)
        # It was caught up a second time: the live stream had been given up meanwhile.
        await phone_client.until(CaughtUp)
        assert pool.size == 0


async def test_readers_that_never_read_hold_up_nobody_and_little_memory() -> None:
    wallet = TestWallet()
    phone = wallet.link(TestDevice("phone"))
    feed = TestFeed("laptop")
    entries = [wallet.seal(wallet.owner, feed, bytes(ENTRY_SIZE)) for _ in range(100)]
    async with running_server() as server, SyncClient(server.addresses[0]) as author:
        await author.join(wallet)
        sleepers = [SyncClient(server.addresses[0]) for _ in range(10)]
        for sleeper in sleepers:
            await sleeper.__aenter__()
            await sleeper.join(wallet, phone)
        for start in range(0, len(entries), 5):
            await author.push(wallet, entries[start : start + 5])
            await author.until(Acked)
        # Each holds its high-water mark and a message on top of it, and no more.
        assert server.outbox_pool.size <= len(sleepers) * 3 * outbox.HIGH_WATER
        for sleeper in sleepers:
            await sleeper.__aexit__(None, None, None)
        async with SyncClient(server.addresses[0]) as late:
            await late.subscribe(wallet, phone)
            assert await late.collect(wallet.chain.wallet_id, 100) == ids_of(entries)


async def test_a_peer_that_asks_without_reading_is_given_up_or_waits() -> None:
    wallet = TestWallet()
    feed = TestFeed("laptop")
    entries = [wallet.seal(wallet.owner, feed, bytes(ENTRY_SIZE)) for _ in range(16)]
    async with running_server() as server, SyncClient(server.addresses[0]) as client:
        await client.join(wallet)
        for entry in entries:
            await client.push(wallet, [entry])
        wallet_id = wallet.chain.wallet_id
        ask = Fetch(wallet_id=wallet_id, feed=feed.id, from_seq=0, count=len(entries))
        for _ in range(300):
            await client.send(ask)
        answers = 0
        while answers < 300:
            event = await client.until(Entries)
            answers += event.n == 0
        assert server.outbox_pool.size < outbox.OUTBOX_SIZE_MAX
