from billfold_protocol.client_session import Acked, Refused, StateShown
from billfold_protocol.crypto.signing import Verified
from billfold_protocol.feed import Entry, Reason
from billfold_protocol.ids import FeedId
from billfold_protocol.messages import AskState, Compare, Offer
from billfold_server.store import MemoryLogStore
from tests.support.relay_bench import BenchPeer, RelayBench
from tests.support.wallets import TestFeed, TestWallet


class LosingStore(MemoryLogStore):
    """A store that loses what it is told to."""

    def lose(self, feed: FeedId, *numbers: int) -> None:
        for wallet in self._wallets.values():
            wallet.entries = [
                e for e in wallet.entries if (e.feed, e.seq) not in {*self._of(feed, numbers)}
            ]
            wallet.feeds[feed] = [e for e in wallet.feeds[feed] if e.seq not in numbers]

    def _of(self, feed: FeedId, numbers: tuple[int, ...]) -> list[tuple[FeedId, int]]:
        return [(feed, number) for number in numbers]


class Scene:
    """A wallet with a feed of eight entries, of which the store has lost some."""

    def __init__(self, *lost: int) -> None:
        self.store = LosingStore()
        self.bench = RelayBench(self.store)
        self.wallet, self.feed = TestWallet(), TestFeed("laptop")
        peer = self.bench.join(self.wallet)
        self.entries = [self.seal() for _ in range(8)]
        peer.push(self.wallet, *(entry.raw for entry in self.entries))
        self.bench.commit()
        self.bench.relay.disconnect(peer.peer)
        self.store.lose(self.feed.id, *lost)
        self.peer = self.bench.join(self.wallet)

    def seal(self) -> Verified[Entry]:
        return self.wallet.seal(self.wallet.owner, self.feed, b"change")

    def offer(self, peer: BenchPeer, *numbers: int) -> list[Reason]:
        raws = tuple(self.entries[number].raw for number in numbers)
        peer.say(Offer(wallet_id=self.wallet.chain.wallet_id, entries=raws))
        self.bench.commit()
        return [refused.rejection.reason for refused in peer.take(Refused)]

    @property
    def head(self) -> int:
        """How far the server says that it holds the feed; -1 for not at all."""
        wallet = self.bench.relay.wallet(self.wallet.chain.wallet_id)
        durable, vector = wallet.durable_vector, wallet.vector
        assert durable == vector
        return vector.get(self.feed.id, (-1, b""))[0]

    @property
    def held(self) -> list[int]:
        """What the store holds of the feed."""
        wallet_id = self.wallet.chain.wallet_id
        rows = self.store.read_feed(
            wallet_id, self.feed.id, from_seq=0, count_max=99, size_max=10**9
        )
        return [row.seq for row in rows]


def test_a_server_says_that_it_holds_a_feed_as_far_as_nothing_is_missing() -> None:
    assert Scene().head == 7
    assert Scene(3).head == 2
    assert Scene(2, 3, 6).head == 1
    assert Scene(7).head == 6
    assert Scene(0).head == -1


def test_what_is_lost_comes_back_in_order_and_what_is_loose_is_passed_over() -> None:
    scene = Scene(2, 3, 6)
    assert scene.offer(scene.peer, 2) == []
    assert scene.head == 2
    assert scene.offer(scene.peer, 3) == []
    assert scene.head == 5
    assert scene.offer(scene.peer, 4, 5, 6, 7) == []
    assert scene.head == 7
    assert scene.held == list(range(8))
    acked = {id_ for event in scene.peer.take(Acked) for id_ in event.ack.ids}
    assert acked == {scene.entries[number].value.id for number in range(2, 8)}


def test_a_feed_whose_opening_is_lost_comes_back() -> None:
    scene = Scene(0, 1)
    assert scene.offer(scene.peer, 1) == [Reason.NOT_NEXT]
    assert scene.offer(scene.peer, 0, 1, 2) == []
    assert scene.head == 7


def test_the_author_goes_on_when_what_was_lost_is_back() -> None:
    scene = Scene(3)
    following = scene.seal()
    scene.peer.push(scene.wallet, following.raw)
    scene.bench.commit()
    assert [refused.rejection.reason for refused in scene.peer.take(Refused)] == [Reason.NOT_NEXT]
    assert scene.offer(scene.peer, 3) == []
    scene.peer.push(scene.wallet, following.raw)
    scene.bench.commit()
    assert scene.head == 8


def test_an_entry_that_what_is_loose_does_not_follow_closes_no_hole() -> None:
    scene = Scene(3)
    feed = TestFeed("laptop", device=scene.wallet.owner.id)
    feed.entries = [entry.value for entry in scene.entries[:3]]
    other = scene.wallet.seal(scene.wallet.owner, feed, b"another change")
    scene.peer.say(Offer(wallet_id=scene.wallet.chain.wallet_id, entries=(other.raw,)))
    scene.bench.commit()
    assert [refused.rejection.reason for refused in scene.peer.take(Refused)] == [Reason.FORK]
    assert scene.head == 2


def test_a_server_that_stops_while_it_is_filled_goes_on_where_it_was() -> None:
    scene = Scene(2, 5)
    assert scene.offer(scene.peer, 2) == []
    scene.bench.relay.disconnect(scene.peer.peer)
    again = scene.bench.join(scene.wallet)
    assert scene.head == 4
    assert scene.offer(again, 5, 6, 7) == []
    assert scene.head == 7
    assert scene.held == list(range(8))


def test_whoever_compares_makes_the_server_look_again() -> None:
    scene = Scene()
    scene.store.lose(scene.feed.id, 4)
    assert scene.head == 7
    wallet_id = scene.wallet.chain.wallet_id
    scene.peer.say(Compare(wallet_id=wallet_id, vector={}))
    assert scene.head == 3
    scene.peer.session.ask_state(wallet_id, bytes(32))
    scene.peer.say(AskState(wallet_id=wallet_id, client_nonce=bytes(32)))
    (shown,) = scene.peer.take(StateShown)
    assert shown.vector[scene.feed.id][0] == 3
