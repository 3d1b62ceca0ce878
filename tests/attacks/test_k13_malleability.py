import inspect

import pytest

from billfold_protocol.crypto import signing
from billfold_protocol.crypto.signing import SigningKey
from billfold_protocol.errors import AuthFailed, StaleServer
from billfold_protocol.messages import Entries, Members
from tests.support.adversaries.attack import Attack
from tests.support.adversaries.evil_relay import changing_entries, only_to
from tests.support.adversaries.findings import named, show
from tests.support.adversaries.mallory import with_mallory
from tests.support.adversaries.stage import pair
from tests.support.weak_keys import GROUP_ORDER

pytestmark = pytest.mark.attack("K13")


def with_larger_scalar(raw: bytes) -> bytes:
    """Return signed bytes with S + L in place of S, which means the same to a lax verifier."""
    scalar = int.from_bytes(raw[32:64], "little") + GROUP_ORDER
    return raw[:32] + scalar.to_bytes(32, "little") + raw[64:]


def with_another_point(raw: bytes) -> bytes:
    return bytes([raw[0] ^ 1]) + raw[1:]


async def test_a_signature_has_one_form_and_an_entry_counts_once() -> None:
    stage, laptop, phone = pair("K13")
    phone.go_offline()
    laptop.write("meanwhile", stage.canaries.next())
    stage.settle()
    attack = Attack(stage, phone)
    stage.server.answers.tamper = only_to(
        phone.device_id,
        changing_entries(lambda raw: [with_larger_scalar(raw), with_another_point(raw)]),
    )
    phone.go_online()
    attack.run()
    # That the true one is kept from the phone shows too: the laptop's beacon names it.
    attack.ends(shows=[AuthFailed, StaleServer])
    # And once it is here, other forms of it are the same entry.
    count, vector = len(phone.store.entry_index()), phone.replica.vector
    raw = stage.server.store.entries(phone.wallet_id)[-1].raw
    stage.server.answers.inject(
        phone.device_id,
        Entries(wallet_id=phone.wallet_id, n=0, entries=(with_larger_scalar(raw), raw, raw)),
    )
    stage.settle()
    with named("unchanged"):
        assert (len(phone.store.entry_index()), phone.replica.vector) == (count, vector)


async def test_a_signature_is_not_anothers() -> None:
    stage, laptop, phone, mallory = with_mallory("K13/key")
    attack = Attack(stage, phone)
    laptop_entry = stage.server.store.entries(phone.wallet_id)[-1].raw
    own = mallory.entry(is_kept=False)
    claimed = laptop_entry[:64] + own[64:]
    stage.server.answers.inject(
        phone.device_id, Entries(wallet_id=phone.wallet_id, n=0, entries=(claimed,))
    )
    chain = laptop.replica.core.chain
    theirs = with_larger_scalar(bytes(chain.raws[-1]))
    stage.server.answers.inject(
        phone.device_id, Members(wallet_id=phone.wallet_id, k=len(chain) - 1, entries=(theirs,))
    )
    attack.run()
    attack.ends(shows=[AuthFailed])


def test_a_key_pair_comes_from_its_seed_only() -> None:
    """No way to sign asks for a public key, so none can be made to sign under another's."""
    assert list(inspect.signature(SigningKey.__init__).parameters) == ["self", "seed"]
    assert list(inspect.signature(SigningKey.sign).parameters) == ["self", "domain", "parts"]
    assert "crypto_sign_detached" not in vars(signing)
    show("the interface for signing takes a seed")
