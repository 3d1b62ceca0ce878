from itertools import combinations

import pytest

from tests.support.adversaries.findings import Broken, show
from tests.support.adversaries.mailing import SERVER, Correspondence

pytestmark = pytest.mark.attack("M03")

PIECE = 12
"""Bytes that two organisations have in common only if there is a reason."""


def handed_out(one: Correspondence) -> bytes:
    """Return all that an organisation, and a server for its channel, ever get of a person."""
    invitation = one.invitation
    parts = (
        *(invitation.signing, invitation.capability, invitation.address),
        *(one.keys.card(), one.keys.about(b"the same thing"), one.reply("hello")),
    )
    return b"".join(parts)


def test_no_key_and_no_address_joins_two_channels_of_one_person() -> None:
    channels = [Correspondence(name) for name in ("library", "bank", "doctor")]
    pieces = []
    for channel in channels:
        data = handed_out(channel)
        pieces.append({data[at : at + PIECE] for at in range(len(data) - PIECE + 1)})
    for left, right in combinations(pieces, 2):
        common = left & right
        if common:
            raise Broken("secrets", f"two organisations have {len(common)} pieces in common")
    assert all(SERVER in channel.invitation.server for channel in channels)
    show(f"{sum(map(len, pieces))} pieces, none with two organisations")
