import pytest

from billfold_protocol.envelope import can_open
from billfold_protocol.errors import CommitMismatch, UnsignedMember
from billfold_protocol.feed import parse_entry
from billfold_protocol.ids import EpochKey
from billfold_protocol.key_hierarchy import WrapContext, commit_to, rotate_epoch, wrap_epoch_key
from billfold_protocol.membership import MembershipEntry, Rotate, sign_entry
from billfold_protocol.messages import Members, Wraps
from tests.support.adversaries.attack import Attack, field_of
from tests.support.adversaries.evil_relay import without
from tests.support.adversaries.findings import named
from tests.support.adversaries.stage import HonestDevice, Stage
from tests.support.wallets import TestDevice

pytestmark = pytest.mark.attack("K02")

SERVERS_KEY = EpochKey(b"\x55" * 32)


def served_by_the_server(device: HonestDevice, k: int, *, is_committed: bool) -> Wraps:
    """Wrap a key of the server's for a device, validly: all that it takes is public."""
    chain = device.replica.core.chain
    at = min(max(k, 1), len(chain) - 1)
    state, before = chain.state_at(at), chain.state_at(at - 1)
    context = WrapContext(
        wallet_id=chain.wallet_id,
        k=k,
        previous=before.hash,
        author=chain.entries[at].author,
        commitment=state.epoch.commitment if is_committed else commit_to(SERVERS_KEY),
    )
    member = device.replica.state.members[device.device_id]
    wrapped = wrap_epoch_key(SERVERS_KEY, member, context)
    return Wraps(wallet_id=chain.wallet_id, wraps=((k, device.device_id, wrapped),))


async def test_a_key_that_the_server_wraps_for_a_device_is_not_taken() -> None:
    stage = Stage("K02")
    laptop = stage.found("laptop")
    phone = stage.link(laptop, "phone")
    # The key is on its way, and the server gives another one in its place.
    stage.server.answers.tamper = without(Wraps)
    stage.propose(laptop, lambda author: author.rotate())
    attack = Attack(stage, phone)
    newest = phone.replica.state.k
    for k in (newest, newest + 1, 0):
        for is_committed in (True, False):
            wraps = served_by_the_server(phone, k, is_committed=is_committed)
            stage.server.answers.inject(phone.device_id, wraps)
    attack.run()
    attack.ends(shows=[CommitMismatch])
    ours = laptop.replica.core.epoch_key
    assert ours is not None
    newest_entry = stage.server.store.entries(phone.wallet_id)[-1]
    entry = parse_entry(newest_entry.raw, phone.wallet_id).value
    with named("secrets"):
        assert phone.read(field_of(laptop)) is not None
        assert can_open(entry, phone.wallet_id, ours)
        assert not can_open(entry, phone.wallet_id, SERVERS_KEY)


async def test_an_epoch_that_the_server_begins_is_refused() -> None:
    stage = Stage("K02/epoch")
    laptop = stage.found("laptop")
    phone = stage.link(laptop, "phone")
    attack = Attack(stage, phone)
    server = TestDevice("K02/server")
    state = phone.replica.state
    rotation, wraps = rotate_epoch(
        state,
        recipients=list(state.members.values()),
        author=server.id,
        previous_key=SERVERS_KEY,
        key=SERVERS_KEY,
        nonce=bytes(24),
    )
    forged = MembershipEntry(
        k=state.k + 1,
        time_s=0,
        wallet_id=state.wallet_id,
        previous=state.hash,
        author=server.id,
        payload=Rotate(rotation=rotation),
    )
    raw = sign_entry(forged, server.signing_key).raw
    stage.server.answers.inject(
        phone.device_id,
        Members(wallet_id=phone.wallet_id, k=state.k + 1, entries=(raw,)),
        Wraps(
            wallet_id=phone.wallet_id,
            wraps=((state.k + 1, phone.device_id, wraps[phone.device_id]),),
        ),
    )
    attack.run()
    attack.ends(shows=[UnsignedMember])
