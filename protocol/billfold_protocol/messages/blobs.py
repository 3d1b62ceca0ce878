"""The messages about blobs, on a connection of their own.

Each request has one answer, in the order of the requests; only a read has one for each chunk.

Spec: 23-blobs.md
"""

from dataclasses import dataclass

from billfold_protocol import codec, limits
from billfold_protocol.blob_manifest import MANIFEST_SIZE_MAX, SEALED_CHUNK_SIZE
from billfold_protocol.errors import Malformed
from billfold_protocol.feed import Reason
from billfold_protocol.feed.checkpoint import parse_reason
from billfold_protocol.ids import BlobId, HolderTag, WalletId
from billfold_protocol.messages.heads import open_message, wallet_of

BITMAP_SIZE_MAX = limits.BLOB_CHUNKS_COUNT_MAX // 8


@dataclass(frozen=True, slots=True, kw_only=True)
class OfferBlob:
    """Begin to upload a blob, or go on; answered by `BlobState`."""

    wallet_id: WalletId
    manifest: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class PutChunk:
    """Bring one sealed chunk of a blob that was offered; answered by `BlobState`."""

    wallet_id: WalletId
    blob: BlobId
    index: int
    data: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadChunks:
    """Ask for chunks in a row; answered by a `ReadChunk` for each."""

    wallet_id: WalletId
    blob: BlobId
    index: int
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class HoldBlob:
    """Hold a blob that is whole, or let go of it; answered by `BlobState`."""

    wallet_id: WalletId
    blob: BlobId
    tag: HolderTag
    is_held: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class AskBlob:
    """Ask for a blob's manifest; answered by `DescribedBlob`."""

    wallet_id: WalletId
    blob: BlobId


BlobRequest = OfferBlob | PutChunk | ReadChunks | HoldBlob | AskBlob


@dataclass(frozen=True, slots=True, kw_only=True)
class BlobState:
    """What the server lacks of a blob; with nothing missing, the blob is durable."""

    wallet_id: WalletId
    blob: BlobId
    missing: bytes
    """A bit for each chunk, from the lowest of the first byte on; empty when nothing is missing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DescribedBlob:
    """A blob's manifest."""

    wallet_id: WalletId
    blob: BlobId
    manifest: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadChunk:
    """One sealed chunk."""

    wallet_id: WalletId
    blob: BlobId
    index: int
    data: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class RefusedBlob:
    """A request was refused; of a read, what was not sent yet."""

    wallet_id: WalletId
    blob: BlobId
    reason: Reason


BlobAnswer = BlobState | DescribedBlob | ReadChunk | RefusedBlob


def encode_blob_request(message: BlobRequest) -> bytes:
    """Return the bytes of one WebSocket message."""
    match message:
        case OfferBlob():
            fields: list[object] = [41, message.wallet_id, message.manifest]
        case PutChunk():
            fields = [42, message.wallet_id, message.blob, message.index, message.data]
        case ReadChunks():
            fields = [43, message.wallet_id, message.blob, message.index, message.count]
        case HoldBlob():
            fields = [44, message.wallet_id, message.blob, message.tag, message.is_held]
        case AskBlob():
            fields = [45, message.wallet_id, message.blob]
    return codec.encode(fields)


def parse_blob_request(data: bytes) -> BlobRequest:
    """Parse one WebSocket message from a client.

    Raises:
        Malformed: it is not a request about a blob.
    """
    kind, fields = open_message(data)
    wallet_id, rest = wallet_of(fields), fields[2:]
    match kind, rest:
        case 41, [manifest]:
            return OfferBlob(
                wallet_id=wallet_id,
                manifest=codec.as_bytes(manifest, size_max=MANIFEST_SIZE_MAX),
            )
        case 42, [blob, index, chunk]:
            return PutChunk(
                wallet_id=wallet_id,
                blob=_parse_blob(blob),
                index=_parse_index(index),
                data=codec.as_bytes(chunk, size_max=SEALED_CHUNK_SIZE),
            )
        case 43, [blob, index, count]:
            return ReadChunks(
                wallet_id=wallet_id,
                blob=_parse_blob(blob),
                index=_parse_index(index),
                count=codec.as_integer(count, minimum=1, maximum=limits.BLOB_CHUNKS_COUNT_MAX),
            )
        case 44, [blob, tag, is_held]:
            return HoldBlob(
                wallet_id=wallet_id,
                blob=_parse_blob(blob),
                tag=HolderTag(codec.as_bytes(tag, 32)),
                is_held=codec.as_flag(is_held),
            )
        case 45, [blob]:
            return AskBlob(wallet_id=wallet_id, blob=_parse_blob(blob))
        case _:
            raise Malformed("the message is not one that a client sends about a blob")


def encode_blob_answer(message: BlobAnswer) -> bytes:
    """Return the bytes of one WebSocket message."""
    match message:
        case BlobState():
            fields: list[object] = [14, message.wallet_id, message.blob, message.missing]
        case DescribedBlob():
            fields = [15, message.wallet_id, message.blob, message.manifest]
        case ReadChunk():
            fields = [16, message.wallet_id, message.blob, message.index, message.data]
        case RefusedBlob():
            fields = [17, message.wallet_id, message.blob, message.reason.value]
    return codec.encode(fields)


def parse_blob_answer(data: bytes) -> BlobAnswer:
    """Parse one WebSocket message from a server.

    Raises:
        Malformed: it is not an answer about a blob.
    """
    kind, fields = open_message(data)
    wallet_id, rest = wallet_of(fields), fields[2:]
    match kind, rest:
        case 14, [blob, missing]:
            return BlobState(
                wallet_id=wallet_id,
                blob=_parse_blob(blob),
                missing=codec.as_bytes(missing, size_max=BITMAP_SIZE_MAX),
            )
        case 15, [blob, manifest]:
            return DescribedBlob(
                wallet_id=wallet_id,
                blob=_parse_blob(blob),
                manifest=codec.as_bytes(manifest, size_max=MANIFEST_SIZE_MAX),
            )
        case 16, [blob, index, chunk]:
            return ReadChunk(
                wallet_id=wallet_id,
                blob=_parse_blob(blob),
                index=_parse_index(index),
                data=codec.as_bytes(chunk, size_max=SEALED_CHUNK_SIZE),
            )
        case 17, [blob, reason]:
            return RefusedBlob(
                wallet_id=wallet_id, blob=_parse_blob(blob), reason=parse_reason(reason)
            )
        case _:
            raise Malformed("the message is not one that a server sends about a blob")


def encode_missing(indexes: frozenset[int]) -> bytes:
    """Return the bitmap of chunks that are missing; empty if none is."""
    bits = sum(1 << index for index in indexes)
    return bits.to_bytes((bits.bit_length() + 7) // 8, "little")


def parse_missing(bitmap: bytes, count: int) -> frozenset[int]:
    """Return the indexes in a bitmap.

    Raises:
        Malformed: one is beyond the blob's chunks, or the bitmap ends in a zero.
    """
    bits = int.from_bytes(bitmap, "little")
    if bits.bit_length() > count or bitmap.endswith(b"\0"):
        raise Malformed("what is missing of the blob is not a set of its chunks")
    return frozenset(index for index in range(count) if bits >> index & 1)


def _parse_blob(value: object) -> BlobId:
    return BlobId(codec.as_bytes(value, 32))


def _parse_index(value: object) -> int:
    return codec.as_integer(value, maximum=limits.BLOB_CHUNKS_COUNT_MAX - 1)
