from collections.abc import Callable, Sequence
from dataclasses import replace

import pytest

from billfold.remedies import ANSWERS_COUNT_MAX, LATE_MS
from billfold_protocol.errors import AuthFailed, BillfoldError, CommitMismatch
from billfold_protocol.ids import DeviceId, EpochKey
from billfold_protocol.key_hierarchy import (
    WrapContext,
    commit_to,
    rotate_epoch,
    seal_back_link,
    wrap_epoch_key,
)
from billfold_protocol.membership import Complain, Member, Rotate, Target, TargetKind, wrap_hash
from billfold_protocol.messages import Append, Push
from tests.support.adversaries.attack import Attack, field_of
from tests.support.adversaries.findings import named
from tests.support.adversaries.mallory import Mallory, with_mallory
from tests.support.adversaries.stage import HonestDevice

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


def send_rotation(
    mallory: Mallory,
    spoiled: Callable[[Member, WrapContext], bytes] | None = None,
    victims: Sequence[HonestDevice] = (),
    *,
    back_link: bytes | None = None,
    is_withheld: bool = False,
) -> None:
    """Begin an epoch whose wraps for some, or whose way back, are not what they should be."""
    state = mallory.state
    # Who rotates badly does not answer complaints.
    mallory.device.is_deaf = True
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
    wraps: dict[DeviceId, bytes] = dict(good)
    for victim in victims:
        if spoiled is not None:
            wraps[victim.device_id] = spoiled(state.members[victim.device_id], context)
    hashes = tuple(wrap_hash(wraps[device]) for device in sorted(state.members))
    changed = replace(rotation, wrap_hashes=hashes, back_link=back_link or rotation.back_link)
    raw = mallory.membership(Rotate(rotation=changed))
    left_out = {victim.device_id for victim in victims} if is_withheld else set()
    listed = tuple(
        (state.k + 1, device, wrapped)
        for device, wrapped in sorted(wraps.items())
        if device not in left_out
    )
    mallory.send(Append(wallet_id=state.wallet_id, entry=raw, wraps=listed))


def made_by(device: HonestDevice, kind: type[Rotate | Complain]) -> int:
    """Return how many entries of a kind a device has made."""
    entries = device.replica.core.chain.entries
    return sum(e.author == device.device_id and isinstance(e.payload, kind) for e in entries)


@pytest.mark.parametrize(("wrapping", "kind"), WRAPPINGS)
async def test_a_rotation_that_gives_one_device_another_key_costs_no_edit(
    wrapping: Callable[[Member, WrapContext], bytes], kind: type[BillfoldError]
) -> None:
    stage, laptop, phone, mallory = with_mallory(f"D18/{kind.__name__}")
    laptop.go_offline()
    attack = Attack(stage, phone)
    send_rotation(mallory, wrapping, [phone])
    attack.run()
    with named("unchanged"):
        assert phone.replica.core.epoch_key is None
        assert OTHER not in phone.replica.core.epoch_keys.values()
    with named("error"):
        assert made_by(phone, Complain) == 1, "who cannot open publishes a complaint"
    phone.write("without a key", stage.canaries.next())
    laptop.go_online()
    # Whoever could open it begins the next epoch, whose back-link leads to the bad one's key.
    attack.run()
    with named("error"):
        assert made_by(laptop, Rotate) == 1, "a complaint is answered by a rotation"
        assert KEY in phone.replica.core.epoch_keys.values()
    attack.ends(shows=[kind], changes=[phone])
    with named("kept"):
        assert laptop.read("without a key") == phone.read("without a key") is not None
        assert laptop.read(field_of(phone)) is not None


@pytest.mark.parametrize("kind", [AuthFailed, CommitMismatch])
async def test_a_back_link_that_leads_nowhere_cuts_no_history(kind: type[BillfoldError]) -> None:
    stage, laptop, phone, mallory = with_mallory(f"D18/back-link/{kind.__name__}")
    lying = seal_back_link(KEY, mallory.state, OTHER, bytes(24))
    first = dict(laptop.replica.core.epoch_keys)
    attack = Attack(stage, laptop, phone)
    send_rotation(mallory, back_link=b"\1" * 72 if kind is AuthFailed else lying)
    attack.run()
    with named("error"):
        assert made_by(laptop, Rotate) + made_by(phone, Rotate) == 1, "one heals it, once"
    tablet = stage.link(laptop, "tablet")
    with named("kept"):
        held = tablet.replica.core.epoch_keys
        assert first.items() <= held.items(), "a device linked later reaches every key"
        assert KEY in held.values()
        assert tablet.read("phone 1") == laptop.read("phone 1") is not None
    attack.ends(shows=[kind], changes=[laptop, phone])


async def test_an_epoch_that_nobody_can_open_is_passed_and_its_entries_wait() -> None:
    stage, laptop, phone, mallory = with_mallory("D18/nobody")
    before = dict(laptop.replica.core.epoch_keys)
    attack = Attack(stage, laptop, phone)
    answers: list[BaseException | None] = []
    send_rotation(mallory, lambda _member, _context: bytes(1168), [laptop, phone])
    stage.settle(5.0)
    # The person removes who did it, on a device that lacks the key to make that entry with.
    target = Target(TargetKind.DEVICE, mallory.secrets.device_id)
    laptop.propose(lambda author: author.revoke(target), answers.append)
    attack.run()
    with named("unchanged"):
        assert laptop.replica.core.epoch_key is phone.replica.core.epoch_key is None
    state = laptop.replica.state
    hidden = mallory.entry(
        changes=[], state=laptop.replica.core.chain.state_at(state.epoch.k), key=KEY
    )
    mallory.send(Push(wallet_id=laptop.wallet_id, entries=(hidden,)))
    for device in (laptop, phone):
        device.write(f"of {device.name}", stage.canaries.next())
    attack.run(70.0)
    for device in (laptop, phone):
        device.reconnect()
    attack.run(70.0)
    with named("error"):
        assert made_by(laptop, Complain) == made_by(phone, Complain) == 1
        assert made_by(laptop, Rotate) + made_by(phone, Rotate) >= 1, "somebody goes past it"
    with named("kept"):
        for device in (laptop, phone):
            assert device.replica.core.epoch_key is not None
            assert before.items() <= device.replica.core.epoch_keys.items()
            assert device.replica.waiting_count == 1, "what was written in it waits"
        assert all(
            laptop.read(f"of {d.name}") == phone.read(f"of {d.name}") for d in (laptop, phone)
        )
        assert answers == [None]
        assert mallory.secrets.device_id not in laptop.replica.state.members
    attack.ends(shows=[AuthFailed], changes=[laptop, phone])
    tablet = stage.link(laptop, "tablet")
    with named("kept"):
        assert before.items() <= tablet.replica.core.epoch_keys.items()


async def test_a_key_that_is_kept_back_is_missed_after_a_while() -> None:
    stage, laptop, phone, mallory = with_mallory("D18/withheld")
    attack = Attack(stage, phone)
    send_rotation(mallory, None, [phone], is_withheld=True)
    for _ in range(2):
        attack.run(LATE_MS / 1000)
        phone.reconnect()
        attack.run()
    with named("error"):
        assert made_by(phone, Complain) == 1
        assert made_by(laptop, Rotate) == 1
        assert KEY in phone.replica.core.epoch_keys.values()
    attack.ends(shows=[], changes=[phone])


async def test_who_complains_without_end_costs_the_others_a_few_epochs() -> None:
    stage, laptop, phone, mallory = with_mallory("D18/complains")
    attack = Attack(stage, laptop, phone)
    mallory.device.is_deaf = True
    for _ in range(12):
        after = laptop.replica.state
        raw = mallory.membership(Complain(epoch=after.epoch.id), after=after)
        mallory.send(Append(wallet_id=laptop.wallet_id, entry=raw, wraps=()))
        stage.settle(10.0)
    with named("error"):
        assert 1 <= made_by(laptop, Rotate) + made_by(phone, Rotate) <= 2 * (ANSWERS_COUNT_MAX + 1)
    attack.ends(shows=[], changes=[laptop, phone])
