"""One connection to a server for one wallet's blobs.

It begins as every connection does: challenge, subscription, fresh checkpoint. Then each request
has its answers in order, so that several may be under way.

Spec: 23-blobs.md
"""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Final

from billfold.refusals import error_of
from billfold.transport import Connection, Transport
from billfold_protocol.blob_manifest import BlobManifest
from billfold_protocol.client_session import Accepted, ClientSession, Opened
from billfold_protocol.crypto.signing import SigningKey
from billfold_protocol.envelope import RandomBytes
from billfold_protocol.errors import RemoteProtocolError
from billfold_protocol.ids import (
    BlobId,
    ChainHead,
    DeviceId,
    HolderTag,
    InstanceId,
    ServerKey,
    WalletId,
)
from billfold_protocol.messages import Ended, Subscribe
from billfold_protocol.messages.blobs import (
    AskBlob,
    BlobAnswer,
    BlobRequest,
    BlobState,
    DescribedBlob,
    HoldBlob,
    OfferBlob,
    PutChunk,
    ReadChunk,
    ReadChunks,
    RefusedBlob,
    encode_blob_request,
    parse_blob_answer,
    parse_missing,
)

BLOBS_PATH: Final = "/v1/blobs"


@dataclass(frozen=True, slots=True, kw_only=True)
class BlobAccess:
    """What it takes to be let in."""

    wallet_id: WalletId
    device: DeviceId
    signing_key: SigningKey = field(repr=False)
    address: str
    server_key: ServerKey
    """The key that the wallet pins."""


class BlobLink:
    """An open connection; used by one task at a time."""

    def __init__(self, connection: Connection, wallet_id: WalletId, instance: InstanceId) -> None:
        """Take over a connection that was let in; `open` is the way to get one."""
        self._connection = connection
        self._wallet_id = wallet_id
        self.instance = instance
        """The life of the server's store that answers."""

    @classmethod
    async def open(
        cls, transport: Transport, access: BlobAccess, *, random: RandomBytes
    ) -> "BlobLink":
        """Connect, and be let in.

        Raises:
            TransportError: the server cannot be reached.
            ServerIdentity: it is not the server that the wallet pins.
            AccessError: it does not let this device in.
            RemoteProtocolError, VerificationError: it breaks the protocol.
        """
        connection = await transport.connect(access.address, BLOBS_PATH)
        try:
            instance = await _enter(connection, access, random)
        except BaseException:
            await connection.close()
            raise
        return cls(connection, access.wallet_id, instance)

    async def close(self) -> None:
        """Close; closing twice is no mistake."""
        await self._connection.close()

    async def offer(self, manifest: BlobManifest) -> frozenset[int]:
        """Begin an upload or go on; return the indexes of what the server lacks.

        Raises:
            LimitExceeded: the wallet's quota on the server is used up.
            AccessError, StoreFull: the server refuses, and why.
            TransportError, RemoteProtocolError: the connection is of no more use.
        """
        await self._send(OfferBlob(wallet_id=self._wallet_id, manifest=manifest.encode()))
        return await self.missing(manifest)

    async def put(self, blob: BlobId, index: int, sealed: bytes) -> None:
        """Send a chunk; `missing` takes the answer.

        Raises:
            TransportError: the connection is of no more use.
        """
        await self._send(PutChunk(wallet_id=self._wallet_id, blob=blob, index=index, data=sealed))

    async def missing(self, manifest: BlobManifest) -> frozenset[int]:
        """Take the answer to an offer or a chunk: what the server lacks still.

        Raises:
            AccessError, StoreError: the server refuses, and why.
            TransportError, RemoteProtocolError: the connection is of no more use.
        """
        return parse_missing((await self._state(manifest.id)).missing, manifest.count)

    async def manifest(self, blob: BlobId) -> BlobManifest:
        """Return a blob's manifest, verified against its id.

        Raises:
            BlobMissing: the server does not hold it.
            CommitMismatch: the server gives another blob's.
            TransportError, RemoteProtocolError: the connection is of no more use.
        """
        await self._send(AskBlob(wallet_id=self._wallet_id, blob=blob))
        answer = await self._receive(blob)
        if not isinstance(answer, DescribedBlob):
            raise _out_of_turn()
        return BlobManifest.verify(answer.manifest, blob)

    async def read(self, manifest: BlobManifest, indexes: range) -> AsyncIterator[bytes]:
        """Return sealed chunks that stand in a row, each verified, as they come.

        Raises:
            BlobMissing: the server does not hold them.
            CommitMismatch: the server gives other bytes.
            TransportError, RemoteProtocolError: the connection is of no more use.
        """
        blob = manifest.id
        await self._send(
            ReadChunks(
                wallet_id=self._wallet_id, blob=blob, index=indexes.start, count=len(indexes)
            )
        )
        for index in indexes:
            answer = await self._receive(blob)
            if not isinstance(answer, ReadChunk):
                raise _out_of_turn()
            manifest.check_chunk(index, answer.data)
            if answer.index != index:
                raise _out_of_turn()
            yield answer.data

    async def hold(self, blob: BlobId, tag: HolderTag, *, is_held: bool = True) -> None:
        """Hold a whole blob, or let go of it; durable on the server on return.

        Raises:
            BlobMissing: the server does not hold it.
            AccessError, StoreError: the server refuses, and why.
            TransportError, RemoteProtocolError: the connection is of no more use.
        """
        await self._send(HoldBlob(wallet_id=self._wallet_id, blob=blob, tag=tag, is_held=is_held))
        await self._state(blob)

    async def _state(self, blob: BlobId) -> BlobState:
        answer = await self._receive(blob)
        if not isinstance(answer, BlobState):
            raise _out_of_turn()
        return answer

    async def _send(self, request: BlobRequest) -> None:
        await self._connection.send(encode_blob_request(request))

    async def _receive(self, blob: BlobId) -> BlobAnswer:
        answer = parse_blob_answer(await self._connection.receive())
        if answer.wallet_id != self._wallet_id or answer.blob != blob:
            raise _out_of_turn()
        if isinstance(answer, RefusedBlob):
            raise error_of(answer.reason)
        return answer


async def _enter(connection: Connection, access: BlobAccess, random: RandomBytes) -> InstanceId:
    session = ClientSession(origin=access.address)
    if not isinstance(session.receive(await connection.receive()), Opened):
        raise _out_of_turn()
    message = Subscribe(
        wallet_id=access.wallet_id,
        device=access.device,
        client_nonce=random(32),
        k=-1,
        head=ChainHead(bytes(16)),
        cursor=None,
        vector=None,
    )
    await connection.send(
        session.subscribe(message, access.signing_key, pinned_key=access.server_key)
    )
    event = session.receive(await connection.receive())
    if isinstance(event, Ended):
        raise error_of(event.reason)
    if not isinstance(event, Accepted):
        raise _out_of_turn()
    return session.challenge.instance


def _out_of_turn() -> RemoteProtocolError:
    return RemoteProtocolError("the server answers something else than what it was asked")
