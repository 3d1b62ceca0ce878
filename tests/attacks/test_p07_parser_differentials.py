import struct

import pytest

from billfold_protocol import codec
from billfold_protocol.errors import Malformed
from billfold_protocol.messages import CaughtUp, encode_server_message
from tests.support.adversaries.attack import Attack
from tests.support.adversaries.findings import named, refused, show
from tests.support.adversaries.mallory import with_mallory
from tests.support.adversaries.stage import pair

pytestmark = pytest.mark.attack("P07")


def other_spellings(wallet_id: bytes) -> dict[str, bytes]:
    """Return MessagePack that lax decoders take for `[6, wallet_id, 5]`, or nearly."""
    name, identity = b"\x06", b"\xc4\x20" + wallet_id
    number = b"\x05"
    heads = {
        "array of 16 bits": b"\xdc\x00\x03",
        "array of 32 bits": b"\xdd\x00\x00\x00\x03",
        "map": b"\x83",
        "longer array": b"\x94",
        "shorter array": b"\x92",
        "reserved byte": b"\xc1",
    }
    identities = {
        "bin of 16 bits": b"\xc5\x00\x20" + wallet_id,
        "bin of 32 bits": b"\xc6\x00\x00\x00\x20" + wallet_id,
        "str in place of bin": b"\xd9\x20" + wallet_id,
        "str of 16 bits": b"\xda\x00\x20" + wallet_id,
        "an ext": b"\xc7\x20\x01" + wallet_id,
        "a fixed ext": b"\xd8\x01" + wallet_id[:16],
        "shorter bin": b"\xc4\x1f" + wallet_id[:31],
        "longer bin": b"\xc4\x21" + wallet_id + b"\0",
    }
    numbers = {
        "int of 8 bits": b"\xcc\x05",
        "int of 16 bits": b"\xcd\x00\x05",
        "int of 32 bits": b"\xce\x00\x00\x00\x05",
        "int of 64 bits": b"\xcf" + bytes(7) + b"\x05",
        "signed int of 8 bits": b"\xd0\x05",
        "signed int of 16 bits": b"\xd1\x00\x05",
        "signed int of 32 bits": b"\xd2\x00\x00\x00\x05",
        "signed int of 64 bits": b"\xd3" + bytes(7) + b"\x05",
        "a double": b"\xcb" + struct.pack(">d", 5.0),
        "a float": b"\xca" + struct.pack(">f", 5.0),
        "not a number": b"\xcb" + struct.pack(">d", float("nan")),
        "infinity": b"\xcb" + struct.pack(">d", float("inf")),
        "negative": b"\xff",
        "most negative": b"\xd3\x80" + bytes(7),
        "true": b"\xc3",
        "false": b"\xc2",
        "nil": b"\xc0",
        "above 64 bits": b"\xcf" + b"\xff" * 8,
        "a timestamp": b"\xd6\xff" + bytes(4),
        "text": b"\xa15",
        "a map": b"\x80",
        "an array": b"\x91\x05",
        "keys twice": b"\x82\xa1a\x01\xa1a\x02",
        "keys out of order": b"\x82\xa1b\x01\xa1a\x02",
        "a key of bytes": b"\x81\xc4\x01a\x01",
        "cut short": b"\xcd\x00",
        "nothing": b"",
    }
    kinds = {"name of 8 bits": b"\xcc\x06", "name as true": b"\xc3", "name as text": b"\xa16"}
    found = {key: head + name + identity + number for key, head in heads.items()}
    found |= {key: b"\x93" + name + other + number for key, other in identities.items()}
    found |= {key: b"\x93" + name + identity + other for key, other in numbers.items()}
    found |= {key: b"\x93" + kind + identity + number for key, kind in kinds.items()}
    whole = b"\x93" + name + identity + number
    return {**found, "bytes after the end": whole + b"\0", "said twice": whole + whole}


async def test_bytes_have_one_spelling_and_a_device_takes_no_other() -> None:
    stage, _laptop, phone = pair("P07")
    spellings = other_spellings(phone.wallet_id)
    canonical = encode_server_message(CaughtUp(wallet_id=phone.wallet_id, n=5))
    with named("error"):
        assert canonical not in spellings.values()
        assert len(spellings) >= 40
    attack = Attack(stage, phone)
    for raw in spellings.values():
        before = len(phone.shown)
        stage.server.answers.inject(phone.device_id, raw)
        stage.settle(8.0)
        with named("error"):
            assert [type(error) for error in phone.shown[before:]] == [Malformed], raw.hex()
    show(f"{len(spellings)} spellings")
    attack.ends(shows=[Malformed])


async def test_a_member_cannot_sign_a_second_spelling_of_an_entry() -> None:
    stage, laptop, phone, mallory = with_mallory("P07/entry")
    attack = Attack(stage, laptop, phone)
    salt = bytes(16)
    plain = [
        b"\xdc\x00\x03\xc4\x10" + salt + b"\x90\x00",
        b"\x93\xc5\x00\x10" + salt + b"\x90\x00",
        b"\x93\xc4\x10" + salt + b"\xdc\x00\x00\x00",
        b"\x93\xc4\x10" + salt + b"\x90\xcc\x00",
        b"\x93\xc4\x10" + salt + b"\x90\xc2",
        b"\x93\xc4\x10" + salt + b"\x90\x00\x00",
    ]
    for plaintext in plain:
        raw = mallory.entry(plaintext=plaintext)
        for device in (laptop, phone):
            stage.server.answers.inject(device.device_id, mallory.carries(raw))
    attack.run()
    with named("unchanged"):
        assert phone.replica.quarantined_count == laptop.replica.quarantined_count == len(plain)
    attack.ends(shows=[Malformed], changes=[laptop, phone])
    with refused(Malformed):
        codec.decode(plain[0], size_max=1024)
