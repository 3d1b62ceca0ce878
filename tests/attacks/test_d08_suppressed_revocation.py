from dataclasses import replace

import pytest

from billfold_protocol.errors import StaleServer
from billfold_protocol.feed import parse_entry
from billfold_protocol.ids import EpochId, MembershipHash
from billfold_protocol.messages import (
    HeardBeacon,
    Members,
    Push,
    ServerMessage,
    Wraps,
)
from tests.support.adversaries.attack import Attack
from tests.support.adversaries.evil_relay import Answer, EvilOutbox, only_to
from tests.support.adversaries.findings import named, require_exactly, show
from tests.support.adversaries.mallory import with_mallory
from tests.support.adversaries.stage import HonestDevice, Stage, pair

pytestmark = pytest.mark.attack("D08")


def hiding_members(_outbox: EvilOutbox, message: ServerMessage) -> list[Answer]:
    """Keep the chain as it was, and pass entries on."""
    return [] if isinstance(message, Members | Wraps | HeardBeacon) else [message]


def pushed_epochs(stage: Stage, device: HonestDevice) -> list[EpochId]:
    """Return the epoch of each entry that a device has ever pushed."""
    return [
        parse_entry(raw, device.wallet_id).value.epoch
        for outbox in stage.server.answers.of(device.device_id)
        for message in outbox.messages
        if isinstance(message, Push)
        for raw in message.entries
    ]


async def test_who_is_not_told_of_a_removal_seals_nothing_for_the_removed() -> None:
    stage, laptop, phone = pair("D08")
    lost = stage.link(laptop, "lost")
    attack = Attack(stage, phone)
    stage.server.answers.tamper = only_to(phone.device_id, hiding_members)
    old = phone.replica.state.epoch.id
    stage.revoke(laptop, lost)
    with named("unchanged"):
        assert lost.device_id in phone.replica.state.members
    laptop.write("after", stage.canaries.next())
    stage.settle()
    require_exactly(attack.shown(phone), [StaleServer], phone)
    before = len(pushed_epochs(stage, phone))
    secret = stage.canaries.next()
    phone.write("for my own devices", secret)
    stage.settle()
    phone.reconnect()
    stage.settle()
    with named("secrets"):
        assert len(pushed_epochs(stage, phone)) == before, "it was sealed under the old key"
    with named("kept"):
        assert phone.read("for my own devices") == secret
        assert phone.replica.unsynced_count == 1
    attack.ends(shows=[StaleServer], changes=[phone])
    with named("secrets"):
        assert old not in pushed_epochs(stage, phone)[before:]
    with named("kept"):
        assert laptop.read("for my own devices") == secret
        assert phone.read("after") == laptop.read("after") is not None
        assert lost.read("for my own devices") is None


async def test_a_removed_member_cannot_hold_others_up_by_naming_what_is_not() -> None:
    """An entry under a made-up list of devices stops a device until its author is removed."""
    stage, laptop, phone, mallory = with_mallory("D08/made up")
    attack = Attack(stage, laptop, phone)
    state = mallory.state
    key = mallory.replica.core.epoch_keys[state.epoch.id]
    made_up = mallory.entry(
        state=replace(state, k=state.k + 5, hash=MembershipHash(bytes(32))), key=key
    )
    for device in (laptop, phone):
        stage.server.answers.inject(device.device_id, mallory.carries(made_up))
    stage.settle()
    phone.write("held up", "for now")
    stage.settle()
    with named("kept"):
        assert phone.replica.unsynced_count == 1
    stage.revoke(laptop, mallory.device)
    stage.settle()
    with named("kept"):
        assert laptop.read("held up") == "for now"
    show("an owner ends it")
    attack.ends(shows=[StaleServer], changes=[laptop, phone])
