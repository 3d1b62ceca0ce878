import json
import re

import pytest

from billfold.credentials.status_list import BITS, Status, StatusList, parse_list
from billfold.credentials.verification import StatusReference
from billfold_protocol.errors import Malformed, StatusListRefused
from tests.support.credentials import SAMPLES

FOLDER = SAMPLES / "status-list"
URI = "https://example.com/statuslists/1"

# The values of the draft's examples (appendix "Test vectors for Status List encoding").
ONE_BIT = dict.fromkeys(
    (0, 1993, 25460, 159495, 495669, 554353, 645645, 723232, 854545, 934534, 1000345), 1
)
TWO_BITS = {**ONE_BIT, 1993: 2, 159495: 3, 645645: 2, 934534: 2, 1000345: 3}
FOUR_BITS = dict(
    zip(
        (
            *(0, 1993, 35460, 459495, 595669, 754353, 845645, 923232, 924445, 934534),
            *(1004534, 1000345, 1030203, 1030204, 1030205),
        ),
        range(1, 16),
        strict=True,
    )
)


def read(name: str) -> tuple[int, bytes]:
    text = (FOLDER / name).read_text()
    return parse_list(json.loads(re.sub(r"\n\s*", "", text[text.index("{") :])))


def values(bits: int, statuses: bytes) -> dict[int, int]:
    made = StatusList(
        uri=URI, bits=bits, statuses=statuses, issued_at_s=0, fresh_until_s=1, expires_at_s=None
    )
    held = {
        index: made.value_at(index)
        for position, byte in enumerate(statuses)
        if byte
        for index in range(position * 8 // bits, (position + 1) * 8 // bits)
    }
    return {index: value for index, value in held.items() if value}


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("encoding1_long_json.md", ONE_BIT),
        ("encoding2_long_json.md", TWO_BITS),
        ("encoding4_json.md", FOUR_BITS),
    ],
)
def test_a_published_list_reads_as_its_standard_says(name: str, expected: dict[int, int]) -> None:
    assert values(*read(name)) == expected


def test_the_published_lists_have_the_published_bytes() -> None:
    assert read("encoding_json.md") == (1, bytes([0xB9, 0xA3]))
    assert read("encoding2_json.md") == (2, bytes([0xC9, 0x44, 0xF9]))
    bits, statuses = read("encoding8_json.md")
    assert (bits, len(statuses)) == (8, 2**20)
    assert len(values(bits, statuses)) == 255


def test_a_list_speaks_only_of_its_own_places() -> None:
    made = StatusList(
        uri=URI, bits=2, statuses=b"\xc9", issued_at_s=0, fresh_until_s=1, expires_at_s=None
    )
    said = [made.status_of(StatusReference(uri=URI, index=index)) for index in range(4)]
    assert said == [Status.REVOKED, Status.SUSPENDED, Status.VALID, Status.OTHER]
    for reference in (StatusReference(uri=URI, index=4), StatusReference(uri="x", index=0)):
        with pytest.raises(StatusListRefused):
            made.status_of(reference)


@pytest.mark.parametrize(
    "value", [None, [], {}, {"bits": 5, "lst": ""}, {"bits": True, "lst": "eNrbuRgAAhcBXQ"}]
)
def test_what_is_no_list_is_malformed(value: object) -> None:
    with pytest.raises(Malformed):
        parse_list(value)  # type: ignore[arg-type]  # As it could come.
    assert True not in [bits is True for bits in BITS]
