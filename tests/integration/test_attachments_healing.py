import asyncio
import contextlib
import gc
import shutil
import signal
from pathlib import Path

import pytest

from billfold import Attachment, Wallet
from billfold.attachments import keeper
from billfold_protocol import limits
from billfold_protocol.blob_manifest import BlobManifest
from billfold_protocol.errors import BlobMissing, DeviceRevoked
from billfold_protocol.ids import WalletId
from billfold_server.blobs.files import FileBlobStore
from billfold_server.quotas import DAY_S, Quotas
from tests.integration.test_attachments import content_of, make_record, seen
from tests.support.cutting_proxy import CuttingProxy
from tests.support.linked_wallets import POLL_S, Household
from tests.support.running_server import running_server, settings
from tests.support.seeded_bytes import bytes_of
from tests.support.server_process import ServerProcess

CONTENT = bytes_of("healed", limits.BLOB_CHUNK_SIZE + 77)


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keeper, "REFUSED_RETRY_S", 0.05)


def held(folder: Path) -> int:
    """Return how many blobs a stopped server would keep for ever."""
    future = 1_000_000 * DAY_S
    store = FileBlobStore(folder / "server.db.blobs", Quotas(), now_s=lambda: float(future))
    store.collect()
    return store.collect().left.count


async def test_a_server_that_lost_its_blobs_is_given_them_again(tmp_path: Path) -> None:
    config = settings(f"sqlite:{tmp_path / 'server.db'}")
    async with running_server(config) as server, Household(tmp_path, server.addresses[0]) as home:
        laptop = await home.found("laptop")
        phone = await home.link("phone", laptop)
        record = await make_record(laptop)
        await laptop.attachments.add(record, CONTENT, name="scan.pdf")
        await home.settle()
        (found,) = await seen(phone, record)
        for shelf in (tmp_path / "server.db.blobs").iterdir():
            shutil.rmtree(shelf)
        with pytest.raises(BlobMissing):
            await content_of(phone, found)
        # Any device that asks for everything anew brings what it has a copy of.
        laptop.attachments._keeper.check()  # noqa: SLF001  # A week is too long for a test.
        async with asyncio.timeout(30):
            while True:
                try:
                    assert await content_of(phone, found) == CONTENT
                    break
                except BlobMissing:
                    await laptop.attachments._keeper.changed()  # noqa: SLF001


async def test_a_purged_record_and_a_detached_file_are_let_go_of(tmp_path: Path) -> None:
    config = settings(f"sqlite:{tmp_path / 'server.db'}")
    async with running_server(config) as server, Household(tmp_path, server.addresses[0]) as home:
        laptop = await home.found("laptop")
        kept, trashed, purged = [await make_record(laptop, name) for name in ("a", "b", "c")]
        for record in (kept, trashed, purged):
            await laptop.attachments.add(record, CONTENT, name="scan.pdf")
        detached = await laptop.attachments.add(kept, b"another", name="other.txt")
        await home.settle()
        async with laptop.edit() as edit:
            edit.trash(trashed)
            edit.purge(purged)
        await laptop.attachments.remove(detached)
        await home.settle()
        await let_go(laptop, 2)
    assert held(tmp_path) == 2


async def let_go(wallet: Wallet, holds: int) -> None:
    """Wait until a device holds so many blobs."""
    attachments = wallet.attachments
    async with asyncio.timeout(30):
        while len(attachments._ledger.holds().tags) != holds:  # noqa: SLF001
            await attachments._keeper.changed()  # noqa: SLF001


async def test_a_blob_that_two_records_name_stays_until_both_let_go(tmp_path: Path) -> None:
    config = settings(f"sqlite:{tmp_path / 'server.db'}")
    async with running_server(config) as server, Household(tmp_path, server.addresses[0]) as home:
        laptop = await home.found("laptop")
        first, second = await make_record(laptop), await make_record(laptop)
        await laptop.attachments.add(first, CONTENT, name="scan.pdf")
        await home.settle()
        (found,) = laptop.attachments.list(first)
        await laptop.set(second, found.field_name, found.encode())
        await home.settle()
        await let_go(laptop, 2)
        await laptop.attachments.remove(found)
        await home.settle()
        await let_go(laptop, 1)
        (left,) = laptop.attachments.list(second)
        assert await content_of(laptop, left) == CONTENT
    assert held(tmp_path) == 1


async def test_a_revoked_device_gets_no_blob_any_more(tmp_path: Path) -> None:
    async with running_server() as server, Household(tmp_path, server.addresses[0]) as home:
        laptop = await home.found("laptop")
        phone = await home.link("phone", laptop)
        record = await make_record(laptop)
        await laptop.attachments.add(record, CONTENT, name="scan.pdf")
        await home.settle()
        (found,) = await seen(phone, record)
        exchange = phone.attachments._exchange  # noqa: SLF001  # As a device that ignores the rules.
        async with exchange.linked() as link:
            await laptop.revoke(phone.status().device)
            with pytest.raises(DeviceRevoked):
                await link.manifest(found.ref.id)


async def test_a_pending_file_that_is_removed_leaves_no_copy(tmp_path: Path) -> None:
    async with running_server() as server, Household(tmp_path, server.addresses[0]) as home:
        laptop = await home.found("laptop")
        record = await make_record(laptop)
        await laptop.disconnect()
        pending: Attachment = await laptop.attachments.add(record, CONTENT, name="scan.pdf")
        await laptop.attachments.remove(pending)
        assert laptop.attachments.list(record) == []
        assert laptop.status().pending_attachments_count == 0
        assert not list((tmp_path / "laptop" / "blobs").iterdir())


async def test_no_entry_names_a_blob_that_the_server_does_not_hold(tmp_path: Path) -> None:
    """At the moment a second device sees the field, the server has the blob whole."""
    config = settings(f"sqlite:{tmp_path / 'server.db'}")
    async with running_server(config) as server, Household(tmp_path, server.addresses[0]) as home:
        laptop = await home.found("laptop")
        phone = await home.link("phone", laptop)
        record = await make_record(laptop)
        await home.settle()
        adding = asyncio.create_task(laptop.attachments.add(record, CONTENT, name="scan.pdf"))
        (found,) = await seen(phone, record)
        store = FileBlobStore(tmp_path / "server.db.blobs", Quotas(), now_s=lambda: 0.0)
        manifest = store.manifest(WalletId(phone.wallet_id), found.ref.id)
        assert isinstance(manifest, BlobManifest)
        await adding


async def test_a_locked_wallet_has_no_work_on_attachments_left_in_memory(tmp_path: Path) -> None:
    """What the server refuses is tried again later; the timer must not keep the keys."""
    config = settings(blobs_size_max=1)
    async with running_server(config) as server, Household(tmp_path, server.addresses[0]) as home:
        laptop = await home.found("laptop")
        record = await make_record(laptop)
        await laptop.attachments.add(record, CONTENT, name="scan.pdf")
        assert not (await laptop.sync()).is_complete
        await laptop.lock()
        gc.collect()
        assert not any(isinstance(one, keeper.Keeper) for one in gc.get_objects())


def size_under(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


async def test_a_server_that_is_killed_in_the_middle_of_an_upload_goes_on_where_it_was(
    tmp_path: Path,
) -> None:
    content = bytes_of("killed", 8 * limits.BLOB_CHUNK_SIZE)
    async with contextlib.AsyncExitStack() as stack:
        first = await stack.enter_async_context(ServerProcess(tmp_path))
        proxy = await stack.enter_async_context(CuttingProxy(first.address))
        home = await stack.enter_async_context(Household(tmp_path, proxy.address))
        laptop = await home.found("laptop")
        record = await make_record(laptop)
        await home.settle()
        proxy.stall_after(6 * limits.BLOB_CHUNK_SIZE)
        await laptop.attachments.add(record, content, name="large.bin")
        async with asyncio.timeout(60):
            await proxy.stalled.wait()
            # What has left here need not be on the server's disk yet.
            while size_under(tmp_path / "wallets.db.blobs") < 2 * limits.BLOB_CHUNK_SIZE:
                await asyncio.sleep(POLL_S)
        first.signal(signal.SIGKILL)
        await first.exit()
        second = await stack.enter_async_context(ServerProcess(tmp_path))
        proxy.aim(second.address)
        proxy.flow()
        assert (await laptop.sync(deadline_s=60)).is_complete
        assert proxy.passed_size < len(content), "what the server had was not sent again"
        (found,) = laptop.attachments.list(record)
        shutil.rmtree(tmp_path / "laptop" / "blobs")
        assert await content_of(laptop, found) == content
