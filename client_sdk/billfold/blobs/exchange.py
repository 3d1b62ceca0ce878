"""Sealing blobs into the cache and opening them from it, uploading and fetching what is missing.

Every transfer may be broken off at any place and begun again: what is there on either side is not
sent twice. Memory stays flat: one chunk is opened at a time, and a few are under way.

Spec: 23-blobs.md
"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Final

from billfold.blobs.cache import BlobCache
from billfold.blobs.content import Content, Progress
from billfold.blobs.link import BlobLink
from billfold_protocol import limits
from billfold_protocol.blob_manifest import BlobManifest
from billfold_protocol.blobs import BlobCipher, BlobRef, ManifestBuilder
from billfold_protocol.envelope import RandomBytes
from billfold_protocol.errors import BlobMissing, InputError, StoreMissing
from billfold_protocol.ids import BlobId, WalletId

UNDER_WAY_COUNT: Final = 8
"""Chunks that are sent, or asked for, before an answer is waited for."""

Dial = Callable[[], Awaitable[BlobLink]]
"""Opens a link to the wallet's server; raises what `BlobLink.open` raises."""


class BlobExchange:
    """One wallet's blobs, here and on its server."""

    def __init__(
        self,
        cache: BlobCache,
        dial: Dial,
        *,
        wallet_id: WalletId,
        random: RandomBytes,
        nonce: Callable[[bytes], bytes],
    ) -> None:
        """Begin.

        Args:
            cache: where the sealed copies are.
            dial: the way to the server.
            wallet_id: the wallet.
            random: the source of keys.
            nonce: makes a 24-byte nonce for what it is given, as `Sealer.nonce` does.
        """
        self.cache = cache
        self._dial = dial
        self._wallet_id = wallet_id
        self._random = random
        self._nonce = nonce

    @asynccontextmanager
    async def linked(self) -> AsyncIterator[BlobLink]:
        """Open a link for the time of the block.

        Raises:
            BillfoldError: see `BlobLink.open`.
        """
        link = await self._dial()
        try:
            yield link
        finally:
            await asyncio.shield(link.close())

    async def seal(self, content: Content, progress: Progress | None = None) -> BlobRef:
        """Seal content into the cache under a fresh key; durable here on return.

        Raises:
            LimitExceeded: it is larger than a blob may be.
            InputError: it has not the size that was named.
            StoreError: it cannot be written.
        """
        key = self._random(32)
        cipher = BlobCipher(self._wallet_id, key, content.size)
        builder = ManifestBuilder(cipher)
        draft = await asyncio.to_thread(self.cache.draft)

        def append(index: int, piece: bytes) -> None:
            sealed = cipher.seal(index, piece, self._nonce(piece))
            builder.add(sealed)
            draft.append(sealed)

        try:
            index = done = 0
            async for piece in content.chunks(limits.BLOB_CHUNK_SIZE):
                await asyncio.to_thread(append, index, piece)
                index, done = index + 1, done + len(piece)
                if progress is not None:
                    progress(done, content.size)
            for rest in range(index, cipher.count):
                await asyncio.to_thread(append, rest, b"")
            manifest = builder.build()
            await asyncio.to_thread(self.cache.finish, draft, manifest)
        finally:
            draft.discard()
        return BlobRef(id=manifest.id, key=key, size=content.size)

    async def put(self, content: Content, progress: Progress | None = None) -> BlobRef:
        """Seal content and upload it; durable on the server on return, and held by nobody yet.

        Raises:
            BillfoldError: see `seal` and `upload`.
        """
        ref = await self.seal(content)
        async with self.linked() as link:
            await self.upload(link, ref.id, progress)
        return ref

    async def upload(self, link: BlobLink, blob: BlobId, progress: Progress | None = None) -> None:
        """Send what the server lacks of a blob; it is durable there on return.

        Raises:
            StoreMissing: the copy here is not whole.
            LimitExceeded: the wallet's quota on the server is used up.
            AccessError, StoreError: the server refuses, and why.
            TransportError: the connection failed; what was sent is not sent again.
            RemoteProtocolError, VerificationError: the server breaks the protocol.
        """
        manifest = await asyncio.to_thread(self.cache.manifest, blob)
        if manifest is None:
            raise StoreMissing("there is no copy of this file on this device")
        missing = await link.offer(manifest)
        waiting = 0
        for index in sorted(missing):
            sealed = await asyncio.to_thread(self.cache.read, manifest, index)
            if sealed is None:
                raise StoreMissing("the copy of this file on this device is not whole")
            await link.put(blob, index, sealed)
            waiting += 1
            if waiting == UNDER_WAY_COUNT:
                missing = await self._answered(link, manifest, progress)
                waiting -= 1
        for _ in range(waiting):
            missing = await self._answered(link, manifest, progress)
        if missing:
            raise BlobMissing("the server has lost part of what it took")

    async def fetch(self, ref: BlobRef, progress: Progress | None = None) -> None:
        """Fetch what is missing here of a blob; what came is kept when the connection fails.

        Raises:
            BlobMissing: the server does not hold it.
            StoreError: it cannot be written.
            TransportError: the connection failed.
            RemoteProtocolError, VerificationError: the server gives something else.
        """
        cipher = BlobCipher(self._wallet_id, ref.key, ref.size)
        async with self._fetching(ref, cipher, progress) as fetching:
            await fetching.have(range(cipher.count))

    async def read(
        self,
        ref: BlobRef,
        *,
        start: int = 0,
        size: int | None = None,
        progress: Progress | None = None,
    ) -> AsyncGenerator[bytes, None]:
        """Return content in pieces of at most a chunk, fetching what is missing of that range.

        Args:
            ref: the blob.
            start: the first byte.
            size: how many bytes; to the end if None.
            progress: is told of what is fetched.

        Raises:
            InputError: the range is not within the content.
            BillfoldError: see `fetch`.
        """
        end = ref.size if size is None else start + size
        if not 0 <= start <= end <= ref.size:
            raise InputError("the range is not within the file")
        cipher = BlobCipher(self._wallet_id, ref.key, ref.size)
        first, last = start // limits.BLOB_CHUNK_SIZE, -(-end // limits.BLOB_CHUNK_SIZE)
        async with self._fetching(ref, cipher, progress) as fetching:
            for begin in range(first, last, UNDER_WAY_COUNT):
                indexes = range(begin, min(begin + UNDER_WAY_COUNT, last))
                manifest = await fetching.have(indexes)
                for index in indexes:
                    sealed = await asyncio.to_thread(self.cache.read, manifest, index)
                    if sealed is None:
                        raise StoreMissing("the copy of this file on this device has vanished")
                    content = await asyncio.to_thread(cipher.unseal, index, sealed)
                    place = index * limits.BLOB_CHUNK_SIZE
                    yield content[max(0, start - place) : end - place]

    async def is_whole(self, blob: BlobId) -> bool:
        """Whether all of a blob is on this device.

        Raises:
            StoreError: the copy cannot be read.
        """

        def look() -> bool:
            manifest = self.cache.manifest(blob)
            return manifest is not None and not self.cache.missing(manifest)

        return await asyncio.to_thread(look)

    @asynccontextmanager
    async def _fetching(
        self, ref: BlobRef, cipher: BlobCipher, progress: Progress | None
    ) -> AsyncIterator["_Fetching"]:
        async with AsyncExitStack() as stack:
            manifest = await asyncio.to_thread(self.cache.manifest, ref.id)

            async def dial() -> BlobLink:
                return await stack.enter_async_context(self.linked())

            yield _Fetching(
                self.cache, ref, cipher, manifest=manifest, dial=dial, progress=progress
            )

    async def _answered(
        self, link: BlobLink, manifest: BlobManifest, progress: Progress | None
    ) -> frozenset[int]:
        missing = await link.missing(manifest)
        if progress is not None:
            progress(_done(manifest, missing), manifest.padded_size)
        return missing


class _Fetching:
    """One blob on its way here; it connects when something turns out to be missing."""

    def __init__(
        self,
        cache: BlobCache,
        ref: BlobRef,
        cipher: BlobCipher,
        *,
        manifest: BlobManifest | None,
        dial: Dial,
        progress: Progress | None,
    ) -> None:
        self._cache = cache
        self._ref = ref
        self._cipher = cipher
        self._manifest = manifest
        self._dial = dial
        self._progress = progress
        self._link: BlobLink | None = None

    async def have(self, indexes: range) -> BlobManifest:
        """Have chunks in the cache, and return the manifest."""
        manifest = self._manifest
        if manifest is None:
            manifest = self._manifest = await (await self._linked()).manifest(self._ref.id)
            self._cipher.check_manifest(manifest)
            await asyncio.to_thread(self._cache.expect, manifest)
        lacking = await asyncio.to_thread(self._cache.missing, manifest) & frozenset(indexes)
        for run in _runs(sorted(lacking)):
            index = run.start
            async for sealed in (await self._linked()).read(manifest, run):
                await asyncio.to_thread(self._cache.write, manifest, index, sealed)
                index += 1
                if self._progress is not None:
                    missing = await asyncio.to_thread(self._cache.missing, manifest)
                    self._progress(_done(manifest, missing), manifest.padded_size)
        return manifest

    async def _linked(self) -> BlobLink:
        if self._link is None:
            self._link = await self._dial()
        return self._link


def _runs(indexes: list[int]) -> list[range]:
    """Return indexes as rows of at most `UNDER_WAY_COUNT` that follow each other."""
    runs: list[range] = []
    for index in indexes:
        last = runs[-1] if runs else range(0)
        if runs and last.stop == index and len(last) < UNDER_WAY_COUNT:
            runs[-1] = range(last.start, index + 1)
        else:
            runs.append(range(index, index + 1))
    return runs


def _done(manifest: BlobManifest, missing: frozenset[int]) -> int:
    """Return how many padded bytes are not missing."""
    chunk = limits.BLOB_CHUNK_SIZE
    return manifest.padded_size - sum(
        min(chunk, manifest.padded_size - index * chunk) for index in missing
    )
