import base64

import pytest

from billfold.home_codes import PREFIX, encode_home_code, parse_home_code
from billfold.homes import (
    SERVES_S,
    VISIT_INTERVAL_S,
    VISIT_RETRY_S,
    Standing,
    due_visit,
    former_homes,
    home_since_k,
    is_serving,
    note_visit,
    standing_of,
)
from billfold.replica import Replica
from billfold_protocol import codec
from billfold_protocol.errors import Downgrade, WrongContext
from billfold_protocol.ids import ServerKey, WalletId
from billfold_protocol.membership import Home, MembershipChain, ServerAddress
from tests.support.circle import Circle
from tests.support.sync_client import move_home
from tests.support.wallets import TestDevice, TestWallet

KEYS = {name: ServerKey(TestDevice(f"server {name}").keys.signing) for name in "abc"}


def lived(*names: str) -> MembershipChain:
    """Return the chain of a wallet that has lived on these servers, in this order."""
    wallet = TestWallet()
    for name in names:
        move_home(wallet, f"https://{name}.example", KEYS[name])
    return wallet.chain


@pytest.mark.parametrize(
    ("names", "former", "since_k"),
    [
        ("", "", 0),
        ("a", "", 1),
        ("aa", "", 1),
        ("ab", "a", 2),
        ("abb", "a", 2),
        ("abc", "ba", 3),
        ("aba", "b", 3),
        ("abca", "cb", 4),
    ],
)
def test_the_chain_tells_where_a_wallet_lived_before(names: str, former: str, since_k: int) -> None:
    chain = lived(*names)
    found = former_homes(chain)
    assert [one.server.key for one in found] == [KEYS[name] for name in former]
    assert home_since_k(chain) == since_k
    for name, key in KEYS.items():
        expected = (
            Standing.HOME
            if names.endswith(name)
            else Standing.FORMER
            if name in names
            else Standing.STRANGER
        )
        assert standing_of(chain, key) is expected


def test_a_former_home_serves_for_thirty_days() -> None:
    (former,) = former_homes(lived("a", "b"))
    assert former.left_k == 2
    assert is_serving(former, former.left_s + SERVES_S - 1)
    assert not is_serving(former, former.left_s + SERVES_S)


def test_a_code_reads_back_and_anything_else_is_refused() -> None:
    wallet_id = WalletId(bytes(range(32)))
    server = ServerAddress(address="https://b.example", key=KEYS["b"])
    text = encode_home_code(wallet_id, server)
    assert parse_home_code(f" {text}\n", wallet_id) == server
    for other in ("", "billfold-link:abc", text[:-4], text + "*", PREFIX, PREFIX + "gA"):
        with pytest.raises(WrongContext):
            parse_home_code(other, wallet_id)
    with pytest.raises(WrongContext, match="another wallet"):
        parse_home_code(text, WalletId(bytes(32)))


def test_a_code_of_another_version_is_not_read() -> None:
    data = codec.encode([2, bytes(32), "https://b.example", KEYS["b"]])
    text = PREFIX + base64.urlsafe_b64encode(data).decode().rstrip("=")
    with pytest.raises(Downgrade):
        parse_home_code(text, WalletId(bytes(32)))


def set_clock(replica: Replica, now_s: int) -> None:
    replica.core.now_ms = lambda: now_s * 1000


def test_a_former_home_is_asked_every_six_hours_and_sooner_when_it_did_not_answer() -> None:
    replica = Circle("visits")["owner"].replica
    for name in "ab":
        server = ServerAddress(address=f"https://{name}.example", key=KEYS[name])
        replica.set_home(Home(server=server))
    now_s = replica.core.now_ms() // 1000
    first = due_visit(replica)
    assert first is not None
    assert first.server.key == KEYS["a"]
    for is_done, interval_s in ((True, VISIT_INTERVAL_S), (False, VISIT_RETRY_S)):
        note_visit(replica, first, is_done=is_done)
        assert due_visit(replica) is None
        now_s += interval_s
        set_clock(replica, now_s)
        assert due_visit(replica) == first
    # A clock that was set back does not put it off for longer than that.
    note_visit(replica, first, is_done=True)
    set_clock(replica, now_s - 10 * VISIT_INTERVAL_S)
    assert due_visit(replica) == first
    set_clock(replica, now_s + SERVES_S)
    assert due_visit(replica) is None
