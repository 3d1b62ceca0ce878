import asyncio
from collections.abc import AsyncIterator, Iterable
from dataclasses import replace
from pathlib import Path

import pytest

from billfold import Wallet, recover_wallet
from billfold.recovery_words import seed_of
from billfold_protocol.errors import PairingFailed, ServerRollback
from billfold_protocol.ids import ServerKey
from billfold_protocol.messages import Located, ServerMessage
from billfold_protocol.proofs import check_proof
from billfold_protocol.recovery import RecoveryKeys, RecoveryPin
from tests.support.adversaries.evil_relay import Answer, EvilOutbox, Tamper
from tests.support.adversaries.evil_server import EvilSocketServer, evil_socket_server
from tests.support.adversaries.withholding import withholding
from tests.support.linked_wallets import PATIENCE_S, UNLOCK, Household
from tests.support.seeded_bytes import bytes_of


@pytest.fixture
async def server() -> AsyncIterator[EvilSocketServer]:
    async with evil_socket_server("cold start") as server:
        yield server


@pytest.fixture
async def home(server: EvilSocketServer, tmp_path: Path) -> AsyncIterator[Household]:
    async with Household(tmp_path, server.addresses[0]) as home:
        yield home


async def titled(wallet: Wallet, title: str) -> None:
    async with wallet.edit() as edit:
        edit.add("login", title=title)


def hiding_from_newcomers(server: EvilSocketServer, laptop: Wallet, after_seq: int) -> Tamper:
    """Return a hook that shows the laptop everything, and anybody else its feed up to there."""
    (feed,) = {row.feed for row in server.store.entries(laptop.wallet_id)}
    hide = withholding(server.store, server.key, laptop.wallet_id, feed, after_seq=after_seq)
    laptop_id = bytes.fromhex(laptop.status().device)
    return lambda outbox, message: (
        [message] if outbox.device == laptop_id else hide(outbox, message)
    )


async def test_a_device_that_is_linked_notices_that_it_is_shown_less_than_its_sponsor(
    home: Household, server: EvilSocketServer
) -> None:
    laptop = await home.found("laptop")
    for number in range(3):
        await titled(laptop, f"title {number}")
        await home.synced(laptop)
    # At the next connection the server signs what the laptop knows it to hold.
    await laptop.disconnect()
    await home.synced(laptop)
    server.answers.tamper = hiding_from_newcomers(server, laptop, after_seq=1)
    phone = await home.link("phone", laptop)
    async with asyncio.timeout(PATIENCE_S):
        while not phone.proofs():
            await asyncio.sleep(0.02)
    (finding,) = phone.proofs()
    assert finding.proof is not None
    proven = check_proof(finding.proof, wallet_id=laptop.wallet_id)
    assert (proven.kind, proven.server) == ("ServerRollback", ServerKey(server.key.public_key))
    server.answers.tamper = None
    await phone.disconnect()
    await home.settle()


async def test_a_sponsor_that_does_not_sign_what_it_holds_links_nobody(
    home: Household, monkeypatch: pytest.MonkeyPatch
) -> None:
    laptop = await home.found("laptop")
    monkeypatch.setattr("billfold.household.welcome_beacon", lambda *_: bytes(200))
    with pytest.raises(PairingFailed):
        await home.link("phone", laptop)
    assert [path.name for path in (home.folder / "phone").iterdir()] == ["lock"]


async def test_a_kit_shows_what_is_hidden_by_one_who_can_forge_the_pin(
    home: Household, server: EvilSocketServer, tmp_path: Path
) -> None:
    """A removed device knows what seals the pin; here it helps the server."""
    laptop = await home.found("laptop")
    words = laptop.recovery.begin()
    await laptop.recovery.confirm(words)
    await laptop.recovery.wait_ready()
    await titled(laptop, "before")
    await home.synced(laptop)
    newest = max(row.seq for row in server.store.entries(laptop.wallet_id))
    await titled(laptop, "hidden")
    kit = await laptop.recovery.kit()
    keys = RecoveryKeys(seed_of(words))
    hide = hiding_from_newcomers(server, laptop, after_seq=newest)

    def tamper(outbox: EvilOutbox, message: ServerMessage) -> Iterable[Answer]:
        if not isinstance(message, Located):
            return hide(outbox, message)
        pin = RecoveryPin.open(message.pin, keys.pin_key, keys.locator)
        forged = replace(pin, n=pin.n + 50, vector={})
        nonce = bytes_of("forged pin", 24)
        return [replace(message, pin=forged.seal(keys.pin_key, keys.locator, nonce))]

    server.answers.tamper = tamper
    for place, page, doubt in (("words", None, None), ("kit", kit, ServerRollback)):
        found = await recover_wallet(
            tmp_path / place, unlock=UNLOCK, key=words, server=home.address, kit=page
        )
        async with found:
            titles = {view.fields["title"].value for view in found.records("login")}
            assert titles == {"before"}
            assert type(found.recovery.doubt) is (doubt or type(None))
