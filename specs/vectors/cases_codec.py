"""Vectors of the encoding: what is canonical, and many ways of not being it.

Spec: 10-encoding.md
"""

from billfold_protocol import codec
from specs.vectors.notation import describe
from specs.vectors.wallets import Vector

_NESTED_12: object = 0
for _ in range(12):
    _NESTED_12 = [_NESTED_12]
_MAPS_12: object = 0
for _ in range(12):
    _MAPS_12 = {"a": _MAPS_12}

_ACCEPTED: tuple[tuple[str, object], ...] = (
    ("nil", None),
    ("false", False),
    ("true", True),
    ("zero", 0),
    ("largest positive fixint", 127),
    ("smallest uint 8", 128),
    ("largest uint 8", 255),
    ("smallest uint 16", 256),
    ("largest uint 16", 2**16 - 1),
    ("smallest uint 32", 2**16),
    ("largest uint 32", 2**32 - 1),
    ("smallest uint 64", 2**32),
    ("largest uint 64", 2**64 - 1),
    ("smallest negative fixint", -32),
    ("largest int 8", -33),
    ("smallest int 8", -128),
    ("largest int 16", -129),
    ("smallest int 16", -(2**15)),
    ("largest int 32", -(2**15) - 1),
    ("smallest int 32", -(2**31)),
    ("largest int 64", -(2**31) - 1),
    ("smallest int 64", -(2**63)),
    ("no bytes", b""),
    ("largest bin 8", bytes(255)),
    ("smallest bin 16", bytes(256)),
    ("no text", ""),
    ("largest fixstr", "x" * 31),
    ("smallest str 8", "x" * 32),
    ("largest str 8", "x" * 255),
    ("smallest str 16", "x" * 256),
    ("text of two, three and four bytes a letter", "é€𝄞"),
    ("text with a zero", "a\0b"),
    ("no items", []),
    ("largest fixarray", list(range(15))),
    ("smallest array 16", list(range(16))),
    ("no pairs", {}),
    ("largest fixmap", {f"{n:02}": n for n in range(15)}),
    ("smallest map 16", {f"{n:02}": n for n in range(16)}),
    ("keys in order of their bytes", {"": 0, "A": 1, "a": 2, "aa": 3, "b": 4, "é": 5}),
    ("keys whose order differs in UTF-16", {"\uff61": 1, "\U0001f600": 2}),
    ("twelve arrays inside one another", _NESTED_12),
    ("twelve maps inside one another", _MAPS_12),
    ("an array of everything", [None, True, -1, b"\0", "a", [1], {"k": [b""]}]),
)

_REFUSED: tuple[tuple[str, str], ...] = (
    ("no bytes at all", ""),
    ("5 as uint 8", "cc05"),
    ("127 as uint 8", "cc7f"),
    ("128 as uint 16", "cd0080"),
    ("255 as uint 16", "cd00ff"),
    ("1 as uint 32", "ce00000001"),
    ("65535 as uint 32", "ce0000ffff"),
    ("1 as uint 64", "cf0000000000000001"),
    ("2^32 - 1 as uint 64", "cf00000000ffffffff"),
    ("1 as int 8", "d001"),
    ("minus 1 as int 8", "d0ff"),
    ("minus 32 as int 8", "d0e0"),
    ("128 as int 16", "d10080"),
    ("minus 128 as int 16", "d1ff80"),
    ("minus 1 as int 32", "d2ffffffff"),
    ("2^31 as int 64", "d30000000080000000"),
    ("minus 1 as int 64", "d3ffffffffffffffff"),
    ("float 32 of 1", "ca3f800000"),
    ("float 64 of 1", "cb3ff0000000000000"),
    ("float 64 that is no number", "cb7ff8000000000000"),
    ("float 64 infinity", "cb7ff0000000000000"),
    ("float 64 minus zero", "cb8000000000000000"),
    ("fixext 1", "d40100"),
    ("fixext 2", "d5010000"),
    ("fixext 4, a timestamp", "d6ff00000001"),
    ("fixext 8, a timestamp", "d7ff0000000000000001"),
    ("fixext 16", "d801" + "00" * 16),
    ("ext 8 of no bytes", "c70001"),
    ("ext 8", "c7010100"),
    ("ext 8, a timestamp of 12 bytes", "c70cff" + "00" * 12),
    ("ext 16", "c800010100"),
    ("ext 32", "c9000000010100"),
    ("the byte that is never used", "c1"),
    ("bytes of bin 8 size as bin 16", "c5000161"),
    ("bytes of bin 8 size as bin 32", "c60000000161"),
    ("text of fixstr size as str 8", "d90161"),
    ("text of str 8 size as str 16", "da0020" + "61" * 32),
    ("text of fixstr size as str 32", "db0000000161"),
    ("text that is not UTF-8", "a1ff"),
    ("text with an overlong letter", "a2c080"),
    ("text with half of a surrogate pair", "a3eda080"),
    ("text above U+10FFFF", "a4f4908080"),
    ("text that ends within a letter", "a1c3"),
    ("array of fixarray size as array 16", "dc000101"),
    ("array of fixarray size as array 32", "dd0000000101"),
    ("array of array 16 size as array 32", "dd00000010" + "00" * 16),
    ("map of fixmap size as map 16", "de0001a16101"),
    ("map of fixmap size as map 32", "df00000001a16101"),
    ("a key twice, with one value", "82a16101a16101"),
    ("a key twice, with two values", "82a16101a16102"),
    ("keys not in ascending order", "82a16202a16101"),
    ("keys in order of length only", "82a162a178a26161a178"),
    ("keys in the order of UTF-16", "82a4f09f988001a3efbda102"),
    ("a key that is an integer", "810101"),
    ("a key that is bytes", "81c4016101"),
    ("a key that is nil", "81c001"),
    ("a key that is a boolean", "81c301"),
    ("a key in a longer form", "81d9016101"),
    ("a non-canonical integer deep inside", "9191cc05"),
    ("thirteen arrays inside one another", "91" * 13 + "00"),
    ("thirteen maps inside one another", "81a161" * 13 + "00"),
    ("thirteen arrays, the last empty", "91" * 12 + "90"),
    ("600 arrays inside one another", "91" * 600 + "00"),
    ("a byte after the value", "0000"),
    ("two values", "a161a162"),
    ("an integer cut short", "cd01"),
    ("bytes cut short", "c40561"),
    ("an array cut short", "9201"),
    ("a map cut short", "81a161"),
    ("an array that claims 2^32 - 1 items", "ddffffffff"),
    ("bytes that claim 2^32 - 1 bytes", "c6ffffffff"),
    ("a map that claims 2^32 - 1 pairs", "dfffffffff"),
)

_NOT_ENCODED: tuple[tuple[str, object], ...] = (
    ("a float", 1.5),
    ("an integer above 64 bits", 2**64),
    ("an integer below 64 bits", -(2**63) - 1),
    ("a key that is an integer", {1: "a"}),
    ("a key that is bytes", {b"a": 1}),
    ("thirteen arrays inside one another", [_NESTED_12]),
    ("a map of 1025 pairs", {f"{n:04}": 0 for n in range(1025)}),
)


def build() -> list[Vector]:
    """Return the vectors of `codec.json`."""
    return [
        *(
            {
                "id": f"accept-{_slug(name)}",
                "comment": name,
                "bytes": codec.encode(value).hex(),
                "expect": "ok",
                "value": describe(value),
            }
            for name, value in _ACCEPTED
        ),
        *(
            {
                "id": f"refuse-{_slug(name)}",
                "comment": name,
                "bytes": data,
                "expect": "Malformed",
            }
            for name, data in _REFUSED
        ),
        *_at_the_limits(),
        *(
            {
                "id": f"encode-refuses-{_slug(name)}",
                "comment": f"asked to encode: {name}",
                "value": describe(value),
                "expect": "LocalProtocolError",
            }
            for name, value in _NOT_ENCODED
        ),
    ]


def _at_the_limits() -> list[Vector]:
    data = codec.encode(bytes(30))
    pairs = [codec.encode(f"{n:04}") + b"\0" for n in range(1025)]
    most = {f"{n:04}": 0 for n in range(1024)}
    return [
        {
            "id": "accept-1024-pairs",
            "comment": "as many pairs as a map may have",
            "bytes": (b"\xde\x04\x00" + b"".join(pairs[:1024])).hex(),
            "expect": "ok",
            "value": describe(most),
        },
        {
            "id": "refuse-1025-pairs",
            "comment": "canonical, but one pair more than a map may have",
            "bytes": (b"\xde\x04\x01" + b"".join(pairs)).hex(),
            "expect": "Malformed",
        },
        {
            "id": "accept-size-limit",
            "comment": "as many bytes as the place allows",
            "bytes": data.hex(),
            "size_max": len(data),
            "expect": "ok",
            "value": describe(bytes(30)),
        },
        {
            "id": "refuse-size-limit",
            "comment": "canonical, but one byte more than the place allows",
            "bytes": data.hex(),
            "size_max": len(data) - 1,
            "expect": "Malformed",
        },
    ]


def _slug(name: str) -> str:
    kept = "".join(letter if letter.isalnum() else " " for letter in name.replace("2^", "2 to "))
    return "-".join(kept.lower().split())
