import hashlib
from dataclasses import replace

import pytest
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, MLKEM768X25519PrivateKey, Suite

from billfold_protocol import codec
from billfold_protocol.crypto.domains import Domain
from billfold_protocol.crypto.hashing import frame
from billfold_protocol.errors import AuthFailed
from billfold_protocol.ids import EpochKey
from billfold_protocol.key_hierarchy import WrapContext, commit_to, rotate_epoch
from billfold_protocol.membership import Rotate, wrap_hash
from billfold_protocol.messages import Append
from tests.support.adversaries.attack import Attack
from tests.support.adversaries.findings import Broken, named, show
from tests.support.adversaries.mallory import with_mallory
from tests.support.adversaries.stage import HonestDevice, pair

pytestmark = pytest.mark.attack("K15")

HYBRID = Suite(KEM.MLKEM768_X25519, KDF.HKDF_SHA256, AEAD.CHACHA20_POLY1305)
CLASSIC = Suite(KEM.X25519, KDF.HKDF_SHA256, AEAD.CHACHA20_POLY1305)
GUESSES = (bytes(64), b"\xff" * 64)


def halves_of(device: HonestDevice) -> tuple[bytes, bytes]:
    """Return the seeds of both halves of a device's wrapping key."""
    seeds = codec.as_array(codec.decode(device.secrets.encode(), size_max=256))
    expanded = hashlib.shake_256(codec.as_bytes(seeds[2])).digest(96)
    return expanded[:64], expanded[64:]


def opens(ml_kem: bytes, x25519: bytes, wrapped: bytes, info: bytes) -> bool:
    key = MLKEM768X25519PrivateKey(
        MLKEM768PrivateKey.from_seed_bytes(ml_kem), X25519PrivateKey.from_private_bytes(x25519)
    )
    try:
        HYBRID.decrypt(wrapped, key, info=info)
    except (InvalidTag, ValueError):
        return False
    return True


async def test_whoever_breaks_one_half_of_a_wrap_some_day_opens_nothing() -> None:
    stage, laptop, phone = pair("K15")
    attack = Attack(stage, laptop, phone)
    stage.propose(laptop, lambda author: author.rotate())
    ml_kem, x25519 = halves_of(phone)
    chain = phone.replica.core.chain
    for wrap in stage.server.store.wraps(phone.wallet_id):
        if wrap.device != phone.device_id:
            continue
        context = WrapContext(
            wallet_id=chain.wallet_id,
            k=wrap.k,
            previous=chain.state_at(wrap.k - 1).hash,
            author=chain.entries[wrap.k].author,
            commitment=chain.state_at(wrap.k).epoch.commitment,
        )
        info = frame(Domain.EPOCH_WRAP, *context.parts(phone.device_id))
        for guess in GUESSES:
            if opens(guess, x25519, wrap.raw, info):
                raise Broken("secrets", "X25519's secret alone opens a wrap")
            if opens(ml_kem, guess[:32], wrap.raw, info):
                raise Broken("secrets", "ML-KEM's secret alone opens a wrap")
        with named("secrets"):
            assert opens(ml_kem, x25519, wrap.raw, info), "both halves open it"
    show("one half opens nothing, both do")
    attack.ends(shows=[], changes=[laptop, phone])


async def test_a_key_that_is_wrapped_for_the_older_half_only_is_refused() -> None:
    """Even one that a member lists in a signed rotation."""
    stage, laptop, phone, mallory = with_mallory("K15/classic")
    state = mallory.state
    key = EpochKey(b"\x15" * 32)
    rotation, wraps = rotate_epoch(
        state,
        recipients=list(state.members.values()),
        author=mallory.secrets.device_id,
        previous_key=mallory.replica.core.epoch_keys[state.epoch.id],
        key=key,
        nonce=bytes(24),
    )
    context = WrapContext(
        wallet_id=state.wallet_id,
        k=state.k + 1,
        previous=state.hash,
        author=mallory.secrets.device_id,
        commitment=commit_to(key),
    )
    _, x25519 = halves_of(phone)
    public = X25519PrivateKey.from_private_bytes(x25519).public_key()
    info = frame(Domain.EPOCH_WRAP, *context.parts(phone.device_id))
    weak = CLASSIC.encrypt(key, public, info=info)
    listed = {**wraps, phone.device_id: weak}
    hashes = tuple(wrap_hash(listed[device]) for device in sorted(state.members))
    raw = mallory.membership(Rotate(rotation=replace(rotation, wrap_hashes=hashes)))
    attack = Attack(stage, phone)
    mallory.device.is_deaf = True
    laptop.go_offline()
    others = [(state.k + 1, device, raw_wrap) for device, raw_wrap in listed.items()]
    mallory.send(Append(wallet_id=state.wallet_id, entry=raw, wraps=tuple(sorted(others))))
    attack.run()
    with named("unchanged"):
        assert phone.replica.state.complaints == {phone.device_id}
        assert phone.replica.core.epoch_key is None
        assert key not in phone.replica.core.epoch_keys.values()
    # Whoever could open the bad epoch begins the next one; the edits of all go on in that.
    laptop.go_online()
    attack.run()
    attack.ends(shows=[AuthFailed], changes=[phone])
