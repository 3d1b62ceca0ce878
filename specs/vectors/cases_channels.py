"""Vectors of channels: seeds, invitations, cards, requests, answers, messages; and refusals.

Spec: 26-channels.md
"""

import base64
from collections.abc import Iterable, Sequence

from billfold_protocol import codec
from billfold_protocol.crypto import sealing
from billfold_protocol.crypto.domains import Domain
from billfold_protocol.crypto.signing import SigningKey
from billfold_protocol.ids import ServerKey, WalletId
from billfold_protocol.invitation import URI_PREFIX, Invitation
from billfold_protocol.mailbox import (
    AskCard,
    Card,
    CardShown,
    Deposit,
    Deposited,
    MailboxAnswer,
    MailboxRequest,
    Question,
    Refusal,
    Refused,
    Replies,
    TakeReplies,
    capability_hash,
    encode_request,
    item_id,
    sign_answer,
    sign_opening,
)
from billfold_protocol.mailbox_sealing import ChannelKeys, Direction, Party, message_id
from specs.vectors.wallets import KeptWraps, Vector, flip, secret

_SEED = secret("channel seed")
_KEYS = ChannelKeys(_SEED)
_SERVER = SigningKey(secret("channel server"))
_SERVER_KEY = ServerKey(_SERVER.public_key)
_WALLET = secret("channel wallet")
_NONCE = secret("channel nonce")
_ITEM = secret("channel item", 300)
_TIME_S = 1_760_000_000

_PERSON = Party(secret("channel person"), secret("wrapping seed channel person"))
_LIBRARY = Party(secret("channel library"), secret("wrapping seed channel library"))
_CONTENT = b'{"body":{"content":"Your book is ready."},"id":"m1","type":"basic"}'


def build(kept: KeptWraps) -> Iterable[Vector]:
    """Return the vectors of `channels.json`."""
    yield from _seeds()
    yield from _invitations()
    yield from _cards()
    yield from _requests()
    yield from _answers()
    yield from _messages(kept)
    yield from _contents()


def _seeds() -> Iterable[Vector]:
    keys, message = _KEYS.party.keys, secret("channel message")
    shown = capability_hash(_KEYS.address, _KEYS.capability)
    yield {
        "id": "seed",
        "comment": "what follows from 32 random bytes",
        "seed": _SEED.hex(),
        "server_key": _SERVER_KEY.hex(),
        "wallet": _WALLET.hex(),
        "message": message.hex(),
        "item": _ITEM.hex(),
        "expect": "ok",
        "signing_key": keys.signing.hex(),
        "wrapping_key": keys.wrapping.hex(),
        "address": _KEYS.address.hex(),
        "capability": _KEYS.capability.hex(),
        "capability_hash": shown.hex(),
        "about": _KEYS.about(message).hex(),
        "fingerprint": keys.fingerprint.hex(),
        "card": _KEYS.card().hex(),
        "opening": sign_opening(
            _KEYS.party.signing_key, _SERVER_KEY, WalletId(_WALLET), shown
        ).hex(),
        "item_id": item_id(_KEYS.address, _ITEM).hex(),
    }
    for name, seed in (("short", _SEED[:31]), ("long", _SEED + b"\0"), ("none", b"")):
        yield {
            "id": f"seed-{name}",
            "comment": f"a seed of {len(seed)} bytes",
            "seed": seed.hex(),
            "expect": "Malformed",
        }


def _invitations() -> Iterable[Vector]:
    fields: list[object] = [
        1,
        "https://wallet.example.org",
        _SERVER_KEY,
        _KEYS.party.keys.signing,
        _KEYS.capability,
    ]
    good = Invitation(
        server="https://wallet.example.org",
        server_key=_SERVER_KEY,
        signing=_KEYS.party.keys.signing,
        capability=_KEYS.capability,
    )
    yield {
        "id": "invitation",
        "comment": "what an organisation is given",
        "uri": good.uri(),
        "expect": "ok",
        "server": good.server,
        "server_key": good.server_key.hex(),
        "signing_key": good.signing.hex(),
        "capability": good.capability.hex(),
        "address": good.address.hex(),
    }
    text = good.uri().removeprefix(URI_PREFIX)
    for name, uri, expect, comment in (
        ("scheme", f"billfold-link:{text}", "WrongContext", "the code of something else"),
        ("bare", text, "WrongContext", "no scheme"),
        ("nothing", URI_PREFIX, "InputError", "nothing after the scheme"),
        ("cut", good.uri()[:-4], "InputError", "the last three bytes are missing"),
        ("padded", good.uri() + "==", "InputError", "padding"),
        ("alphabet", good.uri()[:-1] + "+", "InputError", "a letter of another alphabet"),
        ("version", _uri([2, *fields[1:]]), "InputError", "another version"),
        ("fields", _uri([*fields, 0]), "InputError", "a field too many"),
        ("origin", _uri([1, "h" * 257, *fields[2:]]), "InputError", "an origin of 257 bytes"),
        ("weak", _uri([*fields[:3], bytes(32), fields[4]]), "InputError", "a weak signing key"),
        ("short", _uri([*fields[:4], bytes(31)]), "InputError", "a capability of 31 bytes"),
    ):
        yield {"id": f"invitation-{name}", "comment": comment, "uri": uri, "expect": expect}


def _uri(fields: Sequence[object]) -> str:
    return URI_PREFIX + base64.urlsafe_b64encode(codec.encode(list(fields))).decode().rstrip("=")


def _cards() -> Iterable[Vector]:
    keys, other = _KEYS.party, _PERSON
    good = _KEYS.card()
    yield _card("whole", "a card", good, "ok") | {
        "signing_key": keys.keys.signing.hex(),
        "wrapping_key": keys.keys.wrapping.hex(),
        "address": _KEYS.address.hex(),
    }
    by_other = Card(signing=keys.keys.signing, wrapping=keys.keys.wrapping).sign(other.signing_key)
    yield _card("other", "signed by another key", by_other, "AuthFailed")
    yield _card("bit", "one bit of the wrapping key", flip(good, 8 * 200), "AuthFailed")
    yield _card("cut", "no room for a card", good[:64], "Malformed")
    yield _card("trailing", "a byte after the card", good + b"\0", "Malformed")
    for name, comment, fields, expect in (
        ("version", "another version", [2, keys.keys.signing, keys.keys.wrapping], "Downgrade"),
        ("empty", "nothing in it", [], "Downgrade"),
        ("fields", "a key is missing", [1, keys.keys.signing], "Malformed"),
        ("weak", "a signing key of small order", [1, bytes(32), keys.keys.wrapping], "WeakKey"),
        ("short", "a wrapping key of 1,215 bytes", [1, keys.keys.signing, bytes(1215)], "WeakKey"),
    ):
        body = codec.encode(fields)
        raw = keys.signing_key.sign(Domain.MAILBOX_CARD_SIGNATURE, body) + body
        yield _card(name, comment, raw, expect)


def _card(name: str, comment: str, raw: bytes, expect: str) -> Vector:
    return {"id": f"card-{name}", "comment": comment, "card_bytes": raw.hex(), "expect": expect}


def _requests() -> Iterable[Vector]:
    good: Sequence[tuple[str, MailboxRequest]] = (
        ("deposit", Deposit(sealed=_ITEM)),
        ("card", AskCard(nonce=_NONCE)),
        ("replies", TakeReplies(nonce=_NONCE, after=3)),
    )
    for name, request in good:
        yield {
            "id": f"request-{name}",
            "comment": f"a whole request: {name}",
            "request": encode_request(request).hex(),
            "expect": "ok",
            "name": type(request).__name__,
        }
    for name, comment, fields, expect in (
        ("version", "another version", [2, 1, _ITEM], "Downgrade"),
        ("empty", "nothing in it", [], "Downgrade"),
        ("kind", "a kind that nothing has", [1, 4, _ITEM], "Malformed"),
        ("true", "true is not 1", [1, True, _ITEM], "Malformed"),
        ("fields", "a field too many", [1, 1, _ITEM, 0], "Malformed"),
        ("text", "a message that is text", [1, 1, "text"], "Malformed"),
        ("nonce", "a nonce of 31 bytes", [1, 2, bytes(31)], "Malformed"),
        ("negative", "a negative number", [1, 3, _NONCE, -1], "Malformed"),
        ("long", "a message of 65,537 bytes", [1, 1, bytes(65_537)], "Malformed"),
    ):
        yield {
            "id": f"request-bad-{name}",
            "comment": comment,
            "request": codec.encode(fields).hex(),
            "expect": expect,
        }


def _answers() -> Iterable[Vector]:
    question = Question(address=_KEYS.address, body=encode_request(AskCard(nonce=_NONCE)))
    good: Sequence[tuple[str, MailboxAnswer]] = (
        ("deposited", Deposited(number=7, time_s=_TIME_S, expires_s=_TIME_S + 2_592_000)),
        ("card", CardShown(card=_KEYS.card())),
        ("replies", Replies(items=((3, _ITEM), (5, b"")), has_more=True)),
        ("no-replies", Replies(items=(), has_more=False)),
        ("moved", Refused(reason=Refusal.MOVED, home=("https://new.example", _SERVER_KEY))),
        *((reason.value, Refused(reason=reason)) for reason in Refusal if reason.value != "moved"),
    )
    for name, answer in good:
        raw = sign_answer(_SERVER, question, answer)
        vector = _answer(name, f"an answer: {name}", question, raw, "ok")
        yield vector | {"name": type(answer).__name__}
    raw = sign_answer(_SERVER, question, good[0][1])
    other = Question(address=_KEYS.address, body=encode_request(AskCard(nonce=bytes(32))))
    stranger = SigningKey(secret("channel stranger"))
    for name, comment, asked, bad, expect in (
        ("question", "an answer to another question", other, raw, "WrongContext"),
        ("stranger", "signed by another server", question, _by(stranger, question), "AuthFailed"),
        ("bit", "one bit of the answer", question, flip(raw, 8 * 100), "AuthFailed"),
        ("cut", "no room for an answer", question, raw[:64], "Malformed"),
    ):
        yield _answer(f"bad-{name}", comment, asked, bad, expect)
    head: list[object] = [1, question.address, question.hash]
    for name, comment, fields, expect in (
        ("version", "another version", [2, *head[1:], 1, 7, 1, 2], "Downgrade"),
        ("kind", "a kind that nothing has", [*head, 5, 7, 1, 2], "Malformed"),
        ("true", "true is not 1", [*head, True, 7, 1, 2], "Malformed"),
        ("number", "numbers begin at 1", [*head, 1, 0, 1, 2], "Malformed"),
        ("reason", "a reason that is unknown", [*head, 2, "because", None], "Malformed"),
        ("homeless", "moved, and not whereto", [*head, 2, "moved", None], "Malformed"),
        ("home", "a home without a move", [*head, 2, "full", ["x", bytes(32)]], "Malformed"),
        ("item", "a reply without bytes", [*head, 4, [[3]], False], "Malformed"),
        ("more", "more is not a flag", [*head, 4, [], 1], "Malformed"),
    ):
        body = codec.encode(fields)
        signed = _SERVER.sign(Domain.MAILBOX_ANSWER_SIGNATURE, body) + body
        yield _answer(f"bad-{name}", comment, question, signed, expect)


def _by(key: SigningKey, question: Question) -> bytes:
    return sign_answer(key, question, Refused(reason=Refusal.UNKNOWN))


def _answer(name: str, comment: str, asked: Question, raw: bytes, expect: str) -> Vector:
    return {
        "id": f"answer-{name}",
        "comment": comment,
        "answer": raw.hex(),
        "server_key": _SERVER_KEY.hex(),
        "address": asked.address.hex(),
        "request_bytes": asked.body.hex(),
        "expect": expect,
    }


def _messages(kept: KeptWraps) -> Iterable[Vector]:
    """Return messages of a library to a person, whose keys are not those of the seed above."""
    to_person, domain = Direction.TO_PERSON, Domain.CHANNEL_MESSAGE_WRAP
    address, keys = _KEYS.address, [_LIBRARY.keys.signing, _LIBRARY.keys.wrapping]
    body = codec.encode([1, address, keys, _TIME_S, _CONTENT])

    def sealed(name: str, inner: bytes, wrap: Domain = domain) -> bytes:
        return kept.wrap(f"channel-{name}", inner, "channel person", wrap, address)

    def signed(raw: bytes, sign: Domain = Domain.CHANNEL_MESSAGE_SIGNATURE) -> bytes:
        return sealing.pad(_LIBRARY.signing_key.sign(sign, raw) + raw)

    good = sealed("whole", signed(body))
    reply = sealed("reply", signed(body, Domain.CHANNEL_REPLY_SIGNATURE), Domain.CHANNEL_REPLY_WRAP)
    for name, direction, raw in (
        ("whole", to_person, good),
        ("reply", Direction.TO_ORGANISATION, reply),
    ):
        yield _message(name, "a message", raw, "ok", direction) | {
            "message_id": message_id(body).hex(),
            "sender": _LIBRARY.keys.fingerprint.hex(),
            "time": _TIME_S,
            "content": _CONTENT.hex(),
        }
    yield _message("turned", "turned round", good, "AuthFailed", Direction.TO_ORGANISATION)
    yield _message("bit", "one bit of the ciphertext", flip(good, 8 * 1200), "AuthFailed")
    yield _message("cut", "shorter than an encapsulation", good[:1000], "AuthFailed")
    elsewhere = _message("elsewhere", "at another address", good, "AuthFailed")
    yield elsewhere | {"address": _PERSON.keys.fingerprint.hex()}
    weak = [bytes(32), _LIBRARY.keys.wrapping]
    for name, comment, inner, expect in (
        ("forged", "signed by another", _forged(body), "AuthFailed"),
        ("label", "signed as a reply", signed(body, Domain.CHANNEL_REPLY_SIGNATURE), "AuthFailed"),
        (
            "moved",
            "written for another channel",
            signed(codec.encode([1, bytes(32), keys, _TIME_S, _CONTENT])),
            "WrongContext",
        ),
        (
            "version",
            "another version",
            signed(codec.encode([2, address, keys, _TIME_S, _CONTENT])),
            "Downgrade",
        ),
        (
            "weak",
            "a sender with a weak key",
            signed(codec.encode([1, address, weak, _TIME_S, _CONTENT])),
            "WeakKey",
        ),
        ("fields", "no content", signed(codec.encode([1, address, keys, _TIME_S])), "Malformed"),
        ("unpadded", "no padding", sealing.unpad(signed(body)), "Malformed"),
        ("nothing", "nothing but padding", sealing.pad(b""), "Malformed"),
    ):
        yield _message(name, comment, sealed(name, inner), expect)


def _forged(body: bytes) -> bytes:
    key = _PERSON.signing_key
    return sealing.pad(key.sign(Domain.CHANNEL_MESSAGE_SIGNATURE, body) + body)


def _message(
    name: str,
    comment: str,
    raw: bytes,
    expect: str,
    direction: Direction = Direction.TO_PERSON,
) -> Vector:
    return {
        "id": f"message-{name}",
        "comment": comment,
        "sealed": raw.hex(),
        "wrapping_seed": secret("wrapping seed channel person").hex(),
        "address": _KEYS.address.hex(),
        "direction": direction.name.lower(),
        "expect": expect,
    }


def _contents() -> Iterable[Vector]:
    good = '"id":"1","type":"t"'
    whole = (
        f'{{{good},"body":{{"a":[1,2.5]}},"created_time":1,"thid":"2","pthid":"3",'
        '"expires_time":9,"attachments":[{"id":"x"}],"other":true}'
    )
    for name, comment, text in (
        ("bare", "the least there is", f"{{{good}}}"),
        ("whole", "everything", whole),
    ):
        yield {"id": f"content-{name}", "comment": comment, "plaintext": text, "expect": "ok"}
    for name, comment, text in (
        ("text", "no JSON", "hello"),
        ("list", "no object", "[]"),
        ("id", "no id", '{"type":"t"}'),
        ("type", "no type", '{"id":"1"}'),
        ("empty", "an empty id", '{"id":"","type":"t"}'),
        ("number", "an id that is a number", '{"id":1,"type":"t"}'),
        ("body", "a body that is a list", f'{{{good},"body":[]}}'),
        ("time", "a time that is no whole number", f'{{{good},"created_time":1.5}}'),
        ("true", "true is not a time", f'{{{good},"created_time":true}}'),
        ("nan", "not a number", f'{{{good},"body":{{"a":NaN}}}}'),
        ("infinite", "a number that is not finite", f'{{{good},"body":{{"a":1e999}}}}'),
        ("surrogate", "half a letter", f'{{{good},"body":{{"a":"\\ud800"}}}}'),
        ("deep", "nested too deeply", f'{{{good},"body":{{"a":{"[" * 20}{"]" * 20}}}}}'),
        ("attachments", "an attachment that is text", f'{{{good},"attachments":["x"]}}'),
        ("long", "an id of 1,025 bytes", f'{{"id":"{"x" * 1025}","type":"t"}}'),
    ):
        vector = {"id": f"content-{name}", "comment": comment, "plaintext": text}
        yield vector | {"expect": "Malformed"}
