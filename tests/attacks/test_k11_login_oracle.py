from collections.abc import Callable
from random import Random

import pytest

from billfold_protocol.errors import CommitMismatch
from billfold_protocol.ids import EpochKey
from billfold_protocol.messages import ServerMessage, Subscribed, Wraps
from tests.support.adversaries.attack import Attack
from tests.support.adversaries.evil_relay import Answer, EvilOutbox
from tests.support.adversaries.findings import Broken, scaled, show
from tests.support.adversaries.stage import HonestDevice, Stage, pair

pytestmark = pytest.mark.attack("K11")

LOGINS_COUNT = scaled(small=8, whole=625)
WRAPS_COUNT = 16
"""Chosen wraps after each login."""


def choosing(random: Random, phone: HonestDevice) -> Callable[..., list[Answer]]:
    """Return a server that hands out wraps of its making."""

    def tamper(_outbox: EvilOutbox, message: ServerMessage) -> list[Answer]:
        match message:
            case Subscribed() if message.wallet_id == phone.wallet_id:
                k = max(1, phone.replica.state.epoch.k)
                chosen = tuple(
                    (k, phone.device_id, random.randbytes(1168)) for _ in range(WRAPS_COUNT)
                )
                return [message, Wraps(wallet_id=phone.wallet_id, wraps=chosen)]
            case _:
                return [message]

    return tamper


def transcript(*, has_another_key: bool) -> list[bytes]:
    """Return every byte that a device says over many logins."""
    stage = Stage("K11")
    # No wrap was ever made in this wallet: those draw on randomness that cannot be repeated.
    phone = stage.found("phone")
    for number in range(3):
        phone.write("before", number)
        stage.settle(5.0)
    core = phone.replica.core
    if has_another_key:
        for epoch in core.epoch_keys:
            core.epoch_keys[epoch] = EpochKey(bytes(32))
    began = len(stage.server.answers.of(phone.device_id))
    chosen = Random(11)
    stage.server.answers.choose_nonce = lambda: chosen.randbytes(32)
    stage.server.answers.tamper = choosing(chosen, phone)
    for _ in range(LOGINS_COUNT):
        phone.reconnect()
        stage.settle(6.0)
    outboxes = stage.server.answers.of(phone.device_id)[began:]
    return [frame for outbox in outboxes for frame in outbox.heard]


async def test_what_a_device_says_at_logins_does_not_depend_on_the_wallets_key() -> None:
    said, simulated = transcript(has_another_key=False), transcript(has_another_key=True)
    if len(said) < LOGINS_COUNT:
        raise Broken("kept", "the device did not log in")
    if said != simulated:
        raise Broken("secrets", "what a device says depends on what it holds")
    show(f"{LOGINS_COUNT * WRAPS_COUNT} chosen wraps, equal transcripts")
    stage, _laptop, phone = pair("K11/attack")
    attack = Attack(stage, phone)
    chosen = Random(11)
    stage.server.answers.choose_nonce = lambda: chosen.randbytes(32)
    stage.server.answers.tamper = choosing(chosen, phone)
    phone.reconnect()
    attack.run()
    attack.ends(shows=[CommitMismatch])
