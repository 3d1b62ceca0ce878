from itertools import permutations
from random import Random

import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st

from billfold_protocol.crypto.signing import Verified
from billfold_protocol.errors import AuthFailed
from billfold_protocol.feed import Entry, vector_hash
from tests.support.examples import examples
from tests.support.histories import Act, History, Rule, Step, what_counts
from tests.support.replicas import TestReplica
from tests.support.wallets import TestDevice, TestFeed, TestWallet

WRITING = (Act.WRITE, Act.WRITE, Act.WRITE_ANYWAY, Act.OPEN_FEED, Act.RESEAL, Act.MEET, Act.MEET)
MEMBERSHIP = (Act.LINK, Act.ROTATE, Act.DEMOTE, Act.PROMOTE, Act.REVOKE)
LEARNING = (Act.LEARN, Act.LEARN_AND_VOUCH)
REMOVALS = (Act.REVOKE, Act.DEMOTE)


def steps(*acts: Act) -> st.SearchStrategy[Step]:
    return st.builds(Step, st.sampled_from(acts), st.integers(0, 4), st.integers(0, 4))


def joined(parts: tuple[list[Step], ...]) -> list[Step]:
    return [step for part in parts for step in part]


anything = st.lists(steps(*WRITING, *WRITING, *MEMBERSHIP, *LEARNING), min_size=4, max_size=30)
others = st.integers(1, 3)
one_removal = st.tuples(
    st.lists(steps(*WRITING), min_size=6, max_size=20),
    st.builds(lambda act, other: [Step(act, 0, other)], st.sampled_from(REMOVALS), others),
    st.lists(steps(*WRITING, *LEARNING), min_size=2, max_size=12),
).map(joined)
back_again = st.tuples(
    st.lists(steps(*WRITING), min_size=6, max_size=12),
    st.builds(
        lambda other: [
            Step(Act.DEMOTE, 0, other),
            Step(Act.PROMOTE, 0, other),
            Step(Act.LEARN, other),
            Step(Act.RESEAL, other),
        ],
        others,
    ),
    st.lists(steps(*WRITING, *MEMBERSHIP, *LEARNING), max_size=8),
).map(joined)
histories = anything | one_removal | back_again

FORKING = (*WRITING, *WRITING, Act.FORK, Act.FORK, Act.MEET, Act.MEET)
forked_histories = st.lists(
    steps(*FORKING, *FORKING, *MEMBERSHIP, *LEARNING), min_size=8, max_size=36
) | st.tuples(
    st.lists(steps(*FORKING), min_size=8, max_size=24),
    st.builds(lambda act, other: [Step(act, 0, other)], st.sampled_from(REMOVALS), others),
    st.lists(steps(*FORKING, *LEARNING), max_size=12),
).map(joined)


def deliver(history: History, rng: Random, *, restarts: bool) -> TestReplica:
    """Hand everything to a fresh replica in a random order: entries twice, and forged copies."""
    replica = history.fresh()
    entries = history.envelopes
    again = rng.sample(entries, len(entries) // 2)
    forged = [bytes(64) + raw[64:] for raw in rng.sample(entries, len(entries) // 3)]
    arrivals = [*entries, *again, *forged]
    rng.shuffle(arrivals)
    places = sorted(rng.randrange(len(arrivals) + 1) for _ in history.membership[1:])
    grown = 1
    for place in range(len(arrivals) + 1):
        while grown <= len(places) and places[grown - 1] <= place:
            grown += 1
            replica.learn(history.membership[:grown])
        if place < len(arrivals):
            replica.receive(arrivals[place])
        if restarts and rng.random() < 0.15:
            replica.restart()
    return replica


@given(acts=histories, rng=st.randoms(use_true_random=False), restarts=st.booleans())
@settings(max_examples=examples(45))
def test_the_same_entries_count_in_every_order_of_arrival(
    *, acts: list[Step], rng: Random, restarts: bool
) -> None:
    history = History(acts)
    expected = what_counts(history.entries, history.wallet.chain)
    event(f"something is excluded: {len(history.entries) != len(expected)}")
    for _ in range(2):
        replica = deliver(history, rng, restarts=restarts)
        assert replica.counted == expected
        assert {type(refusal.error) for refusal in replica.refused} <= {AuthFailed}
        assert replica.graph.waiting_count == 0
        assert replica.graph.missing == []


@given(histories)
@settings(max_examples=examples(35))
def test_all_devices_end_with_the_same_entries_whoever_knew_what_before(acts: list[Step]) -> None:
    history = History(acts)
    expected = what_counts(history.entries, history.wallet.chain)
    for actor in history.actors:
        for raw in history.envelopes:
            actor.replica.receive(raw)
        actor.replica.learn(history.membership)
        assert actor.replica.counted == expected


@given(histories)
@settings(max_examples=examples(35))
def test_whoever_vouches_keeps_all_that_it_had_applied(acts: list[Step]) -> None:
    history = History(acts)
    for actor in history.actors:
        before = set(actor.replica.counted)
        member = history.wallet.state.members.get(actor.device.id)
        if member is not None and member.role.can_write:
            history.perform(Step(Act.LEARN_AND_VOUCH, history.actors.index(actor)))
            # A feed of its own that a cut ended is vouched for by its next entry, not by this.
            own = {id_ for id_ in before if history.entries[id_].value.feed == actor.feed.id}
            assert before - own <= actor.replica.counted


def forks_of(history: History) -> int:
    """Return how many entries stand beside another one."""
    entries = {id_: entry.value for id_, entry in history.entries.items()}
    return sum(len(place) - 1 for place in Rule(entries, history.wallet.chain).places())


@given(acts=forked_histories, rng=st.randoms(use_true_random=False), restarts=st.booleans())
@settings(max_examples=examples(60))
def test_the_same_entries_count_in_every_order_when_devices_lie(
    *, acts: list[Step], rng: Random, restarts: bool
) -> None:
    history = History(acts)
    expected = what_counts(history.entries, history.wallet.chain)
    forks_count = forks_of(history)
    event(f"forks: {min(forks_count, 3)}, all count: {len(history.entries) == len(expected)}")
    vectors = set()
    for _ in range(3):
        replica = deliver(history, rng, restarts=restarts)
        assert replica.counted == expected
        assert {type(refusal.error) for refusal in replica.refused} <= {AuthFailed}
        assert replica.graph.waiting_count == 0
        assert len(replica.forks) == forks_count
        vectors.add(vector_hash(replica.graph.vector))
    assert len(vectors) == 1


@given(forked_histories)
@settings(max_examples=examples(40))
def test_all_devices_end_alike_whatever_lies_each_was_told(acts: list[Step]) -> None:
    history = History(acts)
    expected = what_counts(history.entries, history.wallet.chain)
    for actor in history.actors:
        for raw in history.envelopes:
            actor.replica.receive(raw)
        actor.replica.learn(history.membership)
        assert actor.replica.counted == expected


def test_every_order_of_a_small_history_ends_alike() -> None:
    wallet = TestWallet("small")
    editor, reader = (wallet.link(TestDevice(f"small/{n}")) for n in range(2))
    before, known = wallet.state, len(wallet.chain)
    feed, other = TestFeed("small/editor"), TestFeed("small/reader")
    entries = [wallet.seal(editor, feed, b"0")]
    cut = {feed.id: (0, feed.head.id)}
    entries.append(wallet.seal(editor, feed, b"1"))
    entries.append(wallet.seal(reader, other, b"built on it", deps=[feed.head], state=before))
    entries.append(wallet.seal(editor, feed, b"2", deps=[other.head]))
    wallet.revoke(editor, cut=cut)
    expected = {entry.value.id for entry in entries[:3]}
    assert what_counts({e.value.id: e for e in entries}, wallet.chain) == expected
    events: list[Verified[Entry] | int] = [*entries, known + 1]
    for order in permutations(events):
        replica = TestReplica(wallet.chain.raws[0])
        replica.learn(wallet.chain.raws[:known])
        for arrived in order:
            if isinstance(arrived, int):
                replica.learn(wallet.chain.raws[:arrived])
            else:
                replica.receive(arrived.raw)
        assert replica.counted == expected


MADE_ANEW = [  # An entry is lost and counts again in one step, and then what builds on it.
    Step(Act.WRITE, 3),
    Step(Act.WRITE, 0),
    Step(Act.WRITE, 0),
    Step(Act.WRITE_ANYWAY, 2),
    Step(Act.MEET, 4, 1),
    Step(Act.FORK, 0, 4),
    Step(Act.WRITE, 0),
    Step(Act.WRITE_ANYWAY, 1),
]
VOUCHER_LOST_AT_ONCE = [  # What vouched for a demoted device counts and is lost in one step.
    Step(Act.WRITE_ANYWAY, 4, 1),
    Step(Act.WRITE, 4, 2),
    Step(Act.WRITE_ANYWAY, 4, 2),
    Step(Act.WRITE_ANYWAY, 1),
    Step(Act.WRITE_ANYWAY, 1, 4),
    Step(Act.WRITE, 3, 4),
    Step(Act.OPEN_FEED, 1, 3),
    Step(Act.MEET, 4, 1),
    Step(Act.MEET, 3, 1),
    Step(Act.DEMOTE, 0, 3),
    Step(Act.WRITE, 1, 1),
    Step(Act.FORK, 1, 2),
    Step(Act.WRITE, 1, 4),
]


@pytest.mark.parametrize("acts", [MADE_ANEW, VOUCHER_LOST_AT_ONCE])
def test_entries_that_turn_twice_in_one_step_end_alike(acts: list[Step]) -> None:
    history = History(acts)
    expected = what_counts(history.entries, history.wallet.chain)
    for seed in range(25):
        assert deliver(history, Random(seed), restarts=False).counted == expected
