import asyncio
import secrets
from math import log2
from pathlib import Path

import pytest
from mnemonic import Mnemonic

from billfold import Wallet
from billfold.device import DeviceSecrets
from billfold_protocol.errors import PairingFailed
from billfold_protocol.linking import CODE_WORDS_COUNT, CodeExchange, LinkInitiator, LinkResponder
from billfold_protocol.membership import Kind
from tests.support.adversaries.findings import Broken, named, refused, scaled, show
from tests.support.adversaries.pairing import Meddle, Middle, attempt
from tests.support.adversaries.socket_stage import socket_stage
from tests.support.linked_wallets import UNLOCK

pytestmark = pytest.mark.attack("D05")

GUESSES_COUNT = scaled(small=10, whole=500)
"""Whole exchanges over a guess at the words."""

KEYS_COUNT = scaled(small=50, whole=100_000)
"""Meddlers who have some key or other, as a wrong guess gives one."""

WELCOME = 3


def attackers_own(position: int, frame: bytes) -> bytes:
    """Return a message of the same kind and size, made with the attacker's own keys."""
    keys = DeviceSecrets.generate(secrets.token_bytes)
    if position == 0:
        side = LinkInitiator(
            secrets.token_bytes(32),
            keys=keys.keys,
            signing_key=keys.signing_key,
            unwrapping_key=keys.unwrapping_key,
            random=secrets.token_bytes,
        )
        return side.hello("tablet", Kind.DEVICE)
    return secrets.token_bytes(len(frame))


def flipped(_position: int, frame: bytes) -> bytes:
    at = secrets.randbelow(len(frame) * 8)
    return (int.from_bytes(frame, "big") ^ 1 << at).to_bytes(len(frame), "big")


def words_bits() -> float:
    """Return how much there is to guess in the words of a code."""
    return CODE_WORDS_COUNT * log2(len(Mnemonic("english").wordlist))


def at(which: int, meddle: Meddle) -> Meddle:
    return lambda position, frame: meddle(position, frame) if position == which else frame


@pytest.mark.parametrize("meddle", [attackers_own, flipped])
async def test_whoever_stands_between_two_devices_links_nothing(
    tmp_path: Path, meddle: Meddle
) -> None:
    async with socket_stage(f"D05/{meddle.__name__}", tmp_path) as stage:
        laptop, _phone = await stage.pair()
        address = stage.net.address
        for position in range(WELCOME):
            middle = Middle(at(position, meddle))
            ended = await attempt(tmp_path / f"new{position}", laptop, address, middle)
            with named("error"):
                assert ended.errors == [PairingFailed, PairingFailed], (position, ended.errors)
            with named("unchanged"):
                assert len([d for d in laptop.devices() if not d.is_removed]) == 2
        await stage.ends()
        # The last message goes to a device that the person has confirmed and that is a member; it
        # fails on the new device alone, which then has nothing.
        ended = await attempt(tmp_path / "last", laptop, address, Middle(at(WELCOME, meddle)))
        with named("error"):
            assert type(ended.newcomer) is PairingFailed
        show(PairingFailed)


async def test_a_guess_at_the_words_gives_the_two_ends_different_keys(tmp_path: Path) -> None:
    async with socket_stage("D05/words", tmp_path) as stage:
        laptop, _phone = await stage.pair()
        words: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        linking = asyncio.create_task(
            laptop.link_device_by_words(show=words.set_result, confirm=lambda _: True)
        )
        number = (await words).partition("-")[0]
        with refused(PairingFailed):
            await Wallet.link(
                tmp_path / "guesser",
                unlock=UNLOCK,
                server=stage.net.address,
                name="guesser",
                code=f"{number}-abandon-ability-able",
            )
        with refused(PairingFailed):
            await linking
        await stage.ends()
    for _ in range(GUESSES_COUNT):
        victim = CodeExchange(
            "crossbow-paris-velvet", is_initiator=True, random=secrets.token_bytes
        )
        guess = "-".join(secrets.token_hex(3) for _ in range(3))
        attacker = CodeExchange(guess, is_initiator=False, random=secrets.token_bytes)
        theirs, ours = attacker.finish(victim.message), victim.finish(attacker.message)
        if theirs == ours:
            raise Broken("secrets", "a wrong guess gave the victim's key")
        responder = LinkResponder(theirs, expected_keys_hash=None, random=secrets.token_bytes)
        with refused(PairingFailed):
            keys = DeviceSecrets.generate(secrets.token_bytes)
            side = LinkInitiator(
                ours,
                keys=keys.keys,
                signing_key=keys.signing_key,
                unwrapping_key=keys.unwrapping_key,
                random=secrets.token_bytes,
            )
            responder.hello(side.hello("tablet", Kind.DEVICE))
    show(f"0 of {GUESSES_COUNT} guesses")


def test_whoever_has_another_key_is_heard_by_nobody() -> None:
    """A guess at 33 bits, one for each code: what is shown is that any other key is refused."""
    with named("error"):
        assert words_bits() > 20
    keys = DeviceSecrets.generate(secrets.token_bytes)
    side = LinkInitiator(
        secrets.token_bytes(32),
        keys=keys.keys,
        signing_key=keys.signing_key,
        unwrapping_key=keys.unwrapping_key,
        random=secrets.token_bytes,
    )
    hello = side.hello("tablet", Kind.DEVICE)
    for _ in range(KEYS_COUNT):
        responder = LinkResponder(
            secrets.token_bytes(32), expected_keys_hash=None, random=secrets.token_bytes
        )
        with refused(PairingFailed):
            responder.hello(hello)
    show(f"0 of {KEYS_COUNT} other keys, {words_bits():.0f} bits in the words")
