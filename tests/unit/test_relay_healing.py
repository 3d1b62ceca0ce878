import pytest

from billfold_protocol import limits
from billfold_protocol.client_session import ChainGrew, Refused
from billfold_protocol.crypto.signing import SigningKey
from billfold_protocol.errors import RemoteProtocolError
from billfold_protocol.feed import Checkpoint, Reason
from billfold_protocol.messages import Append, Ended, Register, Registered, RegisterPart, Remind
from billfold_server.intake import RelayConfig
from billfold_server.quotas import Quotas
from billfold_server.registrations import TOTAL_SIZE_MAX
from tests.support.relay_bench import ORIGIN, BenchPeer, RelayBench
from tests.support.sync_client import move_home
from tests.support.wallets import TIME_S, TestDevice, TestWallet


def long_wallet(bench: RelayBench) -> TestWallet:
    wallet = TestWallet()
    move_home(wallet, ORIGIN, bench.relay.server_key)
    for number in range(4):
        wallet.link(TestDevice(f"phone {number}"))
    return wallet


def bring(peer: BenchPeer, bench: RelayBench, wallet: TestWallet, *, from_k: int) -> None:
    message = Register(
        wallet_id=wallet.chain.wallet_id,
        device=wallet.owner.id,
        members=tuple(wallet.chain.raws[from_k:]),
        wraps=(),
        token=None,
    )
    frame = peer.session.register(message, wallet.owner.signing_key, pinned_key=None)
    bench.relay.receive(peer.peer, frame)


def part(wallet: TestWallet, first: int, last: int) -> RegisterPart:
    members = tuple(wallet.chain.raws[first:last])
    return RegisterPart(wallet_id=wallet.chain.wallet_id, members=members)


def test_a_long_chain_is_registered_in_pieces() -> None:
    bench = RelayBench()
    wallet, peer = long_wallet(bench), bench.connect()
    peer.say(part(wallet, 0, 2))
    peer.say(part(wallet, 2, 3))
    bring(peer, bench, wallet, from_k=3)
    bench.commit()
    assert len(peer.take(Registered)) == 1
    log = bench.store.load_wallet(wallet.chain.wallet_id)
    assert log is not None
    assert list(log.members) == list(wallet.chain.raws)


def test_pieces_that_do_not_fit_together_are_no_chain() -> None:
    bench = RelayBench()
    wallet, peer = long_wallet(bench), bench.connect()
    peer.say(part(wallet, 0, 2))
    bring(peer, bench, wallet, from_k=3)
    bench.commit()
    assert [ended.reason for ended in peer.take(Ended)] == [Reason.INVALID]
    assert bench.store.load_wallet(wallet.chain.wallet_id) is None


def test_what_a_lost_connection_brought_is_forgotten() -> None:
    bench = RelayBench()
    wallet, peer = long_wallet(bench), bench.connect()
    peer.say(part(wallet, 0, 2))
    bench.relay.disconnect(peer.peer)
    again = bench.connect()
    bring(again, bench, wallet, from_k=2)
    bench.commit()
    assert [ended.reason for ended in again.take(Ended)] == [Reason.INVALID]


def test_pieces_are_bounded_for_each_connection_and_for_all() -> None:
    bench = RelayBench()
    wallet_id = long_wallet(bench).chain.wallet_id
    large = RegisterPart(wallet_id=wallet_id, members=(bytes(900_000),))
    each_count = limits.REGISTRATION_SIZE_MAX // 900_000
    peer = bench.connect()
    for _ in range(each_count):
        peer.say(large)
    with pytest.raises(RemoteProtocolError):
        peer.say(large)
    for _ in range(TOTAL_SIZE_MAX // 900_000 // each_count - 1):
        another = bench.connect()
        for _ in range(each_count):
            another.say(large)
    last = bench.connect()
    for _ in range(TOTAL_SIZE_MAX // 900_000 % each_count):
        last.say(large)
    with pytest.raises(RemoteProtocolError):
        last.say(large)


def test_what_the_server_once_held_comes_back_at_any_rate() -> None:
    config = RelayConfig(quotas=Quotas(members_per_device_per_hour=1))
    bench = RelayBench(config=config)
    wallet = TestWallet()
    peer = bench.join(wallet)
    for number in range(3):
        wallet.link(TestDevice(f"phone {number}"))
    lost = [
        Append(wallet_id=wallet.chain.wallet_id, entry=raw, wraps=())
        for raw in wallet.chain.raws[2:]
    ]
    for message in lost[:2]:
        peer.say(message)
    bench.commit()
    assert [refused.rejection.reason for refused in peer.take(Refused)] == [Reason.RATE]
    assert len(peer.take(ChainGrew)) == 1
    peer.say(Remind(wallet_id=wallet.chain.wallet_id, checkpoint=b"not a statement"))
    peer.say(lost[1])
    assert [refused.rejection.reason for refused in peer.take(Refused)] == [Reason.RATE]
    state = wallet.state
    said = Checkpoint(
        wallet_id=wallet.chain.wallet_id,
        n=0,
        k=state.k,
        head=state.head,
        time_s=TIME_S,
        client_nonce=None,
        vector_hash=None,
    )
    peer.say(Remind(wallet_id=wallet.chain.wallet_id, checkpoint=said.sign(SigningKey(bytes(32)))))
    for message in lost[1:]:
        peer.say(message)
    bench.commit()
    assert peer.take(Refused) == []
    assert len(peer.take(ChainGrew)) == 2
