from collections.abc import Callable

import pytest

from billfold_protocol import limits
from billfold_protocol.client_session import Accepted, Acked, ChainGrew, Refused
from billfold_protocol.errors import RemoteProtocolError
from billfold_protocol.feed import Beacon, Reason
from billfold_protocol.ids import FeedId
from billfold_protocol.messages import (
    Append,
    CaughtUp,
    Compare,
    Ended,
    Entries,
    Fetch,
    Members,
    Offer,
    Registered,
    SendBeacon,
    Wraps,
)
from billfold_server import hub
from billfold_server.intake import RelayConfig
from billfold_server.quotas import Quotas
from tests.support.relay_bench import RelayBench
from tests.support.sync_client import ids_of
from tests.support.wallets import TIME_S, TestDevice, TestFeed, TestWallet


def rotation(wallet: TestWallet) -> Append:
    """Rotate a wallet's keys and return the message that brings it."""
    raw, k = wallet.rotate(), wallet.state.k
    wraps = tuple((k, to, wrap) for (at, to), wrap in sorted(wallet.wraps.items()) if at == k)
    return Append(wallet_id=wallet.chain.wallet_id, entry=raw, wraps=wraps)


def revocation(wallet: TestWallet, device: TestDevice) -> Append:
    """Revoke a device and return the message that brings it."""
    raw, k = wallet.revoke(device), wallet.state.k
    wraps = tuple((k, to, wrap) for (at, to), wrap in sorted(wallet.wraps.items()) if at == k)
    return Append(wallet_id=wallet.chain.wallet_id, entry=raw, wraps=wraps)


# What a full disk did not take.


def test_what_was_staged_behind_a_refused_commit_is_refused_with_it() -> None:
    """Otherwise the feed would have a hole: its second entry stored and its first one not."""
    wallet, bench = TestWallet(), RelayBench()
    laptop, feed = bench.join(wallet), TestFeed("laptop")
    entries = [wallet.seal(wallet.owner, feed, b"change") for _ in range(3)]
    laptop.push(wallet, entries[0].raw)
    lost = bench.relay.take_commit()
    laptop.push(wallet, entries[1].raw)
    assert lost is not None
    bench.relay.failed(lost)
    bench.commit()
    refused = [event.rejection for event in laptop.take(Refused)]
    assert {rejection.reason for rejection in refused} == {Reason.FULL}
    assert [id_ for rejection in refused for id_ in rejection.ids] == ids_of(entries[:2])
    assert not laptop.take(Acked)
    # The subscription stands, and the same bytes are taken once there is room.
    laptop.push(wallet, *(entry.raw for entry in entries))
    bench.commit()
    (acked,) = laptop.take(Acked)
    assert (acked.ack.ids, acked.ack.n) == (tuple(ids_of(entries)), 3)


def test_a_listener_goes_on_listening_after_a_refused_commit() -> None:
    wallet, bench = TestWallet(), RelayBench()
    phone = wallet.link(TestDevice("phone"))
    laptop, listener = bench.join(wallet), bench.join(wallet, phone)
    entry = wallet.seal(wallet.owner, TestFeed("laptop"), b"change")
    laptop.push(wallet, entry.raw)
    lost = bench.relay.take_commit()
    assert lost is not None
    bench.relay.failed(lost)
    assert not listener.events
    laptop.push(wallet, entry.raw)
    bench.commit()
    assert [event.entries for event in listener.take(Entries)] == [(entry.raw,)]


def test_a_membership_entry_of_a_refused_commit_is_refused_and_can_be_brought_again() -> None:
    wallet, bench = TestWallet(), RelayBench()
    laptop = bench.join(wallet)
    append = rotation(wallet)
    laptop.say(append)
    lost = bench.relay.take_commit()
    assert lost is not None
    bench.relay.failed(lost)
    assert laptop.take(Refused)[0].rejection.reason is Reason.FULL
    laptop.say(append)
    bench.commit()
    assert laptop.take(ChainGrew)[0].checkpoint.k == wallet.state.k


def test_a_registration_of_a_refused_commit_can_be_brought_again() -> None:
    wallet, bench = TestWallet(), RelayBench()
    laptop = bench.connect()
    laptop.register(wallet)
    lost = bench.relay.take_commit()
    assert lost is not None
    bench.relay.failed(lost)
    assert [event.reason for event in laptop.take(Ended)] == [Reason.FULL]
    laptop.register(wallet)
    bench.commit()
    assert laptop.take(Registered)


# What is promised before it is durable.


def test_a_membership_entry_brought_twice_is_promised_only_when_it_is_durable() -> None:
    wallet, bench = TestWallet(), RelayBench()
    one, two = bench.join(wallet), bench.join(wallet)
    append = rotation(wallet)
    one.say(append)
    two.say(append)
    assert not two.take(ChainGrew)
    bench.commit()
    assert one.take(ChainGrew)[0].checkpoint.k == wallet.state.k
    assert two.take(ChainGrew)[0].checkpoint.k == wallet.state.k


def test_a_device_whose_link_is_not_durable_cannot_subscribe() -> None:
    wallet, bench = TestWallet(), RelayBench()
    laptop = bench.join(wallet)
    phone = wallet.link(TestDevice("phone"))
    k = wallet.state.k
    wraps = ((k, phone.id, wallet.wraps[k, phone.id]),)
    raw = wallet.chain.raws[k]
    laptop.say(Append(wallet_id=wallet.chain.wallet_id, entry=raw, wraps=wraps))
    early = bench.connect()
    early.subscribe(wallet, phone)
    assert early.take(Ended)[0].reason is Reason.UNKNOWN_WALLET
    bench.commit()
    early.subscribe(wallet, phone)
    assert early.take(Accepted)


def test_a_device_whose_revoke_is_not_durable_sees_the_revoke_before_it_is_ended() -> None:
    wallet, bench = TestWallet(), RelayBench()
    phone = wallet.link(TestDevice("phone"))
    laptop = bench.join(wallet)
    append = revocation(wallet, phone)
    laptop.say(append)
    revoked = bench.connect()
    revoked.subscribe(wallet, phone)
    bench.commit()
    seen = [raw for event in revoked.take(Members) for raw in event.entries]
    assert seen == list(wallet.chain.raws)
    assert revoked.take(Ended)[0].reason is Reason.REVOKED


def test_two_revokes_in_one_commit_end_each_device_behind_its_own() -> None:
    wallet, bench = TestWallet(), RelayBench()
    devices = [wallet.link(TestDevice(name)) for name in ("phone", "tablet")]
    laptop, peers = bench.join(wallet), [bench.join(wallet, device) for device in devices]
    appends = [revocation(wallet, device) for device in devices]
    for append in appends:
        laptop.say(append)
    bench.commit()
    for number, peer in enumerate(peers):
        seen = [raw for event in peer.take(Members) for raw in event.entries]
        assert seen == [append.entry for append in appends[: number + 1]]
        assert peer.take(Ended)[0].reason is Reason.REVOKED


# What several do at once.


def test_a_wallet_registered_while_its_registration_is_on_its_way_is_stored_once() -> None:
    wallet, bench = TestWallet(), RelayBench()
    one, two = bench.connect(), bench.connect()
    one.register(wallet)
    commit = bench.relay.take_commit()
    two.register(wallet)
    assert commit is not None
    assert bench.relay.take_commit() is None
    bench.store.commit(commit.writes())
    bench.relay.committed(commit)
    assert one.take(Registered)
    assert two.take(Registered)


def test_a_beacon_of_a_device_whose_revoke_is_staged_is_dropped() -> None:
    wallet, bench = TestWallet(), RelayBench()
    phone = wallet.link(TestDevice("phone"))
    laptop, revoked = bench.join(wallet), bench.join(wallet, phone)
    beacon = Beacon(
        wallet_id=wallet.chain.wallet_id,
        device=phone.id,
        k=wallet.state.k,
        head=wallet.state.head,
        vector={},
        time_s=TIME_S,
    )
    laptop.say(revocation(wallet, phone))
    raw = beacon.sign(phone.signing_key)
    revoked.say(SendBeacon(wallet_id=wallet.chain.wallet_id, beacon=raw))
    bench.commit()
    assert [type(event) for event in laptop.events] == [ChainGrew]


def test_an_entry_that_was_read_from_the_store_is_not_sent_again_as_news() -> None:
    wallet, bench = TestWallet(), RelayBench()
    phone = wallet.link(TestDevice("phone"))
    laptop = bench.join(wallet)
    feed = TestFeed("laptop")
    entries = [wallet.seal(wallet.owner, feed, b"change") for _ in range(2)]
    laptop.push(wallet, entries[0].raw)
    bench.commit()
    late = bench.connect()
    late.subscribe(wallet, phone)
    laptop.push(wallet, entries[1].raw)
    commit = bench.relay.take_commit()
    assert commit is not None
    bench.store.commit(commit.writes())
    bench.read(late)  # The store has both, the relay has not been told yet.
    bench.relay.committed(commit)
    sent = [raw for event in late.take(Entries) for raw in event.entries]
    assert sent == [entry.raw for entry in entries]


# Credit and bounds.


def test_the_credit_of_an_entry_that_was_pushed_twice_comes_back_twice() -> None:
    wallet, bench = TestWallet(), RelayBench()
    laptop = bench.join(wallet)
    entry = wallet.seal(wallet.owner, TestFeed("laptop"), bytes(250_000))
    rounds = 2 * limits.PUSH_CREDIT_SIZE // len(entry.raw)
    for _ in range(rounds):
        laptop.push(wallet, entry.raw)
        laptop.push(wallet, entry.raw)
        bench.commit()
    assert len(laptop.take(Acked)) == rounds


def test_more_in_flight_than_the_credit_breaks_the_protocol() -> None:
    wallet, bench = TestWallet(), RelayBench()
    laptop, feed = bench.join(wallet), TestFeed("laptop")
    entries = [wallet.seal(wallet.owner, feed, bytes(250_000)) for _ in range(17)]
    fitting = limits.PUSH_CREDIT_SIZE // len(entries[0].raw)
    for entry in entries[:fitting]:
        laptop.push(wallet, entry.raw)
    with pytest.raises(RemoteProtocolError, match="credit"):
        laptop.push(wallet, entries[fitting].raw)


def test_an_entry_of_another_version_breaks_the_protocol() -> None:
    wallet, bench = TestWallet(), RelayBench()
    laptop = bench.join(wallet)
    entry = wallet.seal(wallet.owner, TestFeed("laptop"), b"change")
    newer = entry.raw[:65] + b"\x02" + entry.raw[66:]
    with pytest.raises(RemoteProtocolError):
        laptop.say(Offer(wallet_id=wallet.chain.wallet_id, entries=(newer,)))


def test_requests_for_parts_of_feeds_are_bounded() -> None:
    wallet, bench = TestWallet(), RelayBench()
    laptop = bench.join(wallet)
    wallet_id = wallet.chain.wallet_id
    ask = Fetch(wallet_id=wallet_id, feed=FeedId(bytes(16)), from_seq=0, count=1)
    for _ in range(hub.FETCHES_COUNT_MAX):
        laptop.say(ask)
    with pytest.raises(RemoteProtocolError, match="waiting"):
        laptop.say(ask)


def test_a_wallet_has_a_bounded_number_of_feeds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "FEEDS_COUNT_MAX", 2)
    wallet, bench = TestWallet(), RelayBench()
    laptop = bench.join(wallet)
    for name in ("one", "two", "three"):
        laptop.push(wallet, wallet.seal(wallet.owner, TestFeed(name), b"change").raw)
    bench.commit()
    assert len(laptop.take(Acked)[0].ack.ids) == 2
    assert laptop.take(Refused)[0].rejection.reason is Reason.LIMIT


def test_a_long_chain_and_many_wraps_come_in_messages_that_can_be_parsed() -> None:
    wallet = TestWallet()
    quotas = Quotas(members_per_device_per_hour=10_000)
    bench = RelayBench(config=RelayConfig(quotas=quotas))
    laptop = bench.join(wallet)
    count = limits.BATCH_COUNT_MAX + 5
    for _ in range(count):
        laptop.say(rotation(wallet))
    bench.commit()
    late = bench.connect()
    late.subscribe(wallet)
    assert sum(len(event.entries) for event in late.take(Members)) == len(wallet.chain)
    assert sum(len(event.wraps) for event in late.take(Wraps)) == count


def test_refusals_of_more_entries_than_fit_a_message_come_in_several() -> None:
    wallet, bench = TestWallet(), RelayBench()
    laptop, feed = bench.join(wallet), TestFeed("laptop")
    entries = [wallet.seal(wallet.owner, feed, b"c") for _ in range(limits.BATCH_COUNT_MAX + 1)]
    laptop.push(wallet, *(entry.raw for entry in entries[:-1]))
    laptop.push(wallet, entries[-1].raw)
    lost = bench.relay.take_commit()
    assert lost is not None
    bench.relay.failed(lost)
    refused = [id_ for event in laptop.take(Refused) for id_ in event.rejection.ids]
    assert refused == ids_of(entries)


def test_comparing_while_everything_was_sent_sends_it_again_and_goes_live_once() -> None:
    wallet, bench = TestWallet(), RelayBench()
    laptop = bench.join(wallet)
    entry = wallet.seal(wallet.owner, TestFeed("laptop"), b"change")
    laptop.push(wallet, entry.raw)
    bench.commit()
    laptop.events.clear()
    laptop.say(Compare(wallet_id=wallet.chain.wallet_id, vector={}))
    bench.read(laptop)
    assert [event.entries for event in laptop.take(Entries)] == [(entry.raw,)]
    assert len(laptop.take(CaughtUp)) == 1


# In which order a commit is spoken of.


def test_others_see_an_entry_before_its_author_is_answered_and_its_author_only_the_ack(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    wallet, bench = TestWallet(), RelayBench()
    phone = wallet.link(TestDevice("phone"))
    author, listener = bench.join(wallet), bench.join(wallet, phone)
    order: list[str] = []
    for name, peer in (("author", author), ("listener", listener)):
        peer.events.clear()
        monkeypatch.setattr(peer, "send", _noting(order, name, peer.send))
    author.push(wallet, wallet.seal(wallet.owner, TestFeed("laptop"), b"change").raw)
    bench.commit()
    assert order == ["listener", "author"]
    assert [type(event) for event in author.events] == [Acked]
    assert [type(event) for event in listener.events] == [Entries]


def test_an_ack_goes_before_the_membership_entry_that_ends_its_authors_subscription() -> None:
    wallet, bench = TestWallet(), RelayBench()
    phone = wallet.link(TestDevice("phone"))
    laptop, revoked = bench.join(wallet), bench.join(wallet, phone)
    revoked.events.clear()
    revoked.push(wallet, wallet.seal(phone, TestFeed("phone"), b"change").raw)
    laptop.say(revocation(wallet, phone))
    bench.commit()
    assert [type(event) for event in revoked.events] == [Acked, Members, Ended]


def _noting(order: list[str], name: str, send: Callable[[bytes], None]) -> Callable[[bytes], None]:
    def noting(frame: bytes) -> None:
        order.append(name)
        send(frame)

    return noting
