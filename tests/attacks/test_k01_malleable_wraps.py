from random import Random

import pytest

from billfold_protocol.errors import CommitMismatch
from billfold_protocol.messages import Wraps
from tests.support.adversaries.attack import Attack
from tests.support.adversaries.evil_relay import without
from tests.support.adversaries.findings import named, scaled
from tests.support.adversaries.stage import Stage

pytestmark = pytest.mark.attack("K01")

BATCH_COUNT = 32
FLIPS_COUNT = scaled(small=60, whole=10**9)


async def test_no_bit_of_a_stored_wrap_can_be_changed() -> None:
    stage = Stage("K01")
    laptop = stage.found("laptop")
    phone = stage.link(laptop, "phone")
    stage.server.answers.tamper = without(Wraps)
    stage.propose(laptop, lambda author: author.rotate())
    with named("unchanged"):
        assert phone.replica.core.epoch_key is None
    attack = Attack(stage, phone)
    (wrap,) = [
        wrap
        for wrap in stage.server.store.wraps(phone.wallet_id)
        if wrap.device == phone.device_id and wrap.k == phone.replica.state.k
    ]
    bits = range(len(wrap.raw) * 8)
    chosen = bits if len(bits) <= FLIPS_COUNT else Random(1).sample(bits, FLIPS_COUNT)
    whole = int.from_bytes(wrap.raw, "big")
    for first in range(0, len(chosen), BATCH_COUNT):
        wraps = tuple(
            (wrap.k, wrap.device, (whole ^ 1 << bit).to_bytes(len(wrap.raw), "big"))
            for bit in chosen[first : first + BATCH_COUNT]
        )
        stage.server.answers.inject(phone.device_id, Wraps(wallet_id=phone.wallet_id, wraps=wraps))
    attack.run(60.0 + len(chosen) / BATCH_COUNT)
    with named("error"):
        assert len(attack.shown(phone)) == len(chosen)
    attack.ends(shows=[CommitMismatch])
    with named("kept"):
        assert phone.replica.core.epoch_key == laptop.replica.core.epoch_key
