from pathlib import Path
from random import Random

import pytest

from billfold.document import FieldEdit
from billfold.journal import PushDue
from billfold_protocol.feed import parse_entry
from tests.support.adversaries.attack import Attack
from tests.support.adversaries.findings import Broken, named, show
from tests.support.adversaries.socket_stage import socket_stage
from tests.support.adversaries.stage import HonestDevice, pair, record_of
from tests.support.adversaries.thief import replica_of

pytestmark = pytest.mark.attack("M04")

LENGTHS = (8, 12, 16)
"""Of a value, such that its change stays below what automerge deflates."""


def sealed_size(device: HonestDevice, *texts: str) -> int:
    """Return the size of what a device sends for texts, each written in a change of its own."""
    replica = replica_of(device)
    for number, text in enumerate(texts):
        replica.edit([FieldEdit(record_of(device.wallet_id), f"text {number}", text)])
    replica.prepare(room=1 << 40)
    (push,) = [send for send in replica.journal.take_sends() if isinstance(send, PushDue)]
    return sum(len(parse_entry(raw, device.wallet_id).value.ciphertext) for _, raw in push.entries)


async def test_what_repeats_is_sent_as_large_as_what_does_not() -> None:
    stage, laptop, phone = pair("M04")
    attack = Attack(stage, laptop, phone)
    random = Random(4)
    for length in LENGTHS:
        secret = random.randbytes(length // 2).hex()
        other = random.randbytes(length // 2).hex()
        # Eight changes in one entry: those of the attacker's text that repeat the secret, or not.
        repeating = sealed_size(laptop, secret, *[secret] * 7)
        different = sealed_size(laptop, secret, *[other] * 7)
        plain = sealed_size(laptop, "a" * length, *["a" * length] * 7)
        if len({repeating, different, plain}) > 1:
            raise Broken("secrets", f"repeats show: {repeating}, {different}, {plain}")
    show(f"equal sizes for {len(LENGTHS)} lengths")
    attack.ends(shows=[])


async def test_the_connection_is_not_compressed(tmp_path: Path) -> None:
    async with socket_stage("M04/frames", tmp_path) as stage:
        await stage.pair()
        with named("secrets"):
            assert len(stage.net.recorded) >= 2
            assert not any(b"permessage-deflate" in stream for stream in stage.net.recorded)
        show("no permessage-deflate")
        await stage.ends()
