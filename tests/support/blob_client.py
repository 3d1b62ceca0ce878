"""A device's blobs on a real server, without a whole wallet around them.

    await let_in(server, wallet)
    mine = exchange_of(wallet, wallet.owner, server.addresses[0], folder, transport)
    ref = await mine.put(content_of(b"…", size_max=10))

Spec: 23-blobs.md
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from billfold.blobs import BlobAccess, BlobCache, BlobExchange, BlobLink
from billfold.transport import Transport, WebSocketTransport
from billfold_protocol.blobs import BlobRef
from billfold_server.app import Server
from tests.support.sync_client import SyncClient
from tests.support.wallets import TestDevice, TestWallet


async def let_in(server: Server, wallet: TestWallet) -> None:
    """Register a wallet on a server."""
    async with SyncClient(server.addresses[0]) as client:
        await client.join(wallet)


@asynccontextmanager
async def exchange_of(
    wallet: TestWallet,
    address: str,
    folder: Path,
    device: TestDevice | None = None,
    *,
    way: Transport | None = None,
) -> AsyncIterator[BlobExchange]:
    """Return the blobs of one device, whose copies are in a folder; `way` may lie."""
    who, home, transport = device or wallet.owner, wallet.state.home, way or WebSocketTransport()
    assert home is not None
    access = BlobAccess(
        wallet_id=wallet.chain.wallet_id,
        device=who.id,
        signing_key=who.signing_key,
        address=address,
        server_key=home.server.key,
    )

    async def dial() -> BlobLink:
        return await BlobLink.open(transport, access, random=who.random)

    try:
        yield BlobExchange(
            BlobCache(folder),
            dial,
            wallet_id=wallet.chain.wallet_id,
            random=who.random,
            nonce=lambda message: who.sealer.nonce(who.random, message),
        )
    finally:
        await transport.close()


async def content_of_blob(exchange: BlobExchange, ref: BlobRef) -> bytes:
    """Return all of a blob's content."""
    return b"".join([piece async for piece in exchange.read(ref)])
