from dataclasses import replace

import pytest

from billfold_protocol.crypto.signing import SigningKey
from billfold_protocol.errors import ServerIdentity
from billfold_protocol.feed import Reason
from billfold_protocol.ids import ServerKey
from billfold_protocol.messages import (
    Challenge,
    Ended,
    ServerMessage,
    Subscribe,
)
from tests.support.adversaries.attack import Attack
from tests.support.adversaries.evil_relay import Answer, EvilOutbox
from tests.support.adversaries.findings import Broken, named, show
from tests.support.adversaries.listening import Listening
from tests.support.adversaries.stage import HonestDevice, Stage, pair
from tests.support.seeded_bytes import bytes_of
from tests.support.simulation_server import ADDRESS

pytestmark = pytest.mark.attack("S15")

OTHER_KEY = ServerKey(SigningKey(bytes_of("S15/other", 32)).public_key)


async def test_a_server_with_another_key_is_told_nothing() -> None:
    stage, _laptop, phone = pair("S15")
    attack = Attack(stage, phone)

    def another_key(_outbox: EvilOutbox, message: ServerMessage) -> list[Answer]:
        if not isinstance(message, Challenge):
            return [message]
        return [replace(message, server_key=OTHER_KEY)]

    known = len(stage.server.answers.outboxes)
    stage.server.answers.tamper = another_key
    phone.reconnect()
    attack.run(5.0)
    with named("secrets"):
        # No proof left the device: there is nothing to pass on.
        assert not [
            frame for outbox in stage.server.answers.outboxes[known:] for frame in outbox.heard
        ]
    stage.server.answers.tamper = None
    attack.ends(shows=[ServerIdentity], changes=[phone])


def proof_for(stage: Stage, phone: HonestDevice, nonce: bytes) -> bytes:
    """Return the frame with which a device answers a challenge, whoever passed it on."""
    stage.server.answers.choose_nonce = lambda: nonce
    phone.reconnect()
    stage.settle(10.0)
    stage.server.answers.choose_nonce = None
    frames = stage.server.answers.of(phone.device_id)[-1].heard
    for frame, message in zip(
        frames, stage.server.answers.of(phone.device_id)[-1].messages, strict=True
    ):
        if isinstance(message, Subscribe):
            return frame
    raise AssertionError


async def test_a_challenge_passed_on_proves_nothing_elsewhere() -> None:
    """A proof for one connection, address or server is none for another of them."""
    stage, _laptop, phone = pair("S15/relay")
    nonce = bytes_of("S15/nonce", 32)
    frame = proof_for(stage, phone, nonce)
    attack = Attack(stage, phone)
    cases = {
        "the same connection": (nonce, ADDRESS, True),
        "another connection": (bytes_of("S15/nonce/2", 32), ADDRESS, False),
        "another address": (nonce, "https://other.example", False),
        "plain http": (nonce, ADDRESS.replace("https", "http"), False),
        "another port": (nonce, f"{ADDRESS}:8443", False),
    }
    for name, (challenge, origin, is_taken) in cases.items():
        outbox = Listening()
        relay = stage.server.relay
        peer = relay.connect(outbox, nonce=challenge, origins=[origin], address="198.51.100.7")
        relay.receive(peer, frame)
        refusals = [m for m in outbox.messages if isinstance(m, Ended)]
        if bool(refusals) is is_taken:
            raise Broken("error", f"a proof for {name} was {'refused' if refusals else 'taken'}")
        with named("error"):
            assert all(refusal.reason is Reason.UNKNOWN_WALLET for refusal in refusals)
            assert is_taken or len(outbox.messages) == 2
        relay.disconnect(peer)
    show(f"{len(cases) - 1} places where the proof is nothing")
    attack.ends(shows=[])
