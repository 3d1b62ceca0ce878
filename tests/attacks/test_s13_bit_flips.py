from random import Random

import pytest

from billfold_protocol.errors import (
    AuthFailed,
    BillfoldError,
    ChainFork,
    Downgrade,
    Equivocation,
    Gap,
    LimitExceeded,
    Malformed,
    UnsignedMember,
    WrongContext,
)
from billfold_protocol.messages import Entries
from tests.support.adversaries.attack import Attack
from tests.support.adversaries.findings import Broken, named, scaled, show
from tests.support.adversaries.stage import pair
from tests.support.adversaries.thief import replica_of

pytestmark = pytest.mark.attack("S13")

RECORDS_COUNT = scaled(small=3, whole=200)
FLIPS_COUNT = scaled(small=150, whole=10**9)
TYPED: tuple[type[BillfoldError], ...] = (
    AuthFailed,
    ChainFork,
    Downgrade,
    Equivocation,
    Gap,
    LimitExceeded,
    Malformed,
    UnsignedMember,
    WrongContext,
)


def damaged(raw: bytes, random: Random) -> list[bytes]:
    """Return a record with each bit flipped, or some of them, cut anywhere, and lengthened."""
    whole, bits = int.from_bytes(raw, "big"), range(len(raw) * 8)
    some = bits if len(bits) <= FLIPS_COUNT else random.sample(bits, FLIPS_COUNT)
    cuts = range(len(raw)) if len(raw) * 8 < FLIPS_COUNT else random.sample(range(len(raw)), 20)
    return [
        *((whole ^ 1 << bit).to_bytes(len(raw), "big") for bit in some),
        *(raw[:size] for size in cuts),
        *(raw + bytes(size) for size in (1, 2, 64)),
        raw + raw,
    ]


async def test_no_flipped_cut_or_lengthened_record_is_taken() -> None:
    stage, laptop, phone = pair("S13")
    phone.go_offline()
    stage.settle()
    for number in range(RECORDS_COUNT):
        laptop.write(f"field {number}", stage.canaries.next())
        stage.settle(5.0)
    raws = [row.raw for row in stage.server.store.entries(phone.wallet_id)][-RECORDS_COUNT:]
    random, count = Random(13), 0
    for raw in raws:
        replica = replica_of(phone)
        before = (replica.state_hash(), replica.vector)
        for other in damaged(raw, random):
            count += 1
            replica.receive_entries([other])
            for event in replica.journal.take_events():
                error = getattr(event, "error", None)
                if not isinstance(error, TYPED):
                    raise Broken("error", f"{event!r} is no typed error")
        if (replica.state_hash(), replica.vector) != before:
            raise Broken("unchanged", "a damaged record was taken")
    show(f"{count} damaged records, 0 taken")
    attack = Attack(stage, phone)
    phone.go_online()
    some = [other for raw in raws[:2] for other in random.sample(damaged(raw, random), 40)]
    for raw in (*raws, *some):
        stage.server.answers.inject(
            laptop.device_id, Entries(wallet_id=phone.wallet_id, n=0, entries=(raw,))
        )
    attack.run()
    with named("kept"):
        assert phone.replica.state_hash() == laptop.replica.state_hash()
    attack.ends(shows=[], changes=[phone])
