"""Vectors of snapshots: their statements, what is sealed in them, and what devices say of them.

Spec: 16-snapshots.md
"""

from collections.abc import Iterable, Sequence

from billfold_protocol import codec
from billfold_protocol.crypto import hashing, sealing
from billfold_protocol.crypto.domains import Domain
from billfold_protocol.envelope import Sealer
from billfold_protocol.feed import Dep, Opening, feed_id
from billfold_protocol.ids import EntryId, FeedId, SnapshotId
from billfold_protocol.snapshot import Covered, Judgement, Verdict, ciphertext_hash
from billfold_protocol.snapshot_sealing import (
    Aside,
    Maker,
    SnapshotContent,
    encode_openings,
    seal_snapshot,
    snapshot_key,
)
from specs.vectors import story
from specs.vectors.notation import describe
from specs.vectors.wallets import START_S, Device, Stream, Vector, Wallet, flip, salt_of, secret

_K = 6
_SAVED = secret("a saved document", 300)
_ASIDE = (
    Aside(
        hash=b"\1" * 32,
        raw=b"an entry",
        is_change=False,
        feed=None,
        stops_at=None,
        error="AuthFailed",
    ),
    Aside(
        hash=b"\2" * 32,
        raw=b"a change",
        is_change=True,
        feed=FeedId(b"\3" * 16),
        stops_at=7,
        error="Quarantined",
    ),
)
_OPENINGS = tuple(
    sorted(
        (feed_id(device.id, salt_of(device.name)), Opening(device.id, salt_of(device.name), before))
        for device, before in (
            (story.LAPTOP, None),
            (story.PHONE, Dep(FeedId(b"\4" * 16), 9, EntryId(secret("the head before")))),
            (story.BEN_PHONE, None),
        )
    )
)
_CONTENT = SnapshotContent(saved=_SAVED, aside=_ASIDE, waiting=(b"waits",), openings=_OPENINGS)
_ID = SnapshotId(secret("a snapshot's id"))


def build(wallet: Wallet) -> list[Vector]:
    """Return the vectors of `snapshots.json`."""
    good, ciphertext = _make(wallet, story.LAPTOP, _CONTENT, _K)
    fields = codec.as_array(codec.decode(good[64:], size_max=len(good)))
    return [
        *_made(wallet),
        *_wrong_signers(wallet, fields),
        *_wrong_fields(fields),
        *_wrong_bodies(wallet, good, fields, ciphertext),
        *_verdicts(wallet),
        *_alone(wallet),
    ]


def _cover() -> dict[FeedId, Covered]:
    return {
        feed_id(device.id, salt_of(device.name)): Covered(
            n + 3, EntryId(secret(f"covered {device.name}")), device.id
        )
        for n, device in enumerate((story.LAPTOP, story.PHONE, story.BEN_PHONE))
    }


def _maker(device: Device) -> Maker:
    sealer = Sealer(device.signing, secret(f"device secret {device.name}"))
    return Maker(device=device.id, signing_key=device.signing, make_nonce=sealer.nonce)


def _make(
    wallet: Wallet, author: Device, content: SnapshotContent, k: int, *, is_empty: bool = False
) -> tuple[bytes, bytes]:
    state = wallet.chain.state_at(k)
    statement, ciphertext = seal_snapshot(
        content,
        {} if is_empty else _cover(),
        maker=_maker(author),
        state=state,
        key=wallet.keys[state.epoch.id],
        time_s=START_S,
        random=Stream(f"snapshot {author.name} {k}"),
    )
    return statement.raw, ciphertext


def _statement(name: str, raw: bytes, expect: str, comment: str, length: int = 18) -> Vector:
    return {
        "id": name,
        "comment": comment,
        "chain": "story",
        "length": length,
        "statement": raw.hex(),
        "expect": expect,
    }


def _opening(
    wallet: Wallet, name: str, raw: bytes, ciphertext: bytes, expect: str, comment: str
) -> Vector:
    key = wallet.keys[wallet.chain.state_at(_K).epoch.id]
    return {
        **_statement(name, raw, expect, comment),
        "epoch_key": key.hex(),
        "ciphertext": ciphertext.hex(),
    }


def _made(wallet: Wallet) -> Iterable[Vector]:
    bare = SnapshotContent(saved=b"", aside=(), waiting=())
    for name, author, content, is_empty, comment in (
        ("made", story.LAPTOP, _CONTENT, False, "three feeds, two things set aside, one waits"),
        ("made-bare", story.PHONE, bare, True, "of an empty wallet"),
        ("made-by-an-editor", story.BEN_PHONE, bare, False, "by one who may write"),
    ):
        raw, ciphertext = _make(wallet, author, content, _K, is_empty=is_empty)
        body = raw[64:]
        yield {
            **_opening(wallet, name, raw, ciphertext, "ok", comment),
            "snapshot_id": hashing.digest(Domain.SNAPSHOT_ID, body).hex(),
            "fields": describe(codec.decode(body, size_max=len(body))),
            "saved": content.saved.hex(),
            "aside": describe(
                [
                    [item.hash, item.raw, item.is_change, item.feed, item.stops_at, item.error]
                    for item in content.aside
                ]
            ),
            "waiting": [raw.hex() for raw in content.waiting],
            "openings": describe(encode_openings(content.openings)),
        }


def _sign(author: Device, fields: Sequence[object]) -> bytes:
    body = codec.encode(list(fields))
    return author.signing.sign(Domain.SNAPSHOT_SIGNATURE, body) + body


def _as_of(wallet: Wallet, fields: Sequence[object], author: Device, k: int) -> list[object]:
    state = wallet.chain.state_at(k)
    return [*fields[:2], author.id, fields[3], k, state.head, state.epoch.id, *fields[7:]]


def _wrong_signers(wallet: Wallet, fields: Sequence[object]) -> Iterable[Vector]:
    raw = _sign(story.LAPTOP, fields)
    entry = story.LAPTOP.signing.sign(Domain.ENTRY_SIGNATURE, raw[64:]) + raw[64:]
    revoked = _as_of(wallet, fields, story.HELPER, 12)
    early = _as_of(wallet, fields, story.TABLET, _K)
    stranger = _as_of(wallet, fields, story.STRANGER, _K)
    words = _as_of(wallet, fields, story.WORDS, _K)
    viewer = _as_of(wallet, fields, story.BEN_TABLET, _K)
    old_epoch = [*_as_of(wallet, fields, story.LAPTOP, 10)[:6], fields[6], *fields[7:]]
    other_head = [*fields[:5], secret("no head", 16), *fields[6:]]
    for name, data, expect, comment, length in (
        ("flipped", flip(raw, 13), "AuthFailed", "one bit of the signature", 18),
        ("other-key", _sign(story.PHONE, fields), "AuthFailed", "signed by another device", 18),
        ("other-label", entry, "AuthFailed", "signed as a feed entry", 18),
        ("revoked", _sign(story.HELPER, revoked), "DeviceRevoked", "revoked before it", 18),
        ("not-yet", _sign(story.TABLET, early), "UnsignedMember", "a member only later", 18),
        ("stranger", _sign(story.STRANGER, stranger), "UnsignedMember", "never a member", 18),
        ("viewer", _sign(story.BEN_TABLET, viewer), "NotAuthorised", "may not write", 18),
        ("words", _sign(story.WORDS, words), "NotAuthorised", "recovery words write nothing", 18),
        ("old-epoch", _sign(story.LAPTOP, old_epoch), "UnknownEpoch", "not the epoch of its k", 18),
        (
            "other-document",
            _sign(story.LAPTOP, [*fields[:3], 1, *fields[4:]]),
            "UnknownEpoch",
            "not the document of its k",
            18,
        ),
        ("other-chain", _sign(story.LAPTOP, other_head), "ChainFork", "another head at its k", 18),
        ("ahead", raw, "Gap", "the chain is not that long here", _K),
    ):
        yield _statement(f"signer-{name}", data, expect, comment, length)


def _wrong_fields(fields: Sequence[object]) -> Iterable[Vector]:
    for name, body, comment in (
        ("0", [0, *fields[1:]], "an older version"),
        ("2", [2, *fields[1:]], "a newer version"),
        ("2-longer", [2, *fields[1:], None], "a newer version, with a field more"),
        ("true", [True, *fields[1:]], "`true` is not 1"),
        ("none", [], "an empty array has no version"),
    ):
        yield _statement(f"version-{name}", _sign(story.LAPTOP, body), "Downgrade", comment)
    elsewhere = _sign(story.LAPTOP, [1, secret("elsewhere"), *fields[2:]])
    yield _statement("other-wallet", elsewhere, "WrongContext", "another wallet's")
    feed, seq, id_, device = codec.as_array(codec.as_array(fields[7])[0])
    wrong: list[tuple[str, list[object], str]] = [
        ("longer", [*fields, None], "a field too many"),
        ("shorter", list(fields[:-1]), "a field is missing"),
    ]
    for index, value, what in (
        (1, bytes(31), "a wallet id has 32 bytes"),
        (2, bytes(15), "a device id has 16 bytes"),
        (3, -1, "documents count from 0"),
        (4, 4096, "a chain has at most 4,096 entries"),
        (5, bytes(32), "a head has 16 bytes"),
        (6, None, "an epoch id has 16 bytes"),
        (7, {}, "what is covered is an array"),
        (7, [[feed, seq, id_]], "a covered head has four fields"),
        (7, [[feed, -1, id_, device]], "a sequence begins at 0"),
        (7, [[feed, seq, id_, device]] * 2, "a feed is named once"),
        (7, codec.as_array(fields[7])[::-1], "feeds are in ascending order"),
        (
            7,
            [[n.to_bytes(16, "big"), 0, id_, device] for n in range(1025)],
            "more than 1,024 feeds",
        ),
        (8, "now", "a time is an integer"),
        (9, bytes(12), "a nonce has 24 bytes"),
        (10, 0, "a ciphertext has bytes"),
        (10, 64 * 1024 * 1024 + 1, "larger than a snapshot may be"),
        (11, bytes(31), "a hash has 32 bytes"),
    ):
        changed = [*fields[:index], value, *fields[index + 1 :]]
        wrong.append((f"{index}-{len(wrong)}", changed, what))
    for name, body, comment in wrong:
        yield _statement(f"shape-{name}", _sign(story.LAPTOP, body), "Malformed", comment)
    yield _statement("signature-only", bytes(64), "Malformed", "no statement")


def _wrong_bodies(
    wallet: Wallet, good: bytes, fields: list[object], ciphertext: bytes
) -> Iterable[Vector]:
    for name, data, comment in (
        ("flipped", flip(ciphertext, 99), "not the bytes that the statement names"),
        ("shorter", ciphertext[:-1], "a byte is missing"),
        ("nothing", b"", "no bytes"),
    ):
        yield _opening(wallet, f"sealed-{name}", good, data, "CommitMismatch", comment)

    def sealed(fields: list[object], padded: bytes) -> tuple[bytes, bytes]:
        data = hashing.frame(Domain.SNAPSHOT_SEAL, wallet.id, codec.encode(fields[:10]))
        key = snapshot_key(wallet.keys[wallet.chain.state_at(_K).epoch.id], wallet.id)
        nonce = codec.as_bytes(fields[9])
        made = sealing.seal(key, nonce, padded, data)
        body = [*fields[:10], len(made), ciphertext_hash(made)]
        return _sign(story.LAPTOP, body), made

    retimed = [*fields[:8], START_S + 1, *fields[9:]]
    moved = _sign(story.LAPTOP, [*retimed[:10], len(ciphertext), ciphertext_hash(ciphertext)])
    yield _opening(
        wallet, "sealed-elsewhere", moved, ciphertext, "AuthFailed", "under another statement"
    )
    aside = [b"\1" * 32, b"raw", True, None, None, "Malformed"]
    salt = salt_of("laptop")
    opening: list[object] = [feed_id(story.LAPTOP.id, salt), story.LAPTOP.id, salt, None]
    for name, plaintext, comment in (
        ("three-fields", codec.encode([b"", [], []]), "the plaintext has four fields"),
        ("saved-text", codec.encode(["", [], [], []]), "a document is bytes"),
        ("aside-twice", codec.encode([b"", [aside, aside], [], []]), "a hash is named once"),
        ("aside-short", codec.encode([b"", [aside[:5]], [], []]), "six fields"),
        ("aside-number", codec.encode([b"", [[*aside[:2], 1, *aside[3:]]], [], []]), "a flag"),
        ("waiting-nil", codec.encode([b"", [], [None], []]), "a change is bytes"),
        ("openings-twice", codec.encode([b"", [], [], [opening, opening]]), "a feed is named once"),
        ("opening-short", codec.encode([b"", [], [], [opening[:3]]]), "four fields"),
    ):
        raw, made = sealed(fields, sealing.pad(plaintext))
        yield _opening(wallet, f"content-{name}", raw, made, "Malformed", comment)
    stolen = [opening[0], story.PHONE.id, *opening[2:]]
    raw, made = sealed(fields, sealing.pad(codec.encode([b"", [], [], [stolen]])))
    comment = "a feed that is not its device's"
    yield _opening(wallet, "content-opening-stolen", raw, made, "WrongContext", comment)
    raw, made = sealed(fields, codec.encode([b"", [], [], []]))
    yield _opening(wallet, "content-unpadded", raw, made, "Malformed", "without padding")


def _alone(wallet: Wallet) -> Iterable[Vector]:
    raw, _ = _make(wallet, story.LAPTOP, _CONTENT, _K, is_empty=True)
    fields = codec.as_array(codec.decode(raw[64:], size_max=len(raw)))
    feeds = [[feed, *one] for feed, one in sorted(_cover().items())]
    mine = [one for one in feeds if one[3] == story.LAPTOP.id]
    for name, k, covered, is_alone, comment in (
        ("first", 0, mine, True, "nobody else was there, and it covers its own feed"),
        ("nothing", 0, [], True, "an empty cover"),
        ("backdated", 0, feeds, False, "it covers feeds of devices that came later"),
        ("judged", 2, mine, False, "another device of the same person could judge it"),
        ("now", _K, mine, False, "people of two holders were there"),
    ):
        body = [*_as_of(wallet, fields, story.LAPTOP, k)[:7], covered, *fields[8:]]
        yield {
            "id": f"alone-{name}",
            "comment": comment,
            "chain": "story",
            "length": 18,
            "alone_statement": _sign(story.LAPTOP, body).hex(),
            "is_alone": is_alone,
            "expect": "ok",
        }


def _verdict(name: str, judgement: str, raw: bytes, expect: str, comment: str) -> Vector:
    return {
        "id": f"verdict-{name}",
        "comment": comment,
        "chain": "story",
        "length": 18,
        "judgement": judgement,
        "verdict": raw.hex(),
        "expect": expect,
    }


def _verdicts(wallet: Wallet) -> Iterable[Vector]:
    domains = {
        "endorsed": Domain.SNAPSHOT_ENDORSEMENT,
        "objected": Domain.SNAPSHOT_OBJECTION,
    }
    fields: list[object] = [1, wallet.id, _ID, story.PHONE.id, START_S]
    for judgement in Judgement:
        verdict = Verdict(
            judgement=judgement,
            wallet_id=wallet.id,
            snapshot=_ID,
            device=story.PHONE.id,
            time_s=START_S,
        )
        name, raw = judgement.value, verdict.sign(story.PHONE.signing)
        said = _verdict(name, name, raw, "ok", "by a member")
        yield {**said, "fields": describe(fields)}
        other = next(word for word in domains if word != name)
        yield _verdict(f"{name}-as-{other}", other, raw, "AuthFailed", "the other judgement")

    def signed(body: list[object], author: Device = story.PHONE) -> bytes:
        encoded = codec.encode(body)
        return author.signing.sign(Domain.SNAPSHOT_ENDORSEMENT, encoded) + encoded

    by_stranger = [*fields[:3], story.STRANGER.id, START_S]
    for name, raw, expect, comment in (
        ("flipped", flip(signed(fields), 13), "AuthFailed", "one bit of the signature"),
        ("other-device", signed(fields, story.LAPTOP), "AuthFailed", "another device signed"),
        ("stranger", signed(by_stranger, story.STRANGER), "UnsignedMember", "never a member"),
        (
            "other-wallet",
            signed([1, secret("elsewhere"), *fields[2:]]),
            "WrongContext",
            "another wallet's",
        ),
        ("version-2", signed([2, *fields[1:]]), "Downgrade", "a newer version"),
        ("version-true", signed([True, *fields[1:]]), "Downgrade", "`true` is not 1"),
        ("longer", signed([*fields, None]), "Malformed", "a field too many"),
        ("id-short", signed([*fields[:2], _ID[:31], *fields[3:]]), "Malformed", "32 bytes"),
        ("time", signed([*fields[:4], "now"]), "Malformed", "a time is an integer"),
        ("signature-only", bytes(64), "Malformed", "no verdict"),
    ):
        yield _verdict(name, "endorsed", raw, expect, comment)
