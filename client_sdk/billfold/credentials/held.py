"""A credential of any format as the wallet shows it and searches it, whether or not it is checked.

SD-JWT VC, mdoc, and W3C credentials with an embedded proof or as a signed token. The raw bytes stay
what the issuer gave; this is read from them each time, and never written back.

Spec: 42-credentials.md
"""

import base64
import binascii
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from billfold.credentials.bounds import CREDENTIAL_SIZE_MAX
from billfold.credentials.certificates import authority_key_ids
from billfold.credentials.disclosures import Place, open_disclosures
from billfold.credentials.encoding import Object
from billfold.credentials.jose import Token
from billfold.credentials.mdoc import parse_mdoc
from billfold.credentials.sd_jwt import parse_sd_jwt
from billfold.credentials.verification import MEDIA_TYPES, time_of
from billfold.importers.interface import Json
from billfold.importers.json_reader import parse_json
from billfold_protocol.errors import LimitExceeded, Malformed

SD_JWT_VC: Final = "dc+sd-jwt"
MDOC: Final = "mso_mdoc"
LDP_VC: Final = "ldp_vc"
JWT_VC: Final = "jwt_vc_json"

TECHNICAL_CLAIMS: Final = frozenset(
    {"iss", "iat", "nbf", "exp", "vct", "vct#integrity", "cnf", "status", "jti"}
    | {"@context", "type", "issuer", "proof", "credentialStatus", "credentialSchema"}
    | {"issuanceDate", "expirationDate", "validFrom", "validUntil"}
)
"""What a credential says about itself and not about the person."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldCredential:
    """What a credential says, unchecked."""

    format: str
    """A format name of OpenID4VP 1.0, appendix B."""

    types: frozenset[str]
    """`vct`, document type, or the types of a W3C credential."""

    issuer: str
    claims: Object = field(repr=False)
    """All that it says; of an mdoc, its name spaces."""

    withheld: Mapping[Place, str] = field(repr=False)
    """The claims that are shown only on request, by place; of an mdoc, each data element."""

    is_bound: bool
    """Whether showing it takes a key of the holder."""

    authorities: frozenset[str]
    """Authority key identifiers of its issuer's certificates, in base64url."""

    issued_at_s: int | None
    expires_at_s: int | None


def read_credential(raw: str | bytes) -> HeldCredential:
    """Read a credential of any format that is known here.

    Raises:
        Malformed: it is none, or has no right form.
        AlgorithmRefused: it is not signed.
        CredentialRefused: its disclosures do not fit it.
        LimitExceeded: it is too large, or nested too deeply.
    """
    if isinstance(raw, bytes):
        return _read_mdoc(raw)
    if len(raw.encode()) > CREDENTIAL_SIZE_MAX:
        raise LimitExceeded(f"The credential is larger than {CREDENTIAL_SIZE_MAX >> 10} KiB.")
    text = raw.strip()
    if text.startswith("{"):
        value = parse_json(text)
        if isinstance(value, dict) and "payload" not in value:
            return _read_w3c(value, LDP_VC)
        return _read_sd_jwt(raw)
    if "~" in text:
        return _read_sd_jwt(raw)
    if text.count(".") == 2:  # noqa: PLR2004 -- a signed token's three parts
        return _read_w3c(_flatten(Token.parse(text, "credential").payload), JWT_VC)
    return _read_mdoc(_decode_text(text))


def leaves(value: Json, place: Place = ()) -> Iterable[Place]:
    """Return the places of the single claims, in the order of the credential."""
    match value:
        case dict() if value:
            for name, member in value.items():
                yield from leaves(member, (*place, name))
        case list() if value:
            for index, element in enumerate(value):
                yield from leaves(element, (*place, index))
        case _:
            yield place


def _read_sd_jwt(raw: str) -> HeldCredential:
    sd_jwt = parse_sd_jwt(raw)
    opened = open_disclosures(sd_jwt)
    claims, header = opened.claims, sd_jwt.token.header
    kind = header.get("typ")
    return HeldCredential(
        format=SD_JWT_VC if kind in MEDIA_TYPES else str(kind or "sd-jwt"),
        types=_texts(claims.get("vct") or claims.get("type")),
        issuer=_identifier(claims.get("iss") or claims.get("issuer")),
        claims=claims,
        withheld=opened.disclosed,
        is_bound="cnf" in claims,
        authorities=authority_key_ids(header["x5c"]) if "x5c" in header else frozenset(),
        issued_at_s=time_of(claims, "iat"),
        expires_at_s=time_of(claims, "exp"),
    )


def _read_mdoc(data: bytes) -> HeldCredential:
    mdoc = parse_mdoc(data)
    return HeldCredential(
        format=MDOC,
        types=frozenset([mdoc.doc_type]),
        issuer="",
        claims=dict(mdoc.name_spaces),
        withheld={
            (space, name): name for space, elements in mdoc.name_spaces.items() for name in elements
        },
        is_bound=True,
        authorities=mdoc.authorities,
        issued_at_s=mdoc.issued_at_s,
        expires_at_s=mdoc.expires_at_s,
    )


def _read_w3c(claims: Object, form: str) -> HeldCredential:
    types = _texts(claims.get("type"))
    if "VerifiableCredential" not in types:
        raise Malformed("This is no credential of a format that is known here.")
    return HeldCredential(
        format=form,
        types=types,
        issuer=_identifier(claims.get("issuer")),
        claims=claims,
        withheld={},
        is_bound="id" in _first(claims.get("credentialSubject")),
        authorities=frozenset(),
        issued_at_s=_date(claims.get("validFrom") or claims.get("issuanceDate")),
        expires_at_s=_date(claims.get("validUntil") or claims.get("expirationDate")),
    )


def _flatten(payload: Object) -> Object:
    """Return a token's credential: of version 1 it is in `vc` (VC-JWT §6.3), of version 2 all."""
    inner = payload.get("vc")
    if not isinstance(inner, dict):
        return payload
    told = {"issuer": payload.get("iss"), "id": payload.get("jti")}
    return {**{name: value for name, value in told.items() if value is not None}, **inner}


def _decode_text(text: str) -> bytes:
    """Return the bytes of an mdoc in base64url or hexadecimal."""
    compact = "".join(text.split())
    try:
        return bytes.fromhex(compact)
    except ValueError:
        pass
    try:
        padded = compact.rstrip("=") + "=" * (-len(compact.rstrip("=")) % 4)
        return base64.b64decode(padded, altchars=b"-_", validate=True)
    except (ValueError, binascii.Error) as error:
        raise Malformed("This is no credential of a format that is known here.") from error


def _texts(value: Json) -> frozenset[str]:
    listed = value if isinstance(value, list) else [value]
    return frozenset(one for one in listed if isinstance(one, str))


def _identifier(value: Json) -> str:
    if isinstance(value, dict):  # W3C VC Data Model 2.0 §4.7: an issuer may be an object.
        value = value.get("id")
    return value if isinstance(value, str) else ""


def _first(value: Json) -> Object:
    if isinstance(value, list) and value:
        value = value[0]
    return value if isinstance(value, dict) else {}


def _date(value: Json) -> int | None:
    if not isinstance(value, str):
        return None
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        return None  # Shown as it is among the claims.
    return int(moment.timestamp()) if moment.tzinfo is not None else None
