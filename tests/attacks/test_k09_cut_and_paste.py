from itertools import permutations

import pytest

from billfold_protocol import codec
from billfold_protocol.errors import AuthFailed, StaleServer
from billfold_protocol.feed import parse_entry
from billfold_protocol.messages import Entries, ServerMessage
from tests.support.adversaries.attack import Attack
from tests.support.adversaries.evil_relay import Answer, EvilOutbox, only_to
from tests.support.adversaries.findings import named, scaled
from tests.support.adversaries.mallory import with_mallory
from tests.support.adversaries.stage import pair

pytestmark = pytest.mark.attack("K09")

ENTRIES_COUNT = scaled(small=4, whole=22)
CIPHERTEXT_INDEX = 11
NONCE_INDEX = 10


def spliced(raw: bytes, other: bytes, *indexes: int) -> bytes:
    """Return an entry with some fields of another."""
    ours = codec.as_array(codec.decode(raw[64:], size_max=10**6))
    theirs = codec.as_array(codec.decode(other[64:], size_max=10**6))
    for index in indexes:
        ours[index] = theirs[index]
    return raw[:64] + codec.encode(ours)


async def test_a_server_cannot_put_one_entrys_ciphertext_into_another() -> None:
    stage, laptop, phone = pair("K09")
    phone.go_offline()
    stage.settle()
    for number in range(ENTRIES_COUNT):
        laptop.write("cut", number)
        stage.settle(5.0)
    raws = [row.raw for row in stage.server.store.entries(phone.wallet_id)][-ENTRIES_COUNT:]
    attack = Attack(stage, phone)
    swaps = [
        spliced(raw, other, *indexes)
        for raw, other in permutations(raws, 2)
        for indexes in ((CIPHERTEXT_INDEX,), (NONCE_INDEX, CIPHERTEXT_INDEX))
    ]

    def tamper(_outbox: EvilOutbox, message: ServerMessage) -> list[Answer]:
        if not isinstance(message, Entries):
            return [message]
        return [Entries(wallet_id=phone.wallet_id, n=message.n, entries=tuple(swaps))]

    stage.server.answers.tamper = only_to(phone.device_id, tamper)
    phone.go_online()
    attack.run()
    with named("error"):
        assert len(attack.shown(phone)) >= len(swaps)
    # That the true ones are kept from the phone shows too: the laptop's beacon names them.
    attack.ends(shows=[AuthFailed, StaleServer])


async def test_a_member_cannot_put_anothers_ciphertext_into_an_entry_of_its_own() -> None:
    stage, laptop, phone, mallory = with_mallory("K09/member")
    attack = Attack(stage, laptop, phone)
    rows = stage.server.store.entries(phone.wallet_id)[-ENTRIES_COUNT:]
    for row in rows:
        theirs = parse_entry(row.raw, phone.wallet_id).value
        state = mallory.replica.core.chain.state_at(theirs.k)
        raw = mallory.entry(
            state=mallory.state,
            key=mallory.replica.core.epoch_keys[state.epoch.id],
            body=theirs.body,
            nonce=theirs.nonce,
            ciphertext=theirs.ciphertext,
        )
        for device in (laptop, phone):
            stage.server.answers.inject(device.device_id, mallory.carries(raw))
    attack.run()
    with named("unchanged"):
        assert phone.read("laptop 0") == laptop.read("laptop 0") is not None
    attack.ends(shows=[AuthFailed], changes=[laptop, phone])
