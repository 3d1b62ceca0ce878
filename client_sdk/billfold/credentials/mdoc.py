"""Mobile documents (ISO/IEC 18013-5), read to be shown; the only importer of cbor2.

The issuer's signature and digests are not checked, and nothing may be concluded from a document
but what it says; it is kept and exported as the bytes it came in. Both forms in use are read: what
an issuer gives out (IssuerSigned) and what a wallet answers (DeviceResponse).

Spec: 42-credentials.md
"""

import base64
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from math import isfinite
from typing import Final

from cbor2 import CBORDecodeError, CBORTag, loads

from billfold.credentials.bounds import CREDENTIAL_SIZE_MAX, MDOC_DEPTH_MAX, MDOC_ITEMS_MAX
from billfold.credentials.certificates import authority_key_ids
from billfold.credentials.encoding import Object, encode_base64url
from billfold.importers.interface import Json
from billfold_protocol.errors import LimitExceeded, Malformed

_EMBEDDED: Final = 24  # RFC 8949 §3.4.5.1: bytes that are CBOR themselves.
_X5CHAIN: Final = 33  # RFC 9360 §2.
_COSE_SIGN1_PARTS: Final = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Mdoc:
    """One document, as it says of itself."""

    doc_type: str
    name_spaces: Mapping[str, Object] = field(repr=False)
    """Data elements by name space and name; bytes are base64url, dates are text."""

    issued_at_s: int | None
    not_before_s: int | None
    expires_at_s: int | None
    authorities: frozenset[str]
    """The authority key identifiers of the issuer's certificates, in base64url."""


def parse_mdoc(data: bytes) -> Mdoc:
    """Read the first document.

    Raises:
        Malformed: the bytes are no mobile document.
        LimitExceeded: it is too large, or nested too deeply.
    """
    if len(data) > CREDENTIAL_SIZE_MAX:
        raise LimitExceeded(f"The credential is larger than {CREDENTIAL_SIZE_MAX >> 10} KiB.")
    outer = _object(_decode(data), "document")
    named = ""
    if "documents" in outer:
        documents = _list(outer["documents"], "list of documents")
        if not documents:
            raise Malformed("The answer holds no mobile document.")
        document = _object(documents[0], "document")
        named = _text(document.get("docType"), "type of the document")
        outer = _object(document.get("issuerSigned"), "issuer's part")
    authentication = _list(outer.get("issuerAuth"), "issuer's signature")
    if len(authentication) != _COSE_SIGN1_PARTS:
        raise Malformed("The issuer's signature of the mobile document does not have four parts.")
    security = _object(_embedded(authentication[2]), "security object")
    doc_type = _text(security.get("docType"), "type of the document")
    if named not in ("", doc_type):
        raise Malformed("The mobile document says of itself that it is of two types.")
    validity = _object(security.get("validityInfo"), "validity")
    return Mdoc(
        doc_type=doc_type,
        name_spaces=_name_spaces(_object(outer.get("nameSpaces", {}), "name spaces")),
        issued_at_s=_time(validity.get("signed")),
        not_before_s=_time(validity.get("validFrom")),
        expires_at_s=_time(validity.get("validUntil")),
        authorities=_authorities(authentication[1]),
    )


def _name_spaces(parts: Mapping[object, object]) -> dict[str, Object]:
    shown: dict[str, Object] = {}
    count = 0
    for name, items in parts.items():
        elements: Object = {}
        for item in _list(items, "name space"):
            count += 1
            if count > MDOC_ITEMS_MAX:
                raise LimitExceeded(
                    f"The mobile document has more than {MDOC_ITEMS_MAX:,} elements."
                )
            element = _object(_embedded(item), "data element")
            identifier = _text(element.get("elementIdentifier"), "name of a data element")
            if identifier in elements:
                raise Malformed("A data element of the mobile document occurs twice.")
            elements[identifier] = _as_json(element.get("elementValue"))
        shown[_text(name, "name space")] = elements
    return shown


def _authorities(header: object) -> frozenset[str]:
    chain = header.get(_X5CHAIN) if isinstance(header, dict) else None
    certificates = chain if isinstance(chain, list) else [chain]
    encoded: list[Json] = [
        base64.b64encode(one).decode() for one in certificates if isinstance(one, bytes)
    ]
    return authority_key_ids(encoded) if encoded else frozenset()


def _as_json(value: object) -> Json:
    """Return a value in the JSON form that it is shown and compared in (RFC 8949 §6.1)."""
    match value:
        case None | bool() | int() | str():
            return value
        case float():
            return value if isfinite(value) else None
        case bytes():
            return encode_base64url(value)
        case datetime() | date():
            return value.isoformat().replace("+00:00", "Z")
        case list() | tuple():
            return [_as_json(element) for element in value]
        case CBORTag():
            return _as_json(value.value)
        case _ if isinstance(value, Mapping):
            return {str(name): _as_json(member) for name, member in value.items()}
        case _:
            return str(value)


def _decode(data: bytes) -> object:
    try:
        return loads(data, max_depth=MDOC_DEPTH_MAX, allow_duplicate_keys=False)
    except (CBORDecodeError, ValueError, OverflowError, TypeError) as error:
        raise Malformed("This is no mobile document: its bytes are not readable CBOR.") from error


def _embedded(value: object) -> object:
    if isinstance(value, bytes):  # The payload of a signature holds its tag inside.
        value = _decode(value)
    if isinstance(value, CBORTag) and value.tag == _EMBEDDED and isinstance(value.value, bytes):
        return _decode(value.value)
    raise Malformed("A part of the mobile document is not CBOR within CBOR.")


def _time(value: object) -> int | None:
    if value is None:
        return None
    if not isinstance(value, datetime) or value.tzinfo is None:
        raise Malformed("A time of the mobile document is no time.")
    return int(value.timestamp())


def _object(value: object, what: str) -> Mapping[object, object]:
    if not isinstance(value, Mapping):
        raise Malformed(f"The {what} of the mobile document is not a map.")
    return value


def _list(value: object, what: str) -> list[object]:
    if not isinstance(value, list):
        raise Malformed(f"The {what} of the mobile document is not a list.")
    return value


def _text(value: object, what: str) -> str:
    if not isinstance(value, str):
        raise Malformed(f"The {what} of the mobile document is not text.")
    return value
