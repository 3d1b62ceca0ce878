from collections.abc import Sequence
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from billfold_protocol.errors import BillfoldError, LocalProtocolError, WrongContext
from billfold_protocol.membership import Kind, MembershipChain, Role, Target, TargetKind
from tests.support.examples import examples
from tests.support.wallets import TestDevice, TestWallet

ACTS = ("link", "invite", "revoke", "revoke_linked", "revoke_holder", "rotate", "role", "home")

Acts = list[tuple[str, int, int, Role, Kind]]

acts = st.lists(
    st.tuples(
        st.sampled_from(ACTS),
        st.integers(0, 5),
        st.integers(0, 5),
        st.sampled_from(Role),
        st.sampled_from((Kind.DEVICE, Kind.DEVICE, Kind.AGENT, Kind.RECOVERY)),
    ),
    min_size=1,
    max_size=12,
)


def build(history: Acts) -> TestWallet:
    """Let members do what they may; what they may not leaves the chain as it was."""
    wallet = TestWallet("membership")
    for count, (act, first, second, role, kind) in enumerate(history):
        members = [wallet.devices[id_] for id_ in wallet.state.members]
        author, other = members[first % len(members)], members[second % len(members)]
        length, state = len(wallet.chain), wallet.state
        newcomer = TestDevice(f"membership/{count}")
        try:
            if act == "link":
                wallet.link(newcomer, sponsor=author, role=role, kind=kind)
            elif act == "invite":
                wallet.invite(newcomer, sponsor=author, role=role)
            elif act == "revoke":
                wallet.revoke(other, author=author)
            elif act == "revoke_linked":
                wallet.revoke(Target(TargetKind.DEVICE_AND_LINKED, other.id), author=author)
            elif act == "revoke_holder":
                wallet.revoke(Target(TargetKind.HOLDER, other.holder), author=author)
            elif act == "rotate":
                wallet.rotate(author)
            elif act == "role":
                wallet.set_role(other, role, author=author)
            else:
                wallet.home()
        except LocalProtocolError:
            raise
        except BillfoldError:
            assert len(wallet.chain) == length
            assert wallet.state == state
    return wallet


def append_when_it_fits(create: bytes, arrivals: Sequence[bytes]) -> MembershipChain:
    """Offer entries until none fits any more, as a device does whatever order they come in."""
    chain = MembershipChain(create)
    left = list(arrivals)
    while True:
        refused = []
        for raw in left:
            try:
                chain.append(raw)
            except WrongContext:
                refused.append(raw)
        if len(refused) == len(left):
            return chain
        left = refused


@given(acts, st.randoms(use_true_random=False))
@settings(max_examples=examples(40))
def test_valid_entries_in_any_order_give_one_state(history: Acts, rng: Random) -> None:
    wallet = build(history)
    raws = list(wallet.chain.raws)
    for _ in range(2):
        arrivals = [*raws, *rng.sample(raws, len(raws) // 2)]
        rng.shuffle(arrivals)
        chain = append_when_it_fits(raws[0], arrivals)
        assert list(chain.raws) == raws
        assert chain.state == wallet.state


@given(acts)
@settings(max_examples=examples(40))
def test_every_chain_keeps_its_promises(history: Acts) -> None:
    chain = build(history).chain
    for k in range(len(chain)):
        state = chain.state_at(k)
        assert any(member.role is Role.OWNER for member in state.members.values())
        assert not set(state.members) & set(state.removed)
        assert all(device == member.device for device, member in state.members.items())
        assert all(device == member.keys.device_id for device, member in state.members.items())
        assert all(chain.keys_of(device) is not None for device in state.removed)
        assert chain.find(k, state.head) is state
        if k:
            before = chain.state_at(k - 1)
            gone = set(before.members) - set(state.members)
            # Whoever leaves is cut off, and the key changes in the same entry.
            assert gone == {cut.device for cut in state.cuts if cut.k == k and cut.device in gone}
            assert not gone or state.epoch.k == k
            assert set(before.removed) | gone == set(state.removed)


@given(acts, st.data())
@settings(max_examples=examples(40))
def test_a_changed_byte_is_never_accepted(history: Acts, data: st.DataObject) -> None:
    wallet = build(history)
    raws = list(wallet.chain.raws)
    for _ in range(8):
        k = data.draw(st.integers(0, len(raws) - 1))
        changed = bytearray(raws[k])
        changed[data.draw(st.integers(0, len(changed) - 1))] ^= data.draw(st.integers(1, 255))
        with pytest.raises(BillfoldError) as caught:
            MembershipChain.load([*raws[:k], bytes(changed)])
        assert not issubclass(caught.type, LocalProtocolError)
