"""The fields of a credential's record: what it says, read once from what the issuer signed.

Spec: 42-credentials.md
"""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from billfold.credentials.dcql import places_at
from billfold.credentials.disclosures import Place
from billfold.credentials.held import (
    MDOC,
    TECHNICAL_CLAIMS,
    HeldCredential,
    leaves,
    read_credential,
)
from billfold.credentials.issuer_keys import IssuerKeys
from billfold.credentials.jose import PublicKey
from billfold.credentials.sd_jwt import parse_sd_jwt
from billfold.credentials.verification import MEDIA_TYPES, StatusReference, verify_signed
from billfold.document import Scalar
from billfold.importers.field_names import field_name
from billfold.importers.interface import RECORD_FIELDS_MAX, VALUE_SIZE_MAX, Json
from billfold_protocol.errors import InputError, KeyBindingMissing

_INTEGERS = range(-(2**63), 2**63)


@dataclass(frozen=True, slots=True, kw_only=True)
class Addition:
    """A credential that may go into the wallet."""

    raw: str | bytes = field(repr=False)
    held: HeldCredential
    holder_key: PublicKey | None
    status: StatusReference | None
    not_before_s: int | None

    @property
    def number(self) -> int:
        """What tells it from every other instance: 48 bits of a hash."""
        data = self.raw.encode() if isinstance(self.raw, str) else self.raw
        return int.from_bytes(hashlib.sha256(data).digest()[:6])


def check_addition(
    raw: str | bytes, issuer_keys: IssuerKeys | None, media_types: Iterable[str], now_s: int
) -> Addition:
    """Read a credential, and verify it where that can be done here.

    Args:
        raw: what the issuer gave.
        issuer_keys: whom to believe; needed for SD-JWT VC and for no other format.
        media_types: what an SD-JWT may say that it is.
        now_s: seconds since 1970.

    Raises:
        InputError: an SD-JWT without anybody to believe.
        CredentialRefused: it must not be relied on; the kind of error says why.
        Malformed, LimitExceeded: it has no right form.
    """
    held = read_credential(raw)
    if isinstance(raw, bytes) or held.format not in (*MEDIA_TYPES, *media_types):
        return Addition(raw=raw, held=held, holder_key=None, status=None, not_before_s=None)
    if issuer_keys is None:
        raise InputError("Say whose signature to believe: a key, a key set or certificates.")
    sd_jwt = parse_sd_jwt(raw)
    if sd_jwt.key_binding is not None:
        raise KeyBindingMissing(
            "This is a presentation that was made for one verifier, and no credential to keep."
        )
    verified = verify_signed(sd_jwt, issuer_keys, now_s=now_s, media_types=tuple(media_types))
    return Addition(
        raw=raw,
        held=held,
        holder_key=verified.holder_key,
        status=verified.status,
        not_before_s=verified.not_before_s,
    )


def fields_of(addition: Addition) -> dict[str, Scalar]:
    """Return the fields of a credential's record but for its binding."""
    held = addition.held
    told: dict[str, Scalar | None] = {
        "format": held.format,
        "issuer": held.issuer or None,
        "issued_at": held.issued_at_s,
        "valid_from": addition.not_before_s,
        "expires_at": held.expires_at_s,
        "raw": addition.raw,
    }
    names = sorted(held.types)
    if held.format == MDOC:
        told["doctype"] = names[0]
    elif len(names) == 1:
        told["vct"] = names[0]
    if addition.status is not None:
        told["status_list/uri"] = addition.status.uri
        told["status_list/idx"] = addition.status.index
    fields = {name: value for name, value in told.items() if value is not None}
    return {**_claims(held), **fields}


def _claims(held: HeldCredential) -> Mapping[str, Scalar]:
    """Return the claims by path, as far as there is room; the credential itself has them all."""
    shown: dict[str, Scalar] = {}
    for place in leaves(held.claims):
        if place[0] in TECHNICAL_CLAIMS or len(shown) >= RECORD_FIELDS_MAX // 2:
            continue
        value = _at(held.claims, place)
        if isinstance(value, str) and len(value.encode()) > VALUE_SIZE_MAX // 16:
            continue  # A portrait is shown from the credential itself.
        name, was_cut = field_name("claims", place)
        if not was_cut:
            shown[name] = _scalar(value)
    return shown


def _at(value: Json, place: Place) -> Json:
    ((_, found),) = places_at(value, place)
    return found


def _scalar(value: Json) -> Scalar:
    match value:
        case dict() | list():
            return None
        case bool():
            return value
        case int() if value not in _INTEGERS:
            return str(value)
        case _:
            return value
