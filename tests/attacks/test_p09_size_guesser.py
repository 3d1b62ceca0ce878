from random import Random

import pytest

from billfold.document import FieldEdit
from billfold.journal import PushDue
from billfold_protocol.feed import parse_entry
from tests.support.adversaries.attack import Attack
from tests.support.adversaries.findings import Broken, scaled, show
from tests.support.adversaries.forged_changes import change_by
from tests.support.adversaries.mallory import with_mallory
from tests.support.adversaries.stage import HonestDevice, record_of
from tests.support.adversaries.thief import replica_of

pytestmark = pytest.mark.attack("P09")

TRIALS_COUNT = scaled(small=20, whole=10_000)
SECRET_SIZE = 24
SHORT = range(1, 13)


def size_after(device: HonestDevice, guess: bytes | None, secret: str) -> int:
    """Return the size of what a device sends for a secret, beside a guess that it has received."""
    replica = replica_of(device)
    if guess is not None:
        replica.receive_entries([guess])
    replica.edit([FieldEdit(record_of(device.wallet_id), "secret", secret)])
    replica.prepare(room=1 << 40)
    (push,) = [send for send in replica.journal.take_sends() if isinstance(send, PushDue)]
    ((_, raw),) = push.entries
    return len(parse_entry(raw, device.wallet_id).value.ciphertext)


async def test_guesses_put_beside_a_secret_change_no_size() -> None:
    """A member writes guesses into the shared wallet and watches what another then sends."""
    stage, laptop, phone, mallory = with_mallory("P09")
    attack = Attack(stage, laptop, phone)
    random, record = Random(9), record_of(laptop.wallet_id)
    told_count = 0
    for _ in range(TRIALS_COUNT):
        secret = random.randbytes(SECRET_SIZE // 2).hex()
        sizes = []
        for guess in (secret, random.randbytes(SECRET_SIZE // 2).hex()):
            mallory.begin_feed()
            change = change_by(mallory.feed, FieldEdit(record, "guess", guess * 3))
            raw = mallory.entry(changes=[change], is_kept=False)
            sizes.append(size_after(laptop, raw, secret))
        told_count += sizes[0] != sizes[1]
    if told_count:
        raise Broken("secrets", f"{told_count} of {TRIALS_COUNT} right guesses show by size")
    show(f"{TRIALS_COUNT} pairs of guesses, advantage 0")
    lengths = {size_after(laptop, None, "x" * length) for length in SHORT}
    if len(lengths) > 2:
        raise Broken("secrets", f"{len(SHORT)} lengths of a secret show as {len(lengths)} sizes")
    show(f"{len(SHORT)} lengths, {len(lengths)} sizes")
    attack.ends(shows=[])
