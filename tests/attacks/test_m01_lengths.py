import pytest

from billfold.document import FieldEdit
from billfold.journal import PushDue
from billfold_protocol.crypto.sealing import padded_size
from billfold_protocol.feed import parse_entry
from tests.support.adversaries.attack import Attack
from tests.support.adversaries.findings import Broken, named, scaled, show
from tests.support.adversaries.stage import HonestDevice, pair, record_of
from tests.support.adversaries.thief import replica_of

pytestmark = pytest.mark.attack("M01")

PLAINTEXT_SIZE_MAX = 64 * 1024
SIZES_COUNT_MAX = 129
STEP = scaled(small=8, whole=1)


def sealed_size(device: HonestDevice, text: str) -> int:
    """Return the size of the ciphertext in which a device sends a text."""
    replica = replica_of(device)
    replica.edit([FieldEdit(record_of(device.wallet_id), "text", text)])
    replica.prepare(room=1 << 40)
    (push,) = [send for send in replica.journal.take_sends() if isinstance(send, PushDue)]
    ((_, raw),) = push.entries
    return len(parse_entry(raw, device.wallet_id).value.ciphertext)


async def test_an_entrys_size_tells_one_of_few_sizes() -> None:
    sizes = {padded_size(size) for size in range(1, PLAINTEXT_SIZE_MAX + 1)}
    with named("secrets"):
        assert len(sizes) <= SIZES_COUNT_MAX
        assert all(
            padded_size(size) <= size * 1.12 + 1 for size in range(257, PLAINTEXT_SIZE_MAX + 1)
        )
    stage, laptop, phone = pair("M01")
    attack = Attack(stage, laptop, phone)
    # What automerge does not deflate: a seed of hexadecimal digits, and a note as long.
    seen: dict[int, set[int]] = {}
    for length in (*range(1, 13), *range(20, 60, STEP)):
        seed, note = "0123456789abcdef" * 8, "a note about nothing in particular, " * 8
        both = {sealed_size(laptop, seed[:length]), sealed_size(laptop, note[:length])}
        if len(both) > 1:
            raise Broken("secrets", f"a seed of {length} characters has another size than a note")
        seen[length] = both
    few = set().union(*(seen[length] for length in range(1, 13)))
    if len(few) > 2:
        raise Broken("secrets", f"12 lengths show as {len(few)} sizes")
    show(f"{len(sizes)} sizes for {PLAINTEXT_SIZE_MAX} lengths")
    attack.ends(shows=[])
