from pathlib import Path

import pytest

from billfold.answering import Answering, Turn
from billfold.model import Message
from billfold_protocol.errors import LocalProtocolError, NotFound
from tests.support.linked_wallets import Household
from tests.support.running_server import running_server, settings


async def test_two_devices_that_answer_offline_send_one_answer(tmp_path: Path) -> None:
    async with (
        running_server(settings("memory:")) as server,
        Household(tmp_path, server.addresses[0]) as home,
    ):
        laptop = await home.found("laptop")
        phone = await home.link("phone", laptop)
        message = (await laptop.messages.add({"message_id": "1", "from": "acme"})).record.id
        await home.settle()
        with pytest.raises(LocalProtocolError, match="claim first"):
            await Answering(laptop).take_turn(message)
        with pytest.raises(NotFound):
            await Answering(laptop).claim(phone.natural_id("message", ("2", "acme")), message)
        for wallet, text in ((laptop, "yes"), (phone, "no")):
            await wallet.disconnect()
            draft = await wallet.messages.add({"body": text, "direction": "out"})
            await Answering(wallet).claim(message, draft.record.id)
        turns = [await Answering(wallet).take_turn(message) for wallet in (laptop, phone)]
        assert Turn.SEND in turns
        sender = (laptop, phone)[turns.index(Turn.SEND)]
        other = phone if sender is laptop else laptop
        await Answering(sender).sent(message)
        await home.settle()
        assert await Answering(other).take_turn(message) in {Turn.DONE, Turn.YIELD}
        assert await Answering(sender).take_turn(message) is Turn.DONE
        await home.settle()
        held = Message(other.record(message))
        assert held.state == "answered"
        assert sorted(held.claims.values()) == ["sent", "yielded"]
        assert len(held.answers) == 2
