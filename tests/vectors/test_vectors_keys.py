from billfold_protocol.crypto.wrapping import UnwrappingKey
from billfold_protocol.ids import DeviceId, EpochId, EpochKey, WalletId
from billfold_protocol.key_hierarchy import (
    commit_to,
    entry_key,
    open_back_links,
    open_wrap,
    verify_created_key,
)
from tests.vectors.vector_files import Vector, chain_of, each, expecting


@each("key_hierarchy", "commitment")
def test_an_epoch_key_commits_and_derives(vector: Vector) -> None:
    key = EpochKey(bytes.fromhex(vector["epoch_key"]))
    assert commit_to(key).hex() == vector["commitment"]
    wallet_id = WalletId(bytes.fromhex(vector["wallet_id"]))
    assert entry_key(key, wallet_id).hex() == vector["entry_key"]


@each("key_hierarchy", "created_key")
def test_the_first_key_is_the_one_that_create_commits_to(vector: Vector) -> None:
    chain = chain_of("key_hierarchy", vector)
    with expecting(vector):
        key = EpochKey(bytes.fromhex(vector["created_key"]))
        assert verify_created_key(chain, key).hex() == vector["epoch"]


@each("key_hierarchy", "wrapped")
def test_a_listed_wrap_opens_for_its_device_only(vector: Vector) -> None:
    chain = chain_of("key_hierarchy", vector)
    device = DeviceId(bytes.fromhex(vector["device"]))
    unwrapping = UnwrappingKey(bytes.fromhex(vector["seed"]))
    with expecting(vector):
        epoch, key = open_wrap(
            chain, vector["k"], device, unwrapping, bytes.fromhex(vector["wrapped"])
        )
        assert (epoch.hex(), key.hex()) == (vector["epoch"], vector["key"])


@each("key_hierarchy", "keys")
def test_back_links_lead_to_older_keys_only(vector: Vector) -> None:
    chain = chain_of("key_hierarchy", vector)
    held = {
        EpochId(bytes.fromhex(epoch)): EpochKey(bytes.fromhex(key))
        for epoch, key in vector["keys"].items()
    }
    with expecting(vector):
        opened = open_back_links(chain, held)
        assert {epoch.hex(): key.hex() for epoch, key in opened.keys.items()} == vector["found"]
        bad = {str(k): type(error).__name__ for k, error in opened.errors.items()}
        assert bad == vector["bad"]
