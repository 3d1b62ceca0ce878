from billfold_protocol.errors import LimitExceeded
from billfold_protocol.membership import MembershipChain, Replace, replacement_code
from specs.vectors.story import describe_state
from specs.vectors.wallets import Wallet, create_wallet, make_device
from tests.vectors.vector_files import Vector, chain_of, each, expecting, load


@each("membership", "states")
def test_each_entry_of_a_chain_leads_to_this_state(vector: Vector) -> None:
    chain = chain_of("membership", vector)
    wallet = Wallet(vector["chain"], chain, {}, {}, kept=None)
    assert chain.wallet_id.hex() == vector["wallet_id"]
    assert [describe_state(wallet, k) for k in range(len(chain))] == vector["states"]


@each("membership", "codes")
def test_new_keys_have_this_code(vector: Vector) -> None:
    chain = chain_of("membership", vector)
    wanted = [e.payload for e in chain.entries if isinstance(e.payload, Replace)]
    codes = [replacement_code(chain.wallet_id, one.device, one.keys) for one in wanted]
    assert codes == vector["codes"]
    assert len(set(codes)) == len(codes) == 2


def test_the_story_has_every_kind_of_entry() -> None:
    story = load("membership")["chains"]["story"]
    chain = MembershipChain.load([bytes.fromhex(raw) for raw in story])
    kinds = {type(entry.payload).__name__ for entry in chain.entries}
    assert kinds == {"Create", "Home", "Link", "Revoke", "Rotate", "SetRole", "Close"}


@each("membership", "append")
def test_an_entry_may_follow_or_is_refused_and_changes_nothing(vector: Vector) -> None:
    raw = bytes.fromhex(vector["append"])
    if vector["chain"] is None:
        with expecting(vector):
            MembershipChain(raw)
        return
    chain = chain_of("membership", vector)
    before, raws = chain.state, list(chain.raws)
    with expecting(vector):
        assert chain.append(raw) is None
    assert chain.state is before
    assert list(chain.raws) == raws


@each("membership", "crowd")
def test_a_wallet_has_a_largest_number_of_members(vector: Vector) -> None:
    first = make_device("crowd 0", "crowd")
    wallet = create_wallet("crowd", first)
    for index in range(1, vector["crowd"]):
        wallet.add(first, wallet.link(first, make_device(f"crowd {index}", "crowd")))
    assert wallet.state.hash.hex() == vector["hash"]
    one_more = wallet.link(first, make_device(f"crowd {vector['crowd']}", "crowd"))
    assert vector["expect"] == LimitExceeded.__name__
    with expecting(vector):
        wallet.add(first, one_more)
