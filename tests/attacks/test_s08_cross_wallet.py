import pytest

from billfold.founding import NewReplica
from billfold_protocol.errors import AuthFailed, CommitMismatch, WrongContext
from billfold_protocol.messages import Entries, Members, Wraps
from tests.support.adversaries.attack import Attack
from tests.support.adversaries.findings import named
from tests.support.adversaries.stage import HonestDevice, Stage
from tests.support.seeded_bytes import SeededBytes

pytestmark = pytest.mark.attack("S08")

SECRETS_COUNT = 3


def with_same_secrets(stage: Stage, seed: str) -> tuple[HonestDevice, HonestDevice]:
    """Return one device in two wallets, with the same keys and feed: the worst there could be."""
    devices = []
    for number in range(2):
        shared, own = SeededBytes(f"{seed}/shared"), SeededBytes(f"{seed}/{number}")
        calls: list[int] = []

        def random(
            size: int,
            shared: SeededBytes = shared,
            own: SeededBytes = own,
            calls: list[int] = calls,
        ) -> bytes:
            calls.append(size)
            return shared(size) if len(calls) <= SECRETS_COUNT else own(size)

        founded = NewReplica.create(random, now_ms=0)
        founded = NewReplica(
            secrets=founded.secrets,
            holder=founded.holder,
            chain=founded.chain,
            epoch_keys=founded.epoch_keys,
            feed_salt=bytes(16),
        )
        devices.append(stage.join(f"wallet {number}", founded))
    return devices[0], devices[1]


async def test_what_one_wallet_holds_is_nothing_in_another() -> None:
    stage = Stage("S08")
    first, second = with_same_secrets(stage, "S08")
    reader = stage.link(second, "reader")
    other = stage.link(first, "other")
    for number in range(3):
        first.write("field", number)
        stage.settle(5.0)
    stage.propose(first, lambda author: author.rotate())
    attack = Attack(stage, second, reader)
    rows = stage.server.store.entries(first.wallet_id)
    entries = tuple(row.raw for row in rows if row.seq == 0)
    wraps = stage.server.store.wraps(first.wallet_id)
    chain = first.replica.core.chain
    k = second.replica.state.k
    for device in (second, reader):
        wallet_id = device.wallet_id
        stage.server.answers.inject(
            device.device_id,
            Entries(wallet_id=wallet_id, n=0, entries=entries),
            Wraps(
                wallet_id=wallet_id,
                wraps=tuple((k, device.device_id, wrap.raw) for wrap in wraps),
            ),
        )
        stage.settle(5.0)
        message = Members(wallet_id=wallet_id, k=k + 1, entries=(bytes(chain.raws[-1]),))
        stage.server.answers.inject(device.device_id, message)
    attack.run()
    attack.ends(shows=[AuthFailed, CommitMismatch, WrongContext])
    with named("kept"):
        assert other.replica.state_hash() == first.replica.state_hash()
