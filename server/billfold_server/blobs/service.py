"""Answers requests about blobs; synchronous, because it waits for the disk.

What goes wrong for a reason that the device should know is an answer; what is wrong with the
store is raised.

Spec: 23-blobs.md
"""

from collections.abc import Iterator

from billfold_protocol.blob_manifest import BlobManifest
from billfold_protocol.errors import (
    BlobMissing,
    CommitMismatch,
    Downgrade,
    LimitExceeded,
    RemoteProtocolError,
    StoreFull,
)
from billfold_protocol.feed import Reason
from billfold_protocol.ids import BlobId, WalletId
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
    encode_missing,
)
from billfold_server.blobs.counters import BlobCounters
from billfold_server.blobs.store import BlobStore, BlobUsage


class BlobService:
    """One server's blobs, for devices that were let in."""

    def __init__(self, store: BlobStore) -> None:
        self.store = store
        self.counters = BlobCounters()
        self.stored = BlobUsage()
        """What the last collection left, of all wallets."""

    def answers(self, request: BlobRequest) -> Iterator[BlobAnswer]:
        """Answer a request, piece by piece.

        Raises:
            RemoteProtocolError: what was brought is no blob.
            StoreError: the store cannot be used.
        """
        wallet_id = request.wallet_id
        if isinstance(request, OfferBlob):
            manifest = _parse(request.manifest)
            blob = manifest.id
        else:
            blob = request.blob
        try:
            match request:
                case OfferBlob():
                    yield _state(wallet_id, blob, self.store.offer(wallet_id, manifest))
                case PutChunk(index=index, data=data):
                    missing = self.store.put(wallet_id, blob, index, data)
                    self.counters.blob_chunks_taken += 1
                    self.counters.blobs_finished += not missing
                    yield _state(wallet_id, blob, missing)
                case ReadChunks(index=first, count=count):
                    for index in range(first, first + count):
                        data = self.store.read(wallet_id, blob, index)
                        self.counters.blob_chunks_sent += 1
                        yield ReadChunk(wallet_id=wallet_id, blob=blob, index=index, data=data)
                case HoldBlob(tag=tag, is_held=is_held):
                    if is_held:
                        self.store.hold(wallet_id, blob, tag)
                    else:
                        self.store.drop(wallet_id, blob, tag)
                    yield _state(wallet_id, blob, frozenset())
                case AskBlob():
                    manifest = self.store.manifest(wallet_id, blob)
                    yield DescribedBlob(wallet_id=wallet_id, blob=blob, manifest=manifest.encode())
        except BlobMissing:
            yield self.refuse(wallet_id, blob, Reason.UNKNOWN_BLOB)
        except CommitMismatch:
            yield self.refuse(wallet_id, blob, Reason.INVALID)
        except LimitExceeded:
            reason = Reason.LIMIT if isinstance(request, HoldBlob) else Reason.QUOTA
            yield self.refuse(wallet_id, blob, reason)
        except StoreFull:
            yield self.refuse(wallet_id, blob, Reason.FULL)

    def refuse(self, wallet_id: WalletId, blob: BlobId, reason: Reason) -> RefusedBlob:
        """Return a refusal, and count it."""
        self.counters.blobs_refused += 1
        return RefusedBlob(wallet_id=wallet_id, blob=blob, reason=reason)


def blob_of(request: BlobRequest) -> BlobId:
    """Return the blob that a request is about.

    Raises:
        RemoteProtocolError: what was brought is no blob.
    """
    return _parse(request.manifest).id if isinstance(request, OfferBlob) else request.blob


def is_writing(request: BlobRequest) -> bool:
    """Whether a request changes what the server keeps."""
    return isinstance(request, OfferBlob | PutChunk | HoldBlob)


def _parse(manifest: bytes) -> BlobManifest:
    try:
        return BlobManifest.parse(manifest)
    except Downgrade as error:
        raise RemoteProtocolError(str(error)) from error


def _state(wallet_id: WalletId, blob: BlobId, missing: frozenset[int]) -> BlobState:
    return BlobState(wallet_id=wallet_id, blob=blob, missing=encode_missing(missing))
