"""Vectors of blobs: sealing and opening chunks, manifests, references, and the messages.

Chunks of 256 KiB would fill the file, so a content is told by a byte that repeats and its size,
and a long chunk by its hash.

Spec: 23-blobs.md
"""

from collections.abc import Iterable, Sequence
from typing import Final

from billfold_protocol import codec, limits
from billfold_protocol.blob_manifest import BlobManifest, chunk_hash
from billfold_protocol.blobs import BlobCipher, BlobRef
from billfold_protocol.crypto import hashing, sealing
from billfold_protocol.crypto.domains import Domain
from billfold_protocol.ids import BlobId, WalletId
from specs.vectors.notation import describe
from specs.vectors.wallets import Vector, flip, secret

WALLET: Final = WalletId(secret("blob wallet"))
KEY: Final = secret("blob key")
CHUNK: Final = limits.BLOB_CHUNK_SIZE
_BLOB: Final = secret("blob id")
_TAG: Final = secret("blob tag")


def build() -> Iterable[Vector]:
    """Return the vectors of `blobs.json`."""
    yield from _whole()
    yield from _not_opened()
    yield from _badly_padded()
    yield from _manifests()
    yield from _references()
    yield from _messages()


def _chunks(content: bytes) -> list[bytes]:
    cipher = BlobCipher(WALLET, KEY, len(content))
    return [
        cipher.seal(i, content[i * CHUNK : (i + 1) * CHUNK], secret(f"blob nonce {i}", 24))
        for i in range(cipher.count)
    ]


def _manifest(content: bytes) -> BlobManifest:
    chunks = _chunks(content)
    cipher = BlobCipher(WALLET, KEY, len(content))
    return BlobManifest(padded_size=cipher.padded_size, hashes=tuple(map(chunk_hash, chunks)))


def _whole() -> Iterable[Vector]:
    for size, comment in (
        (0, "nothing"),
        (1, "one byte"),
        (256, "the smallest padded size"),
        (257, "one byte above it"),
        (CHUNK - 1, "a byte less than a chunk"),
        (CHUNK, "one whole chunk"),
        (CHUNK + 1, "one chunk and a byte"),
        (5 * CHUNK - 7, "five chunks; Padmé adds nothing but the last bytes"),
        (33 * CHUNK + 1, "chunks of nothing but padding at the end"),
    ):
        content = b"\x5a" * size
        manifest = _manifest(content)
        ref = BlobRef(id=manifest.id, key=KEY, size=size)
        yield {
            "id": f"blob-{size}",
            "comment": comment,
            "wallet_id": WALLET.hex(),
            "key": KEY.hex(),
            "byte": "5a",
            "size": size,
            "nonces": [secret(f"blob nonce {i}", 24).hex() for i in range(manifest.count)],
            "expect": "ok",
            "padded_size": manifest.padded_size,
            "hashes": [one.hex() for one in manifest.hashes],
            "manifest": manifest.encode().hex(),
            "blob": manifest.id.hex(),
            "ref": ref.encode().hex(),
            "text": ref.to_text(),
            "holder": b"record/attachment".hex(),
            "tag": ref.tag(WALLET, b"record/attachment").hex(),
        }


def _opening(name: str, comment: str, expect: str, size: int, index: int, sealed: bytes) -> Vector:
    return {
        "id": f"open-{name}",
        "comment": comment,
        "wallet_id": WALLET.hex(),
        "key": KEY.hex(),
        "size": size,
        "index": index,
        "sealed": sealed.hex(),
        "expect": expect,
    }


def _not_opened() -> Iterable[Vector]:
    content = b"a small attachment"
    size, sealed = len(content), _chunks(content)[0]
    yield {
        **_opening("whole", "a small blob", "ok", size, 0, sealed),
        "content": content.hex(),
    }
    other_wallet = BlobCipher(WalletId(secret("other wallet")), KEY, size)
    other_key = BlobCipher(WALLET, secret("other blob key"), size)
    nonce = secret("blob nonce 0", 24)
    longer = BlobCipher(WALLET, KEY, size + 1)
    many = BlobCipher(WALLET, KEY, CHUNK + size)
    for name, comment, wrong in (
        ("flipped", "a bit of the ciphertext is flipped", flip(sealed, 30)),
        ("flipped-nonce", "a bit of the nonce is flipped", flip(sealed, 0)),
        ("flipped-tag", "a bit of the tag is flipped", flip(sealed, len(sealed) - 1)),
        ("cut", "the last byte is missing", sealed[:-1]),
        ("empty", "no bytes", b""),
        ("nonce-only", "a nonce and nothing else", sealed[:24]),
        ("other-wallet", "another wallet's chunk", other_wallet.seal(0, content, nonce)),
        ("other-key", "another blob's chunk", other_key.seal(0, content, nonce)),
        ("other-size", "of a blob that is a byte longer", longer.seal(0, content + b"!", nonce)),
        ("other-place", "of the end of a longer blob", many.seal(1, content, nonce)),
    ):
        yield _opening(name, comment, "AuthFailed", size, 0, wrong)


def _badly_padded() -> Iterable[Vector]:
    """Return chunks that open with the key and hold something else than content and zeros."""
    size, nonce = 10, secret("blob nonce 0", 24)
    associated_data = hashing.frame(
        Domain.BLOB_CHUNK_SEAL, WALLET, bytes(4), b"\0\0\0\1", size.to_bytes(8, "big")
    )
    for name, comment, padded in (
        ("hidden", "bytes behind the content", bytes(10) + b"hidden".ljust(246, b"\0")),
        ("unpadded", "no padding", bytes(10)),
        ("overlong", "more padding than the size asks for", bytes(272)),
    ):
        sealed = nonce + sealing.seal(KEY, nonce, padded, associated_data)
        yield _opening(name, comment, "Malformed", size, 0, sealed)


def _manifests() -> Iterable[Vector]:
    whole = _manifest(b"\x5a" * (CHUNK + 1))
    joined = b"".join(whole.hashes)
    good: list[object] = [1, whole.padded_size, joined]

    def vector(name: str, comment: str, expect: str, data: bytes) -> Vector:
        blob = BlobManifest.parse(data).id if expect == "ok" else None
        shown: Vector = {
            "id": f"manifest-{name}",
            "comment": comment,
            "manifest_bytes": data.hex(),
            "expect": expect,
        }
        if blob is None:
            return shown
        parsed = BlobManifest.parse(data)
        return shown | {
            "blob": blob.hex(),
            "padded_size": parsed.padded_size,
            "count": parsed.count,
            "sealed_size": parsed.sealed_size,
        }

    yield vector("two", "two chunks", "ok", codec.encode(good))
    largest = [1, limits.BLOB_SIZE_MAX, bytes(32 * limits.BLOB_CHUNKS_COUNT_MAX)]
    yield vector("largest", "as many chunks as a blob may have", "ok", codec.encode(largest))
    for name, comment, fields in (
        ("too-large", "a byte more", [1, limits.BLOB_SIZE_MAX + 1, bytes(32 * 1025)]),
        ("empty", "no chunks", [1, 0, b""]),
        ("hash-missing", "fewer hashes than chunks", [1, whole.padded_size, joined[:32]]),
        ("hash-more", "more hashes than chunks", [1, whole.padded_size, joined + bytes(32)]),
        ("hash-cut", "a hash is cut", [1, whole.padded_size, joined[:-1]]),
        ("longer", "a field too many", [*good, None]),
        ("shorter", "a field is missing", good[:-1]),
        ("negative", "a negative size", [1, -1, joined]),
        ("text", "hashes as text", [1, whole.padded_size, "hashes"]),
    ):
        yield vector(name, comment, "Malformed", codec.encode(fields))
    yield vector("trailing", "a byte after it", "Malformed", codec.encode(good) + b"\0")
    yield vector("version", "version 2", "Downgrade", codec.encode([2, *good[1:]]))
    yield vector("none", "an empty array", "Downgrade", codec.encode([]))
    yield {
        "id": "manifest-other",
        "comment": "the manifest of another blob than the one asked for",
        "manifest_bytes": codec.encode(good).hex(),
        "of": flip(whole.id, 0).hex(),
        "expect": "CommitMismatch",
    }


def _references() -> Iterable[Vector]:
    ref = BlobRef(id=BlobId(_BLOB), key=KEY, size=1000)
    good: list[object] = [1, _BLOB, KEY, 1000]

    def vector(name: str, comment: str, expect: str, text: str) -> Vector:
        return {"id": f"ref-{name}", "comment": comment, "ref_text": text, "expect": expect}

    def text_of(fields: Sequence[object]) -> str:
        encoded = codec.encode(list(fields))
        return BlobRef.spell(encoded)

    yield vector("good", "a reference", "ok", ref.to_text()) | {
        "blob": ref.id.hex(),
        "key": KEY.hex(),
        "size": 1000,
    }
    for name, comment, text in (
        ("no-prefix", "without its prefix", ref.to_text().removeprefix("blob:")),
        ("padded", "with padding", ref.to_text() + "="),
        ("space", "with a space", ref.to_text() + " "),
        ("standard", "in the alphabet with + and /", "blob:" + "+/" + ref.to_text()[7:]),
        ("empty", "nothing", ""),
        ("longer", "a field too many", text_of([*good, None])),
        ("shorter", "a field is missing", text_of(good[:-1])),
        ("id-short", "an id of 31 bytes", text_of([1, _BLOB[:-1], KEY, 1000])),
        ("key-short", "a key of 31 bytes", text_of([1, _BLOB, KEY[:-1], 1000])),
        ("size-large", "a size above a blob's", text_of([1, _BLOB, KEY, 2**28 + 1])),
        ("size-true", "true is not 1", text_of([1, _BLOB, KEY, True])),
    ):
        yield vector(name, comment, "Malformed", text)
    yield vector("version", "version 2", "Downgrade", text_of([2, *good[1:]]))
    yield vector("none", "an empty array", "Downgrade", text_of([]))


Field = tuple[str, object, tuple[tuple[str, object], ...]]
"""Name, a value that it takes, and values that it does not."""


def _bytes_of(size: int) -> tuple[tuple[str, object], ...]:
    return (("short", bytes(size - 1)), ("long", bytes(size + 1)), ("text", "t"), ("nil", None))


_ID: Final[Field] = ("blob", _BLOB, _bytes_of(32))
_INDEX: Final[Field] = (
    "index",
    1023,
    (("large", 1024), ("negative", -1), ("true", True), ("bytes", b"\1")),
)
_DATA: Final[Field] = (
    "data",
    secret("blob chunk", 300),
    (("text", "text"), ("nil", None), ("list", [])),
)
_MANIFEST: Final[Field] = ("manifest", b"manifest", (("text", "text"), ("long", bytes(32_785))))
_COUNT: Final[Field] = ("count", 1024, (("large", 1025), ("none", 0), ("true", True)))
_FLAG: Final[Field] = ("flag", True, (("number", 1), ("nil", None)))
_MISSING: Final[Field] = ("missing", b"\x05", (("long", bytes(129)), ("list", [0, 2])))
_REASON: Final[Field] = ("reason", "unknown_blob", (("unknown", "because"), ("nil", None)))

_FROM_CLIENT: Final[dict[int, tuple[str, tuple[Field, ...]]]] = {
    41: ("OfferBlob", (_MANIFEST,)),
    42: ("PutChunk", (_ID, _INDEX, _DATA)),
    43: ("ReadChunks", (_ID, _INDEX, _COUNT)),
    44: ("HoldBlob", (_ID, ("tag", _TAG, _bytes_of(32)), _FLAG)),
    45: ("AskBlob", (_ID,)),
}
_FROM_SERVER: Final[dict[int, tuple[str, tuple[Field, ...]]]] = {
    14: ("BlobState", (_ID, _MISSING)),
    15: ("DescribedBlob", (_ID, _MANIFEST)),
    16: ("ReadChunk", (_ID, _INDEX, _DATA)),
    17: ("RefusedBlob", (_ID, _REASON)),
}


def _messages() -> Iterable[Vector]:
    for side, messages in (("client", _FROM_CLIENT), ("server", _FROM_SERVER)):
        for kind, (name, fields) in messages.items():
            yield from _of_message(side, kind, name, (("wallet", WALLET, _bytes_of(32)), *fields))
        for case, data in (
            ("type-only", codec.encode([min(messages)])),
            ("type-unknown", codec.encode([46 if side == "client" else 13, WALLET, _BLOB])),
            ("type-true", codec.encode([True, WALLET])),
            ("nothing", b""),
            ("trailing", codec.encode([45, WALLET, _BLOB]) + b"\0"),
        ):
            comment = case.replace("-", " ")
            yield _refused(side, case, data, comment)


def _of_message(side: str, kind: int, name: str, fields: tuple[Field, ...]) -> Iterable[Vector]:
    title = name.lower()
    whole: list[object] = [kind, *(value for _, value, _ in fields)]
    yield {
        "id": f"{side}-{title}",
        "comment": f"a whole {title}",
        "from": side,
        "message": codec.encode(whole).hex(),
        "expect": "ok",
        "type": kind,
        "name": name,
        "fields": describe(whole),
    }
    yield _refused(side, f"{title}-longer", codec.encode([*whole, None]), "a field too many")
    yield _refused(side, f"{title}-shorter", codec.encode(whole[:-1]), "a field is missing")
    other = "client" if side == "server" else "server"
    yield _refused(other, f"{title}-reflected", codec.encode(whole), f"only a {side} sends this")
    for index, (field, _, wrong) in enumerate(fields, start=1):
        for case, value in wrong:
            changed = [*whole[:index], value, *whole[index + 1 :]]
            yield _refused(
                side, f"{title}-{field}-{case}", codec.encode(changed), f"{field} is {case}"
            )


def _refused(side: str, title: str, data: bytes, comment: str) -> Vector:
    return {
        "id": f"{side}-{title}",
        "comment": comment,
        "from": side,
        "message": data.hex(),
        "expect": "Malformed",
    }
