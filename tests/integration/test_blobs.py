from pathlib import Path

import pytest

from billfold.blobs import content_of
from billfold_protocol import limits
from billfold_protocol.errors import (
    BlobMissing,
    DeviceRevoked,
    LimitExceeded,
    NotAuthorised,
)
from billfold_protocol.ids import BlobId
from billfold_protocol.membership import Role
from billfold_protocol.messages.blobs import AskBlob, encode_blob_request
from tests.support.blob_client import content_of_blob, exchange_of, let_in
from tests.support.running_server import running_server, settings
from tests.support.seeded_bytes import bytes_of
from tests.support.sync_client import SyncClient
from tests.support.wallets import TestDevice, TestWallet

SIZE_MAX = limits.BLOB_SIZE_MAX
SMALL = bytes_of("small", 1000)
LARGE = bytes_of("large", 3 * limits.BLOB_CHUNK_SIZE + 5)


@pytest.mark.parametrize("content", [b"", SMALL, LARGE], ids=["empty", "small", "large"])
@pytest.mark.parametrize("kind", ["memory", "files"])
async def test_a_blob_goes_up_on_one_device_and_down_on_another(
    content: bytes, kind: str, tmp_path: Path
) -> None:
    wallet = TestWallet()
    phone = wallet.link(TestDevice("phone"))
    store = "memory:" if kind == "memory" else f"sqlite:{tmp_path / 'server.db'}"
    async with running_server(settings(store)) as server:
        await let_in(server, wallet)
        address = server.addresses[0]
        async with (
            exchange_of(wallet, address, tmp_path / "laptop") as laptop,
            exchange_of(wallet, address, tmp_path / "phone", phone) as other,
        ):
            ref = await laptop.put(content_of(content, size_max=SIZE_MAX))
            assert ref.size == len(content)
            assert await content_of_blob(other, ref) == content
            await other.fetch(ref)
            assert await other.is_whole(ref.id)


async def test_a_range_fetches_only_the_chunks_that_it_needs(tmp_path: Path) -> None:
    wallet = TestWallet()
    async with running_server() as server:
        await let_in(server, wallet)
        address = server.addresses[0]
        async with (
            exchange_of(wallet, address, tmp_path / "a") as maker,
            exchange_of(wallet, address, tmp_path / "b") as reader,
        ):
            ref = await maker.put(content_of(LARGE, size_max=SIZE_MAX))
            start, size = limits.BLOB_CHUNK_SIZE + 100, limits.BLOB_CHUNK_SIZE
            pieces = [piece async for piece in reader.read(ref, start=start, size=size)]
            assert b"".join(pieces) == LARGE[start : start + size]
            manifest = reader.cache.manifest(ref.id)
            assert manifest is not None
            assert reader.cache.missing(manifest) == frozenset(range(manifest.count)) - {1, 2}


async def test_a_viewer_reads_blobs_and_cannot_upload_or_hold_any(tmp_path: Path) -> None:
    wallet = TestWallet()
    viewer = wallet.invite(TestDevice("viewer"), role=Role.VIEWER)
    async with running_server() as server:
        await let_in(server, wallet)
        address = server.addresses[0]
        async with (
            exchange_of(wallet, address, tmp_path / "a") as owner,
            exchange_of(wallet, address, tmp_path / "b", viewer) as other,
        ):
            ref = await owner.put(content_of(SMALL, size_max=SIZE_MAX))
            assert await content_of_blob(other, ref) == SMALL
            with pytest.raises(NotAuthorised):
                await other.put(content_of(SMALL, size_max=SIZE_MAX))
            with pytest.raises(NotAuthorised):
                async with other.linked() as link:
                    await link.hold(ref.id, ref.tag(wallet.chain.wallet_id, b"record"))


async def test_a_stranger_and_another_wallets_device_get_nothing(tmp_path: Path) -> None:
    wallet, other_wallet = TestWallet(), TestWallet("other")
    stranger = TestDevice("stranger")
    async with running_server() as server:
        await let_in(server, wallet)
        await let_in(server, other_wallet)
        address = server.addresses[0]
        async with (
            exchange_of(wallet, address, tmp_path / "a") as owner,
            exchange_of(wallet, address, tmp_path / "b", stranger) as outsider,
            exchange_of(other_wallet, address, tmp_path / "c") as neighbour,
        ):
            ref = await owner.put(content_of(SMALL, size_max=SIZE_MAX))
            with pytest.raises(DeviceRevoked):
                await outsider.fetch(ref)
            with pytest.raises(BlobMissing):
                await neighbour.fetch(ref)


async def test_a_wallet_cannot_store_more_than_its_quota(tmp_path: Path) -> None:
    wallet = TestWallet()
    config = settings(blobs_size_max=2 * limits.BLOB_CHUNK_SIZE)
    async with running_server(config) as server:
        await let_in(server, wallet)
        async with exchange_of(wallet, server.addresses[0], tmp_path / "a") as owner:
            await owner.put(content_of(SMALL, size_max=SIZE_MAX))
            with pytest.raises(LimitExceeded):
                await owner.put(content_of(LARGE, size_max=SIZE_MAX))


async def test_a_blob_that_nobody_offered_is_missing(tmp_path: Path) -> None:
    wallet = TestWallet()
    async with running_server() as server:
        await let_in(server, wallet)
        async with (
            exchange_of(wallet, server.addresses[0], tmp_path / "a") as owner,
            owner.linked() as link,
        ):
            with pytest.raises(BlobMissing):
                await link.manifest(BlobId(bytes(32)))


async def test_a_connection_for_entries_takes_no_requests_about_blobs() -> None:
    wallet = TestWallet()
    async with running_server() as server, SyncClient(server.addresses[0]) as client:
        await client.join(wallet)
        request = AskBlob(wallet_id=wallet.chain.wallet_id, blob=BlobId(bytes(32)))
        await client.socket.send_bytes(encode_blob_request(request))
        assert await client.close_code() == 1002
