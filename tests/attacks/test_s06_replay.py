import pytest

from billfold_protocol.messages import (
    Entries,
    HeardBeacon,
    Members,
    ServerMessage,
    Wraps,
    parse_server_message,
)
from tests.support.adversaries.attack import Attack
from tests.support.adversaries.evil_relay import Answer, EvilOutbox
from tests.support.adversaries.findings import named
from tests.support.adversaries.stage import HonestDevice, pair

pytestmark = pytest.mark.attack("S06")

REPEATED = Members | Wraps | Entries | HeardBeacon


def three_times(_outbox: EvilOutbox, message: ServerMessage) -> list[Answer]:
    return [message] * (3 if isinstance(message, REPEATED) else 1)


def changes_count(device: HonestDevice) -> int:
    """Return how many changes the device's document holds, on its disk."""
    return len(device.store.load().changes)


async def test_a_history_given_three_times_is_applied_once() -> None:
    stage, laptop, phone = pair("S06")
    stage.propose(laptop, lambda author: author.rotate())
    laptop.write("after", stage.canaries.next())
    stage.settle()
    attack = Attack(stage, laptop, phone)
    stored, applied = len(phone.store.entry_index()), changes_count(phone)
    history = [
        message
        for outbox in stage.server.answers.of(phone.device_id)
        for message in map(parse_server_message, outbox.said)
        if isinstance(message, REPEATED)
    ]
    for _ in range(3):
        stage.server.answers.inject(phone.device_id, *history)
    everything = tuple(row.raw for row in stage.server.store.entries(phone.wallet_id))
    for device in (laptop, phone):
        message = Entries(wallet_id=phone.wallet_id, n=0, entries=everything)
        stage.server.answers.inject(device.device_id, message, message, message)
    attack.run()
    with named("unchanged"):
        assert (len(phone.store.entry_index()), changes_count(phone)) == (stored, applied)
    # A device that is new, and one that was opened again, are given everything three times too.
    stage.server.answers.tamper = three_times
    phone.crash()
    stage.settle()
    tablet = stage.link(laptop, "tablet")
    with named("unchanged"):
        assert tablet.replica.state_hash() == laptop.replica.state_hash()
        assert tablet.replica.vector == laptop.replica.vector
    attack.ends(shows=[], changes=[laptop, phone])
