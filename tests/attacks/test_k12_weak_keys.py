from dataclasses import replace

import pytest

from billfold.device import DeviceSecrets
from billfold_protocol.errors import AuthFailed, WeakKey
from billfold_protocol.ids import SigningPublicKey, WrappingPublicKey
from billfold_protocol.membership import DeviceKeys, Role
from billfold_protocol.messages import Entries
from tests.support.adversaries.attack import Attack
from tests.support.adversaries.findings import named
from tests.support.adversaries.mallory import following, with_mallory
from tests.support.adversaries.stage import pair
from tests.support.seeded_bytes import SeededBytes
from tests.support.wallets import TestDevice
from tests.support.weak_keys import LOW_ORDER, NOT_CANONICAL, SMALL_ORDER

pytestmark = pytest.mark.attack("K12")

ML_KEM_SIZE = 1184


def weak_keys() -> list[DeviceKeys]:
    """Return pairs of keys of which one half is weak."""
    sound = TestDevice("K12/sound").keys
    signing = [replace(sound, signing=SigningPublicKey(raw)) for raw in SMALL_ORDER + NOT_CANONICAL]
    halves = [WrappingPublicKey(sound.wrapping[:ML_KEM_SIZE] + raw) for raw in LOW_ORDER]
    unreduced = WrappingPublicKey(b"\xff" * ML_KEM_SIZE + sound.wrapping[ML_KEM_SIZE:])
    return [*signing, *(replace(sound, wrapping=raw) for raw in (*halves, unreduced))]


async def test_an_owner_cannot_enrol_a_key_that_anybody_could_use() -> None:
    stage, laptop, phone, mallory = with_mallory("K12", Role.OWNER)
    attack = Attack(stage, phone)
    terms = stage.terms(laptop, DeviceSecrets.generate(SeededBytes("K12/new")))
    for keys in weak_keys():
        forged = mallory.membership(replace(terms, keys=keys, holder=mallory.replica.core.holder))
        stage.server.answers.inject(phone.device_id, mallory.announces(forged))
        stage.settle(10.0)
    with named("error"):
        assert len(attack.shown(phone)) == len(weak_keys())
    attack.ends(shows=[WeakKey])


async def test_a_signature_of_zeros_verifies_under_no_key() -> None:
    stage, _laptop, phone = pair("K12/zeros")
    attack = Attack(stage, phone)
    newest = stage.server.store.entries(phone.wallet_id)[-1].raw
    body = following(newest, phone.wallet_id)
    forged = [point + bytes(32) + body for point in (*SMALL_ORDER, *NOT_CANONICAL)]
    stage.server.answers.inject(
        phone.device_id,
        Entries(wallet_id=phone.wallet_id, n=0, entries=tuple(forged)),
    )
    attack.run()
    attack.ends(shows=[AuthFailed])
