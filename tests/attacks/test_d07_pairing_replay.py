import hashlib
import secrets
from collections.abc import Callable
from pathlib import Path

import pytest

from billfold.device import DeviceSecrets
from billfold_protocol.errors import PairingFailed
from billfold_protocol.linking import CodeExchange, LinkInitiator, LinkResponder
from billfold_protocol.membership import Kind
from tests.support.adversaries.findings import Broken, named, refused, scaled, show
from tests.support.adversaries.pairing import Middle, attempt
from tests.support.adversaries.socket_stage import socket_stage

pytestmark = pytest.mark.attack("D07")

OFFLINE_COUNT = scaled(small=10, whole=500)
"""Whole exchanges with what was recorded of one side."""

CANDIDATES_COUNT = scaled(small=200, whole=1_000_000)
"""Keys made of guesses and all that was recorded, each tried on a recorded message."""


def replaying(old: list[bytes], which: int) -> Callable[[int, bytes], bytes]:
    return lambda position, frame: old[which] if position == which else frame


class Echo:
    """Gives each message that comes to a device its own last one in its place."""

    def __init__(self) -> None:
        self.last = b""

    def __call__(self, position: int, frame: bytes) -> bytes:
        if position % 2 == 0:
            self.last = frame
            return frame
        return self.last


async def test_an_old_pairing_replayed_or_reflected_links_nothing(tmp_path: Path) -> None:
    async with socket_stage("D07", tmp_path) as stage:
        laptop, _phone = await stage.pair()
        address = stage.net.address
        recorder = Middle()
        first = await attempt(tmp_path / "first", laptop, address, recorder)
        assert not isinstance(first.newcomer, BaseException)
        stage.home.wallets["tablet"] = first.newcomer
        await stage.home.settle()
        stage.look()
        members_count = len(laptop.devices())
        for which in range(3):
            middle = Middle(replaying(recorder.seen, which))
            ended = await attempt(tmp_path / f"replayed{which}", laptop, address, middle)
            with named("error"):
                assert ended.errors == [PairingFailed, PairingFailed]
        reflected = await attempt(tmp_path / "echo", laptop, address, Middle(Echo()))
        with named("error"):
            assert reflected.errors == [PairingFailed, PairingFailed]
        with named("unchanged"):
            assert len(laptop.devices()) == members_count
        show(PairingFailed)
        await stage.ends()


async def test_a_code_is_good_for_one_guess(tmp_path: Path) -> None:
    async with socket_stage("D07/guess", tmp_path) as stage:
        laptop, _phone = await stage.pair()
        address = stage.net.address
        for number in range(3):
            guess = Middle(lambda _position, frame: bytes(len(frame)))
            ended = await attempt(tmp_path / f"guess{number}", laptop, address, guess)
            with named("error"):
                assert ended.errors == [PairingFailed, PairingFailed]
            with refused(PairingFailed):
                await laptop.link_device(ended.uri, confirm=lambda _: True)
        await stage.ends()


def test_a_recorded_exchange_tells_nothing_about_the_words() -> None:
    """Even the true words, tried offline, give another key: the exponents are gone."""
    words = "crossbow-paris-velvet"
    victim = CodeExchange(words, is_initiator=True, random=secrets.token_bytes)
    other = CodeExchange(words, is_initiator=False, random=secrets.token_bytes)
    key = victim.finish(other.message)
    for number in range(OFFLINE_COUNT):
        guess = words if number % 2 else f"guess-{number}-words"
        attacker = CodeExchange(guess, is_initiator=False, random=secrets.token_bytes)
        if attacker.finish(victim.message) == key:
            raise Broken("secrets", "a recorded exchange can be tried offline")
    keys = DeviceSecrets.generate(secrets.token_bytes)
    side = LinkInitiator(
        key,
        keys=keys.keys,
        signing_key=keys.signing_key,
        unwrapping_key=keys.unwrapping_key,
        random=secrets.token_bytes,
    )
    hello = side.hello("tablet", Kind.DEVICE)
    recorded = hashlib.sha256(victim.message + other.message)
    for number in range(CANDIDATES_COUNT):
        candidate = recorded.copy()
        candidate.update(words.encode() if number % 2 else b"guess %d" % number)
        responder = LinkResponder(
            candidate.digest(), expected_keys_hash=None, random=secrets.token_bytes
        )
        with refused(PairingFailed):
            responder.hello(hello)
    LinkResponder(key, expected_keys_hash=None, random=secrets.token_bytes).hello(hello)
    show(f"0 of {OFFLINE_COUNT + CANDIDATES_COUNT} offline tries")
