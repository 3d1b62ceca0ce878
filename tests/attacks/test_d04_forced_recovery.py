from dataclasses import replace

import pytest

from billfold.device import DeviceSecrets
from billfold_protocol import codec
from billfold_protocol.crypto.domains import Domain
from billfold_protocol.errors import Malformed, NotAuthorised, UnsignedMember
from billfold_protocol.membership import Kind, MembershipEntry, acceptance_parts, sign_entry
from billfold_protocol.messages import Append, Members
from tests.support.adversaries.attack import Attack
from tests.support.adversaries.findings import named
from tests.support.adversaries.mallory import with_mallory
from tests.support.adversaries.stage import pair
from tests.support.seeded_bytes import SeededBytes

pytestmark = pytest.mark.attack("D04")

POLICIES: list[list[object]] = [
    [99, "policy", "recovery=on"],
    [200, {"recovery": True}],
    [10, b"\0" * 32, "enrol", b"key"],
    [1, 1, b"\0" * 32, b"\0" * 32, b"\0" * 16, {"flags": ["recovery"]}],
]


async def test_a_recovery_key_of_the_servers_is_not_enrolled() -> None:
    stage, laptop, phone = pair("D04")
    attack = Attack(stage, laptop, phone)
    keys = DeviceSecrets.generate(SeededBytes("D04/recovery"))
    state = phone.replica.state
    terms = stage.terms(laptop, keys, kind=Kind.RECOVERY)
    parts = acceptance_parts(state.wallet_id, keys.device_id, terms)
    accepted = replace(
        terms, acceptance=keys.signing_key.sign(Domain.MEMBERSHIP_ACCEPTANCE, *parts)
    )
    entry = MembershipEntry(
        k=state.k + 1,
        time_s=0,
        wallet_id=state.wallet_id,
        previous=state.hash,
        author=keys.device_id,
        payload=accepted,
    )
    raw = sign_entry(entry, keys.signing_key).raw
    for device in (laptop, phone):
        stage.server.answers.inject(
            device.device_id, Members(wallet_id=state.wallet_id, k=state.k + 1, entries=(raw,))
        )
    attack.run()
    attack.ends(shows=[UnsignedMember])
    with named("secrets"):
        uploads = [
            message
            for device in (laptop, phone)
            for outbox in stage.server.answers.of(device.device_id)
            for message in outbox.messages
            if isinstance(message, Append)
        ]
        assert not any(to == keys.device_id for append in uploads for _, to, _ in append.wraps)


async def test_a_policy_from_a_server_is_no_message() -> None:
    stage, laptop, phone = pair("D04/policy")
    attack = Attack(stage, laptop, phone)
    for fields in POLICIES:
        for device in (laptop, phone):
            stage.server.answers.inject(device.device_id, codec.encode(fields))
        stage.settle(10.0)
    attack.ends(shows=[Malformed])


async def test_a_member_that_is_no_owner_enrols_no_recovery_key() -> None:
    stage, laptop, phone, mallory = with_mallory("D04/member")
    attack = Attack(stage, laptop, phone)
    keys = DeviceSecrets.generate(SeededBytes("D04/member/recovery"))
    terms = stage.terms(mallory.device, keys, kind=Kind.RECOVERY)
    raw = mallory.membership(terms)
    for device in (laptop, phone):
        stage.server.answers.inject(device.device_id, mallory.announces(raw))
    attack.run()
    attack.ends(shows=[NotAuthorised])
