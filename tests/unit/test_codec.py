from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import msgpack
import pytest

from billfold_protocol import codec, limits
from billfold_protocol.errors import LocalProtocolError, Malformed

SIZE_MAX = 100_000


def nested(depth: int) -> bytes:
    return b"\x91" * depth + b"\x01"


@pytest.mark.parametrize(
    ("value", "encoding"),
    [
        (None, "c0"),
        (False, "c2"),
        (True, "c3"),
        (0, "00"),
        (127, "7f"),
        (128, "cc80"),
        (65535, "cdffff"),
        (65536, "ce00010000"),
        (2**32, "cf0000000100000000"),
        (2**64 - 1, "cfffffffffffffffff"),
        (-1, "ff"),
        (-32, "e0"),
        (-33, "d0df"),
        (-(2**63), "d38000000000000000"),
        ("", "a0"),
        ("é", "a2c3a9"),
        (b"", "c400"),
        (b"\x00", "c40100"),
        ([], "90"),
        ((1, "a"), "9201a161"),
        ({"b": 1, "a": 2}, "82a16102a16201"),
        ({"é": 1, "z": 2, "\U00010000": 3, "\uffff": 4}, None),
    ],
)
def test_a_value_has_the_encoding_of_the_standard(value: object, encoding: str | None) -> None:
    data = codec.encode(value)
    if encoding is not None:
        assert data.hex() == encoding
    decoded = codec.decode(data, size_max=SIZE_MAX)
    assert decoded == (list(value) if isinstance(value, tuple) else value)
    assert codec.encode(decoded) == data


def test_map_keys_stand_in_the_order_of_their_bytes() -> None:
    keys = ["\U00010000", "\uffff", "z", "é", "a", "aa", ""]
    decoded = codec.decode(codec.encode(dict.fromkeys(keys)), size_max=SIZE_MAX)
    assert isinstance(decoded, dict)
    assert list(decoded) == sorted(keys, key=str.encode)


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(bytes.fromhex(data), id=name)
        for name, data in {
            "nothing": "",
            "8 bits for a fixint": "cc01",
            "16 bits for 8": "cd00ff",
            "32 bits for 16": "ce0000ffff",
            "64 bits for 1": "cf0000000000000001",
            "signed for a positive": "d001",
            "16 signed bits for a positive": "d10080",
            "64 signed bits for a positive": "d30000000100000000",
            "8 signed bits for a negative fixint": "d0ff",
            "16 signed bits for 8": "d1ff80",
            "str8 for a fixstr": "d90161",
            "str16 for a str8": "da000161",
            "str32": "db0000000161",
            "bin16 for a bin8": "c5000100",
            "bin32 for a bin8": "c60000000100",
            "array16 for a fixarray": "dc000101",
            "array32": "dd0000000101",
            "map16 for a fixmap": "de0001a16101",
            "map32": "df00000001a16101",
            "a repeated key": "82a16101a16102",
            "a repeated key with one value": "82a16101a16101",
            "keys out of order": "82a16201a16102",
            "a key of bytes": "81c4016101",
            "an integer key": "810101",
            "a key of nil": "81c001",
            "a key in a long form": "81d9016101",
            "float 32": "ca00000000",
            "float 64": "cb3ff0000000000000",
            "not a number": "cb7ff8000000000000",
            "infinity": "cb7ff0000000000000",
            "a float in an array": "91ca00000000",
            "a fixext": "d40100",
            "an ext8 of nothing": "c70001",
            "an ext8": "c7010100",
            "a timestamp of 32 bits": "d6ff00000000",
            "a timestamp of 64 bits": "d7ff0000000000000000",
            "a timestamp of 96 bits": "c70cff000000000000000000000000",
            "the byte that is never used": "c1",
            "one byte more": "0101",
            "a whole value more": "9001",
            "a string cut short": "a36161",
            "an array cut short": "9201",
            "a map cut short": "81a161",
            "an array of 2 to the 32": "ddffffffff",
            "a map of 2 to the 32": "dfffffffff",
            "bytes of 2 to the 32": "c6ffffffff",
            "UTF-8 that is too long": "a2c080",
            "half a surrogate pair": "a3eda080",
            "UTF-8 cut short": "a1c3",
            "not UTF-8": "a1ff",
        }.items()
    ]
    + [
        pytest.param(nested(limits.CODEC_DEPTH_MAX + 1), id="nested one too deep"),
        pytest.param(nested(5_000), id="nested far too deep"),
        pytest.param(b"\x81\xa1a" * 5_000 + b"\x01", id="maps nested far too deep"),
    ],
)
def test_every_other_encoding_is_malformed(data: bytes) -> None:
    with pytest.raises(Malformed):
        codec.decode(data, size_max=SIZE_MAX)


def test_the_deepest_value_that_is_allowed_passes() -> None:
    data = nested(limits.CODEC_DEPTH_MAX)
    assert codec.encode(codec.decode(data, size_max=SIZE_MAX)) == data


def test_more_bytes_than_allowed_are_malformed_before_they_are_read() -> None:
    codec.decode(b"\xc4\x02ab", size_max=4)
    with pytest.raises(Malformed, match="4 bytes are more than the 3"):
        codec.decode(b"\xc4\x02ab", size_max=3)


class Text(str):
    __slots__ = ()


@pytest.mark.parametrize(
    "value",
    [
        1.0,
        float("nan"),
        2**64,
        -(2**63) - 1,
        bytearray(b"a"),
        memoryview(b"a"),
        {1: 2},
        {b"a": 1},
        {"a": {None: 1}},
        [1, [2, 3.0]],
        {1, 2},
        object(),
        "\ud800",
        Text("a"),
        [Text("a")],
        {Text("a"): 1},
        [[[[[[[[[[[[[1]]]]]]]]]]]]],
    ],
)
def test_a_value_outside_the_subset_is_our_own_mistake(value: object) -> None:
    with pytest.raises(LocalProtocolError):
        codec.encode(value)


@pytest.mark.parametrize(
    ("check", "value"),
    [
        (codec.as_array, b""),
        (codec.as_array, {}),
        (codec.as_array, ()),
        (lambda v: codec.as_array(v, 2), [1]),
        (lambda v: codec.as_list(v, count_max=1), [1, 2]),
        (lambda v: codec.as_list(v, count_max=1), "ab"),
        (codec.as_bytes, "a"),
        (codec.as_bytes, None),
        (lambda v: codec.as_bytes(v, 2), b"abc"),
        (lambda v: codec.as_bytes(v, 2), b""),
        (lambda v: codec.as_bytes(v, size_max=2), b"abc"),
        (codec.as_integer, True),
        (codec.as_integer, "1"),
        (codec.as_integer, -1),
        (codec.as_integer, 2**53 + 1),
        (lambda v: codec.as_integer(v, minimum=2, maximum=3), 4),
        (codec.as_text, b"a"),
        (lambda v: codec.as_text(v, size_max=3), "éé"),
        (codec.as_flag, 1),
        (codec.as_flag, None),
    ],
)
def test_a_field_of_another_type_or_size_is_malformed(
    check: Callable[[object], object], value: object
) -> None:
    with pytest.raises(Malformed):
        check(value)


def test_fields_within_their_bounds_pass_unchanged() -> None:
    assert codec.as_array([1, 2], 2) == [1, 2]
    assert codec.as_list([1], count_max=1) == [1]
    assert codec.as_bytes(b"ab", 2) == codec.as_bytes(b"ab", size_max=2) == b"ab"
    assert codec.as_integer(2**53) == 2**53
    assert codec.as_integer(-5, minimum=-5, maximum=-5) == -5
    assert codec.as_text("éé", size_max=4) == "éé"
    assert codec.as_flag(value=True) is True


@pytest.mark.parametrize("items", [[b"b", b"a"], [b"a", b"a"], [b"a", b"c", b"b"]])
def test_a_set_in_another_order_or_with_repeats_is_malformed(items: list[bytes]) -> None:
    with pytest.raises(Malformed, match="the things are not in strictly ascending order"):
        codec.require_ascending(items, "the things")


def test_a_set_in_ascending_order_passes() -> None:
    codec.require_ascending([], "nothing")
    codec.require_ascending([b"a", b"aa", b"b"], "the things")


def test_a_refused_value_leaves_nothing_behind_in_the_next_encoding() -> None:
    for refused in (
        [b"secret", 2**64],
        ["text", "\ud800"],
        [b"x" * 100_000, 1.5],
        [[-(2**63) - 1]],
    ):
        with pytest.raises(LocalProtocolError):
            codec.encode(refused)
        assert codec.encode([1, b"a"]) == b"\x92\x01\xc4\x01a"


def test_threads_that_encode_at_the_same_time_do_not_mix_their_values() -> None:
    def encode_many(number: int) -> bool:
        value = [number, bytes([number]) * 10_000, [str(number)] * 50]
        expected = msgpack.packb(value)
        return all(codec.encode(value) == expected for _ in range(200))

    with ThreadPoolExecutor(8) as threads:
        assert all(threads.map(encode_many, range(8)))


def test_an_array_put_together_from_its_items_is_the_array_encoded_at_once() -> None:
    items: list[object] = [1, b"bytes", "text", [None, True], {"key": -1}, 2**64 - 1, b"", [], 0]
    for split in range(len(items) + 1):
        parts = codec.encode_items(items[:split]), codec.encode_items(items[split:])
        assert codec.array_of(len(items), *parts) == codec.encode(items)
    with pytest.raises(LocalProtocolError):
        codec.encode_items([0] * 16)
