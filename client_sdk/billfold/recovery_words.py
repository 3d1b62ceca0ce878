"""The forms in which a person keeps a recovery seed: 24 words, or three shares of which two do.

The words are those of BIP-39, the shares those of SLIP-39. No message here repeats what was typed:
messages end up in logs. `suggestions` tells a person at a terminal which word may have been meant.

Spec: 24-recovery.md
"""

import difflib
import unicodedata
from collections.abc import Iterable, Sequence
from functools import cache

import shamir_mnemonic
from mnemonic import Mnemonic

from billfold_protocol.errors import RecoveryRefused
from billfold_protocol.recovery import SEED_SIZE, RecoveryKit, check_seed

WORDS_COUNT = 24
SHARES_COUNT = 3
SHARES_NEEDED_COUNT = 2
SUGGESTIONS_COUNT_MAX = 3


def words_of(seed: bytes) -> str:
    """Return the 24 words of a seed, with a space between each two.

    Raises:
        RecoveryRefused: the seed is not 32 bytes that were drawn at random.
    """
    check_seed(seed)
    return _words().to_mnemonic(seed)


def seed_of(words: str) -> bytes:
    """Return the 32-byte seed of 24 words; case and the space between them do not matter.

    Raises:
        RecoveryRefused: a word is not in the list, there are not 24, or they do not fit together.
    """
    typed = _split(words)
    unknown = [str(index) for index, word in enumerate(typed, start=1) if word not in _known()]
    if unknown:
        which = "word" if len(unknown) == 1 else "words"
        verb = "is" if len(unknown) == 1 else "are"
        raise RecoveryRefused(
            f"{which} {', '.join(unknown)} {verb} not in the list of recovery words"
        )
    if len(typed) != WORDS_COUNT:
        raise RecoveryRefused(f"recovery words are {WORDS_COUNT}; these are {len(typed)}")
    try:
        seed = bytes(_words().to_entropy(typed))
    except (ValueError, LookupError) as error:
        raise RecoveryRefused(
            "these recovery words do not fit together: one is wrong, or their order is"
        ) from error
    check_seed(seed)
    return seed


def suggestions(words: str) -> dict[int, tuple[str, ...]]:
    """Return, for each typed word that is not in the list, which ones may have been meant.

    The keys count from 1. Show this to the person only: it is part of the secret.
    """
    return {
        index: _near(word)
        for index, word in enumerate(_split(words), start=1)
        if word not in _known()
    }


def shares_of(seed: bytes) -> tuple[str, ...]:
    """Return three new shares of a seed, 33 words each; any two give it back, one tells nothing.

    Raises:
        RecoveryRefused: the seed is not 32 bytes that were drawn at random.
    """
    check_seed(seed)
    group = [(SHARES_NEEDED_COUNT, SHARES_COUNT)]
    return tuple(shamir_mnemonic.generate_mnemonics(1, group, seed)[0])


def seed_of_shares(shares: Iterable[str]) -> bytes:
    """Return the 32-byte seed of two shares; case and the space between words do not matter.

    Raises:
        RecoveryRefused: they are too few, do not belong together, or a word of one is wrong.
    """
    given = [" ".join(_split(share)) for share in shares]
    if len(set(given)) < SHARES_NEEDED_COUNT:
        raise RecoveryRefused(f"it takes {SHARES_NEEDED_COUNT} different shares")
    try:
        seed = bytes(shamir_mnemonic.combine_mnemonics(given[:SHARES_NEEDED_COUNT]))
    except (shamir_mnemonic.MnemonicError, ValueError, LookupError) as error:
        raise RecoveryRefused(
            "these shares do not fit together: a word is wrong, or they are of different keys"
        ) from error
    if len(seed) != SEED_SIZE:
        raise RecoveryRefused("these shares are of something else than a recovery key")
    check_seed(seed)
    return seed


def find_seed(key: str | Sequence[str] | None, kit: RecoveryKit | None) -> bytes:
    """Return the seed of what a person has: words, shares, or a kit with the words in it.

    Raises:
        RecoveryRefused: it is none of them, or the kit is of other words.
    """
    if key is None:
        if kit is None or kit.seed is None:
            raise RecoveryRefused("recovering takes the recovery words, or two shares of them")
        return kit.seed
    seed = seed_of(key) if isinstance(key, str) else seed_of_shares(key)
    if kit is not None and kit.seed not in {None, seed}:
        raise RecoveryRefused("the kit is of other recovery words than these")
    return seed


@cache
def _words() -> Mnemonic:
    return Mnemonic("english")


@cache
def _known() -> frozenset[str]:
    return frozenset(_words().wordlist)


def _split(words: str) -> list[str]:
    return unicodedata.normalize("NFKD", words).casefold().split()


def _near(word: str) -> tuple[str, ...]:
    """Return the nearest words of the list; four letters name one word of it."""
    listed = _words().wordlist
    begun = [known for known in listed if word and known.startswith(word[:4])]
    near = difflib.get_close_matches(word, listed, n=SUGGESTIONS_COUNT_MAX, cutoff=0.6)
    return tuple(dict.fromkeys([*begun, *near]))[:SUGGESTIONS_COUNT_MAX]
