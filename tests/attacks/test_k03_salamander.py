from collections.abc import Sequence
from itertools import count

import pytest

from billfold_protocol import codec
from billfold_protocol.crypto import hashing
from billfold_protocol.crypto.domains import Domain
from billfold_protocol.crypto.sealing import NONCE_SIZE
from billfold_protocol.envelope import open_entry
from billfold_protocol.errors import AuthFailed, CommitMismatch
from billfold_protocol.feed import parse_entry, verify_entry
from billfold_protocol.feed.entry import header
from billfold_protocol.ids import EpochKey
from billfold_protocol.key_hierarchy import entry_key
from billfold_protocol.membership import MembershipState
from tests.support.adversaries.attack import Attack
from tests.support.adversaries.findings import named, refused, scaled
from tests.support.adversaries.mallory import Mallory
from tests.support.adversaries.salamander import keystream, opens, salamander
from tests.support.adversaries.stage import HonestDevice, Stage

pytestmark = pytest.mark.attack("K03")

PLAINTEXT_SIZE = 288
CHANGE_SIZE = 263
FREE_BLOCK = 4
"""Two blocks in the middle of the change are what makes both keys give one tag."""


def two_faced(mallory: Mallory, states: Sequence[MembershipState]) -> list[bytes]:
    """Return one ciphertext under two signed headers, each of which names another epoch.

    It is well padded under both keys. Its id names other content: the associated data holds the
    content's hash, so whoever solves for a ciphertext cannot know what it will hold.
    """
    wallet_id = mallory.state.wallet_id
    keys = [
        entry_key(mallory.replica.core.epoch_keys[state.epoch.id], wallet_id) for state in states
    ]
    nonces = (number.to_bytes(NONCE_SIZE, "big") for number in count())
    streams = ((n, [keystream(key, n, PLAINTEXT_SIZE) for key in keys]) for n in nonces)
    nonce, (stream, _) = next(item for item in streams if item[1][0][-1] == item[1][1][-1])
    wanted = codec.encode([bytes(16), [bytes(CHANGE_SIZE)], 0]) + b"\x80"
    template = bytes(a ^ b for a, b in zip(wanted, stream, strict=True))
    forms = []
    for state, key in zip(states, keys, strict=True):
        raw = entry_of(mallory, state, nonce, b"")
        entry = parse_entry(raw, wallet_id).value
        context = hashing.frame(Domain.ENTRY_SEAL, wallet_id, codec.encode(header(entry)))
        forms.append((key, context))
    sealed = salamander(forms[0], forms[1], nonce, template, at=FREE_BLOCK)
    with named("error"):
        assert all(opens(sealed, form, nonce) for form in forms), "it opens under both keys"
    return [entry_of(mallory, state, nonce, sealed) for state in states]


def entry_of(mallory: Mallory, state: MembershipState, nonce: bytes, ciphertext: bytes) -> bytes:
    return mallory.entry(
        plaintext=b"neither", ciphertext=ciphertext, nonce=nonce, state=state, is_kept=False
    )


def staged(seed: str) -> tuple[Stage, HonestDevice, HonestDevice, Mallory]:
    stage = Stage(seed)
    laptop = stage.found("laptop")
    phone, member = stage.link(laptop, "phone"), stage.link(laptop, "mallory")
    stage.propose(laptop, lambda author: author.rotate())
    return stage, laptop, phone, Mallory(member)


@pytest.mark.parametrize("served", [0, 1])
async def test_a_ciphertext_made_for_two_epochs_is_taken_under_neither(served: int) -> None:
    stage, laptop, phone, mallory = staged(f"K03/{served}")
    before_k = mallory.state.epoch.k - 1
    states = [mallory.replica.core.chain.state_at(before_k), mallory.state]
    raws = two_faced(mallory, states)
    attack = Attack(stage, laptop, phone)
    for device in (laptop, phone):
        stage.server.answers.inject(device.device_id, mallory.carries(raws[served]))
    attack.run()
    with named("unchanged"):
        assert phone.replica.quarantined_count == laptop.replica.quarantined_count == 1
    attack.ends(shows=[CommitMismatch], changes=[laptop, phone])


async def test_an_entry_opens_under_the_epoch_that_it_names_only() -> None:
    _stage, laptop, _phone, mallory = staged("K03/many")
    chain = mallory.replica.core.chain
    states = [chain.state_at(mallory.state.epoch.k - 1), mallory.state]
    keys: list[EpochKey] = [mallory.replica.core.epoch_keys[state.epoch.id] for state in states]
    public = mallory.signing_key.public_key
    for _ in range(scaled(small=2, whole=100)):
        for raw in two_faced(mallory, states):
            entry = verify_entry(parse_entry(raw, laptop.wallet_id), laptop.wallet_id, public)
            for state, key in zip(states, keys, strict=True):
                is_named = entry.value.epoch == state.epoch.id
                with refused(CommitMismatch if is_named else AuthFailed):
                    open_entry(entry, laptop.wallet_id, key)
