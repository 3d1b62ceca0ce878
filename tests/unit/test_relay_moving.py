from billfold_protocol.client_session import Acked, ChainGrew, Refused
from billfold_protocol.feed import Reason
from billfold_protocol.ids import ServerKey
from billfold_protocol.messages import (
    Append,
    Inquire,
    Members,
    Offer,
    Vacancy,
    encode_client_message,
    parse_server_message,
)
from billfold_server.intake import RegistrationPolicy, RelayConfig
from billfold_server.quotas import Quotas
from tests.support.relay_bench import ORIGIN, RelayBench
from tests.support.sync_client import move_home
from tests.support.wallets import TestDevice, TestFeed, TestWallet

ELSEWHERE = ServerKey(TestDevice("another server").keys.signing)


class Frames:
    """An outbox that keeps what it is given."""

    is_congested = False

    def __init__(self) -> None:
        self.frames: list[bytes] = []

    def send(self, frame: bytes) -> None:
        self.frames.append(frame)


def answer(config: RelayConfig, *, size: int = 0, token: str | None = None) -> Reason | None:
    """Return what a server says to an inquiry, on a connection that asks for no wallet."""
    bench, outbox = RelayBench(config=config), Frames()
    peer = bench.relay.connect(outbox, nonce=bytes(32), origins=[ORIGIN], address="peer")
    wallet_id = TestWallet().chain.wallet_id
    question = Inquire(wallet_id=wallet_id, size=size, token=token)
    bench.relay.receive(peer, encode_client_message(question))
    vacancy = parse_server_message(outbox.frames[-1])
    assert isinstance(vacancy, Vacancy)
    assert vacancy.wallet_id == wallet_id
    assert bench.relay.take_commit() is None
    return vacancy.reason


def test_a_server_says_beforehand_whether_it_would_take_a_wallet() -> None:
    closed = RelayConfig(registration=RegistrationPolicy.CLOSED)
    by_token = RelayConfig(registration=RegistrationPolicy.TOKEN, tokens=frozenset({"a token"}))
    small = RelayConfig(quotas=Quotas(wallet_size_max=1000))
    rare = RelayConfig(quotas=Quotas(wallets_per_address_per_hour=0))
    assert answer(RelayConfig()) is None
    assert answer(closed, token="a token") is Reason.REGISTRATION
    assert answer(by_token) is Reason.REGISTRATION
    assert answer(by_token, token="another") is Reason.REGISTRATION
    assert answer(by_token, token="a token") is None
    assert answer(small, size=1000) is None
    assert answer(small, size=1001) is Reason.QUOTA
    assert answer(rare) is Reason.RATE


def test_a_former_home_takes_membership_entries_and_nothing_else() -> None:
    bench, wallet, phone = RelayBench(), TestWallet(), TestDevice("phone")
    laptop = bench.join(wallet)
    feed = TestFeed("laptop")
    first = wallet.seal(wallet.owner, feed, b"change").raw
    laptop.push(wallet, first)
    bench.commit()
    listener = bench.join(wallet)
    laptop.events.clear()

    raw = move_home(wallet, "https://elsewhere.example", ELSEWHERE)
    laptop.say(Append(wallet_id=wallet.chain.wallet_id, entry=raw, wraps=()))
    second = wallet.seal(wallet.owner, feed, b"change").raw
    laptop.push(wallet, first, second)
    laptop.say(Offer(wallet_id=wallet.chain.wallet_id, entries=(second,)))
    bench.commit()

    refused = [event.rejection.reason for event in laptop.take(Refused)]
    assert refused == [Reason.MOVED, Reason.MOVED]
    assert len(laptop.take(Acked)) == 1
    assert [message.entries for message in listener.take(Members)] == [(raw,)]

    wallet.link(phone)
    laptop.take(ChainGrew)
    laptop.say(Append(wallet_id=wallet.chain.wallet_id, entry=wallet.chain.raws[-1], wraps=()))
    bench.commit()
    assert len(laptop.take(ChainGrew)) == 1


def test_a_former_home_becomes_the_home_again() -> None:
    bench, wallet = RelayBench(), TestWallet()
    laptop = bench.join(wallet)
    for entry in (
        move_home(wallet, "https://elsewhere.example", ELSEWHERE),
        move_home(wallet, ORIGIN, bench.relay.server_key),
    ):
        laptop.say(Append(wallet_id=wallet.chain.wallet_id, entry=entry, wraps=()))
    laptop.push(wallet, wallet.seal(wallet.owner, TestFeed("laptop"), b"change").raw)
    bench.commit()
    assert laptop.take(Refused) == []
    assert len(laptop.take(Acked)) == 1
