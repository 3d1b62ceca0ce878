import asyncio
import logging
from pathlib import Path

import pytest

from billfold import EventStream, RecoveryUsed, Wallet, recover_wallet
from billfold_protocol.crypto.domains import Domain
from billfold_protocol.crypto.signing import SigningKey
from billfold_protocol.errors import NotAuthorised
from billfold_protocol.feed import Checkpoint
from billfold_protocol.ids import ServerKey
from billfold_protocol.membership import (
    Consent,
    Home,
    Kind,
    Link,
    Role,
    ServerAddress,
    Target,
    TargetKind,
    consent_parts,
)
from tests.support.adversaries.attack import LogKeeper
from tests.support.adversaries.findings import named, refused, show
from tests.support.linked_wallets import PATIENCE_S, UNLOCK, Household
from tests.support.running_server import running_server, settings
from tests.support.seeded_bytes import bytes_of
from tests.support.wallets import TIME_S, TestDevice, TestWallet

pytestmark = pytest.mark.attack("D20")

WEEK_S = 7 * 24 * 3600
CANARY = "canary of a wallet that was taken over"


async def test_words_that_somebody_stole_cannot_be_used_in_silence(tmp_path: Path) -> None:
    log = LogKeeper()
    logging.getLogger().addHandler(log)
    try:
        async with (
            running_server(settings(f"sqlite:{tmp_path / 'server.db'}")) as server,
            Household(tmp_path, server.addresses[0]) as home,
        ):
            await take_over(home, log)
    finally:
        logging.getLogger().removeHandler(log)


async def take_over(home: Household, log: LogKeeper) -> None:
    laptop, bystander = await home.found("laptop"), await home.found("bystander")
    phone = await home.link("phone", laptop)
    words = laptop.recovery.begin()
    await laptop.recovery.confirm(words)
    await laptop.recovery.wait_ready()
    await home.settle(laptop, phone)
    before = laptop.devices()
    await phone.close()
    with laptop.events() as events:
        thief = await recover_wallet(
            home.folder / "thief", unlock=UNLOCK, key=words, server=home.address, name="thief"
        )
        home.wallets["thief"] = thief
        with named("error"):
            used = await told(events)
    phone = await home.reopen("phone")
    async with phone.edit() as edit:
        edit.add("login", title=CANARY)
    await home.settle(laptop, phone, thief)
    for wallet in (laptop, phone):
        with named("error"):
            (use,) = wallet.status().recovery_uses
            assert use == used
            assert use.device is not None
            assert use.device.hex() == thief.status().device
            assert use.time_s > 0
        with named("kept"):
            assert [view.fields["title"].value for view in wallet.records("login")] == [CANARY]
    show(RecoveryUsed.__name__)
    with named("unchanged"):
        still = [one.id for one in laptop.devices() if not one.is_removed]
        assert still == [*(one.id for one in before), thief.status().device]
        with refused(NotAuthorised):
            await only_word_of(laptop, home, words)
    with named("others"):
        assert (await bystander.sync()).is_complete
    await laptop.revoke("thief")
    with named("kept"):
        assert [one.name for one in phone.devices() if one.is_removed] in ([], ["thief"])
    stored = b"".join(
        path.read_bytes() for path in home.folder.glob("server.db*") if path.is_file()
    )
    with named("secrets"):
        for place in (stored, "\n".join(log.lines).encode()):
            assert words.encode() not in place
            assert CANARY.encode() not in place


async def told(events: EventStream) -> RecoveryUsed:
    """Return the first news that the words were used."""
    try:
        async with asyncio.timeout(PATIENCE_S):
            return await anext(one async for one in events if isinstance(one, RecoveryUsed))
    except TimeoutError as error:
        raise AssertionError("nobody was told that the words were used") from error


async def only_word_of(wallet: Wallet, home: Household, words: str) -> None:
    """One device asks twice; a second one's consent is not there, and no week has passed."""
    assert not await wallet.recovery.revoke()
    assert not await wallet.recovery.revoke()
    phone = home.wallets["phone"]
    await home.settle(wallet, phone)
    with named("unchanged"):
        assert [one.name for one in phone.devices() if one.kind is Kind.RECOVERY]
    assert words
    await phone.recovery.revoke()


class Story:
    """A wallet of a laptop and a phone, with words that somebody stole, and a server's clock."""

    def __init__(self) -> None:
        self.wallet = TestWallet("D20")
        self.laptop = self.wallet.owner
        self.server = SigningKey(bytes_of("D20/server", 32))
        address = ServerAddress(
            address="https://d20.example", key=ServerKey(self.server.public_key)
        )
        self.wallet.append(self.laptop, Home(server=address))
        self.phone = self.wallet.link(TestDevice("D20/phone"), role=Role.OWNER)
        self.words = self.wallet.link(TestDevice("D20/words"), role=Role.OWNER, kind=Kind.RECOVERY)
        self.thief = self.wallet.link(TestDevice("D20/thief"), sponsor=self.words, role=Role.OWNER)

    def moment(self, k: int, time_s: int) -> bytes:
        """Return what the server signed about the chain, at a time of its clock."""
        head = self.wallet.chain.state_at(k).head
        checkpoint = Checkpoint(
            wallet_id=self.wallet.chain.wallet_id,
            n=1,
            k=k,
            head=head,
            time_s=time_s,
            client_nonce=None,
            vector_hash=None,
        )
        return checkpoint.sign(self.server)

    def consent(self, device: TestDevice, *, since_k: int, passed_s: int) -> Consent:
        """Return a second device's consent, and what proves how long both have belonged."""
        state = self.wallet.state
        parts = consent_parts(state.wallet_id, self.words.id, state.epoch.id)
        return Consent(
            device=device.id,
            signature=device.signing_key.sign(Domain.MEMBERSHIP_CONSENT, *parts),
            earlier=self.moment(since_k, TIME_S),
            later=self.moment(state.k, TIME_S + passed_s),
        )

    def removal(self, author: TestDevice, consent: Consent | None) -> bytes:
        """Return the entry that removes the words."""
        target = Target(TargetKind.DEVICE, self.words.id)
        revoke, _, _ = self.wallet.removal(target, author=author)
        changed = type(revoke)(
            target=revoke.target, cut=revoke.cut, rotation=revoke.rotation, consent=consent
        )
        return self.wallet.sign(author, changed)


def test_two_old_devices_end_the_words_and_nobody_else_does() -> None:
    story = Story()
    chain = story.wallet.chain
    joined = story.wallet.state.members[story.phone.id].since_k
    newest = story.wallet.state.k
    length = len(chain)
    for author, consent in (
        (story.laptop, None),
        (story.thief, None),
        (story.laptop, story.consent(story.laptop, since_k=joined, passed_s=WEEK_S)),
        (story.laptop, story.consent(story.phone, since_k=joined, passed_s=WEEK_S - 1)),
        (story.laptop, story.consent(story.thief, since_k=joined, passed_s=WEEK_S)),
        (story.thief, story.consent(story.phone, since_k=newest, passed_s=WEEK_S - 1)),
    ):
        with refused(NotAuthorised):
            chain.append(story.removal(author, consent))
        with named("unchanged"):
            assert len(chain) == length
    agreed = story.consent(story.phone, since_k=joined, passed_s=WEEK_S)
    chain.append(story.removal(story.laptop, agreed))
    with named("kept"):
        assert story.words.id not in chain.state.members
        assert story.laptop.id in chain.state.members


def test_the_chain_proves_who_used_the_words() -> None:
    story = Story()
    entry = story.wallet.chain.entries[story.wallet.state.k]
    with named("error"):
        assert isinstance(entry.payload, Link)
        assert entry.author == story.words.id
        assert story.wallet.state.members[story.thief.id].sponsor == story.words.id
