import pytest
import shamir_mnemonic

from billfold.recovery_words import (
    find_seed,
    seed_of,
    seed_of_shares,
    shares_of,
    suggestions,
    words_of,
)
from billfold_protocol.errors import RecoveryRefused
from tests.support.seeded_bytes import bytes_of

SEED = bytes_of("recovery words", 32)
WORDS = words_of(SEED).split()


def test_a_seed_has_24_words_and_they_give_it_back() -> None:
    assert len(WORDS) == 24
    assert seed_of(" ".join(WORDS)) == SEED


def test_case_and_space_between_words_do_not_matter() -> None:
    assert seed_of("\n".join(word.upper() for word in WORDS) + "\t ") == SEED


@pytest.mark.parametrize(
    "typed",
    [
        "",
        " ".join(WORDS[:23]),
        " ".join([*WORDS, WORDS[0]]),
        " ".join(["xyzzy", *WORDS[1:]]),
        "abandon " * 23 + "art",
    ],
    ids=["nothing", "one-missing", "one-too-many", "unknown-word", "a-pattern"],
)
def test_other_words_are_refused(typed: str) -> None:
    with pytest.raises(RecoveryRefused):
        seed_of(typed)


def test_words_in_another_order_are_refused_unless_their_checksum_happens_to_hold() -> None:
    refused = 0
    for index in range(23):
        swapped = [*WORDS]
        swapped[index], swapped[index + 1] = swapped[index + 1], swapped[index]
        try:
            assert seed_of(" ".join(swapped)) != SEED
        except RecoveryRefused:
            refused += 1
    assert refused >= 20


def test_no_message_repeats_what_was_typed() -> None:
    for typed in (["xyzzy", *WORDS[1:]], WORDS[:12], [*WORDS[12:], *WORDS[:12]]):
        with pytest.raises(RecoveryRefused) as caught:
            seed_of(" ".join(typed))
        assert not set(str(caught.value).casefold().split()) & {"xyzzy", *WORDS}


def test_a_near_miss_is_suggested_by_its_place() -> None:
    typed = ["libary", *WORDS[1:]]
    assert suggestions(" ".join(typed)) == {1: suggestions("libary")[1]}
    assert "library" in suggestions("libary")[1]
    assert suggestions(" ".join(WORDS)) == {}


@pytest.mark.parametrize("pair", [(0, 1), (0, 2), (1, 2), (2, 0)])
def test_any_two_of_three_shares_give_the_seed_back(pair: tuple[int, int]) -> None:
    shares = shares_of(SEED)
    assert [len(share.split()) for share in shares] == [33, 33, 33]
    assert seed_of_shares([shares[index] for index in pair]) == SEED


def test_shares_are_new_each_time_and_old_ones_go_on_to_work() -> None:
    first, second = shares_of(SEED), shares_of(SEED)
    assert not set(first) & set(second)
    assert seed_of_shares(first[:2]) == seed_of_shares(second[1:]) == SEED


def test_shares_that_do_not_belong_together_are_refused() -> None:
    first, second = shares_of(SEED), shares_of(SEED)
    for given in ([first[0]], [first[0]] * 2, [first[0], second[1]], [first[0], "some words"], []):
        with pytest.raises(RecoveryRefused):
            seed_of_shares(given)


def test_shares_of_something_smaller_are_refused() -> None:
    small = shamir_mnemonic.generate_mnemonics(1, [(2, 3)], SEED[:16])[0]
    with pytest.raises(RecoveryRefused, match="something else"):
        seed_of_shares(small[:2])


def test_without_words_shares_or_a_kit_there_is_no_seed() -> None:
    with pytest.raises(RecoveryRefused):
        find_seed(None, None)
    assert find_seed(" ".join(WORDS), None) == SEED
    assert find_seed(shares_of(SEED)[:2], None) == SEED
