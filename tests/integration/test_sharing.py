import base64
import json
from pathlib import Path

import pytest

from billfold import Wallet
from billfold.organisation import Organisation
from billfold.receipts import COUNTERSIGN, Receipt, Shared
from billfold_protocol.crypto import signing
from billfold_protocol.crypto.domains import Domain
from billfold_protocol.errors import InputError, Malformed, NotFound
from tests.support.linked_wallets import Household
from tests.support.running_server import running_server

LIBRARY = "https://library.example"
PURPOSE = "dpv:ServiceProvision"


def value(wallet: Wallet, record: str, field: str) -> object:
    state = wallet.record(record).fields.get(field)
    return None if state is None else state.value


async def test_both_sides_hold_the_receipt_of_what_was_shared(tmp_path: Path) -> None:
    async with running_server() as server, Household(tmp_path, server.addresses[0]) as home:
        laptop = await home.found("laptop")
        phone = await home.link("phone", laptop)
        opened = await laptop.relationships.open_channel("Library", LIBRARY)
        await laptop.preferences.add(subject="diet", statement="vegan")
        await laptop.preferences.add(subject="shoe size", statement="size 42")
        await home.settle()
        async with Organisation(tmp_path / "library.json") as library:
            member = await library.accept(opened.uri)
            await library.send(member, "What do you eat?")
            await home.settle()
            await refuses_to_share(laptop)
            agreement = await laptop.sharing.share("Library", ["diet"], purposes=[PURPOSE])
            await home.settle()
            (reply,) = await library.collect(member)
            shared = reply.shared
            assert shared is not None
            assert shared.statements == {"diet": "vegan"}
            assert shared.receipt.purposes == (PURPOSE,)
            assert "size 42" not in reply.message.encode().decode()
            assert value(phone, agreement, "receipt") == shared.receipt.to_json()
            assert value(phone, agreement, "given") is True
            assert value(phone, agreement, "counter_receipt") is None

            # Its signature on a receipt that it was not given counts for nothing.
            forged = {"record_id": shared.receipt.record_id, "digest": "0" * 64}
            await library.send(member, body=forged, message_type=COUNTERSIGN)
            await home.settle()
            assert value(phone, agreement, "counter_receipt") is None
            assert [one.error for one in phone.channels.refused()] == ["WrongContext"]

            await library.countersign(reply)
            await home.settle()
            raw = base64.b64decode(str(value(phone, agreement, "counter_receipt")))
            signature, body = signing.split(raw)
            key, domain = library.keys.signing, Domain.CHANNEL_MESSAGE_SIGNATURE
            signing.check_signature(key, signature, domain, body)
            assert shared.receipt.digest.encode() in body
            assert len(phone.channels.messages()) == 2

            await phone.sharing.withdraw(agreement)
            await home.settle()
            assert value(laptop, agreement, "given") is False
            (withdrawal,) = await library.collect(member)
            assert withdrawal.withdrawn == shared.receipt.record_id
            with pytest.raises(InputError):
                await library.countersign(withdrawal)
        again = Organisation(tmp_path / "library.json")
        assert [one.withdrawn for one in again.replies] == [None, shared.receipt.record_id]
        assert again.replies[0].signed == reply.signed
        with pytest.raises(NotFound):
            await laptop.sharing.withdraw(opened.record)


async def refuses_to_share(wallet: Wallet) -> None:
    with pytest.raises(NotFound):
        await wallet.sharing.share("Library", ["hats"], purposes=[PURPOSE])
    with pytest.raises(InputError):
        await wallet.sharing.share("Library", ["diet"], purposes=[])
    with pytest.raises(InputError):
        await wallet.sharing.share("Library", purposes=[PURPOSE])


def receipt() -> Receipt:
    return Receipt(
        record_id="1",
        event_time=1,
        data_subject="ab",
        data_controller=LIBRARY,
        purposes=(PURPOSE,),
        personal_data=("diet",),
    )


def test_what_is_shared_beyond_its_receipt_is_refused() -> None:
    good = Shared(receipt=receipt(), statements={"diet": "vegan"}, presentation=None)
    assert Shared.parse(good.body()) == good
    changes: tuple[dict[str, object], ...] = (
        {"statements": {"diet": "vegan", "name": "Ada"}},
        {"statements": []},
        {"presentation": 7},
        {"receipt": receipt().to_json() + " "},
        {"receipt": json.dumps({"record_id": "1"})},
        {"receipt": receipt().to_json().replace("[", '["x",', 1).replace('"x",', "7,")},
        {"receipt": None},
    )
    for change in changes:
        with pytest.raises(Malformed):
            Shared.parse({**good.body(), **change})
