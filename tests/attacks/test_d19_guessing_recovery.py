import hashlib
from collections.abc import Iterator
from pathlib import Path

import apsw
import pytest
from mnemonic import Mnemonic

from billfold.recovery_words import seed_of, words_of
from billfold_protocol.crypto import derivation, hashing, sealing
from billfold_protocol.crypto.domains import Domain
from billfold_protocol.errors import BillfoldError, RecoveryRefused
from billfold_protocol.recovery import RecoveryKeys
from tests.support.adversaries.findings import named, refused, scaled, show
from tests.support.linked_wallets import Household
from tests.support.running_server import running_server, settings

pytestmark = pytest.mark.attack("D19")

GUESSES_COUNT = scaled(small=2_000, whole=14_000_000)


@pytest.mark.parametrize("size", [0, 8, 10, 15, 16, 24, 31])
def test_a_secret_that_can_be_guessed_is_no_recovery_key(size: int) -> None:
    secret = hashlib.sha256(b"D19").digest()[:size]
    with refused(RecoveryRefused):
        RecoveryKeys(secret)


@pytest.mark.parametrize("word", ["abandon", "zoo", "password"])
def test_words_that_a_person_made_up_are_no_recovery_key(word: str) -> None:
    words = Mnemonic("english")
    for last in words.wordlist:
        phrase = " ".join([word] * 23 + [last])
        with named("error"):
            try:
                seed_of(phrase)
            except RecoveryRefused:
                continue
            raise AssertionError(f"a pattern was taken: {phrase[:40]}")
    show(RecoveryRefused)


def guesses() -> Iterator[bytes]:
    """Yield what people use as secrets, in the forms in which programs stretch them."""
    words = Mnemonic("english").wordlist
    for number in range(GUESSES_COUNT):
        text = f"{words[number % 2048]}{number // 2048 or ''}"
        yield hashlib.sha256(text.encode()).digest()


def opens(seed: bytes, pins: list[tuple[bytes, bytes]]) -> bool:
    """Try a seed against all pins that a server holds: each is one HKDF and one AEAD away."""
    locator = derivation.derive_key(seed, Domain.RECOVERY_LOCATOR)
    key = derivation.derive_key(seed, Domain.RECOVERY_PIN_KEY)
    context = hashing.frame(Domain.RECOVERY_PIN_SEAL, locator)
    for place, pin in pins:
        if place != locator:
            continue
        try:
            sealing.unseal(key, pin[:24], pin[24:], context)
        except BillfoldError:
            continue
        return True
    return False


async def test_all_bytes_of_the_server_open_for_no_guess_and_for_the_words(tmp_path: Path) -> None:
    store = tmp_path / "server.db"
    async with (
        running_server(settings(f"sqlite:{store}")) as server,
        Household(tmp_path, server.addresses[0]) as home,
    ):
        laptop, bystander = await home.found("laptop"), await home.found("bystander")
        words = laptop.recovery.begin()
        await laptop.recovery.confirm(words)
        await laptop.recovery.wait_ready()
        async with laptop.edit() as edit:
            edit.add("login", title="kept")
        await home.synced(laptop)
        before = laptop.status().state_hash
        async with bystander.edit() as edit:
            edit.add("login", title="meanwhile")
        with named("others"):
            assert (await bystander.sync()).is_complete
    stored = b"".join(
        path.read_bytes() for path in sorted(tmp_path.glob("server.db*")) if path.is_file()
    )
    seed = seed_of(words)
    rows = apsw.Connection(str(store)).execute("SELECT locator, raw FROM locator")
    pins = [(bytes(place), bytes(pin)) for place, pin in rows]
    with named("error"):
        assert opens(seed, pins), "the attack does not work at all"
        assert not any(opens(guess, pins) for guess in guesses())
    show("no guess opens")
    with named("secrets"):
        hidden = [seed, seed.hex().encode(), words.encode(), RecoveryKeys(seed).pin_key]
        assert words_of(seed) == words
        assert not [secret for secret in hidden if secret in stored]
    again = await home.reopen("laptop")
    with named("unchanged"):
        assert again.status().state_hash == before
    with named("kept"):
        assert [view.fields["title"].value for view in again.records("login")] == ["kept"]
    await again.close()
