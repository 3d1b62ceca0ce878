from dataclasses import replace

import pytest

from billfold.device import DeviceSecrets
from billfold.replacing import ask, find_request, request_edits
from billfold_protocol.crypto.domains import Domain
from billfold_protocol.errors import BillfoldError, DeviceCloned, NotAuthorised, UnsignedMember
from billfold_protocol.feed import parse_entry
from billfold_protocol.ids import EpochKey
from billfold_protocol.key_hierarchy import rotate_epoch
from billfold_protocol.membership import Member, Replace, Role, replacement_parts
from billfold_protocol.messages import Append
from tests.support.adversaries.attack import Attack
from tests.support.adversaries.findings import named, require_exactly
from tests.support.adversaries.mallory import Mallory, with_mallory
from tests.support.adversaries.stage import pair
from tests.support.adversaries.thief import Thief
from tests.support.seeded_bytes import SeededBytes

pytestmark = pytest.mark.attack("D15")


@pytest.mark.parametrize("has_token", [False, True])
@pytest.mark.parametrize("is_original_online", [True, False])
async def test_a_copy_that_runs_shows_on_every_device_at_its_first_entry(
    *, has_token: bool, is_original_online: bool
) -> None:
    stage, laptop, phone = pair(f"D15 {has_token} {is_original_online}")
    thief = Thief(phone)
    copy = thief.runs(stage, "copy", has_token=has_token)
    stage.settle()
    attack = Attack(stage, laptop, phone)
    if not is_original_online:
        phone.go_offline()
        phone.write("owner offline", stage.canaries.next())
    by_thief = stage.canaries.next()
    copy.write("thief", by_thief)
    attack.run()
    phone.go_online()
    attack.run()
    # Only the copy has written while both were there, but for what waited on the phone.
    for device in (laptop, phone, copy):
        with named("error"):
            require_exactly(
                attack.shown(device) if device is not copy else copy.shown, [DeviceCloned], device
            )
    by_owner = stage.canaries.next()
    phone.write("owner", by_owner)
    attack.run()
    with named("kept"):
        for device in (laptop, phone, copy):
            assert device.read("thief") == by_thief
            assert device.read("owner") == by_owner
        hashes = {device.replica.state_hash() for device in (laptop, phone, copy)}
        assert len(hashes) == 1
        assert all(device.replica.unsynced_count == 0 for device in (laptop, phone, copy))
    with named("error"):
        shown = [*attack.shown(laptop), *attack.shown(phone), *copy.shown]
        assert len(shown) == 3, "each device is told once"
        assert phone.device_id in laptop.replica.core.succession.copied
    attack.ends(shows=[DeviceCloned], changes=(laptop, phone))


async def test_a_copy_that_only_reads_is_not_seen() -> None:
    stage, laptop, phone = pair("D15 reads")
    copy = Thief(phone).runs(stage, "copy", has_token=True)
    attack = Attack(stage, laptop, phone)
    attack.run()
    copy.go_offline()
    attack.ends()


async def test_a_device_that_is_restored_is_no_copy() -> None:
    stage, laptop, phone = pair("D15 restored")
    attack = Attack(stage, laptop, phone)
    phone.back_up()
    lost = stage.canaries.next()
    phone.write("after the backup", lost)
    attack.run()
    phone.restore()
    attack.run()
    phone.write("after the restore", stage.canaries.next())
    attack.run()
    with named("kept"):
        assert laptop.read("after the backup") == phone.read("after the backup") == lost
    attack.ends(shows=[], changes=(laptop, phone))


def keys_of_the_thief(mallory: Mallory, old: Member) -> Replace:
    """Return what the thief of a device signs to have keys of its own in a member's place."""
    mine, state = DeviceSecrets.generate(SeededBytes("D15/thief")), mallory.state
    parts = replacement_parts(state.wallet_id, old.device, mine.keys)
    member = replace(old, device=mine.device_id, keys=mine.keys)
    others = [one for one in state.members.values() if one.device != old.device]
    rotation, _ = rotate_epoch(
        state,
        recipients=[*others, member],
        author=mallory.secrets.device_id,
        previous_key=mallory.replica.core.epoch_keys[state.epoch.id],
        key=EpochKey(b"\x15" * 32),
        nonce=bytes(24),
    )
    return Replace(
        device=old.device,
        keys=mine.keys,
        acceptance=mine.signing_key.sign(Domain.REPLACEMENT_ACCEPTANCE, *parts),
        request=mallory.signing_key.sign(Domain.REPLACEMENT_REQUEST, *parts),
        cut={},
        rotation=rotation,
    )


@pytest.mark.parametrize(("is_own", "kind"), [(True, NotAuthorised), (False, UnsignedMember)])
async def test_a_thiefs_replace_alone_changes_nothing(
    *, is_own: bool, kind: type[BillfoldError]
) -> None:
    # Everything in the phone's files is the thief's: it signs as the phone.
    stage, laptop, tablet, mallory = with_mallory(f"D15 replace {is_own}", Role.OWNER)
    victim = mallory.secrets.device_id if is_own else laptop.device_id
    payload = keys_of_the_thief(mallory, mallory.state.members[victim])
    raw = mallory.membership(payload)
    attack = Attack(stage, laptop, tablet)
    mallory.send(Append(wallet_id=laptop.wallet_id, entry=raw, wraps=()))
    attack.run()
    with named("unchanged"):
        log = stage.server.store.load_wallet(laptop.wallet_id)
        assert log is not None
        assert raw not in log.members, "the server took it"
    for device in (laptop, tablet):
        stage.server.answers.inject(device.device_id, mallory.announces(raw))
    attack.run()
    with named("error"):
        for device in (laptop, tablet):
            require_exactly(attack.shown(device), [kind], device)
    attack.ends(shows=[kind])


async def test_new_keys_shut_the_copy_out_and_cost_the_device_nothing() -> None:
    stage, laptop, phone = pair("D15 cure")
    copy = Thief(phone).runs(stage, "copy")
    stage.settle()
    by_thief, by_owner = stage.canaries.next(), stage.canaries.next()
    copy.write("thief", by_thief)
    stage.settle()
    thief = Thief(copy)
    asked = ask(phone.replica)
    phone.edit(request_edits(phone.replica, asked))
    stage.settle()
    phone.go_offline()
    phone.write("not sent", by_owner)
    wanted = find_request(laptop.replica, phone.device_id, asked.code)
    attack = Attack(stage, laptop)
    stage.propose(laptop, lambda author: author.replace(wanted))
    phone.go_online()
    attack.run()
    with named("kept"):
        assert laptop.read("not sent") == phone.read("not sent") == by_owner
        assert laptop.read("thief") == phone.read("thief") == by_thief
        assert phone.replica.core.device_id == asked.secrets.device_id
    with named("error"):
        assert copy.replica.is_removed
    after = stage.canaries.next()
    phone.write("after", after)
    attack.run()
    with named("secrets"):
        first_k = laptop.replica.state.epoch.k
        opened = thief.opens(stage, laptop)
        rows = stage.server.store.entries(laptop.wallet_id)
        new = {
            row.entry_id
            for row in rows
            if parse_entry(row.raw, laptop.wallet_id).value.k >= first_k
        }
        assert new
        assert not new & opened, "the copy opens what came later"
    with named("kept"):
        assert laptop.read("after") == after
        assert laptop.replica.state_hash() == phone.replica.state_hash()
