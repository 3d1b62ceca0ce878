"""Two envelopes of one entry, of which one does not open: their order decides nothing."""

from dataclasses import replace
from itertools import permutations

import pytest

from billfold.device import DeviceSecrets
from billfold.document import FieldEdit, random_record_id
from billfold.store import EntryStatus
from billfold_protocol.crypto.signing import SigningKey, Verified
from billfold_protocol.feed import Entry, parse_entry
from billfold_protocol.feed.entry import sign_entry
from billfold_protocol.ids import WalletId
from billfold_protocol.membership import Role
from tests.support.circle import Circle
from tests.unit.test_replica_envelopes import Demotion

RECORD = random_record_id(bytes(range(16)))


def unreadable(entry: Entry, wallet_id: WalletId, key: SigningKey) -> Verified[Entry]:
    """Return another envelope of an entry, signed by its author, that no key opens."""
    changed = bytearray(entry.ciphertext)
    changed[-1] ^= 1
    return sign_entry(replace(entry, ciphertext=bytes(changed)), wallet_id, key)


def test_the_envelope_that_opens_is_taken_whichever_comes_first() -> None:
    circle = Circle("two envelopes")
    circle.link("author", Role.EDITOR)
    circle.link("reader", Role.VIEWER)
    (first,) = circle.edit("author", [FieldEdit(RECORD, "type", "login")])
    (second,) = circle.edit("author", [FieldEdit(RECORD, "user", "ada")])
    (third,) = circle.edit("author", [FieldEdit(RECORD, "password", "secret")])
    author: DeviceSecrets = circle["author"].secrets
    wallet_id = circle["owner"].replica.wallet_id
    entry = parse_entry(second, wallet_id).value
    unopened = unreadable(entry, wallet_id, author.signing_key).raw
    expected = circle["author"].replica.state_hash()
    for number, order in enumerate(permutations((first, second, unopened, third))):
        reader = circle.copy("reader", f"reader {number}")
        for raw in order:
            reader.receive(raw)
        for _ in range(2):
            assert reader.replica.state_hash() == expected, order.index(second)
            assert not reader.replica.core.quarantined
            held = reader.store.read_entries(entry.feed, from_seq=1, count_max=1, size_max=1)
            assert held[0].raw == second
            reader.restart()


def test_an_entry_of_which_no_envelope_opens_is_set_aside_and_what_follows_goes_on() -> None:
    circle = Circle("no envelope")
    circle.link("author", Role.EDITOR)
    circle.link("reader", Role.VIEWER)
    (first,) = circle.edit("author", [FieldEdit(RECORD, "type", "login")])
    wallet_id = circle["owner"].replica.wallet_id
    entry = parse_entry(first, wallet_id).value
    key = circle["author"].secrets.signing_key
    bad = unreadable(entry, wallet_id, key)
    worse = unreadable(bad.value, wallet_id, key)
    worse = sign_entry(replace(worse.value, ciphertext=bytes(64)), wallet_id, key)
    hashes = set()
    for number, order in enumerate(permutations((bad.raw, worse.raw))):
        reader = circle.copy("reader", f"reader {number}")
        for raw in order * 2:
            reader.receive(raw)
        assert reader.replica.core.quarantined == {entry.id}
        hashes.add(reader.replica.state_hash())
    assert len(hashes) == 1


@pytest.mark.parametrize("is_vouched", [True, False])
def test_by_which_envelope_an_entry_stands_does_not_depend_on_their_order(
    *, is_vouched: bool
) -> None:
    """The older envelope is beyond a cut and opens; the newer one is not and does not."""
    results = set()
    for order in list(permutations(range(4 if is_vouched else 3)))[:: 3 if is_vouched else 1]:
        scene = Demotion()
        wallet_id, author = scene.wallet.chain.wallet_id, scene.editor
        bad = unreadable(scene.again.value, wallet_id, author.signing_key)
        steps = (
            scene.reader.learn,
            lambda scene=scene: scene.reader.receive(scene.entry),
            lambda scene=scene, bad=bad: scene.reader.receive(bad),
            lambda scene=scene: scene.reader.receive(scene.voucher),
        )
        for step in order:
            steps[step]()
        for _ in range(2):
            raw, status = scene.reader.stored(scene.entry)
            core = scene.reader.replica.core
            is_aside = scene.entry.value.id in core.quarantined
            results.add((raw == bad.raw, status, is_aside))
            scene.reader.restart()
    assert results == {(True, EntryStatus.COUNTED, True)}
