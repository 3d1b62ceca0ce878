import os
import subprocess
import sys

import pytest

from billfold_protocol.feed import parse_entry
from tests.support.adversaries.attack import Attack
from tests.support.adversaries.findings import named, scaled, show
from tests.support.adversaries.stage import pair

pytestmark = pytest.mark.attack("K14")

EDITS_COUNT = scaled(small=20, whole=500)
CHILDREN_COUNT = scaled(small=3, whole=20)

FORKING = """
import os, secrets, sys
secrets.token_bytes(24)
for number in range(int(sys.argv[1])):
    read, write = os.pipe()
    if os.fork() == 0:
        os.write(write, b"".join(secrets.token_bytes(24) for _ in range(50)))
        os._exit(0)
    os.wait()
    sys.stdout.write(os.read(read, 1200).hex() + "\\n")
sys.stdout.write(b"".join(secrets.token_bytes(24) for _ in range(50)).hex() + "\\n")
"""


def broken_randomness(size: int) -> bytes:
    return bytes(size)


async def test_a_device_whose_randomness_is_constant_repeats_no_nonce() -> None:
    stage, laptop, phone = pair("K14")
    attack = Attack(stage, laptop, phone)
    laptop.replica.core.random = phone.replica.core.random = broken_randomness
    for number in range(EDITS_COUNT):
        # The same content again and again, too: its place differs.
        laptop.write("again", number % 2)
        phone.write("again", number % 2)
        stage.settle(5.0)
    entries = [
        parse_entry(row.raw, laptop.wallet_id).value
        for row in stage.server.store.entries(laptop.wallet_id)
    ]
    with named("secrets"):
        assert len(entries) > EDITS_COUNT
        assert len({(entry.epoch, entry.nonce) for entry in entries}) == len(entries)
    show(f"{len(entries)} nonces, no two alike")
    attack.ends(shows=[], changes=[laptop, phone])


def test_children_of_a_process_draw_other_bytes() -> None:
    done = subprocess.run(
        [sys.executable, "-c", FORKING, str(CHILDREN_COUNT)],
        env={**os.environ},
        capture_output=True,
        text=True,
        check=True,
    )
    drawn = [line[at : at + 48] for line in done.stdout.split() for at in range(0, len(line), 48)]
    with named("secrets"):
        assert len(drawn) == 50 * (CHILDREN_COUNT + 1)
        assert len(set(drawn)) == len(drawn)
    show("forks draw disjoint bytes")
