from pathlib import Path

from billfold_protocol import limits
from billfold_protocol.client_session import Accepted, Acked, ChainGrew, Refused
from billfold_protocol.feed import Beacon, Checkpoint, Reason, vector_hash
from billfold_protocol.membership import Role
from billfold_protocol.messages import (
    Append,
    CaughtUp,
    Compare,
    Difference,
    Ended,
    Entries,
    Fetch,
    HeardBeacon,
    Members,
    Offer,
    Registered,
    SendBeacon,
    Wraps,
)
from tests.support.running_server import running_server, settings
from tests.support.sync_client import SyncClient, ids_of
from tests.support.wallets import TIME_S, TestDevice, TestFeed, TestWallet


async def test_a_registered_wallet_can_be_subscribed_to() -> None:
    wallet = TestWallet()
    async with running_server() as server, SyncClient(server.addresses[0]) as client:
        await client.register(wallet)
        assert (await client.until(Registered)).wallet_id == wallet.chain.wallet_id
        await client.subscribe(wallet)
        accepted = await client.until(Accepted)
        assert accepted.checkpoint.vector_hash == vector_hash({})
        assert (await client.until(Members)).entries == tuple(wallet.chain.raws)
        assert (await client.until(CaughtUp)).n == 0


async def test_a_pushed_entry_is_acked_and_reaches_the_other_device() -> None:
    wallet = TestWallet()
    phone = wallet.link(TestDevice("phone"))
    async with (
        running_server() as server,
        SyncClient(server.addresses[0]) as laptop_client,
        SyncClient(server.addresses[0]) as phone_client,
    ):
        await laptop_client.join(wallet)
        await phone_client.join(wallet, phone)
        entry = wallet.seal(wallet.owner, TestFeed("laptop"), b"change")
        await laptop_client.push(wallet, [entry])
        ack = (await laptop_client.until(Acked)).ack
        assert (ack.ids, ack.n) == ((entry.value.id,), 1)
        heard = await phone_client.until(Entries)
        assert (heard.entries, heard.n) == ((entry.raw,), 1)


async def test_an_entry_pushed_twice_is_acked_twice_and_stored_once() -> None:
    wallet = TestWallet()
    async with running_server() as server, SyncClient(server.addresses[0]) as client:
        await client.join(wallet)
        entry = wallet.seal(wallet.owner, TestFeed("laptop"), b"change")
        await client.push(wallet, [entry])
        first = (await client.until(Acked)).ack
        await client.push(wallet, [entry, entry])
        second = (await client.until(Acked)).ack
        assert (first.ids, first.n) == (second.ids, second.n) == ((entry.value.id,), 1)


async def test_a_new_connection_gets_everything_in_bounded_batches() -> None:
    wallet = TestWallet()
    feed = TestFeed("laptop")
    entries = [wallet.seal(wallet.owner, feed, bytes(3000)) for _ in range(300)]
    async with running_server() as server:
        async with SyncClient(server.addresses[0]) as client:
            await client.join(wallet)
            await client.push(wallet, entries[:150])
            await client.until(Acked)
            await client.push(wallet, entries[150:])
            await client.until(Acked)
        async with SyncClient(server.addresses[0]) as client:
            await client.subscribe(wallet)
            assert (await client.until(Accepted)).entries_count == len(entries)
            assert await client.collect(wallet.chain.wallet_id, 300) == ids_of(entries)
            assert (await client.until(CaughtUp)).n == len(entries)
            batches = [event for event in client.events if isinstance(event, Entries)]
            assert len(batches) > 1
            assert all(sum(map(len, b.entries)) <= limits.BATCH_SIZE_MAX for b in batches)


async def test_a_cursor_spares_what_was_read_before() -> None:
    wallet = TestWallet()
    feed = TestFeed("laptop")
    entries = [wallet.seal(wallet.owner, feed, b"change") for _ in range(5)]
    async with running_server() as server:
        async with SyncClient(server.addresses[0]) as client:
            await client.join(wallet)
            await client.push(wallet, entries)
            await client.until(Acked)
        async with SyncClient(server.addresses[0]) as client:
            await client.subscribe(wallet, n=3)
            assert (await client.until(Accepted)).entries_count == 2
            assert (await client.until(Entries)).entries == (entries[3].raw, entries[4].raw)
        async with SyncClient(server.addresses[0]) as client:
            head = entries[1].value
            await client.subscribe(wallet, vector={feed.id: (head.seq, head.id)})
            assert await client.collect(wallet.chain.wallet_id, 3) == ids_of(entries[2:])


async def test_compare_answers_with_the_vector_and_sends_what_is_lacking() -> None:
    wallet = TestWallet()
    feed = TestFeed("laptop")
    entries = [wallet.seal(wallet.owner, feed, b"change") for _ in range(4)]
    async with running_server() as server, SyncClient(server.addresses[0]) as client:
        await client.join(wallet)
        await client.push(wallet, entries)
        await client.until(Acked)
        known = {feed.id: (entries[0].value.seq, entries[0].value.id)}
        await client.send(Compare(wallet_id=wallet.chain.wallet_id, vector=known))
        difference = await client.until(Difference)
        assert difference.vector == {feed.id: (3, entries[3].value.id)}
        assert await client.collect(wallet.chain.wallet_id, 3) == ids_of(entries[1:])
        await client.until(CaughtUp)


async def test_fetch_reads_one_feed_from_a_place_on() -> None:
    wallet = TestWallet()
    feed = TestFeed("laptop")
    entries = [wallet.seal(wallet.owner, feed, b"change") for _ in range(6)]
    async with running_server() as server, SyncClient(server.addresses[0]) as client:
        await client.join(wallet)
        await client.push(wallet, entries)
        await client.until(Acked)
        wallet_id = wallet.chain.wallet_id
        await client.send(Fetch(wallet_id=wallet_id, feed=feed.id, from_seq=2, count=3))
        answer = await client.until(Entries)
        assert answer.n == 0
        assert answer.entries == tuple(entry.raw for entry in entries[2:5])


async def test_any_member_may_offer_another_devices_entries() -> None:
    wallet = TestWallet()
    phone = wallet.link(TestDevice("phone"))
    feed = TestFeed("laptop")
    entries = [wallet.seal(wallet.owner, feed, b"change") for _ in range(3)]
    async with running_server() as server, SyncClient(server.addresses[0]) as client:
        await client.register(wallet)
        await client.until(Registered)
        await client.join(wallet, phone)
        forged = bytes(64) + entries[0].raw[64:]
        wallet_id = wallet.chain.wallet_id
        await client.send(Offer(wallet_id=wallet_id, entries=(forged,)))
        assert (await client.until(Refused)).rejection.reason is Reason.INVALID
        await client.send(Offer(wallet_id=wallet_id, entries=tuple(e.raw for e in entries)))
        assert (await client.until(Acked)).ack.ids == tuple(ids_of(entries))


async def test_a_linked_device_gets_its_wrap_and_the_whole_chain() -> None:
    wallet = TestWallet()
    async with (
        running_server() as server,
        SyncClient(server.addresses[0]) as laptop_client,
        SyncClient(server.addresses[0]) as phone_client,
    ):
        await laptop_client.join(wallet)
        phone = wallet.link(TestDevice("phone"))
        k = wallet.state.k
        wrap = wallet.wraps[k, phone.id]
        raw = wallet.chain.raws[k]
        append = Append(wallet_id=wallet.chain.wallet_id, entry=raw, wraps=((k, phone.id, wrap),))
        await laptop_client.send(append)
        assert (await laptop_client.until(ChainGrew)).checkpoint.k == k
        await phone_client.subscribe(wallet, phone)
        assert (await phone_client.until(Members)).entries == tuple(wallet.chain.raws)
        assert (await phone_client.until(Wraps)).wraps == ((k, phone.id, wrap),)
        # The same entry again is a promise kept already, not a fork.
        await laptop_client.send(append)
        assert (await laptop_client.until(ChainGrew)).checkpoint.k == k


async def test_a_revoked_device_learns_why_and_is_ended() -> None:
    wallet = TestWallet()
    phone = wallet.link(TestDevice("phone"))
    async with (
        running_server() as server,
        SyncClient(server.addresses[0]) as laptop_client,
        SyncClient(server.addresses[0]) as phone_client,
    ):
        await laptop_client.join(wallet)
        await phone_client.join(wallet, phone)
        lost = wallet.seal(phone, TestFeed("phone"), b"too late")
        raw = wallet.revoke(phone)
        k = wallet.state.k
        wraps = tuple((k, to, wrap) for (at, to), wrap in sorted(wallet.wraps.items()) if at == k)
        wallet_id = wallet.chain.wallet_id
        await laptop_client.send(Append(wallet_id=wallet_id, entry=raw, wraps=wraps))
        await laptop_client.until(ChainGrew)
        assert (await phone_client.until(Members)).entries == (raw,)
        ended = await phone_client.until(Ended)
        assert (ended.wallet_id, ended.reason) == (wallet_id, Reason.REVOKED)
        await laptop_client.push(wallet, [wallet.seal(wallet.owner, TestFeed("laptop"), b"new")])
        await laptop_client.until(Acked)
        # Subscribing again shows the same end of the chain, and none of the entries.
        await phone_client.subscribe(wallet, phone)
        assert (await phone_client.until(Ended)).reason is Reason.REVOKED
        assert not [event for event in phone_client.events if isinstance(event, Entries)]
        # What the revoked device had made counts up to the cut only; it cannot push it itself.
        await laptop_client.send(Offer(wallet_id=wallet_id, entries=(lost.raw,)))
        assert (await laptop_client.until(Acked)).ack.ids == (lost.value.id,)


async def test_an_entry_under_an_old_epoch_is_refused_with_its_cure() -> None:
    wallet = TestWallet()
    async with running_server() as server, SyncClient(server.addresses[0]) as client:
        await client.join(wallet)
        before = wallet.state
        raw = wallet.rotate()
        k = wallet.state.k
        wraps = tuple((k, to, wrap) for (at, to), wrap in wallet.wraps.items() if at == k)
        await client.send(Append(wallet_id=wallet.chain.wallet_id, entry=raw, wraps=wraps))
        await client.until(ChainGrew)
        entry = wallet.seal(wallet.owner, TestFeed("laptop"), b"change", state=before)
        await client.push(wallet, [entry])
        rejection = (await client.until(Refused)).rejection
        assert (rejection.reason, rejection.k) == (Reason.STALE_EPOCH, k)
        assert rejection.ids == (entry.value.id,)


async def test_a_beacon_reaches_the_other_devices_now_and_later() -> None:
    wallet = TestWallet()
    phone = wallet.link(TestDevice("phone"))
    wallet_id = wallet.chain.wallet_id
    async with (
        running_server() as server,
        SyncClient(server.addresses[0]) as laptop_client,
        SyncClient(server.addresses[0]) as phone_client,
    ):
        await laptop_client.join(wallet)
        await phone_client.join(wallet, phone)
        state = wallet.state
        beacon = Beacon(
            wallet_id=wallet_id,
            device=wallet.owner.id,
            k=state.k,
            head=state.head,
            vector={},
            time_s=TIME_S,
        ).sign(wallet.owner.signing_key)
        await laptop_client.send(SendBeacon(wallet_id=wallet_id, beacon=beacon))
        assert (await phone_client.until(HeardBeacon)).beacon == beacon
        await phone_client.leave(wallet_id)
        async with SyncClient(server.addresses[0]) as again:
            await again.subscribe(wallet, phone)
            assert (await again.until(HeardBeacon)).beacon == beacon


async def test_a_checkpoint_repeats_the_nonce_of_its_subscription() -> None:
    wallet = TestWallet()
    async with running_server() as server, SyncClient(server.addresses[0]) as client:
        await client.join(wallet)
        accepted = next(event for event in client.events if isinstance(event, Accepted))
        checkpoint = Checkpoint.verify(
            accepted.checkpoint_raw, client.server_key, wallet.chain.wallet_id
        )
        assert checkpoint.client_nonce is not None
        assert (checkpoint.k, checkpoint.head) == (wallet.state.k, wallet.state.head)


async def test_many_wallets_share_one_connection() -> None:
    wallets = [TestWallet(f"wallet {number}") for number in range(5)]
    async with running_server() as server, SyncClient(server.addresses[0]) as client:
        for wallet in wallets:
            await client.join(wallet)
        entries = [w.seal(w.owner, TestFeed(str(i)), b"change") for i, w in enumerate(wallets)]
        for wallet, entry in zip(wallets, entries, strict=True):
            await client.push(wallet, [entry])
        acked = {(await client.until(Acked)).wallet_id for _ in wallets}
        assert acked == {wallet.chain.wallet_id for wallet in wallets}


async def test_what_one_server_took_another_start_on_its_store_still_has(tmp_path: Path) -> None:
    wallet = TestWallet()
    feed = TestFeed("laptop")
    config = settings(f"sqlite:{tmp_path}/wallets.db")
    async with running_server(config) as server, SyncClient(server.addresses[0]) as client:
        await client.join(wallet)
        first = wallet.seal(wallet.owner, feed, b"one")
        await client.push(wallet, [first])
        await client.until(Acked)
        key = client.server_key
    async with running_server(config) as server, SyncClient(server.addresses[0]) as client:
        assert client.server_key == key
        await client.subscribe(wallet, n=0)
        assert await client.collect(wallet.chain.wallet_id, 1) == [first.value.id]
        await client.until(CaughtUp)
        second = wallet.seal(wallet.owner, feed, b"two")
        await client.push(wallet, [second])
        assert (await client.until(Acked)).ack.n == 2


async def test_a_device_is_sent_the_chain_from_where_its_own_parted(tmp_path: Path) -> None:
    wallet = TestWallet()
    phone = wallet.link(TestDevice("phone"), role=Role.OWNER)
    async with (
        running_server(settings(f"sqlite:{tmp_path / 'log.db'}")) as server,
        SyncClient(server.addresses[0]) as client,
    ):
        await client.join(wallet)
        fork = wallet.state
        lost = wallet.fork("lost")
        lost.rotate(phone)
        raw = wallet.rotate()
        for brought in (raw, wallet.merge(lost)):
            k = wallet.chain.raws.index(brought)
            wraps = tuple((k, to, wrap) for (at, to), wrap in wallet.wraps.items() if at == k)
            await client.send(Append(wallet_id=wallet.chain.wallet_id, entry=brought, wraps=wraps))
            await client.until(ChainGrew)
        for state, first_k in (
            (fork, fork.k + 1),
            (lost.state, fork.k + 1),
            (wallet.chain.state_at(fork.k + 1), fork.k + 2),
        ):
            async with SyncClient(server.addresses[0]) as phone_client:
                await phone_client.subscribe(wallet, phone, after=state)
                members = await phone_client.until(Members)
                assert (members.k, members.entries[-1]) == (first_k, wallet.chain.raws[-1])
                assert (wallet.state.k, phone.id) in {
                    (k, device) for k, device, _ in (await phone_client.until(Wraps)).wraps
                }
        stranger = lost.fork("another")
        stranger.rotate(phone)
        async with SyncClient(server.addresses[0]) as phone_client:
            await phone_client.subscribe(wallet, phone, after=stranger.state)
            assert (await phone_client.until(Members)).k == 0
