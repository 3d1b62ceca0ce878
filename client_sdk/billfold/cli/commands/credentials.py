"""The command on credentials: list, show, add, new-key, ask, present.

Spec: 42-credentials.md
"""

import importlib
import json
from typing import TYPE_CHECKING, Final, cast

from billfold.cli.record_names import find_record
from billfold.cli.request import Answer, Arguments
from billfold.cli.session import Session
from billfold.cli.wire import JsonObject
from billfold.model import label_of
from billfold_protocol.errors import InputError, Malformed

if TYPE_CHECKING:
    from billfold.credentials.dcql import Option
    from billfold.credentials.issuer_keys import IssuerKeys
    from billfold.holdings import Standing

PEM: Final = "-----BEGIN"


async def credential(session: Session, arguments: Arguments) -> Answer:
    """Do one thing with credentials.

    Raises:
        InputError: there is no such action, or it lacks an argument.
        BillfoldError: what the action raises.
    """
    action = arguments.text("action")
    match action:
        case "list":
            standings = session.wallet.credentials.standings()
            result: JsonObject = {"credentials": [_describe(one) for one in standings]}
        case "show":
            result = _show(session, arguments)
        case "add":
            result = await _add(session, arguments)
        case "new-key":
            binding = "device" if arguments.flag("is_device_bound") else "software"
            key = await session.wallet.credentials.new_key(binding)
            result = {"id": key.record, "binding": key.binding, "public_key": dict(key.public_jwk)}
        case "ask":
            answers = session.wallet.credentials.answer(_text(session.attachment))
            missing = [{"query": one.query_id, "why": one.why} for one in answers.missing]
            options = [_describe_option(one) for one in answers.options]
            result = {"options": options, "missing": missing}
        case "present":
            shown = await session.wallet.credentials.present(
                _text(session.attachment),
                audience=arguments.text("audience"),
                nonce=arguments.text("nonce"),
            )
            made = {name: list(texts) for name, texts in shown.presentations.items()}
            result = {"vp_token": made, "notes": list(shown.notes)}
        case _:
            raise InputError(f"there is no action {action!r} on credentials")
    return Answer(result={"action": action, **result})


async def _add(session: Session, arguments: Arguments) -> JsonObject:
    keys = arguments.optional_text("issuer_keys")
    added = await session.wallet.credentials.add(
        _raw(session.attachment),
        issuer_keys=None if keys is None else _issuer_keys(keys),
    )
    return _describe(session.wallet.credentials.standing(added.record.id))


def _show(session: Session, arguments: Arguments) -> JsonObject:
    record = find_record(session.wallet, arguments.text("record")).id
    standing = session.wallet.credentials.standing(record)
    return {
        **_describe(standing),
        "claims": dict(standing.credential.claims),
        "uses": dict(standing.credential.uses),
    }


def _describe(standing: "Standing") -> JsonObject:
    one = standing.credential
    return {
        "id": one.record.id,
        "label": label_of(one.record),
        "format": one.format,
        "type": one.vct or one.doctype,
        "issuer": one.issuer,
        "lifecycle": standing.lifecycle.value,
        "expires_at": one.expires_at,
        "why_not_here": standing.why_not_here,
        "unused_count": standing.unused_count,
        "is_low": standing.is_low,
        "linkable": list(standing.linkable),
    }


def _describe_option(option: "Option") -> JsonObject:
    return {
        "amount": option.amount,
        "answers": [
            {
                "query": one.query_id,
                "credential": one.credential_id,
                "claims": list(one.claim_names),
            }
            for one in option.answers
        ],
    }


def _issuer_keys(text: str) -> "IssuerKeys":
    # Loaded here because it takes as long as all the rest of a command that needs none of it.
    kinds = importlib.import_module("billfold.credentials.issuer_keys").IssuerKeys
    if PEM in text:
        return cast("IssuerKeys", kinds.certified(text.encode("latin-1")))
    try:
        value = json.loads(text)
    except ValueError as error:
        raise Malformed("The issuer's keys are neither JSON nor certificates.") from error
    is_set = isinstance(value, dict) and "keys" in value
    return cast("IssuerKeys", kinds.key_set(value if is_set else {"keys": [value]}))


def _raw(content: bytes) -> str | bytes:
    """Return a text where it is one; else the bytes, as of an mdoc."""
    try:
        return content.decode().strip()
    except UnicodeDecodeError:
        return content


def _text(content: bytes) -> str:
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        raise Malformed("The query is not UTF-8 text.") from error
