"""Vectors of linking: codes, the exchange of a typed code, and a whole handshake.

All is made from fixed randomness but the wrap of the welcome, which is kept.

Spec: 22-linking.md
"""

import base64
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from billfold_protocol import codec
from billfold_protocol.crypto import derivation, hashing, sealing
from billfold_protocol.crypto.domains import Domain
from billfold_protocol.feed import Beacon
from billfold_protocol.ids import ChainHead, EntryId, FeedId, WalletId
from billfold_protocol.linking import CodeExchange, LinkingCode, LinkInitiator, fingerprint
from billfold_protocol.linking.channel import Channel, Side
from billfold_protocol.linking.handshake import keys_hash
from billfold_protocol.membership import Kind
from specs.vectors.notation import describe
from specs.vectors.wallets import (
    START_S,
    Device,
    KeptWraps,
    Stream,
    Vector,
    flip,
    make_device,
    secret,
)

_PHONE: Final = make_device("phone", "ada")
_LAPTOP: Final = make_device("laptop", "ada")
_SECRET: Final = secret("linking secret")
_ADDRESS: Final = "https://one.example"
_SERVER_KEY: Final = make_device("server one", "operator").signing.public_key
_PREFIX: Final = "billfold-link:"
_CODE: Final = LinkingCode(
    address=_ADDRESS,
    rendezvous=secret("linking rendezvous", 16),
    keys_hash=keys_hash(_PHONE.keys),
    secret=_SECRET,
)
_NAME: Final = "Ada's phone"
_PROPOSAL: Final[list[object]] = [
    secret("linking wallet"),
    _LAPTOP.id,
    _LAPTOP.holder,
    "owner",
    "device",
    secret("linking session", 16),
]
_WELCOME: Final[list[object]] = [
    _ADDRESS,
    _SERVER_KEY,
    7,
    secret("linking chain hash"),
    Beacon(
        wallet_id=WalletId(secret("linking wallet")),
        device=_LAPTOP.id,
        k=7,
        head=ChainHead(secret("linking chain head", 16)),
        vector={FeedId(secret("linking feed", 16)): (3, EntryId(secret("linking entry")))},
        time_s=START_S,
    ).sign(_LAPTOP.signing),
]


def build(kept: KeptWraps) -> Iterable[Vector]:
    """Return the vectors of `linking.json`."""
    return [*_codes(), *_words(), *_fingerprints(), *_exchanges(), *_handshakes(_run(kept))]


def _uri(fields: object) -> str:
    return _PREFIX + base64.urlsafe_b64encode(codec.encode(fields)).decode().rstrip("=")


def _codes() -> Iterable[Vector]:
    fields: list[object] = [1, _ADDRESS, _CODE.rendezvous, _CODE.keys_hash, _SECRET]
    local = [1, "http://127.0.0.1:8080", *fields[2:]]
    for name, accepted, comment in (
        ("https", fields, "what a QR code holds"),
        ("local", local, "a server on this machine"),
        ("longest", [1, "h" * 256, *fields[2:]], "the longest address"),
    ):
        yield {
            "id": f"code-{name}",
            "comment": comment,
            "uri": _uri(accepted),
            "expect": "ok",
            "fields": describe(accepted),
        }
    yield {
        "id": "code-spaces",
        "comment": "white space around it",
        "uri": f" {_uri(fields)}\n",
        "expect": "ok",
        "fields": describe(fields),
    }
    good = _uri(fields)
    for name, uri, expect, comment in (
        ("https-page", "https://one.example/link", "WrongContext", "an address"),
        ("other-scheme", good.replace(_PREFIX, "billfold-pay:"), "WrongContext", "another scheme"),
        ("capitals", good.replace(_PREFIX, _PREFIX.upper()), "WrongContext", "in capitals"),
        ("nothing", "", "WrongContext", "no text"),
        ("prefix-only", _PREFIX, "PairingFailed", "nothing after the scheme"),
        ("cut", good[:-4], "PairingFailed", "the end is missing"),
        ("no-base64", f"{good[:-1]}!", "PairingFailed", "a character outside base64url"),
        ("other-version", _uri([2, *fields[1:]]), "PairingFailed", "another version"),
        ("true-version", _uri([True, *fields[1:]]), "PairingFailed", "true is not 1"),
        ("longer", _uri([*fields, None]), "PairingFailed", "a field too many"),
        ("shorter", _uri(fields[:-1]), "PairingFailed", "a field is missing"),
        ("address", _uri([1, "h" * 257, *fields[2:]]), "PairingFailed", "an address too long"),
        ("rendezvous", _uri([*fields[:2], bytes(15), *fields[3:]]), "PairingFailed", "15 bytes"),
        ("keys-hash", _uri([*fields[:3], bytes(31), _SECRET]), "PairingFailed", "31 bytes"),
        ("secret", _uri([*fields[:4], bytes(16)]), "PairingFailed", "16 bytes"),
        ("map", _uri({"version": 1}), "PairingFailed", "no array"),
        ("large", _uri([*fields, bytes(400)]), "PairingFailed", "more than 512 bytes"),
    ):
        yield {"id": f"code-{name}", "comment": comment, "uri": uri, "expect": expect}


def _words() -> Iterable[Vector]:
    for name, typed, comment in (
        ("plain", "7-crossbow-paris-velvet", "as it is shown"),
        ("spaces", " 7 crossbow  paris velvet ", "with spaces"),
        ("capitals", "7-Crossbow-PARIS-velvet", "in capitals"),
        ("hyphens", "7--crossbow-paris-velvet-", "with hyphens too many"),
    ):
        yield {
            "id": f"words-{name}",
            "comment": comment,
            "typed": typed,
            "expect": "ok",
            "number": 7,
            "words": "crossbow-paris-velvet",
        }
    for name, typed, comment in (
        ("none", "", "nothing"),
        ("two", "7-crossbow-paris", "a word is missing"),
        ("four", "7-crossbow-paris-velvet-again", "a word too many"),
        ("no-number", "crossbow-paris-velvet", "the number is missing"),
        ("number-word", "seven-crossbow-paris-velvet", "a word for the number"),
        ("other-digits", "\u0667-crossbow-paris-velvet", "a digit that is not ASCII"),
        ("minus", "-7.5-crossbow-paris-velvet", "no whole number"),
    ):
        yield {"id": f"words-{name}", "comment": comment, "typed": typed, "expect": "InputError"}


def _fingerprints() -> Iterable[Vector]:
    for device in (_PHONE, _LAPTOP):
        yield {
            "id": f"fingerprint-{device.name}",
            "comment": f"what both screens show of the {device.name}",
            "seeds": [
                secret(f"{kind} seed {device.name}").hex() for kind in ("signing", "wrapping")
            ],
            "expect": "ok",
            "keys_hash": keys_hash(device.keys).hex(),
            "fingerprint": fingerprint(device.keys),
        }


def _exchanges() -> Iterable[Vector]:
    def begin(password: str, side: str) -> tuple[CodeExchange, bytes]:
        random = secret(f"linking spake2 {side}", 64)
        is_initiator = side == "initiator"
        return CodeExchange(password, is_initiator=is_initiator, random=lambda _: random), random

    words, others = "crossbow-paris-velvet", "crossbow-paris-velour"
    sent = {side: begin(words, side)[0].message for side in ("initiator", "responder")}
    other = begin(others, "responder")[0].message
    cases = (
        ("initiator", "initiator", sent["responder"], "ok", "the new device's side"),
        ("responder", "responder", sent["initiator"], "ok", "the other side"),
        ("other-words", "initiator", other, "ok", "other words: a secret that nobody shares"),
        ("reflected", "initiator", sent["initiator"], "PairingFailed", "the own message"),
        (
            "reflected-point",
            "initiator",
            b"B" + sent["initiator"][1:],
            "PairingFailed",
            "the own point under the other letter",
        ),
        ("no-side", "initiator", b"S" + sent["responder"][1:], "PairingFailed", "no such side"),
        ("nothing", "initiator", b"", "PairingFailed", "no bytes"),
        ("letter-only", "initiator", b"B", "PairingFailed", "no point"),
        ("neutral", "initiator", b"B\1" + bytes(31), "PairingFailed", "the neutral element"),
        ("order-2", "initiator", b"B\xec" + b"\xff" * 30 + b"\x7f", "PairingFailed", "order 2"),
        ("order-4", "initiator", b"B" + bytes(32), "PairingFailed", "order 4"),
    )
    for name, side, received, expect, comment in cases:
        exchange, random = begin(words, side)
        vector: Vector = {
            "id": f"spake2-{name}",
            "comment": comment,
            "password": words,
            "side": side,
            "random": random.hex(),
            "sends": exchange.message.hex(),
            "receives": received.hex(),
            "expect": expect,
        }
        if expect == "ok":
            vector["secret"] = exchange.finish(received).hex()
        yield vector


@dataclass(frozen=True, slots=True)
class _Run:
    """One handshake."""

    messages: list[bytes]
    transcripts: list[bytes]
    random: Mapping[str, list[bytes]]


def _initiator(random: Stream, device: Device = _PHONE, key: bytes = _SECRET) -> LinkInitiator:
    return LinkInitiator(
        key,
        keys=device.keys,
        signing_key=device.signing,
        unwrapping_key=device.unwrapping,
        random=random,
    )


def _run(kept: KeptWraps) -> _Run:
    """Run the handshake; the responder's side is made by hand, for its wrap is kept."""
    streams = {side: Stream(f"linking {side}") for side in ("initiator", "responder")}
    initiator = _initiator(streams["initiator"])
    responder = Channel(_SECRET, Side.RESPONDER, streams["responder"])
    transcripts = [responder.transcript]
    hello = initiator.hello(_NAME, Kind.DEVICE)
    responder.open(hello, 3)
    transcripts.append(responder.transcript)
    proposal = responder.seal(_PROPOSAL)
    transcripts.append(responder.transcript)
    _, acceptance = initiator.accept(proposal)
    responder.open(acceptance, 1)
    transcripts.append(responder.transcript)
    wrapped = kept.wrap(
        "linking-welcome",
        codec.encode(_WELCOME),
        _PHONE.name,
        Domain.LINKING_WRAP,
        responder.transcript,
    )
    welcome = responder.seal([wrapped])
    transcripts.append(responder.transcript)
    initiator.welcome(welcome)
    random = {side: stream.drawn for side, stream in streams.items()}
    return _Run([hello, proposal, acceptance, welcome], transcripts, random)


_MESSAGE_NAMES: Final = ("hello", "proposal", "acceptance", "welcome")


def _handshakes(run: _Run) -> Iterable[Vector]:
    yield {
        "id": "handshake",
        "comment": "a phone joins",
        "secret": _SECRET.hex(),
        "name": _NAME,
        "keys_hash": _CODE.keys_hash.hex(),
        "random": {side: [one.hex() for one in drawn] for side, drawn in run.random.items()},
        "proposal": describe(_PROPOSAL),
        "welcome": describe(_WELCOME),
        "messages": [message.hex() for message in run.messages],
        "transcripts": [transcript.hex() for transcript in run.transcripts],
        "expect": "ok",
    }
    for index, name in enumerate(_MESSAGE_NAMES):
        whole = run.messages[index]
        for case, message, comment in (
            ("nonce", flip(whole, 0), "one bit of the nonce"),
            ("ciphertext", flip(whole, 8 * 24), "one bit of the ciphertext"),
            ("tag", flip(whole, 8 * len(whole) - 1), "one bit of the tag"),
            ("cut", whole[:-1], "the last byte is missing"),
            ("longer", whole + b"\0", "a byte too many"),
            ("nonce-only", whole[:24], "nothing after the nonce"),
            ("nothing", b"", "no bytes"),
        ):
            yield _wrong(f"{name}-{case}", index, comment, message=message)
        for other, place in enumerate(_MESSAGE_NAMES):
            if other != index:
                comment = f"the {place} in its place"
                yield _wrong(f"{name}-is-{place}", index, comment, message=run.messages[other])
    yield _wrong("hello-other-secret", 0, "another secret", secret=secret("no secret"))
    others = keys_hash(_LAPTOP.keys)
    yield _wrong("hello-other-keys", 0, "other keys than the code's", keys_hash=others)
    for name, index, fields, comment in _wrong_fields():
        yield _wrong(name, index, comment, message=_sealed(run, index, fields))


def _wrong(name: str, index: int, comment: str, **changed: bytes) -> Vector:
    return {
        "id": f"handshake-{name}",
        "comment": comment,
        "index": index,
        **{field: value.hex() for field, value in changed.items()},
        "expect": "PairingFailed",
    }


def _wrong_fields() -> Iterable[tuple[str, int, list[object], str]]:
    """Return messages that open, and hold what they may not."""
    keys = [_PHONE.keys.signing, _PHONE.keys.wrapping]
    for index, whole, wrong in (
        (
            0,
            [keys, _NAME, "device"],
            (
                (0, keys[:1], "one-key"),
                (0, [keys[0][:31], keys[1]], "signing-key-short"),
                (0, [keys[0], keys[1][:1215]], "wrapping-key-short"),
                (1, "n" * 65, "name-long"),
                (1, b"name", "name-bytes"),
                (2, "toaster", "kind-unknown"),
            ),
        ),
        (
            1,
            _PROPOSAL,
            (
                (0, bytes(31), "wallet-short"),
                (1, bytes(15), "sponsor-short"),
                (2, bytes(17), "holder-long"),
                (3, "admin", "role-unknown"),
                (4, "toaster", "kind-unknown"),
                (4, "agent", "kind-of-another"),
                (5, bytes(15), "session-short"),
            ),
        ),
        (2, [bytes(64)], ((0, bytes(63), "signature-short"), (0, None, "signature-nil"))),
        (3, [bytes(1300)], ((0, bytes(1300), "wrap-garbage"), (0, "wrap", "wrap-text"))),
    ):
        name = _MESSAGE_NAMES[index]
        for place, value, what in wrong:
            changed = [*whole[:place], value, *whole[place + 1 :]]
            yield f"{name}-{what}", index, [1, *changed], what.replace("-", " ")
        yield f"{name}-field-more", index, [1, *whole, None], "a field too many"
        yield f"{name}-field-less", index, [1, *whole[:-1]], "a field is missing"
        yield f"{name}-version", index, [2, *whole], "another version"


def _sealed(run: _Run, index: int, fields: list[object]) -> bytes:
    """Return any fields, sealed by the side whose turn it is."""
    is_initiator = index in {0, 2}
    label = Domain.LINKING_INITIATOR_KEY if is_initiator else Domain.LINKING_RESPONDER_KEY
    key = derivation.derive_key(_SECRET, label)
    nonce = secret(f"linking wrong {index}", sealing.NONCE_SIZE)
    bound = hashing.frame(Domain.LINKING_SEAL, run.transcripts[index])
    return nonce + sealing.seal(key, nonce, codec.encode(fields), bound)
