"""Keeps the recovery pins at the server fresh: what leads the recovery words to the wallet.

A pin is left again when the membership has changed, when the server's store is another one, once a
day, and when somebody asks because a kit is printed.

Spec: 24-recovery.md
"""

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from billfold.cursor import CURSOR_KEY, read_cursor
from billfold.recovery_records import pin_secrets, recovery_members
from billfold.replica import Replica
from billfold_protocol import codec
from billfold_protocol.crypto import sealing
from billfold_protocol.envelope import RandomBytes
from billfold_protocol.errors import BillfoldError, Malformed
from billfold_protocol.ids import DeviceId, InstanceId
from billfold_protocol.membership import Member
from billfold_protocol.messages import PutLocator
from billfold_protocol.recovery import RecoveryPin, wrap_for_recovery

PLACED_KEY = "recovery pin:"
FRESH_S = 24 * 3600
"""A pin that is older is left again, so that it says how far the wallet has come."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Placed:
    """Which pin a server holds."""

    instance: InstanceId
    k: int
    time_s: int


@dataclass(slots=True)
class _Asked:
    """A pin that somebody waits for."""

    device: DeviceId
    done: asyncio.Future[RecoveryPin]


class Pins:
    """The pins of one wallet's recovery members."""

    def __init__(self, replica: Callable[[], Replica], random: RandomBytes) -> None:
        self._replica = replica
        self._random = random
        self._looked_at: tuple[InstanceId, int] | None = None
        self._sent: dict[bytes, tuple[DeviceId, RecoveryPin, _Placed]] = {}
        self._asked: list[_Asked] = []

    def connected(self) -> None:
        """Look again at what the server may lack."""
        self._looked_at = None
        self._sent.clear()

    def ask(self, device: DeviceId) -> asyncio.Future[RecoveryPin]:
        """Ask for a new pin of a recovery member; the result is there when the server keeps it."""
        done: asyncio.Future[RecoveryPin] = asyncio.get_running_loop().create_future()
        self._asked.append(_Asked(device, done))
        self._looked_at = None
        return done

    def due(self, instance: InstanceId) -> Iterator[PutLocator]:
        """Return the messages that leave the pins which the server lacks; call it while live."""
        replica = self._replica()
        core = replica.core
        if core.member is None or core.epoch_key is None:
            return
        now = (instance, replica.state.k)
        if now == self._looked_at:
            return
        self._looked_at = now
        for member in recovery_members(replica):
            if self._is_due(member, instance):
                yield from self._leave(member, instance)

    def kept(self, locator: bytes) -> None:
        """Take note that a pin is durable on the server."""
        sent = self._sent.pop(locator, None)
        if sent is None:
            return
        device, pin, placed = sent
        value = codec.encode([placed.instance, placed.k, placed.time_s])
        self._replica().put_meta(PLACED_KEY + device.hex(), value)
        for asked in [one for one in self._asked if one.device == device]:
            self._asked.remove(asked)
            if not asked.done.done():
                asked.done.set_result(pin)

    def abandon(self, error: BillfoldError) -> None:
        """Fail everything that waits."""
        for asked in self._asked:
            if not asked.done.done():
                asked.done.set_exception(error)
        self._asked.clear()

    def _is_due(self, member: Member, instance: InstanceId) -> bool:
        if any(asked.device == member.device for asked in self._asked):
            return True
        replica = self._replica()
        placed = _parse_placed(replica.meta(PLACED_KEY + member.device.hex()))
        if placed is None or (placed.instance, placed.k) != (instance, replica.state.k):
            return True
        return abs(self._now_s() - placed.time_s) > FRESH_S

    def _leave(self, member: Member, instance: InstanceId) -> Iterator[PutLocator]:
        replica = self._replica()
        secrets, home = pin_secrets(replica, member.device), replica.state.home
        if secrets is None or home is None:
            return
        cursor = read_cursor(replica.meta(CURSOR_KEY))
        key = replica.core.epoch_key
        assert key is not None
        pin = RecoveryPin(
            wallet_id=replica.wallet_id,
            address=home.server.address,
            server_key=home.server.key,
            n=cursor.n if cursor is not None and cursor.instance == instance else 0,
            k=replica.state.k,
            hash=replica.state.hash,
            vector=replica.vector_on_server(),
            wrapped=wrap_for_recovery(key, member.keys, replica.state),
        )
        placed = _Placed(instance=instance, k=pin.k, time_s=self._now_s())
        self._sent[secrets.locator] = (member.device, pin, placed)
        nonce = self._random(sealing.NONCE_SIZE)
        yield PutLocator(
            wallet_id=replica.wallet_id,
            device=member.device,
            locator=secrets.locator,
            proof=secrets.proof,
            pin=pin.seal(secrets.pin_key, secrets.locator, nonce),
        )

    def _now_s(self) -> int:
        return max(0, self._replica().core.now_ms() // 1000)


def _parse_placed(data: bytes | None) -> _Placed | None:
    """Read what is kept of a placed pin; what is damaged is as good as nothing."""
    if data is None:
        return None
    try:
        instance, k, time_s = codec.as_array(codec.decode(data, size_max=64), 3)
        return _Placed(
            instance=InstanceId(codec.as_bytes(instance, 16)),
            k=codec.as_integer(k),
            time_s=codec.as_integer(time_s),
        )
    except Malformed:
        return None
