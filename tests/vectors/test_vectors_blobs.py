from typing import get_args

import pytest

from billfold_protocol import codec, limits
from billfold_protocol.blob_manifest import BlobManifest, chunk_hash
from billfold_protocol.blobs import BlobCipher, BlobRef
from billfold_protocol.ids import BlobId, WalletId
from billfold_protocol.messages.blobs import (
    BlobAnswer,
    BlobRequest,
    encode_blob_answer,
    encode_blob_request,
    parse_blob_answer,
    parse_blob_request,
)
from specs.vectors.notation import read
from tests.vectors.vector_files import Vector, each, expecting, load

CHUNK = limits.BLOB_CHUNK_SIZE


@each("blobs", "byte")
def test_a_blob_has_the_hashes_the_id_and_the_names_of_its_vector(vector: Vector) -> None:
    size, wallet_id = vector["size"], WalletId(bytes.fromhex(vector["wallet_id"]))
    content = bytes.fromhex(vector["byte"]) * size
    cipher = BlobCipher(wallet_id, bytes.fromhex(vector["key"]), size)
    assert cipher.padded_size == vector["padded_size"]
    hashes = []
    for index, nonce in enumerate(vector["nonces"]):
        piece = content[index * CHUNK : (index + 1) * CHUNK]
        sealed = cipher.seal(index, piece, bytes.fromhex(nonce))
        assert cipher.unseal(index, sealed) == piece
        hashes.append(chunk_hash(sealed))
    assert [one.hex() for one in hashes] == vector["hashes"]
    manifest = BlobManifest(padded_size=cipher.padded_size, hashes=tuple(hashes))
    assert manifest.encode().hex() == vector["manifest"]
    assert manifest.id.hex() == vector["blob"]
    ref = BlobRef(id=manifest.id, key=bytes.fromhex(vector["key"]), size=size)
    assert ref.encode().hex() == vector["ref"]
    assert BlobRef.parse(ref.encode()) == ref
    assert ref.to_text() == vector["text"]
    assert ref.tag(wallet_id, bytes.fromhex(vector["holder"])).hex() == vector["tag"]


@each("blobs", "sealed")
def test_a_chunk_opens_or_is_refused(vector: Vector) -> None:
    wallet_id = WalletId(bytes.fromhex(vector["wallet_id"]))
    cipher = BlobCipher(wallet_id, bytes.fromhex(vector["key"]), vector["size"])
    with expecting(vector):
        content = cipher.unseal(vector["index"], bytes.fromhex(vector["sealed"]))
        assert content.hex() == vector["content"]


@each("blobs", "manifest_bytes")
def test_a_manifest_is_read_or_refused(vector: Vector) -> None:
    data = bytes.fromhex(vector["manifest_bytes"])
    with expecting(vector):
        if "of" in vector:
            BlobManifest.verify(data, BlobId(bytes.fromhex(vector["of"])))
        manifest = BlobManifest.parse(data)
        assert manifest.encode() == data
        assert manifest.id.hex() == vector["blob"]
        assert manifest.padded_size == vector["padded_size"]
        assert manifest.count == vector["count"]
        assert manifest.sealed_size == vector["sealed_size"]


@each("blobs", "ref_text")
def test_a_reference_is_read_or_refused(vector: Vector) -> None:
    with expecting(vector):
        ref = BlobRef.from_text(vector["ref_text"])
        assert ref.id.hex() == vector["blob"]
        assert ref.key.hex() == vector["key"]
        assert ref.size == vector["size"]


@each("blobs", "message")
def test_a_message_about_blobs_is_read_and_written_alike_or_refused(vector: Vector) -> None:
    data = bytes.fromhex(vector["message"])
    with expecting(vector):
        if vector["from"] == "client":
            request = parse_blob_request(data)
            name, again = type(request).__name__, encode_blob_request(request)
        else:
            answer = parse_blob_answer(data)
            name, again = type(answer).__name__, encode_blob_answer(answer)
        assert name == vector["name"]
        assert again == data
        fields = codec.decode(data, size_max=limits.FRAME_SIZE_MAX)
        assert fields == read(vector["fields"])


@pytest.mark.parametrize(("side", "union"), [("client", BlobRequest), ("server", BlobAnswer)])
def test_every_message_about_blobs_has_vectors(side: str, union: object) -> None:
    vectors = [v for v in load("blobs")["vectors"] if v.get("from") == side]
    accepted = {vector["name"] for vector in vectors if vector["expect"] == "ok"}
    assert accepted == {message.__name__ for message in get_args(union)}
