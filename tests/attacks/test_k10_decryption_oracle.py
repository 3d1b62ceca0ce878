from collections.abc import Callable
from random import Random

import pytest

from billfold_protocol import codec
from billfold_protocol.errors import AuthFailed, CommitMismatch, Malformed
from billfold_protocol.ids import EpochKey
from billfold_protocol.messages import parse_client_message
from tests.support.adversaries.attack import Attack
from tests.support.adversaries.findings import Broken, scaled, show
from tests.support.adversaries.mallory import Mallory, with_mallory
from tests.support.adversaries.stage import HonestDevice, Stage

pytestmark = pytest.mark.attack("K10")

Trace = list[tuple[str, int]]
Cause = Callable[[Mallory, Random], bytes]
RECORDS_COUNT = scaled(small=2, whole=112)
"""Of each of the nine causes."""

SIZE = 256


def sealed_wrongly(mallory: Mallory, random: Random) -> bytes:
    return mallory.entry(plaintext=bytes(SIZE // 2), key=EpochKey(random.randbytes(32)))


def tag_flipped(mallory: Mallory, random: Random) -> bytes:
    return mallory.entry(plaintext=b"x", ciphertext=random.randbytes(SIZE + 16))


def other_content(mallory: Mallory, random: Random) -> bytes:
    return mallory.entry(plaintext=bytes(9), body=random.randbytes(32))


def no_content(mallory: Mallory, random: Random) -> bytes:
    return mallory.entry(plaintext=random.randbytes(SIZE // 2))


def no_change(mallory: Mallory, random: Random) -> bytes:
    return mallory.entry(changes=[random.randbytes(100)])


def longer_numbers(mallory: Mallory, random: Random) -> bytes:
    salt = random.randbytes(16)
    return mallory.entry(plaintext=b"\x93\xc4\x10" + salt + b"\x90\xcf" + bytes(8))


def too_far_in_time(mallory: Mallory, random: Random) -> bytes:
    return mallory.entry(plaintext=codec.encode([random.randbytes(16), [], 2**60]))


def too_short(mallory: Mallory, random: Random) -> bytes:
    return mallory.entry(plaintext=b"x", ciphertext=random.randbytes(4) + bytes(SIZE + 12))


def nothing_wrong(mallory: Mallory, random: Random) -> bytes:
    return mallory.entry(plaintext=codec.encode([random.randbytes(16), [], 0]))


OPENED: list[Cause] = [nothing_wrong, no_change]
SET_ASIDE: list[Cause] = [
    sealed_wrongly,
    tag_flipped,
    other_content,
    no_content,
    longer_numbers,
    too_far_in_time,
    too_short,
]
"""Once on each connection a device asks for another envelope of what it has set aside, whatever the
cause was; only a member who has the key anyway can make what is opened at all (decision 0022)."""


def trace(stage: Stage, device: HonestDevice) -> Trace:
    """Return what a device has asked of the server: kinds and sizes, in order."""
    return [
        (type(parse_client_message(frame)).__name__, len(frame))
        for outbox in stage.server.answers.of(device.device_id)
        for frame in outbox.heard
    ]


def outward(cause: Cause, number: int) -> Trace:
    """Return what a device says while it lives with a record that is bad in one way."""
    stage, _laptop, phone, mallory = with_mallory("K10")
    raw = cause(mallory, Random(number))
    stage.server.answers.inject(phone.device_id, mallory.carries(raw))
    stage.settle()
    phone.reconnect()
    stage.settle()
    phone.write("afterwards", "the same")
    stage.settle()
    return trace(stage, phone)


async def test_what_a_device_asks_does_not_tell_why_a_record_was_refused() -> None:
    for causes in (OPENED, SET_ASIDE):
        expected = outward(causes[0], 0)
        for number in range(RECORDS_COUNT):
            for cause in causes:
                found = outward(cause, number)
                if found != expected:
                    raise Broken("secrets", f"{cause.__name__} shows: {found} is not {expected}")
    show(f"{RECORDS_COUNT * len((*OPENED, *SET_ASIDE))} records, one trace of those set aside")
    stage, laptop, phone, mallory = with_mallory("K10/attack")
    attack = Attack(stage, laptop, phone)
    for cause in (*OPENED, *SET_ASIDE):
        raw = cause(mallory, Random(0))
        for device in (laptop, phone):
            stage.server.answers.inject(device.device_id, mallory.carries(raw))
    attack.run()
    attack.ends(shows=[AuthFailed, CommitMismatch, Malformed], changes=[laptop, phone])
