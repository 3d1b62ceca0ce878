"""Where a wallet lives, where it lived before, and what a device does once when that changes.

The membership chain names the home. For 30 days after a move the servers before it are asked too:
they may hold what the new one lacks, and a `revoke` of whoever moved the wallet.

Spec: 25-moving.md
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum, unique
from itertools import pairwise

from billfold.beacons import heard
from billfold.replica import Replica
from billfold.servers import SERVER_KEY, Server, encode_server, parse_server
from billfold_protocol import codec, limits
from billfold_protocol.errors import Malformed, StoreDamaged
from billfold_protocol.feed import Beacon
from billfold_protocol.ids import DeviceId, ServerKey
from billfold_protocol.membership import MembershipChain, ServerAddress

HEALING_KEY = "healing"
"""Set from the moment when a loss is told, or the wallet has moved, to that when the server holds
everything again."""

ARRIVING = b"\x02"
"""Its value in the second case: the server has promised nothing yet."""

HOLDS_KEY = "attachments:holds"
MOVE_KEY = "move"
LIVES_KEY = "lives on"
FORMER_KEY = "former home:"

SERVES_S = limits.FORMER_HOME_S

VISIT_INTERVAL_S = 6 * 3600
"""How often a former home is asked."""

VISIT_RETRY_S = 3600
"""Likewise when it did not answer, or not with everything."""


@unique
class Standing(Enum):
    """What a server is to a wallet, by the chain."""

    HOME = "home"
    FORMER = "former"
    STRANGER = "stranger"


@dataclass(frozen=True, slots=True, kw_only=True)
class FormerHome:
    """A server on which the wallet lived."""

    server: ServerAddress
    left_k: int
    """Index of the membership entry that named the next one."""

    left_s: int
    """When that was, by the clock of the device that made it."""

    mover: DeviceId
    """The device that made it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """A move that this device has begun and not brought to its end."""

    server: ServerAddress
    token: str | None

    def encode(self) -> bytes:
        """Return the plan as it is kept."""
        return codec.encode([self.server.address, self.server.key, self.token])


def read_plan(replica: Replica) -> Plan | None:
    """Return the move that is under way, or None.

    Raises:
        StoreDamaged: what is kept of it is something else.
    """
    data = replica.meta(MOVE_KEY)
    if data is None:
        return None
    try:
        address, key, token = codec.as_array(codec.decode(data, size_max=2048), 3)
        server = ServerAddress(
            address=codec.as_text(address), key=ServerKey(codec.as_bytes(key, 32))
        )
        return Plan(server=server, token=None if token is None else codec.as_text(token))
    except Malformed as error:
        raise StoreDamaged("the plan of a move in the wallet's file is damaged") from error


def standing_of(chain: MembershipChain, key: ServerKey) -> Standing:
    """Return what a server is to a wallet."""
    home = chain.state.home
    if home is not None and home.server.key == key:
        return Standing.HOME
    has_been = any(server is not None and server.key == key for server in _servers(chain))
    return Standing.FORMER if has_been else Standing.STRANGER


def home_since_k(chain: MembershipChain) -> int:
    """Return the index of the membership entry since which the wallet lives where it does."""
    servers = _servers(chain)
    now, k = servers[-1], len(servers) - 1
    while now is not None and k > 0:
        before = servers[k - 1]
        if before is None or before.key != now.key:
            break
        k -= 1
    return k


def former_homes(chain: MembershipChain) -> list[FormerHome]:
    """Return the servers on which a wallet lived, the last one first."""
    found: dict[ServerKey, FormerHome] = {}
    servers = _servers(chain)
    for k, (before, after) in enumerate(pairwise(servers), start=1):
        if before is not None and after is not None and before.key != after.key:
            entry = chain.entries[k]
            found.pop(before.key, None)
            found[before.key] = FormerHome(
                server=before, left_k=k, left_s=entry.time_s, mover=entry.author
            )
    now = servers[-1]
    return [former for key, former in reversed(found.items()) if now and now.key != key]


def may_have_forgotten(replica: Replica, key: ServerKey, *, now_s: int) -> bool:
    """Whether a wallet left a server so long ago that this need hold nothing of it any more."""
    homes = former_homes(replica.core.chain)
    return any(one.server.key == key and not is_serving(one, now_s) for one in homes)


def heard_at_home(replica: Replica) -> Iterator[tuple[bytes, Beacon]]:
    """Yield what other devices have said since the wallet lives where it does."""
    since_k = home_since_k(replica.core.chain)
    return ((raw, beacon) for raw, beacon in heard(replica) if beacon.k >= since_k)


def is_serving(former: FormerHome, now_s: int) -> bool:
    """Whether a former home still answers for what it held, by a clock."""
    return now_s < former.left_s + SERVES_S


def due_visit(replica: Replica) -> FormerHome | None:
    """Return a former home that is to be asked now, or None."""
    now_s = _now_s(replica)
    for former in former_homes(replica.core.chain):
        key = FORMER_KEY + former.server.key.hex()
        kept = _read_visit(replica.meta(key))
        if kept is None or kept[0] != former.left_k:
            kept = (former.left_k, _asked_until_s(replica, former, now_s), now_s)
            replica.put_meta(key, codec.encode(list(kept)))
        _, until_s, next_s = kept
        # A clock that was set back must not put a visit off for years.
        if now_s < until_s and not now_s < next_s <= now_s + VISIT_INTERVAL_S:
            return former
    return None


def note_visit(replica: Replica, former: FormerHome, *, is_done: bool) -> None:
    """Take note of an attempt to ask a former home."""
    key, now_s = FORMER_KEY + former.server.key.hex(), _now_s(replica)
    kept = _read_visit(replica.meta(key))
    until_s = _asked_until_s(replica, former, now_s) if kept is None else kept[1]
    next_s = now_s + (VISIT_INTERVAL_S if is_done else VISIT_RETRY_S)
    replica.put_meta(key, codec.encode([former.left_k, until_s, next_s]))


def arrive(replica: Replica) -> None:
    """Do once, on each device, what a new home asks: it may lack anything, and is not blamed."""
    home = replica.state.home
    assert home is not None
    before = replica.meta(LIVES_KEY)
    if before == home.server.key:
        return
    replica.put_meta(LIVES_KEY, home.server.key)
    if before is None and not former_homes(replica.core.chain):
        return
    replica.put_meta(HEALING_KEY, ARRIVING)
    replica.put_meta(HOLDS_KEY, None)
    replica.snapshots.known.clear()
    replica.put_meta(SERVER_KEY, encode_server(server_of(replica, home.server)))


def server_of(replica: Replica, home: ServerAddress) -> Server:
    """Return how to sync with a home: with the token of the move that led there, if any."""
    plan, where = read_plan(replica), parse_server(replica.meta(SERVER_KEY))
    if plan is not None and plan.server.key == home.key:
        return Server(address=home.address, token=plan.token)
    is_same = where is not None and where.address == home.address
    return where if where is not None and is_same else Server(address=home.address)


def _servers(chain: MembershipChain) -> list[ServerAddress | None]:
    """Return the home's server as it stood after each membership entry."""
    homes = (chain.state_at(k).home for k in range(len(chain)))
    return [None if home is None else home.server for home in homes]


def _asked_until_s(replica: Replica, former: FormerHome, now_s: int) -> int:
    """Return until when a device asks a former home: longer if it has been away."""
    member = replica.core.member
    has_been_there = member is not None and member.since_k < former.left_k
    return (now_s if has_been_there else min(former.left_s, now_s)) + SERVES_S


def _read_visit(data: bytes | None) -> tuple[int, int, int] | None:
    """Read what is kept of visits; what is damaged is as good as nothing."""
    if data is None:
        return None
    try:
        left_k, until_s, next_s = codec.as_array(codec.decode(data, size_max=64), 3)
        return codec.as_integer(left_k), codec.as_integer(until_s), codec.as_integer(next_s)
    except Malformed:
        return None


def _now_s(replica: Replica) -> int:
    return max(0, replica.core.now_ms() // 1000)
