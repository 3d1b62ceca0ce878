from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from billfold.blobs import BlobExchange, content_of
from billfold_protocol import limits
from billfold_protocol.blob_manifest import BlobManifest
from billfold_protocol.blobs import BlobRef
from billfold_protocol.errors import (
    BillfoldError,
    BlobMissing,
    CommitMismatch,
    Malformed,
    RemoteProtocolError,
    ServerIdentity,
)
from billfold_protocol.ids import BlobId, ServerKey
from billfold_protocol.membership import Home, ServerAddress
from billfold_protocol.messages.blobs import (
    BlobAnswer,
    BlobState,
    DescribedBlob,
    ReadChunk,
)
from tests.support.blob_client import content_of_blob, exchange_of, let_in
from tests.support.lying_transport import Lie, LyingTransport
from tests.support.running_server import running_server
from tests.support.seeded_bytes import bytes_of
from tests.support.wallets import TestWallet

CONTENT = bytes_of("honest", 3 * limits.BLOB_CHUNK_SIZE)
OTHER = bytes_of("other", 3 * limits.BLOB_CHUNK_SIZE)
MakeLie = Callable[[BlobExchange, BlobRef, BlobRef], Lie]


def sealed(maker: BlobExchange, ref: BlobRef, index: int) -> bytes:
    manifest = maker.cache.manifest(ref.id)
    assert manifest is not None
    chunk = maker.cache.read(manifest, index)
    assert chunk is not None
    return chunk


def of_chunks(change: Callable[[ReadChunk], ReadChunk]) -> Lie:
    return lambda answer: change(answer) if isinstance(answer, ReadChunk) else answer


def flipped(_maker: BlobExchange, _ref: BlobRef, _other: BlobRef) -> Lie:
    return of_chunks(
        lambda a: replace(a, data=a.data[:100] + bytes([a.data[100] ^ 1]) + a.data[101:])
    )


def truncated(_maker: BlobExchange, _ref: BlobRef, _other: BlobRef) -> Lie:
    return of_chunks(lambda answer: replace(answer, data=answer.data[:-1]))


def empty(_maker: BlobExchange, _ref: BlobRef, _other: BlobRef) -> Lie:
    return of_chunks(lambda answer: replace(answer, data=b""))


def swapped(maker: BlobExchange, ref: BlobRef, _other: BlobRef) -> Lie:
    order = {0: 1, 1: 0, 2: 2}
    return of_chunks(lambda a: replace(a, data=sealed(maker, ref, order[a.index])))


def of_another_blob(maker: BlobExchange, _ref: BlobRef, other: BlobRef) -> Lie:
    return of_chunks(lambda answer: replace(answer, data=sealed(maker, other, answer.index)))


def with_another_manifest(maker: BlobExchange, _ref: BlobRef, other: BlobRef) -> Lie:
    manifest = maker.cache.manifest(other.id)
    assert manifest is not None
    encoded = manifest.encode()

    def lie(answer: BlobAnswer) -> BlobAnswer:
        return replace(answer, manifest=encoded) if isinstance(answer, DescribedBlob) else answer

    return lie


def with_a_manifest_cut_short(_maker: BlobExchange, _ref: BlobRef, _other: BlobRef) -> Lie:
    def lie(answer: BlobAnswer) -> BlobAnswer:
        if not isinstance(answer, DescribedBlob):
            return answer
        manifest = BlobManifest.parse(answer.manifest)
        shorter = BlobManifest(padded_size=2 * limits.BLOB_CHUNK_SIZE, hashes=manifest.hashes[:2])
        return replace(answer, manifest=shorter.encode())

    return lie


def about_another_blob(_maker: BlobExchange, _ref: BlobRef, other: BlobRef) -> Lie:
    return lambda answer: replace(answer, blob=other.id)


def at_another_index(_maker: BlobExchange, _ref: BlobRef, _other: BlobRef) -> Lie:
    return of_chunks(lambda answer: replace(answer, index=answer.index + 1))


def of_another_kind(_maker: BlobExchange, ref: BlobRef, _other: BlobRef) -> Lie:
    def lie(answer: BlobAnswer) -> BlobAnswer:
        if isinstance(answer, ReadChunk):
            return BlobState(wallet_id=answer.wallet_id, blob=BlobId(ref.id), missing=b"")
        return answer

    return lie


@pytest.mark.parametrize(
    ("make_lie", "error"),
    [
        (flipped, CommitMismatch),
        (truncated, CommitMismatch),
        (empty, CommitMismatch),
        (swapped, CommitMismatch),
        (of_another_blob, CommitMismatch),
        (with_another_manifest, CommitMismatch),
        (with_a_manifest_cut_short, CommitMismatch),
        (about_another_blob, RemoteProtocolError),
        (at_another_index, RemoteProtocolError),
        (of_another_kind, RemoteProtocolError),
    ],
)
async def test_what_a_server_changes_is_refused_and_not_kept(
    make_lie: MakeLie, error: type[BillfoldError], tmp_path: Path
) -> None:
    wallet = TestWallet()
    async with running_server() as server:
        await let_in(server, wallet)
        address = server.addresses[0]
        async with exchange_of(wallet, address, tmp_path / "maker") as maker:
            ref = await maker.put(content_of(CONTENT, size_max=limits.BLOB_SIZE_MAX))
            other = await maker.put(content_of(OTHER, size_max=limits.BLOB_SIZE_MAX))
            way = LyingTransport(make_lie(maker, ref, other))
            folder = tmp_path / "reader"
            async with exchange_of(wallet, address, folder, way=way) as reader:
                with pytest.raises(error) as caught:
                    await reader.fetch(ref)
                assert type(caught.value) is error
            # Nothing of the lie was kept, and an honest connection goes on from what was.
            async with exchange_of(wallet, address, folder) as reader:
                assert await content_of_blob(reader, ref) == CONTENT


@pytest.mark.parametrize(
    ("missing", "error"),
    [(b"\x07", BlobMissing), (b"\xff", Malformed), (b"\x01\x00", Malformed)],
)
async def test_a_server_that_never_has_enough_does_not_keep_a_device_busy(
    missing: bytes, error: type[BillfoldError], tmp_path: Path
) -> None:
    def lie(answer: BlobAnswer) -> BlobAnswer:
        return replace(answer, missing=missing) if isinstance(answer, BlobState) else answer

    wallet = TestWallet()
    async with running_server() as server:
        await let_in(server, wallet)
        address, way = server.addresses[0], LyingTransport(lie)
        async with exchange_of(wallet, address, tmp_path / "maker", way=way) as maker:
            with pytest.raises(error):
                await maker.put(content_of(CONTENT, size_max=limits.BLOB_SIZE_MAX))


async def test_a_server_with_another_key_than_the_pinned_one_sees_no_blob(tmp_path: Path) -> None:
    wallet = TestWallet()
    async with running_server() as server:
        address = server.addresses[0]
        impostor = ServerAddress(address=address, key=ServerKey(bytes_of("another key", 32)))
        wallet.append(wallet.owner, Home(server=impostor))
        async with exchange_of(wallet, address, tmp_path / "maker") as maker:
            with pytest.raises(ServerIdentity):
                await maker.put(content_of(CONTENT, size_max=limits.BLOB_SIZE_MAX))


async def test_a_copy_whose_bytes_have_changed_is_fetched_again(tmp_path: Path) -> None:
    wallet = TestWallet()
    async with running_server() as server:
        await let_in(server, wallet)
        address, folder = server.addresses[0], tmp_path / "maker"
        async with exchange_of(wallet, address, folder) as maker:
            ref = await maker.put(content_of(CONTENT, size_max=limits.BLOB_SIZE_MAX))
        (copy,) = folder.glob("*.sealed")
        damaged = bytearray(copy.read_bytes())
        damaged[-1] ^= 1
        copy.write_bytes(damaged)
        async with exchange_of(wallet, address, folder) as maker:
            assert not await maker.is_whole(ref.id)
            assert await content_of_blob(maker, ref) == CONTENT
            assert await maker.is_whole(ref.id)
