from dataclasses import replace

import pytest

from billfold.device import DeviceSecrets
from billfold_protocol.errors import NotAuthorised
from billfold_protocol.ids import EpochKey
from billfold_protocol.key_hierarchy import rotate_epoch
from billfold_protocol.membership import (
    Close,
    Home,
    Payload,
    Revoke,
    Role,
    Rotate,
    ServerAddress,
    SetRole,
    Target,
    TargetKind,
)
from tests.support.adversaries.attack import Attack
from tests.support.adversaries.findings import named
from tests.support.adversaries.mallory import Mallory, with_mallory
from tests.support.adversaries.stage import HonestDevice, Stage
from tests.support.seeded_bytes import SeededBytes

pytestmark = pytest.mark.attack("D16")


def beyond_a_viewer(stage: Stage, laptop: HonestDevice, mallory: Mallory) -> list[Payload]:
    """Return what a viewer may not do to the wallet."""
    state, me = mallory.state, mallory.secrets.device_id
    keys = DeviceSecrets.generate(SeededBytes("D16/new"))
    rotation, _ = rotate_epoch(
        state,
        recipients=list(state.members.values()),
        author=me,
        previous_key=mallory.replica.core.epoch_keys[state.epoch.id],
        key=EpochKey(b"\x16" * 32),
        nonce=bytes(24),
    )
    fewer = replace(rotation, wrap_hashes=rotation.wrap_hashes[1:])
    home = state.home
    assert home is not None
    elsewhere = ServerAddress(address="https://elsewhere.example", key=home.server.key)
    return [
        Rotate(rotation=rotation),
        SetRole(device=me, role=Role.OWNER, cut={}),
        SetRole(device=laptop.device_id, role=Role.VIEWER, cut={}),
        Home(server=elsewhere),
        Close(),
        stage.terms(mallory.device, keys, Role.EDITOR),
        stage.terms(mallory.device, keys, Role.OWNER),
        Revoke(target=Target(TargetKind.DEVICE, laptop.device_id), cut={}, rotation=fewer),
    ]


async def test_a_viewer_changes_neither_the_members_nor_the_keys() -> None:
    stage, laptop, phone, mallory = with_mallory("D16", Role.VIEWER)
    attack = Attack(stage, laptop, phone)
    payloads = beyond_a_viewer(stage, laptop, mallory)
    for payload in payloads:
        raw = mallory.membership(payload)
        for device in (laptop, phone):
            stage.server.answers.inject(device.device_id, mallory.announces(raw))
        stage.settle(10.0)
    with named("error"):
        assert len(attack.shown(phone)) == len(payloads)
    attack.ends(shows=[NotAuthorised])


async def test_what_a_viewer_writes_counts_nowhere_though_the_server_keeps_it() -> None:
    stage, laptop, phone, mallory = with_mallory("D16/writes", Role.VIEWER)
    phone.go_offline()
    stage.settle()
    attack = Attack(stage, laptop, phone)
    raw = mallory.entry(changes=[])
    stage.server.answers.inject(laptop.device_id, mallory.carries(raw))
    stage.server.store.plant(phone.wallet_id, raw)
    stage.server.forget_all()
    phone.go_online()
    attack.run()
    attack.ends(shows=[NotAuthorised])
    tablet = stage.link(laptop, "tablet")
    with named("unchanged"):
        assert NotAuthorised in {type(error) for error in tablet.shown}
        assert tablet.replica.state_hash() == laptop.replica.state_hash()
