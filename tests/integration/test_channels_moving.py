from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from billfold.organisation import Organisation
from billfold_protocol.client_session import ChainGrew
from billfold_protocol.errors import ChannelUnknown
from billfold_protocol.ids import ServerKey, WalletId
from billfold_protocol.invitation import Invitation
from billfold_protocol.mailbox import capability_hash, sign_opening
from billfold_protocol.mailbox_sealing import ChannelKeys, Direction
from billfold_protocol.messages import (
    Append,
    AskMailbox,
    Mail,
    OpenMailbox,
    PutReply,
    TakeMail,
    TellMailbox,
)
from tests.support.running_server import running_server
from tests.support.sync_client import SyncClient, move_home
from tests.support.towns import Town, moved, settled
from tests.support.wallets import TestWallet

KEYS = ChannelKeys(bytes(range(32)))


def opening(server_key: ServerKey, wallet_id: WalletId) -> AskMailbox:
    shown = capability_hash(KEYS.address, KEYS.capability)
    proof = sign_opening(KEYS.party.signing_key, server_key, wallet_id, shown)
    request = OpenMailbox(card=KEYS.card(), capability=shown, proof=proof)
    return AskMailbox(wallet_id=wallet_id, request=request)


async def open_at(client: SyncClient, wallet: TestWallet) -> None:
    """Open the mailbox at a server that has the wallet."""
    await client.send(opening(client.server_key, wallet.chain.wallet_id))
    await client.until(TellMailbox)


async def mail_at(client: SyncClient, wallet: TestWallet) -> int:
    """Return how many messages lie at a server."""
    request = TakeMail(address=KEYS.address, after=0)
    await client.send(AskMailbox(wallet_id=wallet.chain.wallet_id, request=request))
    while True:
        news = (await client.until(TellMailbox)).news
        if isinstance(news, Mail):
            return len(news.items)


async def test_an_organisation_follows_a_wallet_that_moved(tmp_path: Path) -> None:
    wallet = TestWallet()
    async with (
        running_server() as old,
        running_server() as new,
        SyncClient(old.addresses[0]) as here,
        SyncClient(new.addresses[0]) as there,
        Organisation(tmp_path / "library.json") as library,
    ):
        await here.join(wallet)
        await open_at(here, wallet)
        invitation = Invitation(
            server=old.addresses[0],
            server_key=here.server_key,
            signing=KEYS.party.keys.signing,
            capability=KEYS.capability,
        )
        member = await library.accept(invitation.uri())
        await library.send(member, "before")
        raw = move_home(wallet, new.addresses[0], there.server_key)
        await here.send(Append(wallet_id=wallet.chain.wallet_id, entry=raw, wraps=()))
        await here.until(ChainGrew)
        # The devices have not opened it over there yet: the message waits.
        with pytest.raises(ChannelUnknown):
            await library.send(member, "meanwhile")
        await there.join(wallet)
        assert await library.flush() == []
        await open_at(there, wallet)
        (sent,) = await library.flush()
        assert sent.expires_s > 0
        await library.send(member, "after")
        assert await mail_at(here, wallet) == 1
        assert await mail_at(there, wallet) == 2
        (known,) = library.correspondents
        assert known.server == new.addresses[0]
        _, sealed = KEYS.party.seal(
            b'{"id":"1","type":"t"}',
            to=library.keys.wrapping,
            address=KEYS.address,
            direction=Direction.TO_ORGANISATION,
            time_s=1,
        )
        reply = PutReply(address=KEYS.address, about=bytes(32), sealed=sealed)
        await there.send(AskMailbox(wallet_id=wallet.chain.wallet_id, request=reply))
        await there.until(TellMailbox)
        assert [one.message.id for one in await library.collect(member.id)] == ["1"]


async def test_a_channel_goes_on_at_the_wallets_new_server(tmp_path: Path) -> None:
    async with AsyncExitStack() as stack:
        town = Town(tmp_path, stack)
        old, new = await town.build("old"), await town.build("new")
        home = await town.settle(old)
        laptop = await home.found("laptop")
        phone = await home.link("phone", laptop)
        opened = await laptop.channels.open("https://library.example", name="Library")
        await home.settle()
        library = await stack.enter_async_context(Organisation(tmp_path / "library.json"))
        member = await library.accept(opened.uri)
        await library.send(member, "before")
        await home.settle()
        await moved(laptop, new)
        await settled(home, new)
        await library.send(member, "after")
        await settled(home, new)
        subjects = {str(view.fields["subject"].value) for view in phone.channels.messages()}
        assert subjects == {"before", "after"}
        for view in phone.channels.messages():
            await phone.channels.answer(view.id, "thank you")
        await settled(home, new)
        assert len(await library.collect(member.id)) == 2
        assert Invitation.parse(laptop.channels.get("Library").uri).server == new
