from dataclasses import replace

import pytest

from billfold_protocol.crypto.domains import Domain
from billfold_protocol.errors import BillfoldError, NotAuthorised, UnsignedMember
from billfold_protocol.ids import DeviceId
from billfold_protocol.membership import (
    Link,
    MembershipEntry,
    MembershipState,
    acceptance_parts,
    sign_entry,
)
from billfold_protocol.messages import Append, Members, Wraps
from tests.support.adversaries.attack import Attack
from tests.support.adversaries.findings import named
from tests.support.adversaries.mallory import Mallory
from tests.support.adversaries.stage import HonestDevice, Stage, pair

pytestmark = pytest.mark.attack("D17")


def replays(
    state: MembershipState, tablet: HonestDevice, member: Mallory, terms: Link
) -> list[tuple[bytes, type[BillfoldError]]]:
    """Return additions of a removed device, by itself and by a member who helps it."""

    def accepted(sponsor: DeviceId) -> Link:
        parts = acceptance_parts(state.wallet_id, sponsor, terms)
        sign = tablet.secrets.signing_key.sign
        return replace(terms, acceptance=sign(Domain.MEMBERSHIP_ACCEPTANCE, *parts))

    own = MembershipEntry(
        k=state.k + 1,
        time_s=0,
        wallet_id=state.wallet_id,
        previous=state.hash,
        author=tablet.device_id,
        payload=accepted(tablet.device_id),
    )
    return [
        (member.membership(accepted(member.secrets.device_id), after=state), NotAuthorised),
        (member.membership(terms, after=state), NotAuthorised),
        (sign_entry(own, tablet.secrets.signing_key).raw, UnsignedMember),
    ]


def added_at(laptop: HonestDevice, device: HonestDevice) -> tuple[int, Link]:
    """Return where a device was added, and on which terms."""
    for k, entry in enumerate(laptop.replica.core.chain.entries):
        payload = entry.payload
        if isinstance(payload, Link) and payload.keys == device.secrets.keys:
            return k, payload
    raise AssertionError


def last_upload(stage: Stage, device: HonestDevice) -> Append:
    """Return the last membership entry that a device has brought."""
    appends = [
        message
        for outbox in stage.server.answers.of(device.device_id)
        for message in outbox.messages
        if isinstance(message, Append)
    ]
    return appends[-1]


async def test_a_removed_device_does_not_come_back_by_what_once_let_it_in() -> None:
    stage, laptop, phone = pair("D17")
    tablet = stage.link(laptop, "tablet")
    member = Mallory(stage.link(laptop, "mallory"))
    added_k, terms = added_at(laptop, tablet)
    wallet_id = laptop.wallet_id
    wraps = [w for w in stage.server.store.wraps(wallet_id) if w.device == tablet.device_id]
    stage.revoke(laptop, tablet)
    attack = Attack(stage, laptop, phone)
    state = laptop.replica.state
    for device in (laptop, phone):
        for raw, kind in replays(state, tablet, member, terms):
            before = len(device.shown)
            message = Members(wallet_id=wallet_id, k=state.k + 1, entries=(raw,))
            stage.server.answers.inject(device.device_id, message)
            stage.settle(10.0)
            with named("error"):
                assert {type(error) for error in device.shown[before:]} == {kind}
        # Its old place in the chain is known and says nothing new; its old wrap is for nobody here.
        old = bytes(device.replica.core.chain.raws[added_k])
        stage.server.answers.inject(
            device.device_id,
            Members(wallet_id=wallet_id, k=added_k, entries=(old,)),
            Wraps(wallet_id=wallet_id, wraps=tuple((w.k, w.device, w.raw) for w in wraps)),
        )
    attack.run()
    attack.ends(shows=[NotAuthorised, UnsignedMember])
    stage.propose(laptop, lambda author: author.rotate())
    with named("secrets"):
        assert tablet.device_id not in phone.replica.state.members
        wrapped_for = {to for _, to, _ in last_upload(stage, laptop).wraps}
        assert phone.device_id in wrapped_for
        assert tablet.device_id not in wrapped_for
