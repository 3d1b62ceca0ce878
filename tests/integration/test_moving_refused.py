import asyncio
import dataclasses
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from billfold import Wallet
from billfold.home_codes import encode_home_code
from billfold.moving import MoveOptions
from billfold_protocol.errors import (
    BillfoldError,
    BlobMissing,
    InputError,
    LimitExceeded,
    LocalProtocolError,
    RegistrationClosed,
    ServerIdentity,
    TransportError,
    WrongContext,
)
from billfold_protocol.ids import ServerKey
from billfold_server.intake import RegistrationPolicy, RelayConfig
from billfold_server.quotas import Quotas
from tests.support.linked_wallets import POLL_S, UNLOCK
from tests.support.running_server import running_server, settings
from tests.support.towns import Town, found_by, moved, settled, titled, titles_in

CONTENT = b"a ticket" * 100


@pytest.fixture
async def stack() -> AsyncIterator[AsyncExitStack]:
    async with AsyncExitStack() as entered:
        yield entered


async def strict_server(stack: AsyncExitStack, relay: RelayConfig) -> str:
    config = dataclasses.replace(settings(), relay=relay)
    server = await stack.enter_async_context(running_server(config))
    return server.addresses[0]


async def test_what_cannot_be_moved_to_leaves_everything_as_it_was(
    tmp_path: Path, stack: AsyncExitStack
) -> None:
    town = Town(tmp_path, stack)
    old, spare = await town.build("old"), await town.build("spare")
    home = await town.settle(old)
    laptop = await home.found("laptop")
    await titled(laptop, "kept")
    by_token = RelayConfig(registration=RegistrationPolicy.TOKEN, tokens=frozenset({"right"}))
    closed = RelayConfig(registration=RegistrationPolicy.CLOSED)
    small = RelayConfig(quotas=Quotas(wallet_size_max=100))
    refusals: list[tuple[str, MoveOptions, type[BillfoldError], str]] = [
        ("not an address", MoveOptions(), InputError, "address"),
        ("http://127.0.0.1:1", MoveOptions(), TransportError, "reached"),
        (old, MoveOptions(), InputError, "already"),
        (spare, MoveOptions(server_key=ServerKey(bytes(32))), ServerIdentity, "another key"),
        (await strict_server(stack, closed), MoveOptions(), RegistrationClosed, "token"),
        (await strict_server(stack, by_token), MoveOptions(), RegistrationClosed, "token"),
        (
            await strict_server(stack, by_token),
            MoveOptions(token="wrong"),
            RegistrationClosed,
            "does not take this token",
        ),
        (await strict_server(stack, small), MoveOptions(), LimitExceeded, "room"),
        (spare, MoveOptions(fallbacks=["not an address"]), InputError, "address"),
        (spare, MoveOptions(fallbacks=["http://127.0.0.1:1"]), TransportError, "reached"),
        (spare, MoveOptions(fallbacks=[spare] * 9), InputError, "at most 8"),
    ]
    for url, options, error, text in refusals:
        with pytest.raises(error, match=text):
            await laptop.move(url, options)
        status = laptop.status()
        assert (status.server, status.moving_to) == (old, None)
    await titled(laptop, "still online")
    await settled(home, old)
    taken = await strict_server(stack, by_token)
    await moved(laptop, taken, MoveOptions(token="right"))
    laptop = await home.reopen("laptop")
    await settled(home, taken)
    assert titles_in(laptop) == {"kept", "still online"}


async def test_a_wallet_without_a_server_does_not_move(tmp_path: Path) -> None:
    async with await Wallet.create(tmp_path / "alone", unlock=UNLOCK) as alone:
        with pytest.raises(LocalProtocolError, match="no server yet"):
            await alone.move("http://127.0.0.1:1")
        with pytest.raises(LocalProtocolError, match="no server yet"):
            alone.home_code()


async def test_a_code_is_believed_only_if_the_wallet_s_own_history_says_so(
    tmp_path: Path, stack: AsyncExitStack
) -> None:
    town = Town(tmp_path, stack)
    old, new = await town.build("old"), await town.build("new")
    home, other = await town.settle(old), await Town(tmp_path / "other", stack).settle(new)
    laptop, stranger = await home.found("laptop"), await other.found("stranger")
    good = laptop.home_code()
    for text in ("billfold-link:abc", good[:-3], good + "!", stranger.home_code()):
        with pytest.raises(WrongContext):
            await laptop.follow(text)
    assert await laptop.follow(good) == old
    # A server that does not hold the wallet, under a code that names it all the same.
    forged = forge(laptop, stranger)
    with pytest.raises(TransportError, match="does not hold this wallet"):
        await laptop.follow(forged)
    await titled(laptop, "still online")
    await settled(home, old)
    assert found_by(home) == {}


def forge(wallet: Wallet, elsewhere: Wallet) -> str:
    """Return a code by which a wallet lives where another one does."""
    replica, server = wallet._replica, elsewhere._replica.state.home  # noqa: SLF001
    assert server is not None
    return encode_home_code(replica.wallet_id, server.server)


async def test_attachments_come_along_or_are_named(tmp_path: Path, stack: AsyncExitStack) -> None:
    town = Town(tmp_path, stack)
    old, new = await town.build("old"), await town.build("new")
    home = await town.settle(old)
    laptop = await home.found("laptop")
    phone = await home.link("phone", laptop)
    async with laptop.edit() as edit:
        record = edit.add("document")
        edit.set(record, "title", "papers")
    await laptop.attachments.add(record, CONTENT, name="ticket.pdf")
    await home.settle()
    await laptop.attachments.wait_uploaded()
    await settled(home, old)

    # The phone has never fetched it; the old server alone and the laptop do.
    await laptop.disconnect()
    await town.operators["old"].lose_blobs()
    with pytest.raises(BlobMissing, match=r"ticket\.pdf.*--leave-attachments"):
        await phone.move(new)
    assert phone.status().server == old
    report = await moved(phone, new, MoveOptions(leaves_attachments=True))
    assert [one.name for one in report.missing_attachments] == ["ticket.pdf"]
    # Who has it brings it.
    await settled(home, new)
    while laptop.attachments.lacking_count:
        await asyncio.sleep(POLL_S)
    (found,) = phone.attachments.list(record)
    await phone.attachments.save_to(found, tmp_path / "ticket")
    assert (tmp_path / "ticket").read_bytes() == CONTENT
