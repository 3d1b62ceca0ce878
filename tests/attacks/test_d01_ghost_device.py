from dataclasses import replace

import pytest

from billfold.device import DeviceSecrets
from billfold_protocol.crypto.domains import Domain
from billfold_protocol.crypto.signing import SigningKey
from billfold_protocol.errors import AuthFailed, UnsignedMember, WrongContext
from billfold_protocol.ids import DeviceId, EpochKey
from billfold_protocol.membership import Link, MembershipEntry, acceptance_parts, sign_entry
from billfold_protocol.messages import Append, Entries, Members
from tests.support.adversaries.attack import Attack
from tests.support.adversaries.findings import Broken, named
from tests.support.adversaries.mallory import Mallory
from tests.support.adversaries.stage import HonestDevice, Stage, pair
from tests.support.seeded_bytes import SeededBytes

pytestmark = pytest.mark.attack("D01")


def ghost(seed: str) -> DeviceSecrets:
    return DeviceSecrets.generate(SeededBytes(seed))


def addition(
    stage: Stage, device: HonestDevice, keys: DeviceSecrets, author: DeviceId, signer: SigningKey
) -> bytes:
    """Return an entry that lists a device, by an author who may or may not have signed it."""
    state = device.replica.state
    terms = stage.terms(device, keys)
    parts = acceptance_parts(state.wallet_id, author, terms)
    accepted: Link = replace(
        terms, acceptance=keys.signing_key.sign(Domain.MEMBERSHIP_ACCEPTANCE, *parts)
    )
    entry = MembershipEntry(
        k=state.k + 1,
        time_s=0,
        wallet_id=state.wallet_id,
        previous=state.hash,
        author=author,
        payload=accepted,
    )
    return sign_entry(entry, signer).raw


def require_wraps_for_members_only(stage: Stage, *devices: HonestDevice) -> None:
    """Look through everything that was uploaded for a key wrapped for somebody else."""
    for device in devices:
        members = device.replica.core.chain.state.sponsors.keys()
        for outbox in stage.server.answers.of(device.device_id):
            for message in outbox.messages:
                if isinstance(message, Append):
                    strangers = {to for _, to, _ in message.wraps} - members
                    if strangers:
                        raise Broken("secrets", f"a key was wrapped for {strangers}")


@pytest.mark.parametrize("signed_by", ["itself", "a foreign owner", "nobody"])
async def test_a_device_that_no_member_added_is_no_member(signed_by: str) -> None:
    stage, laptop, phone = pair(f"D01/{signed_by}")
    keys = ghost(f"D01/{signed_by}")
    attack = Attack(stage, laptop, phone)
    match signed_by:
        case "itself":
            author, signer = keys.device_id, keys.signing_key
        case "a foreign owner":
            foreigner = stage.devices[-1].secrets
            author, signer = foreigner.device_id, foreigner.signing_key
        case _:
            author, signer = laptop.device_id, keys.signing_key
    raw = addition(stage, phone, keys, author, signer)
    message = Members(wallet_id=phone.wallet_id, k=phone.replica.state.k + 1, entries=(raw,))
    for device in (laptop, phone):
        stage.server.answers.inject(device.device_id, message)
    attack.run()
    attack.ends(shows=[AuthFailed if signed_by == "nobody" else UnsignedMember])
    stage.propose(laptop, lambda author: author.rotate())
    with named("secrets"):
        assert keys.device_id not in phone.replica.state.members
        require_wraps_for_members_only(stage, laptop, phone)


async def test_an_addition_of_another_wallet_adds_nobody_here() -> None:
    stage, _laptop, phone = pair("D01/foreign")
    attack = Attack(stage, phone)
    foreign = stage.devices[-2]
    raw = addition(
        stage, foreign, ghost("D01/foreign"), foreign.device_id, foreign.secrets.signing_key
    )
    stage.server.answers.inject(
        phone.device_id,
        Members(wallet_id=phone.wallet_id, k=phone.replica.state.k + 1, entries=(raw,)),
    )
    attack.run()
    attack.ends(shows=[WrongContext])


async def test_an_entry_of_a_device_that_is_no_member_does_not_count() -> None:
    stage, laptop, phone = pair("D01/entry")
    stranger = Mallory(stage.found("stranger"))
    attack = Attack(stage, laptop, phone)
    raw = stranger.entry(state=phone.replica.state, key=EpochKey(bytes(32)))
    message = Entries(wallet_id=phone.wallet_id, n=0, entries=(raw,))
    for device in (laptop, phone):
        stage.server.answers.inject(device.device_id, message)
    attack.run()
    attack.ends(shows=[UnsignedMember])
