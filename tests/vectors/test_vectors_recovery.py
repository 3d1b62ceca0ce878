import re

from billfold_protocol.feed import vector_hash
from billfold_protocol.ids import EntryId, FeedId, MembershipHash, ServerKey, WalletId
from billfold_protocol.recovery import RecoveryKeys, RecoveryKit, RecoveryPin
from tests.vectors.vector_files import Vector, binary, each, expecting


@each("recovery", "seed", wallet=None, uri=None)
def test_a_seed_that_nobody_drew_at_random_is_refused(vector: Vector) -> None:
    with expecting(vector):
        RecoveryKeys(bytes.fromhex(vector["seed"]))


@each("recovery", "seed", "proof")
def test_a_seed_gives_these_keys(vector: Vector) -> None:
    seed, wallet = binary([vector["seed"], vector["wallet"]])
    keys = RecoveryKeys(seed)
    made = {
        "signing_key": keys.keys.signing,
        "wrapping_key": keys.keys.wrapping,
        "device": keys.device_id,
        "locator": keys.locator,
        "pin_key": keys.pin_key,
        "proof": keys.prove_locator(WalletId(wallet)),
    }
    assert {name: value.hex() for name, value in made.items()} == {
        name: vector[name] for name in made
    }


@each("recovery", "sealed")
def test_a_pin_opens_or_is_refused(vector: Vector) -> None:
    key, locator, sealed = binary([vector[name] for name in ("pin_key", "locator", "sealed")])
    with expecting(vector):
        assert RecoveryPin.open(sealed, key, locator) == pin_of(vector)


@each("recovery", "sealed", "nonce")
def test_a_pin_seals_to_these_bytes(vector: Vector) -> None:
    key, locator, nonce = binary([vector[name] for name in ("pin_key", "locator", "nonce")])
    assert pin_of(vector).seal(key, locator, nonce).hex() == vector["sealed"]


@each("recovery", "uri")
def test_a_kit_is_read_or_refused(vector: Vector) -> None:
    with expecting(vector):
        kit = RecoveryKit.parse(vector["uri"])
        assert kit.uri() == vector["uri"]
        assert re.fullmatch(r"billfold-recovery:[A-Za-z0-9_-]+", kit.uri())
        assert kit.wallet_id.hex() == vector["wallet"]
        assert kit.address == vector["address"]
        assert kit.server_key.hex() == vector["server_key"]
        assert (kit.n, kit.k, kit.hash.hex()) == (vector["n"], vector["k"], vector["hash"])
        assert kit.vector_hash.hex() == vector["vector_hash"]
        assert (kit.seed.hex() if kit.seed else None) == vector["seed"]


def pin_of(vector: Vector) -> RecoveryPin:
    heads = {
        FeedId(bytes.fromhex(feed)): (seq, EntryId(bytes.fromhex(id_)))
        for feed, seq, id_ in vector["vector"]
    }
    assert len(vector_hash(heads)) == 32
    return RecoveryPin(
        wallet_id=WalletId(bytes.fromhex(vector["wallet"])),
        address=vector["address"],
        server_key=ServerKey(bytes.fromhex(vector["server_key"])),
        n=vector["n"],
        k=vector["k"],
        hash=MembershipHash(bytes.fromhex(vector["hash"])),
        vector=heads,
        wrapped=bytes.fromhex(vector["wrapped"]),
    )
