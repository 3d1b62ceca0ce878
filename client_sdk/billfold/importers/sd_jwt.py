"""SD-JWT and SD-JWT VC credentials (RFC 9901), in compact form and in both JSON forms.

The structure is checked in full: every disclosure must be named by exactly one digest of what the
issuer signed, directly or through another disclosure. The signature is *not* checked here, so the
record has no field `verified`; nothing may be concluded from it but what the file says.

Spec: 40-wallet-document.md
"""

import base64
import hashlib
import re
from dataclasses import dataclass, field

from billfold.importers.field_names import field_name, show_path
from billfold.importers.interface import (
    VALUE_SIZE_MAX,
    ImportedRecord,
    ImportReport,
    Json,
    Refused,
    Scalar,
    Unmapped,
)
from billfold.importers.json_reader import parse_json
from billfold.importers.timestamps import unix_seconds
from billfold_protocol.errors import LimitExceeded, Malformed

FORMAT = "sd-jwt"

_BASE64URL = re.compile(r"[A-Za-z0-9_-]*")
_TYPES = ("dc+sd-jwt", "vc+sd-jwt")
_DEPTH_MAX = 32
_CLAIMS_MAX = 512
_JWT_PARTS = 3
_MEMBER_DISCLOSURE = 3  # RFC 9901 §4.2.1: salt, claim name, claim value.
_ELEMENT_DISCLOSURE = 2  # RFC 9901 §4.2.2: salt, array element.

# RFC 9901 §4.1.1: names of the IANA "Named Information Hash Algorithm" registry.
_HASHES = {
    "sha-256": hashlib.sha256,
    "sha-384": hashlib.sha384,
    "sha-512": hashlib.sha512,
    "sha3-256": hashlib.sha3_256,
    "sha3-384": hashlib.sha3_384,
    "sha3-512": hashlib.sha3_512,
}

_INTEGERS = range(-(2**63), 2**63)


class _Rejected(Malformed):
    """The credential is well-formed and must not be accepted; becomes an entry of the report."""

    def __init__(self, where: str, message: str) -> None:
        super().__init__(message)
        self.where = where


@dataclass(frozen=True, slots=True, kw_only=True)
class _Parts:
    issuer_jwt: str
    disclosures: tuple[str, ...]
    key_binding: str
    raw: str


@dataclass(slots=True)
class _Disclosures:
    """The disclosures by digest, until the digest that names each is met."""

    waiting: dict[str, tuple[int, list[Json]]] = field(default_factory=dict)
    met: set[str] = field(default_factory=set)

    def take(self, digest: Json) -> tuple[int, list[Json]] | None:
        """Return what a digest names; a decoy names nothing."""
        if not isinstance(digest, str):
            raise _Rejected("payload", "A digest of the credential is not text.")
        if digest in self.met:
            raise _Rejected("payload", "One digest occurs twice in the credential.")
        self.met.add(digest)
        return self.waiting.pop(digest, None)


def read_sd_jwt(text: str, *, name: str = "") -> ImportReport:
    """Read a credential in compact form; white space, as of a wrapped file, is taken out.

    Raises:
        Malformed: The text is not an SD-JWT.
        LimitExceeded: It is larger than one field of a record may be, or nested too deeply.
    """
    _check_size(text)
    raw = "".join(text.split())
    issuer_jwt, *disclosures = raw.split("~")
    if not disclosures:
        raise Malformed(
            "This is a plain signed token, not an SD-JWT: it has no '~' after the issuer's part."
        )
    return _read(
        _Parts(
            issuer_jwt=issuer_jwt,
            disclosures=tuple(disclosures[:-1]),
            key_binding=disclosures[-1],
            raw=raw,
        ),
        name,
    )


def is_sd_jwt_json(value: dict[str, Json]) -> bool:
    """Say whether a JSON object is a signed token in a JSON form (RFC 7515 §7.2)."""
    return "payload" in value and ("signatures" in value or "signature" in value)


def read_sd_jwt_json(value: dict[str, Json], raw: str, *, name: str = "") -> ImportReport:
    """Read a credential in flattened or general JSON form (RFC 9901 §8); `raw` is its text.

    Raises:
        Malformed: The object is not an SD-JWT.
        LimitExceeded: It is larger than one field of a record may be, or nested too deeply.
    """
    _check_size(raw)
    signature: Json = value
    if "signatures" in value:
        signatures = value["signatures"]
        # RFC 9901 §8: with several signatures, the first one's header carries the disclosures.
        signature = signatures[0] if isinstance(signatures, list) and signatures else None
    if not isinstance(signature, dict):
        raise Malformed("The JSON form of the credential has no signature.")
    header = signature.get("header", {})
    if not isinstance(header, dict):
        raise Malformed("The unprotected header of the credential is not an object.")
    listed = header.get("disclosures", [])
    if not isinstance(listed, list):
        raise Malformed("The disclosures of the credential are not a list.")
    parts = [signature.get("protected"), value.get("payload"), signature.get("signature")]
    return _read(
        _Parts(
            issuer_jwt=".".join(_as_text(part) for part in parts),
            disclosures=tuple(_as_text(disclosure) for disclosure in listed),
            key_binding=_as_text(header.get("kb_jwt", "")),
            raw=raw,
        ),
        name,
    )


def _read(parts: _Parts, name: str) -> ImportReport:
    header, payload = _parse_jwt(parts.issuer_jwt, "issuer's part")
    try:
        _check_algorithm(header)
        claims = _open_disclosures(payload, parts.disclosures)
    except _Rejected as error:
        return ImportReport(
            format=FORMAT, records=(), refused=(Refused(where=error.where, why=str(error)),)
        )
    unmapped = []
    if parts.key_binding:
        _parse_jwt(parts.key_binding, "key binding")
        unmapped.append(
            Unmapped(
                where="key binding",
                why="This proof was made for one verifier and is of no use to another.",
                kept_as="raw",
            )
        )
    record, omitted = _make_record(parts, header, claims, name)
    unmapped.extend(
        Unmapped(
            where=path,
            why="This claim has no field to show it; it is in the credential itself.",
            kept_as="raw",
        )
        for path in omitted
    )
    return ImportReport(format=FORMAT, records=(record,), unmapped=tuple(unmapped))


def _check_algorithm(header: dict[str, Json]) -> None:
    if header.get("alg") in (None, "", "none"):
        raise _Rejected("header", "The credential is not signed (algorithm 'none').")


def _open_disclosures(payload: dict[str, Json], encoded: tuple[str, ...]) -> dict[str, Json]:
    """Put every disclosed claim in its place (RFC 9901 §7.1, steps 2 to 5)."""
    algorithm = payload.get("_sd_alg", "sha-256")
    if not isinstance(algorithm, str) or algorithm not in _HASHES:
        raise _Rejected("_sd_alg", "The credential uses a hash that this version does not know.")
    disclosures = _Disclosures()
    for index, disclosure in enumerate(encoded):
        digest = _HASHES[algorithm](disclosure.encode()).digest()
        key = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
        if key in disclosures.waiting:
            raise _Rejected(f"disclosures[{index}]", "The same disclosure is there twice.")
        disclosures.waiting[key] = (index, _parse_disclosure(disclosure, index))
    claims = _open_object(
        {name: value for name, value in payload.items() if name != "_sd_alg"}, disclosures, 0
    )
    for index, _ in disclosures.waiting.values():
        raise _Rejected(
            f"disclosures[{index}]",
            "The issuer did not sign this disclosure: no digest in the credential names it.",
        )
    return claims


def _open_value(value: Json, disclosures: _Disclosures, depth: int) -> Json:
    if depth > _DEPTH_MAX:
        raise LimitExceeded(f"The credential is nested more than {_DEPTH_MAX} levels deep.")
    match value:
        case dict():
            return _open_object(value, disclosures, depth)
        case list():
            return _open_array(value, disclosures, depth)
        case _:
            return value


def _open_object(
    members: dict[str, Json], disclosures: _Disclosures, depth: int
) -> dict[str, Json]:
    if "..." in members:
        raise _Rejected("payload", "A claim of the credential is named '...', which is reserved.")
    digests = members.get("_sd", [])
    if not isinstance(digests, list):
        raise _Rejected("payload", "The digests of the credential are not a list.")
    opened = {
        name: _open_value(value, disclosures, depth + 1)
        for name, value in members.items()
        if name != "_sd"
    }
    for digest in digests:
        found = disclosures.take(digest)
        if found is None:
            continue
        index, parts = found
        where = f"disclosures[{index}]"
        if len(parts) != _MEMBER_DISCLOSURE:
            raise _Rejected(where, "A disclosure for a list stands in the place of a claim.")
        name = parts[1]
        if not isinstance(name, str) or name in ("_sd", "..."):
            raise _Rejected(where, "The disclosure has a name that no claim may have.")
        if name in opened:
            raise _Rejected(where, "The disclosure gives a claim that is there already.")
        opened[name] = _open_value(parts[2], disclosures, depth + 1)
    return opened


def _open_array(elements: list[Json], disclosures: _Disclosures, depth: int) -> list[Json]:
    opened: list[Json] = []
    for element in elements:
        if not (isinstance(element, dict) and element.keys() == {"..."}):
            opened.append(_open_value(element, disclosures, depth + 1))
            continue
        found = disclosures.take(element["..."])
        if found is None:
            continue
        index, parts = found
        if len(parts) != _ELEMENT_DISCLOSURE:
            raise _Rejected(
                f"disclosures[{index}]", "A disclosure for a claim stands in the place of a list."
            )
        opened.append(_open_value(parts[1], disclosures, depth + 1))
    return opened


def _make_record(
    parts: _Parts, header: dict[str, Json], claims: dict[str, Json], name: str
) -> tuple[ImportedRecord, list[str]]:
    kind = header.get("typ")
    issuer = _first_text(claims, "iss", "issuer")
    vct = _first_text(claims, "vct")
    issued_at = _first_time(claims, "iat", "issuanceDate", "validFrom")
    expires_at = _first_time(claims, "exp", "expirationDate", "validUntil")
    fields: dict[str, Scalar] = {
        "format": kind if isinstance(kind, str) and kind in _TYPES else FORMAT
    }
    told: dict[str, Scalar] = {
        "issuer": issuer,
        "vct": vct,
        "issued_at": issued_at,
        "expires_at": expires_at,
    }
    fields.update({key: value for key, value in told.items() if value})
    mapped = {"iss": issuer, "vct": vct, "iat": issued_at, "exp": expires_at}
    shown = {key: claims[key] for key in claims if key not in mapped or mapped[key] != claims[key]}
    omitted = _put_claims(fields, shown)
    fields["raw"] = parts.raw
    digest = hashlib.sha256(parts.issuer_jwt.encode()).hexdigest()
    what = vct or _last_text(claims.get("type")) or name or "credential"
    record = ImportedRecord(
        type="credential",
        natural_key=(issuer, digest),
        fields=fields,
        label=f"{what} from {issuer}" if issuer else what,
    )
    return record, omitted


def _put_claims(fields: dict[str, Scalar], claims: dict[str, Json]) -> list[str]:
    """Flatten the claims into fields `claims/<path>`; return the paths that found no room."""
    omitted: list[str] = []
    rest: list[tuple[tuple[str | int, ...], Json]] = [((key,), claims[key]) for key in claims]
    rest.reverse()
    while rest:
        path, value = rest.pop()
        match value:
            case dict():
                rest.extend(((*path, key), value[key]) for key in reversed(value))
            case list():
                rest.extend(((*path, index), value[index]) for index in reversed(range(len(value))))
            case _ if len(fields) >= _CLAIMS_MAX:
                omitted.append(show_path(path))
            case int() if value not in _INTEGERS:
                fields[field_name("claims", path)[0]] = str(value)
            case _:
                fields[field_name("claims", path)[0]] = value
    return omitted


def _first_text(claims: dict[str, Json], *names: str) -> str:
    for name in names:
        value = claims.get(name)
        if isinstance(value, dict):  # W3C VC Data Model 2.0 §4.7: an issuer may be an object.
            value = value.get("id")
        if isinstance(value, str) and value:
            return value
    return ""


def _first_time(claims: dict[str, Json], *names: str) -> int | None:
    for name in names:
        seconds = unix_seconds(claims.get(name))
        if seconds is not None:
            return seconds
    return None


def _last_text(value: Json) -> str:
    if isinstance(value, list) and value:
        value = value[-1]
    return value if isinstance(value, str) else ""


def _parse_jwt(token: str, what: str) -> tuple[dict[str, Json], dict[str, Json]]:
    parts = token.split(".")
    if len(parts) != _JWT_PARTS or not all(parts):
        raise Malformed(f"The {what} of the credential does not have a signed token's three parts.")
    _decode(parts[2], what)
    header = parse_json(_decode_text(parts[0], what), depth_max=_DEPTH_MAX)
    payload = parse_json(_decode_text(parts[1], what), depth_max=_DEPTH_MAX)
    if not isinstance(header, dict) or not isinstance(payload, dict):
        raise Malformed(f"The {what} of the credential does not hold JSON objects.")
    return header, payload


def _parse_disclosure(encoded: str, index: int) -> list[Json]:
    what = f"disclosure {index + 1}"
    value = parse_json(_decode_text(encoded, what), depth_max=_DEPTH_MAX)
    if not isinstance(value, list) or len(value) not in (_ELEMENT_DISCLOSURE, _MEMBER_DISCLOSURE):
        raise Malformed(f"In the credential, {what} is not a list of two or three values.")
    if not isinstance(value[0], str):
        raise Malformed(f"In the credential, {what} has a salt that is not text.")
    return value


def _decode_text(encoded: str, what: str) -> str:
    try:
        return _decode(encoded, what).decode()
    except UnicodeDecodeError as error:
        raise Malformed(f"In the credential, the {what} does not hold UTF-8 text.") from error


def _decode(encoded: str, what: str) -> bytes:
    if _BASE64URL.fullmatch(encoded) and len(encoded) % 4 != 1:
        data = base64.urlsafe_b64decode(encoded + "=" * (-len(encoded) % 4))
        if base64.urlsafe_b64encode(data).rstrip(b"=").decode() == encoded:
            return data
    raise Malformed(f"In the credential, the {what} is not base64url; is the file complete?")


def _as_text(value: Json) -> str:
    if not isinstance(value, str):
        raise Malformed("A part of the credential that must be text is something else.")
    return value


def _check_size(text: str) -> None:
    if len(text.encode()) > VALUE_SIZE_MAX:
        raise LimitExceeded(
            f"The credential is larger than {VALUE_SIZE_MAX >> 10} KiB, so it was not imported."
        )
