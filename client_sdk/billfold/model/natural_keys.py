"""What makes a thing the same on two devices that add it without knowing of each other.

Where a record has nothing of the kind, two additions are two records, with random ids.

Spec: 41-records.md
"""

import hashlib
from collections.abc import Callable, Mapping

from billfold.document import Scalar

NaturalKey = Callable[[Mapping[str, Scalar]], tuple[str, ...] | None]
"""Finds the natural key among a new record's fields; None where they hold none."""


def credential_key(
    issuer: str, *, serial: str | None = None, raw: str | bytes = b""
) -> tuple[str, ...]:
    """Return a credential's natural key: its issuer, and its serial number or else its hash.

    Args:
        issuer: as the credential names it.
        serial: unique among the issuer's credentials.
        raw: what the issuer has signed; used where there is no serial number. Of an SD-JWT the
            issuer's part counts, so that what is disclosed does not make another credential.
    """
    if serial is not None:
        return (issuer, serial)
    if isinstance(raw, str):
        is_compact = "~" in raw and not raw.startswith("{")
        raw = (raw.split("~", 1)[0] if is_compact else raw).encode("utf-8", "surrogatepass")
    return (issuer, hashlib.sha256(raw).hexdigest())


def relationship_key(organisation: str) -> tuple[str, ...]:
    """Return a relationship's natural key: the organisation's identifier."""
    return (organisation,)


def key_of_credential(fields: Mapping[str, Scalar]) -> tuple[str, ...] | None:
    """Return issuer, and serial number or hash."""
    raw, serial = fields.get("raw"), fields.get("serial")
    if not isinstance(raw, str | bytes):
        return None
    issuer = fields.get("issuer")
    return credential_key(
        issuer if isinstance(issuer, str) else "",
        serial=serial if isinstance(serial, str) else None,
        raw=raw,
    )


def key_by(*names: str) -> NaturalKey:
    """Make the natural key of these text fields, of which the first must be there."""

    def key_of(fields: Mapping[str, Scalar]) -> tuple[str, ...] | None:
        values = [fields.get(name) for name in names]
        texts = tuple(value if isinstance(value, str) else "" for value in values)
        return texts if texts[0] else None

    return key_of


def key_of_self(fields: Mapping[str, Scalar]) -> tuple[str, ...] | None:
    """Return the one key of the person's own record."""
    return ("self",) if fields.get("role") == "self" else None


def no_key(fields: Mapping[str, Scalar]) -> tuple[str, ...] | None:
    """Return None: each addition is a record of its own."""
    del fields
    return None
