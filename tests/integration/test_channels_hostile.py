import asyncio
import base64
import json
import secrets
import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import aiohttp
import pytest

from billfold import Wallet
from billfold.mail.records import SENDER, encode_sender
from billfold.organisation import Organisation
from billfold.plaintext import Plaintext
from billfold.transport.posting import Posting
from billfold_protocol import limits
from billfold_protocol.errors import (
    ChannelClosed,
    ChannelUnknown,
    InputError,
    LocalProtocolError,
    NotFound,
    TransportError,
    WrongContext,
)
from billfold_protocol.invitation import Invitation
from billfold_protocol.mailbox import (
    AskCard,
    Card,
    CardShown,
    Deposit,
    Deposited,
    MailboxAnswer,
    MailboxRequest,
    Question,
    encode_request,
    verify_answer,
)
from billfold_protocol.mailbox_sealing import Direction, Party
from billfold_server.config import Address
from tests.support.linked_wallets import UNLOCK, Household
from tests.support.running_server import running_server, settings
from tests.support.seeded_bytes import bytes_of

LIBRARY = "https://library.example"


class Sender:
    """Somebody who has an invitation and follows no rules."""

    def __init__(self, uri: str, name: str = "library") -> None:
        self.invitation = Invitation.parse(uri)
        self.party = Party(bytes_of(f"{name} signing", 32), bytes_of(f"{name} wrapping", 32))
        self._posting = Posting()

    async def ask(self, request: MailboxRequest) -> MailboxAnswer:
        body, there = encode_request(request), self.invitation
        raw = await self._posting.post(
            f"{there.server}/v1/mailboxes/{there.address.hex()}",
            body,
            bearer=_bearer(there.capability),
        )
        return verify_answer(raw, there.server_key, Question(address=there.address, body=body))

    async def card(self) -> Card:
        shown = await self.ask(AskCard(nonce=bytes(32)))
        assert isinstance(shown, CardShown)
        return Card.verify(shown.card)

    async def leave(self, sealed: bytes) -> None:
        assert isinstance(await self.ask(Deposit(sealed=sealed)), Deposited)

    async def write(self, content: bytes, *, party: Party | None = None, time_s: int = 1) -> None:
        card = await self.card()
        _, sealed = (party or self.party).seal(
            content,
            to=card.wrapping,
            address=card.address,
            direction=Direction.TO_PERSON,
            time_s=time_s,
        )
        await self.leave(sealed)

    async def close(self) -> None:
        await self._posting.close()


def _bearer(capability: bytes) -> str:
    return base64.urlsafe_b64encode(capability).decode().rstrip("=")


def content(id_: str, text: str = "hello") -> bytes:
    return Plaintext(id=id_, body={"content": text}).encode()


def subjects(wallet: Wallet) -> list[str]:
    views = [view.fields.get("subject") for view in wallet.channels.messages()]
    return sorted("" if view is None else str(view.value) for view in views)


async def test_garbage_forgeries_and_replays_are_refused_and_the_rest_is_taken(
    tmp_path: Path,
) -> None:
    async with running_server() as server, Household(tmp_path, server.addresses[0]) as home:
        laptop = await home.found("laptop")
        opened = await laptop.relationships.open_channel("Library", LIBRARY)
        other = await laptop.channels.open("https://bank.example")
        await home.settle()
        library, thief = Sender(opened.uri), Sender(opened.uri, "thief")
        bank = Sender(other.uri, "bank")
        await library.write(content("1", "first"))
        await library.leave(secrets.token_bytes(3000))
        await library.leave(b"")
        await thief.write(content("2", "give me your password"))
        await library.write(content("1", "first"), time_s=1)
        await library.write(content("1", "another"), time_s=2)
        await library.write(b'{"id":"3"}')
        await library.write(json.dumps({"id": "4", "type": "t", "body": {"a": "\0"}}).encode())
        await library.write(content("5", "last"))
        # A message that the bank got is put into the library's mailbox by the bank.
        card = await bank.card()
        _, sealed = bank.party.seal(
            content("6"),
            to=card.wrapping,
            address=card.address,
            direction=Direction.TO_PERSON,
            time_s=1,
        )
        await library.leave(sealed)
        await home.settle()
        assert subjects(laptop) == ["", "first", "last"]
        kinds = [one.error for one in laptop.channels.refused()]
        assert kinds == [
            *("AuthFailed", "AuthFailed", "WrongSender", "WrongContext"),
            *("Malformed", "AuthFailed"),
        ]
        for sender in (library, thief, bank):
            await sender.close()


async def test_two_devices_that_meet_two_first_senders_trust_neither(tmp_path: Path) -> None:
    """Only a server that shows each device another first message leads there."""
    async with running_server() as server, Household(tmp_path, server.addresses[0]) as home:
        laptop = await home.found("laptop")
        phone = await home.link("phone", laptop)
        opened = await laptop.channels.open(LIBRARY)
        await home.settle()
        for wallet, name in ((laptop, "library"), (phone, "thief")):
            await wallet.disconnect()
            keys = Sender(opened.uri, name).party.keys
            await wallet.set(opened.record, SENDER, encode_sender(keys))
        await home.settle()
        sender = Sender(opened.uri)
        await sender.write(content("1"))
        await home.settle()
        assert subjects(laptop) == []
        assert {one.error for one in laptop.channels.refused()} == {"WrongSender"}
        assert laptop.channels.get(LIBRARY).sender is None
        await sender.close()


async def test_what_a_person_purged_does_not_come_back(tmp_path: Path) -> None:
    async with running_server() as server, Household(tmp_path, server.addresses[0]) as home:
        laptop = await home.found("laptop")
        opened = await laptop.channels.open(LIBRARY)
        await home.settle()
        sender = Sender(opened.uri)
        await sender.write(content("1"))
        await home.settle()
        (message,) = laptop.channels.messages()
        async with laptop.edit() as edit:
            edit.trash(message.id)
            edit.purge(message.id)
        await sender.write(content("1"))
        await home.settle()
        assert laptop.channels.messages() == []
        assert laptop.channels.refused() == []
        await sender.close()


async def test_messages_stay_until_an_endorsed_snapshot_covers_what_holds_them(
    tmp_path: Path,
) -> None:
    path = tmp_path / "server.db"
    async with (
        running_server(settings(f"sqlite:{path}")) as server,
        Household(tmp_path, server.addresses[0]) as home,
    ):
        laptop = await home.found("laptop")
        opened = await laptop.channels.open(LIBRARY)
        await home.settle()
        sender = Sender(opened.uri)
        await sender.write(content("1"))
        await home.settle()
        # Nobody but its maker stands by this one.
        assert await laptop.compact()
        await home.settle()
        assert mail_held(path) == [(1, True)]
        phone = await home.link("phone", laptop)
        await home.settle()
        await sender.write(content("2"))
        await home.settle()
        assert len(subjects(phone)) == 2
        assert await laptop.compact()
        async with asyncio.timeout(30):
            while mail_held(path):
                await asyncio.sleep(0.05)
        await sender.close()
        assert len(subjects(laptop)) == 2


def mail_held(path: Path) -> list[tuple[int, bool]]:
    """Return the number of each message that a server's store holds, and whether it was merged."""
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as database:
        rows = database.execute("SELECT number, merged_n IS NOT NULL FROM mail ORDER BY number")
        return [(number, bool(is_merged)) for number, is_merged in rows]


@pytest.mark.parametrize(
    ("method", "headers", "body", "status"),
    [
        ("GET", {}, b"", 405),
        ("POST", {}, b"x", 401),
        ("POST", {"Authorization": "Bearer short"}, b"x", 401),
        ("POST", {"Authorization": f"Basic {'A' * 43}"}, b"x", 401),
        ("POST", {"Authorization": f"Bearer {'A' * 43}"}, b"x", 400),
        ("POST", {"Authorization": f"Bearer {'A' * 43}", "Content-Encoding": "gzip"}, b"x", 415),
        (
            "POST",
            {"Authorization": f"Bearer {'A' * 43}"},
            bytes(limits.MAILBOX_REQUEST_SIZE_MAX + 1),
            413,
        ),
    ],
)
async def test_a_request_against_the_rules_is_refused_with_its_status(
    method: str, headers: dict[str, str], body: bytes, status: int
) -> None:
    async with running_server() as server, aiohttp.ClientSession() as http:
        url = f"{server.addresses[0]}/v1/mailboxes/{'0' * 64}"
        async with http.request(method, url, headers=headers, data=body) as response:
            assert response.status == status
            assert response.headers["Server"] == "billfold"


async def test_a_body_without_a_length_and_a_name_of_another_shape_are_refused() -> None:
    async def pieces() -> AsyncIterator[bytes]:
        yield b"x"

    headers = {"Authorization": f"Bearer {'A' * 43}"}
    async with running_server() as server, aiohttp.ClientSession() as http:
        there = f"{server.addresses[0]}/v1/mailboxes/"
        async with http.post(there + "0" * 64, headers=headers, data=pieces()) as response:
            assert response.status == 411
        for name in ("", "0" * 63, "G" * 64, "0" * 64 + "/x"):
            async with http.post(there + name, headers=headers, data=b"x") as response:
                assert response.status == 404


async def test_an_organisation_is_told_what_is_wrong(tmp_path: Path) -> None:
    async with running_server() as server, Household(tmp_path, server.addresses[0]) as home:
        laptop = await home.found("laptop")
        await laptop.disconnect()
        opened = await laptop.channels.open(LIBRARY)
        async with Organisation(tmp_path / "library.json") as library:
            # The wallet has not been online since.
            with pytest.raises(ChannelUnknown):
                await library.accept(opened.uri)
            await home.settle()
            member = await library.accept(opened.uri)
            assert await library.accept(opened.uri) == member
            with pytest.raises(InputError):
                await library.send(member, "x" * 60_000)
            with pytest.raises(InputError):
                await library.send(member, "text", body={"and": "body"})
            with pytest.raises(InputError):
                await library.send(member, body={"a": float("nan")})
            with pytest.raises(NotFound):
                await library.send("nobody", "hello")
            with pytest.raises(WrongContext):
                await library.accept("https://somewhere.example")
            with pytest.raises(InputError):
                await library.accept(opened.uri[:-4])
            await library.send(member, "hello")
            assert (tmp_path / "library.json").stat().st_mode & 0o777 == 0o600
        # Another process goes on from the file.
        async with Organisation(tmp_path / "library.json") as library:
            assert [one.id for one in library.correspondents] == [member.id]
            await library.send(member.id, "again")
            await home.settle()
            assert subjects(laptop) == ["again", "hello"]
            assert laptop.channels.get(LIBRARY).sender == library.keys


async def test_what_could_not_be_sent_is_sent_later_as_the_same_message(tmp_path: Path) -> None:
    path = tmp_path / "server.db"
    store = f"sqlite:{path}"
    async with Organisation(tmp_path / "library.json") as library:
        async with running_server(settings(store)) as server:
            async with Household(tmp_path, server.addresses[0]) as home:
                laptop = await home.found("laptop")
                opened = await laptop.channels.open(LIBRARY)
                await home.settle()
            member = await library.accept(opened.uri)
        with pytest.raises(TransportError):
            await library.send(member, "hello")
        assert await library.flush() == []
        port = int(member.server.rpartition(":")[2])
        config = replace(settings(store), listen=(Address("127.0.0.1", port),))
        async with running_server(config):
            (sent,) = await library.flush()
            assert await library.flush() == []
            async with await Wallet.open(tmp_path / "laptop", unlock=UNLOCK) as wallet:
                assert (await wallet.sync()).is_complete
                (message,) = wallet.channels.messages()
                assert message.fields["message_id"].value == sent.id


async def test_a_person_writes_first_only_to_who_has_written(tmp_path: Path) -> None:
    async with running_server() as server, Household(tmp_path, server.addresses[0]) as home:
        laptop = await home.found("laptop")
        opened = await laptop.channels.open(LIBRARY)
        await home.settle()
        with pytest.raises(LocalProtocolError, match="not written yet"):
            await laptop.channels.send(LIBRARY, "hello")
        async with Organisation(tmp_path / "library.json") as library:
            member = await library.accept(opened.uri)
            await library.send(member, "welcome")
            await home.settle()
            await laptop.channels.send(LIBRARY, "hello")
            await laptop.channels.send(LIBRARY, body={"content": "hello again", "n": 2})
            await home.settle()
            replies = await library.collect(member)
            assert [reply.message.text for reply in replies] == ["hello", "hello again"]
            assert [reply.answers for reply in replies] == [None, None]
            (message,) = [v for v in laptop.channels.messages() if "state" in v.fields]
            await laptop.channels.read(message.id)
            assert laptop.record(message.id).fields["state"].value == "read"
            await laptop.channels.answer(message.id, "thank you")
            await home.settle()
            with pytest.raises(LocalProtocolError, match="been answered"):
                await laptop.channels.answer(message.id, "thank you")
            own = next(v for v in laptop.channels.messages() if v.id != message.id)
            with pytest.raises(LocalProtocolError, match="own message"):
                await laptop.channels.answer(own.id, "thank me")
            await laptop.relationships.close_channel(LIBRARY)
            with pytest.raises(ChannelClosed):
                await laptop.channels.send(opened.record, "hello")
            (reply,) = await library.collect(member)
            assert reply.message.text == "thank you"
