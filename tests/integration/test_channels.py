from pathlib import Path

import pytest

from billfold import Wallet
from billfold.organisation import Organisation
from billfold_protocol.errors import ChannelClosed
from tests.support.linked_wallets import UNLOCK, Household
from tests.support.running_server import running_server

LIBRARY = "https://library.example"


def texts(wallet: Wallet) -> list[tuple[str, str]]:
    """Return each message's direction and subject."""
    return [
        (str(view.fields["direction"].value), str(view.fields["subject"].value))
        for view in wallet.channels.messages()
    ]


def state(wallet: Wallet) -> str:
    (message,) = [v for v in wallet.channels.messages() if v.fields["direction"].value == "in"]
    return str(message.fields["state"].value)


async def test_an_organisation_writes_to_devices_that_are_away_and_gets_one_answer(
    tmp_path: Path,
) -> None:
    async with running_server() as server:
        address = server.addresses[0]
        async with Household(tmp_path, address) as home:
            laptop = await home.found("laptop")
            await home.link("phone", laptop)
            opened = await laptop.channels.open(LIBRARY, name="Library")
            await home.settle()

        async with Organisation(tmp_path / "library.json") as library:
            member = await library.accept(opened.uri)
            sent = await library.send(member, "Your book is ready.")

            # Each device is alone with the server, so each takes the message by itself.
            for name in ("laptop", "phone"):
                async with await Wallet.open(tmp_path / name, unlock=UNLOCK) as wallet:
                    assert (await wallet.sync()).is_complete
                    assert texts(wallet) == [("in", "Your book is ready.")]
                    assert state(wallet) == "received"

            async with Household(tmp_path, address) as home:
                for name in ("laptop", "phone"):
                    home.wallets[name] = await Wallet.open(tmp_path / name, unlock=UNLOCK)
                laptop, phone = home.wallets["laptop"], home.wallets["phone"]
                await home.settle()
                assert texts(laptop) == texts(phone) == [("in", "Your book is ready.")]
                (message,) = laptop.channels.messages()
                await laptop.channels.answer(message.id, "I am coming.")
                await home.settle()
                assert state(laptop) == state(phone) == "answered"
                assert len(texts(phone)) == 2

                (reply,) = await library.collect(member)
                assert reply.message.text == "I am coming."
                assert reply.answers == sent.id
                assert await library.collect(member) == []

                await phone.channels.close(LIBRARY)
                await home.settle()
                assert laptop.channels.get(LIBRARY).is_closed
                with pytest.raises(ChannelClosed):
                    await library.send(member, "Another book is ready.")
                assert library.correspondents[0].is_closed
                await home.settle()
                assert len(texts(laptop)) == 2


async def test_two_devices_that_answer_apart_send_one_answer(tmp_path: Path) -> None:
    async with running_server() as server, Household(tmp_path, server.addresses[0]) as home:
        laptop = await home.found("laptop")
        phone = await home.link("phone", laptop)
        opened = await laptop.channels.open(LIBRARY)
        await home.settle()
        async with Organisation(tmp_path / "library.json") as library:
            member = await library.accept(opened.uri)
            await library.send(member, "Shall we keep it for you?")
            await home.settle()
            (message,) = laptop.channels.messages()
            for wallet, answer in ((laptop, "Yes."), (phone, "No.")):
                await wallet.disconnect()
                await wallet.channels.answer(message.id, answer)
            await home.settle()
            replies = await library.collect(member)
            assert len(replies) == 1
            claims = [
                str(one.value)
                for name, one in laptop.record(message.id).fields.items()
                if name.startswith("answer_claims/")
            ]
            assert sorted(claims) == ["sent", "yielded"]
            sent = [
                view
                for view in phone.channels.messages()
                if view.fields["direction"].value == "out"
                and view.fields["delivery"].value == "sent"
            ]
            assert [view.fields["subject"].value for view in sent] == [replies[0].message.text]
