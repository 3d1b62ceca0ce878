from collections.abc import Callable
from dataclasses import replace

import pytest

from billfold_protocol.errors import AuthFailed, BillfoldError, CommitMismatch
from billfold_protocol.ids import DeviceId, EpochKey
from billfold_protocol.key_hierarchy import WrapContext, commit_to, rotate_epoch, wrap_epoch_key
from billfold_protocol.membership import Member, Rotate, wrap_hash
from billfold_protocol.messages import Append
from tests.support.adversaries.attack import Attack, field_of
from tests.support.adversaries.findings import named
from tests.support.adversaries.mallory import with_mallory

pytestmark = pytest.mark.attack("D18")

KEY, OTHER = EpochKey(b"\x18" * 32), EpochKey(b"\x81" * 32)

WRAPPINGS: list[tuple[Callable[[Member, WrapContext], bytes], type[BillfoldError]]] = [
    (lambda member, context: wrap_epoch_key(OTHER, member, context), CommitMismatch),
    (lambda _member, _context: bytes(1168), AuthFailed),
    (
        lambda member, context: wrap_epoch_key(KEY, member, replace(context, k=context.k + 1)),
        AuthFailed,
    ),
]


@pytest.mark.parametrize(("wrapping", "kind"), WRAPPINGS)
async def test_a_rotation_that_gives_one_device_another_key_costs_no_edit(
    wrapping: Callable[[Member, WrapContext], bytes], kind: type[BillfoldError]
) -> None:
    stage, laptop, phone, mallory = with_mallory(f"D18/{kind.__name__}")
    state = mallory.state
    rotation, good = rotate_epoch(
        state,
        recipients=list(state.members.values()),
        author=mallory.secrets.device_id,
        previous_key=mallory.replica.core.epoch_keys[state.epoch.id],
        key=KEY,
        nonce=bytes(24),
    )
    context = WrapContext(
        wallet_id=state.wallet_id,
        k=state.k + 1,
        previous=state.hash,
        author=mallory.secrets.device_id,
        commitment=commit_to(KEY),
    )
    bad = wrapping(state.members[phone.device_id], context)
    wraps: dict[DeviceId, bytes] = {**good, phone.device_id: bad}
    hashes = tuple(wrap_hash(wraps[device]) for device in sorted(state.members))
    raw = mallory.membership(Rotate(rotation=replace(rotation, wrap_hashes=hashes)))
    attack = Attack(stage, phone)
    listed = tuple((state.k + 1, device, wrapped) for device, wrapped in sorted(wraps.items()))
    mallory.send(Append(wallet_id=state.wallet_id, entry=raw, wraps=listed))
    attack.run()
    with named("unchanged"):
        assert laptop.replica.core.epoch_key == KEY
        assert phone.replica.core.epoch_key is None
        assert OTHER not in phone.replica.core.epoch_keys.values()
    laptop.write("in the bad epoch", stage.canaries.next())
    phone.write("without a key", stage.canaries.next())
    attack.run()
    # Whoever could open it begins the next epoch, whose back-link leads to the bad one's key.
    stage.propose(laptop, lambda author: author.rotate())
    attack.ends(shows=[kind], changes=[phone])
    with named("kept"):
        assert phone.read("in the bad epoch") == laptop.read("in the bad epoch") is not None
        assert laptop.read("without a key") == phone.read("without a key") is not None
        assert laptop.read(field_of(phone)) is not None
