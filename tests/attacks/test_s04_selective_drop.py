import pytest

from billfold_protocol.errors import Gap, StaleServer
from billfold_protocol.messages import Entries, ServerMessage
from tests.support.adversaries.attack import Attack
from tests.support.adversaries.evil_relay import Answer, EvilOutbox, only_to
from tests.support.adversaries.findings import named, scaled, show
from tests.support.adversaries.stage import pair

pytestmark = pytest.mark.attack("S04")

DROPPED_COUNT = scaled(small=8, whole=500)


async def test_no_entry_can_be_left_out_unnoticed() -> None:
    stage, laptop, phone = pair("S04")
    tablet = stage.link(laptop, "tablet")
    attack = Attack(stage, phone)
    dropped: set[bytes] = set()

    def drop(_outbox: EvilOutbox, message: ServerMessage) -> list[Answer]:
        if not isinstance(message, Entries):
            return [message]
        left = tuple(raw for raw in message.entries if raw not in dropped)
        return [Entries(wallet_id=message.wallet_id, n=message.n, entries=left)]

    for number in range(DROPPED_COUNT):
        writer, other = ((laptop, tablet), (tablet, laptop))[number % 2]
        before = phone.replica.state_hash()
        known = {row.raw for row in stage.server.store.entries(phone.wallet_id)}
        stage.server.answers.tamper = lambda _outbox, message: [message]
        phone.go_offline()
        writer.write("dropped", number)
        stage.settle(5.0)
        dropped |= {row.raw for row in stage.server.store.entries(phone.wallet_id)} - known
        stage.server.answers.tamper = only_to(phone.device_id, drop)
        # What the other device writes now builds on what is left out.
        other.write("built on it", number)
        phone.go_online()
        stage.settle(10.0)
        with named("error"):
            found = [error for error in attack.shown(phone) if type(error) is Gap]
            assert len(found) == number + 1, f"entry {number}: {attack.shown(phone)}"
        with named("unchanged"):
            assert phone.replica.state_hash() == before
            assert phone.replica.waiting_count == 1
        dropped.clear()
        phone.reconnect()
        stage.settle(10.0)
        with named("kept"):
            assert phone.replica.waiting_count == 0
            assert phone.replica.state_hash() == laptop.replica.state_hash()
    show(f"{DROPPED_COUNT} entries left out, one after the other")
    attack.ends(shows=[Gap, StaleServer], changes=[phone])
