from collections.abc import Sequence
from itertools import permutations
from random import Random

import pytest

from billfold_protocol.messages import Entries, ServerMessage
from tests.support.adversaries.attack import Attack
from tests.support.adversaries.evil_relay import Answer, EvilOutbox, only_to
from tests.support.adversaries.findings import named, scaled, show
from tests.support.adversaries.stage import HonestDevice, Stage, pair
from tests.support.adversaries.thief import replica_of

pytestmark = pytest.mark.attack("S05")

FEW_COUNT = 6
MANY_COUNT = scaled(small=30, whole=200)
ORDERS_OF_FEW_COUNT = scaled(small=60, whole=720)
ORDERS_OF_MANY_COUNT = scaled(small=5, whole=10_000)


def written_while_away(seed: str, count: int) -> tuple[Stage, HonestDevice, HonestDevice]:
    """Return a stage where a phone lacks entries of two devices that build on one another."""
    stage, laptop, phone = pair(seed)
    tablet = stage.link(laptop, "tablet")
    phone.go_offline()
    stage.settle()
    for number in range(count):
        (laptop, tablet)[number % 2].write("shared", number)
        stage.settle(5.0)
    return stage, laptop, phone


def require_equal_in_every_order(
    laptop: HonestDevice, phone: HonestDevice, orders: Sequence[Sequence[bytes]]
) -> None:
    expected = laptop.replica.state_hash()
    for order in orders:
        replica = replica_of(phone)
        if len(order) == FEW_COUNT:
            for raw in order:
                replica.receive_entries([raw])
        else:
            replica.receive_entries(order)
        with named("unchanged"):
            assert replica.state_hash() == expected
            assert replica.vector == laptop.replica.vector
            assert replica.waiting_count == 0


@pytest.mark.parametrize(
    ("count", "orders_count"),
    [(FEW_COUNT, ORDERS_OF_FEW_COUNT), (MANY_COUNT, ORDERS_OF_MANY_COUNT)],
)
async def test_every_order_in_which_a_server_gives_entries_ends_alike(
    count: int, orders_count: int
) -> None:
    random = Random(count)
    stage, laptop, phone = written_while_away(f"S05/{count}", count)
    raws = [row.raw for row in stage.server.store.entries(phone.wallet_id)][-count:]
    orders = (
        list(permutations(raws))[:: max(1, 720 // orders_count)]
        if count == FEW_COUNT
        else [random.sample(raws, count) for _ in range(orders_count)]
    )
    require_equal_in_every_order(laptop, phone, orders)
    show(f"{len(orders)} orders of {count} entries")
    attack = Attack(stage, phone)

    def shuffled(_outbox: EvilOutbox, message: ServerMessage) -> list[Answer]:
        if not isinstance(message, Entries):
            return [message]
        order = random.sample(message.entries, len(message.entries))
        return [Entries(wallet_id=message.wallet_id, n=message.n, entries=tuple(order))]

    stage.server.answers.tamper = only_to(phone.device_id, shuffled)
    phone.go_online()
    attack.run()
    with named("unchanged"):
        assert phone.replica.state_hash() == laptop.replica.state_hash()
    attack.ends(shows=[], changes=[phone])
