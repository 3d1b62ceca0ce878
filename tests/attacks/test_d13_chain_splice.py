from dataclasses import replace

import pytest

from billfold.device import DeviceSecrets
from billfold_protocol.errors import (
    AuthFailed,
    BillfoldError,
    ChainFork,
    NotAuthorised,
    UnsignedMember,
    WrongContext,
)
from billfold_protocol.membership import Home, Role, ServerAddress
from billfold_protocol.messages import Members
from tests.support.adversaries.attack import Attack
from tests.support.adversaries.findings import named
from tests.support.adversaries.mallory import Mallory, with_mallory
from tests.support.adversaries.stage import HonestDevice, Stage
from tests.support.seeded_bytes import SeededBytes

pytestmark = pytest.mark.attack("D13")


def splices(
    stage: Stage, laptop: HonestDevice, mallory: Mallory
) -> dict[str, tuple[int, bytes, type[BillfoldError] | None]]:
    """Return where a server or an owner puts which entry, and what a device says to that."""
    chain, state = laptop.replica.core.chain, laptop.replica.state
    raws = [bytes(raw) for raw in chain.raws]
    k = state.k
    foreign = [bytes(raw) for raw in stage.devices[-1].replica.core.chain.raws]
    keys = DeviceSecrets.generate(SeededBytes("D13/new"))
    terms = stage.terms(mallory.device, keys)
    home = state.home
    assert home is not None
    elsewhere = ServerAddress(address="https://elsewhere.example", key=home.server.key)
    after_next = replace(state, k=k + 1)
    return {
        "another wallet's entry": (k + 1, foreign[-1], WrongContext),
        "another wallet's create": (k + 1, foreign[0], WrongContext),
        "another wallet's entry at a held place": (1, foreign[1], WrongContext),
        "its own entries again": (0, raws[-1], None),
        "an addition without the new device's signature": (
            k + 1,
            mallory.membership(replace(terms, acceptance=bytes(64))),
            UnsignedMember,
        ),
        "an addition accepted in another session": (
            k + 1,
            mallory.membership(replace(terms, session=bytes(16))),
            UnsignedMember,
        ),
        "an addition of a present member": (
            k + 1,
            mallory.membership(replace(terms, keys=laptop.secrets.keys)),
            NotAuthorised,
        ),
        "an entry that skips a place": (
            k + 1,
            mallory.membership(Home(server=elsewhere), after=after_next),
            WrongContext,
        ),
        "an entry that follows another one": (
            k + 1,
            mallory.membership(
                Home(server=elsewhere), after=replace(state, hash=chain.state_at(1).hash)
            ),
            WrongContext,
        ),
        "another entry of a member at a held place": (
            k,
            mallory.membership(Home(server=elsewhere), after=chain.state_at(k - 1)),
            ChainFork,
        ),
        "a changed entry at a held place": (k, raws[k][:-1] + b"\xee", AuthFailed),
    }


async def test_an_entry_of_the_chain_stands_in_its_place_only() -> None:
    stage, laptop, phone, mallory = with_mallory("D13", Role.OWNER)
    attack = Attack(stage, laptop, phone)
    table = splices(stage, laptop, mallory)
    for name, (at, raw, kind) in table.items():
        before = len(phone.shown)
        stage.server.answers.inject(
            phone.device_id, Members(wallet_id=phone.wallet_id, k=at, entries=(raw,))
        )
        stage.settle(10.0)
        found = {type(error) for error in phone.shown[before:]}
        with named("error"):
            assert found == ({kind} if kind else set()), (name, found)
    kinds = {kind for _, _, kind in table.values() if kind is not None}
    attack.victims = (phone,)
    attack.ends(shows=kinds)
