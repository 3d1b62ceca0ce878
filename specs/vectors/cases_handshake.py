"""Vectors of the handshake: proofs, a client that is answered, a server that is spoken to.

Spec: 20-handshake.md
"""

from collections.abc import Iterable
from dataclasses import replace
from typing import Final, TypeVar

from billfold_protocol import codec
from billfold_protocol.crypto import hashing
from billfold_protocol.crypto.domains import Domain
from billfold_protocol.feed import Checkpoint
from billfold_protocol.ids import ChainHead, DeviceId, FeedId, InstanceId, ServerKey, WalletId
from billfold_protocol.messages import (
    CaughtUp,
    Challenge,
    ClientMessage,
    Cursor,
    Fetch,
    Push,
    Register,
    ServerMessage,
    Subscribe,
    Subscribed,
    Unsubscribe,
    encode_client_message,
    encode_server_message,
    proof_parts,
)
from specs.vectors.wallets import START_S, Vector, flip, make_device, secret

_DEVICE: Final = make_device("phone", "ada")
_OTHER: Final = make_device("laptop", "ada")
_SERVER: Final = make_device("server one", "operator").signing
_WALLET: Final = WalletId(secret("handshake wallet"))
_ELSEWHERE: Final = WalletId(secret("handshake other wallet"))
_ORIGIN: Final = "https://one.example"
_CHALLENGE: Final = Challenge(
    version=1,
    nonce=secret("handshake nonce"),
    server_key=ServerKey(_SERVER.public_key),
    instance=InstanceId(secret("handshake instance", 16)),
)
_SUBSCRIBE: Final = Subscribe(
    wallet_id=_WALLET,
    device=_DEVICE.id,
    client_nonce=secret("handshake client nonce"),
    k=4,
    head=ChainHead(secret("handshake head", 16)),
    cursor=Cursor(instance=_CHALLENGE.instance, n=17),
    vector=None,
)
_REGISTER: Final = Register(
    wallet_id=_WALLET,
    device=_DEVICE.id,
    members=(secret("handshake member", 100),),
    wraps=((1, _OTHER.id, secret("handshake wrap", 1168)),),
    token=None,
)

Proven = Subscribe | Register
_P = TypeVar("_P", bound=Proven)

_BAD_PROTOCOL: Final = 1002
_POLICY: Final = 1008


def build() -> Iterable[Vector]:
    """Return the vectors of `handshake.json`."""
    return [*_proofs(), *_changed_fields(), *_client(), *_server()]


def _domain(message: Proven) -> Domain:
    is_subscribe = isinstance(message, Subscribe)
    return Domain.SUBSCRIBE_SIGNATURE if is_subscribe else Domain.REGISTER_SIGNATURE


def _prove(message: _P, challenge: Challenge = _CHALLENGE, origin: str = _ORIGIN) -> _P:
    parts = proof_parts(challenge, origin, message)
    return replace(message, proof=_DEVICE.signing.sign(_domain(message), *parts))


def _proof(name: str, message: Proven, expect: str, comment: str, origin: str = _ORIGIN) -> Vector:
    vector: Vector = {
        "id": f"proof-{name}",
        "comment": comment,
        "kind": "proof",
        "challenge": encode_server_message(_CHALLENGE).hex(),
        "origin": origin,
        "public_key": _DEVICE.signing.public_key.hex(),
        "message": encode_client_message(message).hex(),
        "expect": expect,
    }
    if expect == "ok":
        parts = proof_parts(_CHALLENGE, origin, message)
        vector["signed"] = hashing.frame(_domain(message), *parts).hex()
    return vector


def _proofs() -> Iterable[Vector]:
    for title, message in (("subscribe", _SUBSCRIBE), ("register", _REGISTER)):
        yield _proof(title, _prove(message), "ok", "a device proves its key")
        local = "http://127.0.0.1:8080"
        proven = _prove(message, origin=local)
        yield _proof(f"{title}-local", proven, "ok", "an origin with a port", local)
        elsewhere = replace(_CHALLENGE, server_key=ServerKey(_OTHER.signing.public_key))
        earlier = replace(_CHALLENGE, nonce=secret("handshake earlier nonce"))
        parts = proof_parts(_CHALLENGE, _ORIGIN, message)
        other = Domain.REGISTER_SIGNATURE
        if message is _REGISTER:
            other = Domain.SUBSCRIBE_SIGNATURE
        others = _OTHER.signing.sign(_domain(message), *parts)
        confused = _DEVICE.signing.sign(other, *parts)
        for name, changed, comment in (
            ("earlier-nonce", _prove(message, earlier), "made for another connection"),
            ("other-server", _prove(message, elsewhere), "made for another server's key"),
            (
                "other-origin",
                _prove(message, origin="https://two.example"),
                "made for another address",
            ),
            ("other-port", _prove(message, origin=f"{_ORIGIN}:8443"), "made for another port"),
            ("http", _prove(message, origin="http://one.example"), "made for another scheme"),
            ("other-device", replace(message, proof=others), "another device's signature"),
            ("other-purpose", replace(message, proof=confused), "signed as the other message"),
            ("flipped", replace(message, proof=flip(_prove(message).proof, 300)), "one bit of it"),
            ("zeros", replace(message, proof=bytes(64)), "no signature"),
        ):
            yield _proof(f"{title}-{name}", changed, "AuthFailed", comment)


def _changed_fields() -> Iterable[Vector]:
    """Return proven messages of which one field was changed afterwards."""
    subscribe, register = _prove(_SUBSCRIBE), _prove(_REGISTER)
    other_cursor = Cursor(instance=_CHALLENGE.instance, n=16)
    for name, changed in (
        ("subscribe-wallet", replace(subscribe, wallet_id=_ELSEWHERE)),
        ("subscribe-device", replace(subscribe, device=_OTHER.id)),
        ("subscribe-client-nonce", replace(subscribe, client_nonce=bytes(32))),
        ("subscribe-k", replace(subscribe, k=3)),
        ("subscribe-head", replace(subscribe, head=ChainHead(bytes(16)))),
        ("subscribe-cursor", replace(subscribe, cursor=other_cursor)),
        ("subscribe-no-cursor", replace(subscribe, cursor=None)),
        ("subscribe-vector", replace(subscribe, vector={})),
        ("register-wallet", replace(register, wallet_id=_ELSEWHERE)),
        ("register-device", replace(register, device=_OTHER.id)),
        ("register-members", replace(register, members=())),
        ("register-wraps", replace(register, wraps=())),
        ("register-token", replace(register, token="")),
    ):
        comment = "a field was changed after it was signed"
        yield _proof(f"changed-{name}", changed, "AuthFailed", comment)


def _checkpoint(nonce: bytes | None, **changed: object) -> Checkpoint:
    checkpoint = Checkpoint(
        wallet_id=_WALLET,
        n=17,
        k=4,
        head=_SUBSCRIBE.head,
        time_s=START_S,
        client_nonce=nonce,
        vector_hash=secret("handshake vector hash"),
    )
    return replace(checkpoint, **changed)  # type: ignore[arg-type]  # Any field.


def _of_version(version: int, body: bytes) -> bytes:
    fields = codec.as_array(codec.decode(body, size_max=len(body)))
    changed = codec.encode([version, *fields[1:]])
    return _SERVER.sign(Domain.CHECKPOINT_SIGNATURE, changed) + changed


def _subscribed(raw: bytes, wallet_id: WalletId = _WALLET) -> Subscribed:
    return Subscribed(wallet_id=wallet_id, checkpoint=raw, entries_count=0)


def _case(
    name: str,
    answers: Iterable[ServerMessage],
    expect: str,
    comment: str,
    *,
    challenge: Challenge = _CHALLENGE,
    pinned: bytes | None = None,
) -> Vector:
    is_asked = challenge.version == 1 and pinned in {None, challenge.server_key}
    vector: Vector = {
        "id": f"client-{name}",
        "comment": comment,
        "kind": "client",
        "origin": _ORIGIN,
        "seed": secret("signing seed phone").hex(),
        "pinned_key": pinned and pinned.hex(),
        "challenge": encode_server_message(challenge).hex(),
        "message": encode_client_message(replace(_SUBSCRIBE, proof=bytes(64))).hex(),
        "sent": encode_client_message(_prove(_SUBSCRIBE, challenge)).hex() if is_asked else None,
        "answers": [encode_server_message(answer).hex() for answer in answers],
        "expect": expect,
    }
    return vector


def _client() -> Iterable[Vector]:
    nonce, fresh = _SUBSCRIBE.client_nonce, _checkpoint(_SUBSCRIBE.client_nonce)
    good = fresh.sign(_SERVER)
    subscribed, live = _subscribed(good), CaughtUp(wallet_id=_WALLET, n=17)
    pinned, others = _SERVER.public_key, _OTHER.signing.public_key
    yield _case("subscribed", [subscribed, live], "ok", "a fresh checkpoint", pinned=pinned)
    yield _case("first-use", [subscribed, live], "ok", "no key is pinned yet")
    yield _case("other-key", [], "ServerIdentity", "another key is pinned", pinned=others)
    newer = replace(_CHALLENGE, version=2)
    yield _case("newer-version", [], "Downgrade", "another protocol", challenge=newer)
    older = replace(_CHALLENGE, version=0)
    yield _case("older-version", [], "Downgrade", "another protocol", challenge=older)
    elsewhere = _checkpoint(nonce, wallet_id=_ELSEWHERE)
    body = fresh.encode()
    as_ack = _SERVER.sign(Domain.ACK_SIGNATURE, body) + body
    for name, raw, expect, comment in (
        ("no-nonce", _checkpoint(None).sign(_SERVER), "StaleServer", "bound to no nonce"),
        (
            "old-nonce",
            _checkpoint(secret("handshake old nonce")).sign(_SERVER),
            "StaleServer",
            "a checkpoint of an earlier subscription",
        ),
        (
            "servers-nonce",
            _checkpoint(_CHALLENGE.nonce).sign(_SERVER),
            "StaleServer",
            "the server's nonce instead of the client's",
        ),
        ("other-signer", fresh.sign(_OTHER.signing), "AuthFailed", "another key than announced"),
        ("flipped", flip(good, 8 * 70), "AuthFailed", "one bit of the checkpoint"),
        ("as-ack", as_ack, "AuthFailed", "signed as an ack"),
        ("other-wallet", elsewhere.sign(_SERVER), "WrongContext", "about another wallet"),
        ("signature-only", good[:64], "Malformed", "no checkpoint"),
        ("newer-checkpoint", _of_version(2, body), "Downgrade", "of another version"),
    ):
        yield _case(name, [_subscribed(raw)], expect, comment)
    yield _case("twice", [subscribed, subscribed], "StaleServer", "the nonce is good once")
    for name, answer, comment in (
        ("second-challenge", _CHALLENGE, "the server opens the connection again"),
        ("unasked-wallet", _subscribed(good, _ELSEWHERE), "a wallet that was not asked for"),
        ("unasked-news", CaughtUp(wallet_id=_ELSEWHERE, n=1), "news of such a wallet"),
    ):
        yield _case(name, [answer], "RemoteProtocolError", comment)


def _server() -> Iterable[Vector]:
    subscribe = replace(_SUBSCRIBE, proof=bytes(64))
    register = replace(_REGISTER, proof=bytes(64))
    push = Push(wallet_id=_WALLET, entries=())
    fetch = Fetch(wallet_id=_WALLET, feed=FeedId(bytes(16)), from_seq=0, count=1)
    leave = Unsubscribe(wallet_id=_WALLET)
    elsewhere = replace(subscribe, wallet_id=_ELSEWHERE, device=DeviceId(bytes(16)))
    cases: tuple[tuple[str, list[ClientMessage], int | None, str], ...] = (
        ("subscribe", [subscribe, push, fetch], None, "messages about a subscribed wallet"),
        ("two-wallets", [subscribe, elsewhere, push], None, "two wallets on one connection"),
        ("again", [subscribe, leave, subscribe], None, "a wallet is asked for again"),
        ("late", [subscribe, leave, push], None, "what was on its way is dropped"),
        ("leave-nothing", [leave], None, "nothing is ended"),
        ("push-first", [push], _POLICY, "a push before a subscription"),
        ("fetch-first", [fetch], _POLICY, "a question before a subscription"),
        ("subscribe-twice", [subscribe, subscribe], _POLICY, "subscribed already"),
        ("register-while", [subscribe, register], _POLICY, "subscribed already"),
        ("register-push", [register, push], _POLICY, "registering is not subscribing"),
        ("other-wallet", [elsewhere, push], _POLICY, "another wallet is subscribed"),
    )
    for name, messages, code, comment in cases:
        yield _spoken(name, [encode_client_message(one) for one in messages], code, comment)
    reflected = encode_server_message(CaughtUp(wallet_id=_WALLET, n=1))
    yield _spoken("reflected", [reflected], _BAD_PROTOCOL, "a message that servers send")
    garbage = codec.encode([99, _WALLET])
    yield _spoken("unknown", [garbage], _BAD_PROTOCOL, "no message at all")


def _spoken(name: str, messages: list[bytes], code: int | None, comment: str) -> Vector:
    expect = {None: "ok", _POLICY: "RemoteProtocolError", _BAD_PROTOCOL: "Malformed"}[code]
    return {
        "id": f"server-{name}",
        "comment": comment,
        "kind": "server",
        "challenge": encode_server_message(_CHALLENGE).hex(),
        "origin": _ORIGIN,
        "messages": [message.hex() for message in messages],
        "expect": expect,
        "close_code": code,
    }
