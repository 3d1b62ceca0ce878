import asyncio
import threading
from pathlib import Path
from typing import Any

import pytest

from billfold import Attachment, Wallet
from billfold_protocol import limits
from billfold_protocol.errors import InputError, LimitExceeded, NotFound
from billfold_server.blobs.memory import MemoryBlobStore
from tests.support.linked_wallets import UNLOCK, Household
from tests.support.running_server import running_server, settings
from tests.support.seeded_bytes import bytes_of

CONTENT = bytes_of("attachment", 2 * limits.BLOB_CHUNK_SIZE + 77)


async def make_record(wallet: Wallet, title: str = "with files") -> str:
    async with wallet.edit() as edit:
        return edit.add("document", title=title)


async def content_of(wallet: Wallet, attachment: Attachment) -> bytes:
    return b"".join([piece async for piece in wallet.attachments.open(attachment)])


async def seen(wallet: Wallet, record: str, count: int = 1) -> list[Attachment]:
    """Wait until a wallet sees so many attachments of a record."""
    with wallet.events() as events:
        while True:
            found = wallet.attachments.list(record) if has(wallet, record) else []
            if len(found) == count and not any(one.is_pending for one in found):
                return found
            async with asyncio.timeout(30):
                await anext(events)


def has(wallet: Wallet, record: str) -> bool:
    return any(view.id == record for view in wallet.records())


async def test_a_file_that_one_device_attaches_is_read_on_another(tmp_path: Path) -> None:
    async with (
        running_server(settings(f"sqlite:{tmp_path / 'server.db'}")) as server,
        Household(tmp_path, server.addresses[0]) as home,
    ):
        laptop = await home.found("laptop")
        phone = await home.link("phone", laptop)
        record = await make_record(laptop)
        source = tmp_path / "scan.pdf"
        source.write_bytes(CONTENT)
        added = await laptop.attachments.add(record, source, media_type="application/pdf")
        assert added.is_pending
        await home.settle()
        (found,) = await seen(phone, record)
        assert (found.name, found.media_type, found.size) == (
            "scan.pdf",
            "application/pdf",
            len(CONTENT),
        )
        assert await content_of(phone, found) == CONTENT
        await phone.attachments.save_to(found, tmp_path / "copy.pdf")
        assert (tmp_path / "copy.pdf").read_bytes() == CONTENT
        assert laptop.status().pending_attachments_count == 0
        assert laptop.attachments.list(record) == [found]
        part = [piece async for piece in phone.attachments.open(found, start=10, size=20)]
        assert b"".join(part) == CONTENT[10:30]


async def test_a_file_attached_offline_goes_up_after_the_wallet_is_opened_again(
    tmp_path: Path,
) -> None:
    async with running_server() as server, Household(tmp_path, server.addresses[0]) as home:
        laptop = await home.found("laptop")
        phone = await home.link("phone", laptop)
        record = await make_record(laptop)
        await home.settle()
        await laptop.disconnect()
        await laptop.attachments.add(record, CONTENT, name="scan.pdf")
        (pending,) = laptop.attachments.list(record)
        assert pending.is_pending
        assert await content_of(laptop, pending) == CONTENT
        assert laptop.status().pending_attachments_count == 1
        laptop = await home.reopen("laptop")
        assert (await laptop.sync()).is_complete
        (found,) = await seen(phone, record)
        assert await content_of(phone, found) == CONTENT


async def test_a_wallet_without_a_server_keeps_files_and_brings_them_later(tmp_path: Path) -> None:
    wallet = await Wallet.create(tmp_path / "alone", unlock=UNLOCK)
    async with wallet, running_server() as server:
        record = await make_record(wallet)
        await wallet.attachments.add(record, CONTENT, name="scan.pdf")
        (pending,) = wallet.attachments.list(record)
        assert await content_of(wallet, pending) == CONTENT
        await wallet.connect(server.addresses[0])
        assert (await wallet.sync()).is_complete
        (found,) = wallet.attachments.list(record)
        assert not found.is_pending


async def test_only_sealed_bytes_are_in_the_wallets_folder(tmp_path: Path) -> None:
    wallet = await Wallet.create(tmp_path / "alone", unlock=UNLOCK)
    secret = b"a line that nobody else may read"
    async with wallet:
        record = await make_record(wallet)
        await wallet.attachments.add(record, secret * 100, name="diary.txt")
        files = [path for path in (tmp_path / "alone").rglob("*") if path.is_file()]
        assert any(path.suffix == ".sealed" for path in files)
        for path in files:
            data = path.read_bytes()
            assert secret not in data
            assert b"diary" not in data
            assert path.stat().st_mode & 0o077 == 0


async def test_a_removed_file_goes_from_every_device_and_undo_brings_it_back(
    tmp_path: Path,
) -> None:
    async with running_server() as server, Household(tmp_path, server.addresses[0]) as home:
        laptop = await home.found("laptop")
        phone = await home.link("phone", laptop)
        record = await make_record(laptop)
        await laptop.attachments.add(record, CONTENT, name="scan.pdf")
        await home.settle()
        (found,) = await seen(phone, record)
        await phone.attachments.remove(found)
        await home.settle()
        assert await seen(laptop, record, 0) == []
        await phone.undo(record, found.field_name)
        await home.settle()
        (again,) = await seen(laptop, record)
        assert await content_of(phone, again) == CONTENT


async def test_an_edit_of_a_file_that_another_device_removes_keeps_it(tmp_path: Path) -> None:
    async with running_server() as server, Household(tmp_path, server.addresses[0]) as home:
        laptop = await home.found("laptop")
        phone = await home.link("phone", laptop)
        record = await make_record(laptop)
        await laptop.attachments.add(record, CONTENT, name="scan.pdf")
        await home.settle()
        (found,) = await seen(phone, record)
        await phone.disconnect()
        await phone.attachments.rename(found, "kept.pdf")
        await laptop.attachments.remove(found)
        await home.settle(laptop)
        await home.settle()
        (kept,) = await seen(laptop, record)
        assert kept.name == "kept.pdf"
        assert await content_of(laptop, kept) == CONTENT


async def test_a_file_above_the_servers_quota_waits_and_says_why(tmp_path: Path) -> None:
    config = settings(blobs_size_max=limits.BLOB_CHUNK_SIZE)
    async with running_server(config) as server, Household(tmp_path, server.addresses[0]) as home:
        laptop = await home.found("laptop")
        record = await make_record(laptop)
        small = await laptop.attachments.add(record, b"small", name="small.txt")
        large = await laptop.attachments.add(record, CONTENT, name="large.bin")
        report = await laptop.sync()
        assert not report.is_complete
        assert isinstance(report.reason, LimitExceeded)
        assert isinstance(laptop.attachments.problem_of(large), LimitExceeded)
        # Asked again, the server is asked again: it might have room by now.
        assert isinstance((await laptop.sync()).reason, LimitExceeded)
        stored = {one.name: one.is_pending for one in laptop.attachments.list(record)}
        assert stored == {"small.txt": False, "large.bin": True}
        assert small.name == "small.txt"


async def test_names_that_are_paths_and_records_that_are_not_there_are_refused(
    tmp_path: Path,
) -> None:
    wallet = await Wallet.create(tmp_path / "alone", unlock=UNLOCK)
    async with wallet:
        record = await make_record(wallet)
        for name in ("", "..", "../x", "a/b", "a\\b", "a\nb", "x" * 256):
            with pytest.raises(InputError):
                await wallet.attachments.add(record, b"", name=name)
        with pytest.raises(InputError):
            await wallet.attachments.add(record, tmp_path)
        with pytest.raises(InputError):
            await wallet.attachments.add(record, tmp_path / "missing")
        with pytest.raises(NotFound):
            await wallet.attachments.add("a" * 26, b"", name="x")
        with pytest.raises(NotFound):
            wallet.attachments.find(record, "nothing")
        assert wallet.attachments.list(record) == []


async def test_an_edit_travels_while_a_large_file_waits_for_the_servers_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    disk, put = threading.Event(), MemoryBlobStore.put

    def slow_put(*arguments: Any) -> frozenset[int]:
        assert disk.wait(timeout=60)
        return put(*arguments)

    monkeypatch.setattr(MemoryBlobStore, "put", slow_put)
    async with running_server() as server, Household(tmp_path, server.addresses[0]) as home:
        laptop = await home.found("laptop")
        phone = await home.link("phone", laptop)
        record = await make_record(laptop)
        await laptop.attachments.add(record, CONTENT, name="scan.pdf")
        await laptop.set(record, "title", "live")
        with phone.events() as events:
            async with asyncio.timeout(60):
                while not has(phone, record) or title(phone, record) != "live":
                    await anext(events)
        assert laptop.attachments.pending_count == 1
        disk.set()
        await home.settle()
        assert len(await seen(phone, record)) == 1


def title(wallet: Wallet, record: str) -> object:
    return wallet.record(record).fields["title"].value
