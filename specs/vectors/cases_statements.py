"""Vectors of what servers and devices sign about what they hold, and of vectors' hashes.

Spec: 15-feeds.md
"""

from collections.abc import Iterable, Sequence

from billfold_protocol import codec
from billfold_protocol.crypto.domains import Domain
from billfold_protocol.feed import Ack, Beacon, Checkpoint, Reason, Rejection, Vector, vector_hash
from billfold_protocol.feed.vector import encode_vector
from billfold_protocol.ids import ChainHead, DeviceId, EntryId, FeedId, WalletId
from specs.vectors.notation import describe
from specs.vectors.wallets import START_S, flip, make_device, secret
from specs.vectors.wallets import Vector as Case

_SERVER = make_device("server one", "operator").signing
_WALLET = WalletId(secret("statement wallet"))
_HEAD = ChainHead(secret("statement head", 16))
_IDS = (EntryId(secret("acked 1")), EntryId(secret("acked 2")))

_GOOD: dict[str, tuple[Domain, list[object]]] = {
    "checkpoint": (
        Domain.CHECKPOINT_SIGNATURE,
        [1, _WALLET, 17, 3, _HEAD, START_S, secret("client nonce"), secret("vector hash")],
    ),
    "ack": (Domain.ACK_SIGNATURE, [1, _WALLET, list(_IDS), 17, 3, _HEAD]),
    "rejection": (Domain.REJECTION_SIGNATURE, [1, _WALLET, [_IDS[0]], "stale_epoch", 3]),
    "beacon": (
        Domain.BEACON_SIGNATURE,
        [
            *(2, _WALLET, secret("device", 16), 3, _HEAD),
            *([[secret("feed", 16), 7, _IDS[0]]], START_S, secret("a checkpoint"), []),
        ],
    ),
}


def build() -> list[Case]:
    """Return the vectors of `statements.json`."""
    return [
        *_made(),
        *(
            case
            for kind, (domain, fields) in _GOOD.items()
            for case in (
                *_wrongly_signed(kind, domain, fields),
                *_wrongly_made(kind, domain, fields),
            )
        ),
        *_vectors(),
    ]


def _case(kind: str, name: str, raw: bytes, expect: str, comment: str) -> Case:
    return {
        "id": f"{kind}-{name}",
        "comment": comment,
        "kind": kind,
        "public_key": _SERVER.public_key.hex(),
        "wallet_id": _WALLET.hex(),
        "statement": raw.hex(),
        "expect": expect,
    }


def _made() -> Iterable[Case]:
    wallet_id, head, nonce = _WALLET, _HEAD, secret("client nonce")
    digest, device = secret("vector hash"), DeviceId(secret("device", 16))
    time_s = START_S
    fresh = Checkpoint(
        wallet_id=wallet_id,
        n=17,
        k=3,
        head=head,
        time_s=time_s,
        client_nonce=nonce,
        vector_hash=digest,
    )
    bare = Checkpoint(
        wallet_id=wallet_id,
        n=0,
        k=0,
        head=head,
        time_s=0,
        client_nonce=None,
        vector_hash=None,
    )
    ack = Ack(wallet_id=wallet_id, ids=_IDS, n=17, k=3, head=head)
    beacon = Beacon(
        wallet_id=wallet_id,
        device=device,
        k=3,
        head=head,
        vector={FeedId(secret("feed", 16)): (7, _IDS[0])},
        time_s=time_s,
        checkpoint=fresh.sign(_SERVER),
        proofs=(secret("a proof"),),
    )
    silent = Beacon(wallet_id=wallet_id, device=device, k=0, head=head, vector={}, time_s=0)
    for kind, name, raw, comment in (
        ("checkpoint", "fresh", fresh.sign(_SERVER), "bound to the client's nonce"),
        ("checkpoint", "bare", bare.sign(_SERVER), "of an empty wallet, bound to no nonce"),
        ("ack", "two", ack.sign(_SERVER), "two entries are durable"),
        ("beacon", "one", beacon.sign(_SERVER), "what a device has seen, with all it can carry"),
        ("beacon", "bare", silent.sign(_SERVER), "a device that has seen nothing yet"),
    ):
        yield _accepted(kind, name, raw, comment)
    for reason in Reason:
        said = Rejection(wallet_id=wallet_id, ids=_IDS[:1], reason=reason, k=3)
        name = reason.value.replace("_", "-")
        yield _accepted("rejection", name, said.sign(_SERVER), f"refused for `{reason.value}`")


def _accepted(kind: str, name: str, raw: bytes, comment: str) -> Case:
    fields = codec.decode(raw[64:], size_max=len(raw))
    return {**_case(kind, name, raw, "ok", comment), "fields": describe(fields)}


def _sign(domain: Domain, fields: Sequence[object]) -> bytes:
    body = codec.encode(list(fields))
    return _SERVER.sign(domain, body) + body


def _wrongly_signed(kind: str, domain: Domain, fields: list[object]) -> Iterable[Case]:
    raw = _sign(domain, fields)
    other_domain = next(other for other, _ in _GOOD.values() if other is not domain)
    others = make_device("server two", "operator").signing.sign(domain, raw[64:]) + raw[64:]
    for name, data, expect, comment in (
        ("flipped", flip(raw, 13), "AuthFailed", "one bit of the signature"),
        ("changed", flip(raw, 8 * len(raw) - 1), "AuthFailed", "the last bit changed"),
        ("other-key", others, "AuthFailed", "another server's signature"),
        ("other-kind", _sign(other_domain, fields), "AuthFailed", "signed as another kind"),
        ("signature-only", raw[:64], "Malformed", "no statement"),
        ("nothing", b"", "Malformed", "no bytes"),
        (
            "other-wallet",
            _sign(domain, [fields[0], secret("elsewhere"), *fields[2:]]),
            "WrongContext",
            "about another wallet",
        ),
    ):
        yield _case(kind, name, data, expect, comment)


def _wrongly_made(kind: str, domain: Domain, fields: list[object]) -> Iterable[Case]:
    newer = 1 + int(str(fields[0]))
    for name, body, comment in (
        ("version-0", [0, *fields[1:]], "an older version"),
        ("newer", [newer, *fields[1:]], "a newer version"),
        ("newer-longer", [newer, *fields[1:], None], "a newer version, with a field more"),
        ("version-true", [True, *fields[1:]], "`true` is not 1"),
        ("no-fields", [], "an empty array has no version"),
    ):
        yield _case(kind, name, _sign(domain, body), "Downgrade", comment)
    bodies: list[tuple[str, list[object], str]] = [
        ("longer", [*fields, None], "a field too many"),
        ("shorter", fields[:-1], "a field is missing"),
        ("wallet-short", [fields[0], _WALLET[:31], *fields[2:]], "a wallet id has 32 bytes"),
    ]
    for index, value, what in {
        "checkpoint": (
            (2, -1, "n"),
            (3, None, "k"),
            (4, bytes(32), "head"),
            (5, "now", "time"),
            (6, bytes(31), "nonce"),
            (7, bytes(33), "vector-hash"),
        ),
        "ack": (
            (2, None, "ids"),
            (2, [_IDS[0][:31]], "id"),
            (2, [_IDS[0]] * 1025, "1025-ids"),
            (3, True, "n"),
            (4, -1, "k"),
            (5, bytes(15), "head"),
        ),
        "rejection": (
            (2, {}, "ids"),
            (3, "because", "reason"),
            (3, 7, "reason-number"),
            (4, None, "k"),
        ),
        "beacon": (
            (2, bytes(15), "device"),
            (3, -1, "k"),
            (4, bytes(32), "head"),
            (5, None, "vector"),
            (5, [[secret("feed", 16), 7]], "vector-head"),
            (6, -1, "time"),
            (7, 7, "checkpoint"),
            (7, bytes(513), "checkpoint-large"),
            (8, None, "proofs"),
            (8, [b""] * 3, "three-proofs"),
            (8, [bytes(16 * 1024 + 1)], "proof-large"),
        ),
    }[kind]:
        changed = [*fields[:index], value, *fields[index + 1 :]]
        bodies.append((f"shape-{what}", changed, f"`{what.replace('-', ' ')}` has no such value"))
    for name, body, comment in bodies:
        yield _case(kind, name, _sign(domain, body), "Malformed", comment)


def _vectors() -> Iterable[Case]:
    low, high = FeedId(b"\0" * 16), FeedId(b"\xff" * 16)
    for name, vector in (
        ("empty", {}),
        ("one", {high: (0, _IDS[0])}),
        ("two", {high: (2**53, _IDS[0]), low: (128, _IDS[1])}),
    ):
        yield _vector_case(name, vector)
    ids = [bytes(_IDS[0]), bytes(_IDS[1])]
    for name, wrong, comment in (
        ("descending", [[high, 0, ids[0]], [low, 0, ids[1]]], "feeds are in ascending order"),
        ("twice", [[low, 0, ids[0]], [low, 1, ids[1]]], "a feed is named once"),
        ("map", {}, "a vector is an array"),
        ("feed-short", [[low[:15], 0, ids[0]]], "a feed id has 16 bytes"),
        ("id-short", [[low, 0, ids[0][:31]]], "an entry id has 32 bytes"),
        ("seq-negative", [[low, -1, ids[0]]], "a sequence begins at 0"),
        ("two-fields", [[low, 0]], "a head has three fields"),
        (
            "1025-feeds",
            [[n.to_bytes(16, "big"), 0, ids[0]] for n in range(1025)],
            "more than 1,024 feeds",
        ),
    ):
        yield {
            "id": f"vector-{name}",
            "comment": comment,
            "kind": "vector",
            "encoded": codec.encode(wrong).hex(),
            "expect": "Malformed",
        }


def _vector_case(name: str, vector: Vector) -> Case:
    return {
        "id": f"vector-{name}",
        "comment": f"the heads of {len(vector)} feeds, and their hash",
        "kind": "vector",
        "encoded": codec.encode(encode_vector(vector)).hex(),
        "expect": "ok",
        "heads": [[feed.hex(), seq, id_.hex()] for feed, (seq, id_) in sorted(vector.items())],
        "vector_hash": vector_hash(vector).hex(),
    }
