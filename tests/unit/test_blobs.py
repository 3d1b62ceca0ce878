import io
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from billfold.blobs import BlobCache, content_of
from billfold_protocol import limits
from billfold_protocol.blob_manifest import BlobManifest, chunk_hash
from billfold_protocol.blobs import BlobCipher, BlobRef, ManifestBuilder
from billfold_protocol.crypto import sealing
from billfold_protocol.errors import (
    AuthFailed,
    CommitMismatch,
    InputError,
    LimitExceeded,
    LocalProtocolError,
    Malformed,
)
from billfold_protocol.ids import BlobId, WalletId
from billfold_protocol.messages.blobs import encode_missing, parse_missing
from tests.support.blob_parts import parts
from tests.support.seeded_bytes import bytes_of

CHUNK = limits.BLOB_CHUNK_SIZE
WALLET = WalletId(bytes_of("wallet", 32))
KEY = bytes_of("key", 32)
NONCE = bytes_of("nonce", 24)


def test_a_blob_larger_than_the_bound_is_refused() -> None:
    assert BlobCipher(WALLET, KEY, limits.BLOB_SIZE_MAX).count == limits.BLOB_CHUNKS_COUNT_MAX
    with pytest.raises(LimitExceeded):
        BlobCipher(WALLET, KEY, limits.BLOB_SIZE_MAX + 1)


def test_the_largest_attachment_fits_a_blob_when_it_is_padded() -> None:
    cipher = BlobCipher(WALLET, KEY, limits.ATTACHMENT_SIZE_MAX)
    assert limits.ATTACHMENT_SIZE_MAX <= cipher.padded_size <= limits.BLOB_SIZE_MAX


def test_content_that_does_not_fit_its_chunk_is_a_mistake_of_ours() -> None:
    cipher = BlobCipher(WALLET, KEY, CHUNK + 1)
    for index, content in ((0, b"short"), (1, b"long"), (cipher.count, b""), (-1, b"")):
        with pytest.raises(LocalProtocolError):
            cipher.seal(index, content, NONCE)


def test_a_chunk_opens_at_its_own_place_only() -> None:
    content = bytes_of("content", 2 * CHUNK)
    cipher = BlobCipher(WALLET, KEY, len(content))
    first = cipher.seal(0, content[:CHUNK], NONCE)
    assert cipher.unseal(0, first) == content[:CHUNK]
    with pytest.raises(AuthFailed):
        cipher.unseal(1, first)


def test_bytes_beyond_the_content_must_be_zeros() -> None:
    cipher = BlobCipher(WALLET, KEY, 10)
    associated_data = cipher._associated_data(0)  # noqa: SLF001  # As a member who cheats.
    for padded in (bytes(10) + b"hidden".ljust(246, b"\0"), bytes(10), bytes(300)):
        wrong = NONCE + sealing.seal(KEY, NONCE, padded, associated_data)
        with pytest.raises(Malformed):
            cipher.unseal(0, wrong)


def test_a_manifest_of_another_size_than_the_reference_is_refused() -> None:
    cipher = BlobCipher(WALLET, KEY, 1000)
    manifest = BlobManifest(padded_size=2000, hashes=(bytes(32),))
    with pytest.raises(CommitMismatch):
        cipher.check_manifest(manifest)


def test_a_builder_that_lacks_a_chunk_makes_no_manifest() -> None:
    builder = ManifestBuilder(BlobCipher(WALLET, KEY, CHUNK + 1))
    builder.add(b"one chunk")
    with pytest.raises(LocalProtocolError):
        builder.build()


def test_a_reference_shows_no_key() -> None:
    ref = BlobRef(id=BlobId(bytes(32)), key=KEY, size=7)
    assert KEY.hex() not in repr(ref)
    assert repr(KEY) not in repr(ref)


def test_tags_of_two_holders_two_wallets_and_two_blobs_differ() -> None:
    ref = BlobRef(id=BlobId(bytes(32)), key=KEY, size=7)
    other = replace(ref, key=bytes(32))
    tags = {
        ref.tag(WALLET, b"one"),
        ref.tag(WALLET, b"two"),
        ref.tag(WalletId(bytes(32)), b"one"),
        other.tag(WALLET, b"one"),
    }
    assert len(tags) == 4


@pytest.mark.parametrize("indexes", [(), (0,), (7,), (8,), (0, 9), tuple(range(11))])
def test_what_is_missing_is_written_and_read_alike(indexes: tuple[int, ...]) -> None:
    assert parse_missing(encode_missing(frozenset(indexes)), 11) == frozenset(indexes)


@pytest.mark.parametrize("bitmap", [b"\0", b"\x01\0", b"\0\x08", b"\xff\xff"])
def test_what_is_missing_has_one_spelling_within_the_blob(bitmap: bytes) -> None:
    with pytest.raises(Malformed):
        parse_missing(bitmap, 11)


async def stream(*pieces: bytes) -> AsyncIterator[bytes]:
    for piece in pieces:
        yield piece


async def test_content_comes_in_whole_chunks_however_it_is_cut() -> None:
    content = content_of(stream(b"ab", b"", b"cdefg", b"h"), size=8, size_max=8)
    assert [piece async for piece in content.chunks(3)] == [b"abc", b"def", b"gh"]
    file = io.BytesIO(b"01234567")
    file.seek(2)
    rest = content_of(file, size_max=8)
    assert rest.size == 6
    assert [piece async for piece in rest.chunks(4)] == [b"2345", b"67"]


@pytest.mark.parametrize("size", [7, 9])
async def test_a_stream_of_another_size_than_it_said_is_refused(size: int) -> None:
    content = content_of(stream(b"01234567"), size=size, size_max=100)
    with pytest.raises(InputError):
        [piece async for piece in content.chunks(4)]


def test_a_stream_of_unknown_or_too_large_size_is_refused() -> None:
    with pytest.raises(InputError):
        content_of(stream(b""), size_max=8)
    with pytest.raises(LimitExceeded):
        content_of(stream(b""), size=9, size_max=8)
    with pytest.raises(LimitExceeded):
        content_of(b"123456789", size_max=8)


def test_a_cache_keeps_only_what_belongs_to_the_blob(tmp_path: Path) -> None:
    cache, blob = BlobCache(tmp_path / "blobs"), parts("blob", CHUNK + 10)
    assert cache.manifest(blob.id) is None
    cache.expect(blob.manifest)
    assert cache.missing(blob.manifest) == {0, 1}
    cache.write(blob.manifest, 1, blob.chunks[1])
    assert cache.missing(blob.manifest) == {0}
    assert BlobCache(tmp_path / "blobs").missing(blob.manifest) == {0}
    cache.write(blob.manifest, 0, bytes(len(blob.chunks[0])))
    assert cache.read(blob.manifest, 0) is None
    assert cache.missing(blob.manifest) == {0}
    cache.remove(blob.id)
    assert cache.manifest(blob.id) is None
    assert not list((tmp_path / "blobs").iterdir())


def test_a_cache_with_a_damaged_manifest_has_no_copy(tmp_path: Path) -> None:
    cache, blob = BlobCache(tmp_path), parts("blob")
    cache.expect(blob.manifest)
    path = tmp_path / f"{blob.id.hex()}.manifest"
    path.write_bytes(path.read_bytes()[:-1] + b"!")
    assert cache.manifest(blob.id) is None
    cache.expect(blob.manifest)
    assert cache.manifest(blob.id) == blob.manifest


def test_a_draft_that_is_discarded_leaves_nothing(tmp_path: Path) -> None:
    cache = BlobCache(tmp_path / "blobs")
    draft = cache.draft()
    draft.append(b"half")
    draft.discard()
    cache.draft().append(b"left by a crash")
    cache.remove_drafts()
    assert not list((tmp_path / "blobs").iterdir())


def test_a_chunk_hash_is_not_the_hash_of_a_manifest() -> None:
    blob = parts("blob")
    assert chunk_hash(blob.manifest.encode()) != blob.id
