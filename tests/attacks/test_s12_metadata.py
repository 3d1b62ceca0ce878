from collections.abc import Callable
from dataclasses import replace

import pytest

from billfold.beacons import last_heard_s
from billfold.founding import HEARD_KEY
from billfold_protocol.feed import Beacon, Checkpoint
from billfold_protocol.ids import EntryId, FeedId, InstanceId
from billfold_protocol.messages import CaughtUp, Challenge, Entries, HeardBeacon, Subscribed
from billfold_server.store import StoredEntry
from tests.support.adversaries.attack import Attack
from tests.support.adversaries.evil_relay import Answer, EvilOutbox
from tests.support.adversaries.findings import named, show
from tests.support.adversaries.stage import HonestDevice, Stage, pair
from tests.support.wallets import TestDevice

pytestmark = pytest.mark.attack("S12")

COLUMNS: dict[str, Callable[[StoredEntry], StoredEntry]] = {
    "seq": lambda row: replace(row, seq=row.seq + 7),
    "feed": lambda row: replace(row, feed=FeedId(bytes(16))),
    "entry_id": lambda row: replace(row, entry_id=EntryId(bytes(32))),
    "n": lambda row: replace(row, n=row.n * 3),
}


def lying(stage: Stage, victim: HonestDevice, laptop: HonestDevice) -> Callable[..., list[Answer]]:
    """Return a server that is wrong in everything that it says of itself, but for signatures."""

    def tamper(_outbox: EvilOutbox, message: object) -> list[Answer]:
        match message:
            case Challenge():
                return [replace(message, instance=InstanceId(b"\x01" * 16))]
            case Subscribed(wallet_id=wallet_id) if wallet_id == victim.wallet_id:
                true = Checkpoint.verify(
                    message.checkpoint, stage.server.relay.server_key, wallet_id
                )
                later = replace(true, time_s=2**40, n=true.n + 10**6)
                return [
                    replace(message, checkpoint=later.sign(stage.server.key), entries_count=10**9)
                ]
            case Entries(wallet_id=wallet_id) if wallet_id == victim.wallet_id:
                return [replace(message, n=message.n + 10**6)]
            case CaughtUp(wallet_id=wallet_id) if wallet_id == victim.wallet_id:
                kept = victim.replica.meta(HEARD_KEY + laptop.device_id.hex())
                assert kept is not None
                true_beacon = Beacon.verify(kept, laptop.secrets.keys.signing, wallet_id)
                later_beacon = replace(true_beacon, time_s=2**40)
                forged = later_beacon.sign(TestDevice("S12/nobody").signing_key)
                return [message, HeardBeacon(wallet_id=wallet_id, beacon=forged)]
            case _:
                return [message]  # type: ignore[list-item]  # Every message that is left.

    return tamper


def heard(phone: HonestDevice, laptop: HonestDevice) -> int | None:
    member = phone.replica.state.members[laptop.device_id]
    return last_heard_s(phone.replica, laptop.device_id, member)


async def test_nothing_that_the_server_keeps_in_clear_shows() -> None:
    stage, laptop, phone = pair("S12")
    for column, change in COLUMNS.items():
        phone.go_offline()
        laptop.write(column, stage.canaries.next())
        stage.settle()
        picture = stage.server.store.picture()
        stage.server.store.change_entries(phone.wallet_id, change)
        stage.server.forget_all()
        phone.go_online()
        stage.settle()
        shown = list(phone.shown)
        stage.server.roll_back(picture)
        stage.settle()
        with named("unchanged"):
            assert phone.replica.state_hash() == laptop.replica.state_hash(), column
        with named("error"):
            assert phone.replica.quarantined_count == 0
            assert all(str(error) for error in shown)
    show(f"columns {', '.join(COLUMNS)}")
    attack = Attack(stage, phone)
    before = heard(phone, laptop)
    stage.server.answers.tamper = lying(stage, phone, laptop)
    phone.reconnect()
    attack.run()
    with named("unchanged"):
        assert heard(phone, laptop) == before
        assert phone.read("n") == laptop.read("n") is not None
    attack.ends(shows=[])
