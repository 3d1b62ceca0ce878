"""Whether a credential is what it claims to be: signed, in its time, of its type (SD-JWT VC).

The clock is the caller's. Whether a credential was revoked is not in it; see `status_list`.

Spec: 42-credentials.md
"""

import math
from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

from billfold.credentials.bounds import CLOCK_SKEW_S
from billfold.credentials.disclosures import OpenedClaims, open_disclosures
from billfold.credentials.encoding import Object
from billfold.credentials.issuer_keys import IssuerKeys
from billfold.credentials.jose import PublicKey
from billfold.credentials.sd_jwt import SdJwt
from billfold.importers.interface import Json
from billfold_protocol.errors import (
    CredentialExpired,
    CredentialNotYetValid,
    Malformed,
    WrongCredentialType,
)

MEDIA_TYPES: Final = ("dc+sd-jwt", "vc+sd-jwt")
"""What the header of an SD-JWT VC says it is; the second is the name before November 2024."""

_INDEX_MAX: Final = 2**53 - 1


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusReference:
    """Where the issuer says whether a credential still holds."""

    uri: str
    """The address, and the name, of the status list."""

    index: int
    """The credential's place in it, from 0."""


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifiedCredential:
    """A credential whose issuer's signature and disclosures were checked."""

    sd_jwt: SdJwt
    opened: OpenedClaims
    issuer: str
    """As the credential or else its certificate names it; "" where neither does."""

    vct: str | None
    """The type of an SD-JWT VC."""

    issued_at_s: int | None
    not_before_s: int | None
    expires_at_s: int | None
    holder_key: PublicKey | None
    """The key that presentations are signed with; None where it is bound to none we can use."""

    status: StatusReference | None

    @property
    def claims(self) -> Object:
        """All that is disclosed."""
        return self.opened.claims

    def check_time(self, now_s: int) -> None:
        """Check that the credential's time has begun and is not over.

        Raises:
            CredentialExpired, CredentialNotYetValid: it is not its time.
        """
        if self.expires_at_s is not None and now_s - CLOCK_SKEW_S >= self.expires_at_s:
            raise CredentialExpired("The credential has expired; ask its issuer for a new one.")
        begins_s = max(self.not_before_s or 0, self.issued_at_s or 0)
        if now_s + CLOCK_SKEW_S < begins_s:
            raise CredentialNotYetValid("The credential is not valid yet; is the clock right?")


def verify_credential(
    sd_jwt: SdJwt,
    issuer_keys: IssuerKeys,
    *,
    now_s: int,
    vct: Collection[str] | None = None,
    media_types: Collection[str] = MEDIA_TYPES,
) -> VerifiedCredential:
    """Check everything about a credential but its revocation.

    Args:
        sd_jwt: the credential, or a presentation of it.
        issuer_keys: whom to believe.
        now_s: seconds since 1970.
        vct: the types to accept; None for any.
        media_types: what the header's `typ` may be.

    Raises:
        CredentialRefused: it must not be relied on; the kind of error says why.
        Malformed, LimitExceeded: a part of it has no right form.
    """
    verified = verify_signed(sd_jwt, issuer_keys, now_s=now_s, vct=vct, media_types=media_types)
    verified.check_time(now_s)
    return verified


def verify_signed(
    sd_jwt: SdJwt,
    issuer_keys: IssuerKeys,
    *,
    now_s: int,
    vct: Collection[str] | None = None,
    media_types: Collection[str] = MEDIA_TYPES,
) -> VerifiedCredential:
    """Check a credential as `verify_credential` does, but not that it is its time.

    Raises:
        CredentialRefused: it must not be relied on; the kind of error says why.
        Malformed, LimitExceeded: a part of it has no right form.
    """
    token = sd_jwt.token
    issuer = issuer_keys.verify(token, now_s=now_s)
    kind = token.header.get("typ")
    if kind not in media_types:
        raise WrongCredentialType("The token is not a credential of a kind that is accepted here.")
    opened = open_disclosures(sd_jwt)
    claims = opened.claims
    named = _text_or_none(claims, "vct")
    if kind in MEDIA_TYPES and not named:
        raise WrongCredentialType("The credential does not say of which type it is.")
    if vct is not None and named not in vct:
        raise WrongCredentialType("The credential is of another type than the one asked for.")
    return VerifiedCredential(
        sd_jwt=sd_jwt,
        opened=opened,
        issuer=issuer,
        vct=named,
        issued_at_s=time_of(claims, "iat"),
        not_before_s=time_of(claims, "nbf"),
        expires_at_s=time_of(claims, "exp"),
        holder_key=parse_holder_key(claims.get("cnf")),
        status=parse_status(claims.get("status")),
    )


def time_of(claims: Object, name: str) -> int | None:
    """Return a time claim (RFC 7519 §2) in whole seconds since 1970, or None where it is absent.

    Raises:
        Malformed: it is no time.
    """
    value = claims.get(name)
    if value is None and name not in claims:
        return None
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if not is_number or not 0 <= value <= _INDEX_MAX:  # type: ignore[operator]  # It is a number.
        raise Malformed(f"The time {name!r} of the credential is not a number of seconds.")
    return math.floor(value)  # type: ignore[arg-type]  # Likewise.


def parse_status(status: Json) -> StatusReference | None:
    """Return where a credential's status is, or None where it names no status list.

    Raises:
        Malformed: it names one in no right form.
    """
    if not isinstance(status, dict) or "status_list" not in status:
        return None
    reference = status["status_list"]
    if not isinstance(reference, dict):
        raise Malformed("The credential's place in a status list is not an object.")
    uri, index = reference.get("uri"), reference.get("idx")
    if not isinstance(uri, str) or type(index) is not int or not 0 <= index <= _INDEX_MAX:
        raise Malformed("The credential names no place in a status list.")
    return StatusReference(uri=uri, index=index)


def parse_holder_key(confirmation: Json) -> PublicKey | None:
    """Return the key of a `cnf` claim (RFC 7800), or None where it names none in full.

    Raises:
        Malformed, AlgorithmRefused: it is no key for credentials.
    """
    if confirmation is None:
        return None
    if not isinstance(confirmation, dict):
        raise Malformed("The key that the credential is bound to is not an object.")
    return PublicKey.parse(confirmation["jwk"]) if "jwk" in confirmation else None


def _text_or_none(claims: Object, name: str) -> str | None:
    value = claims.get(name)
    if value is not None and not isinstance(value, str):
        raise Malformed(f"The claim {name!r} of the credential is not text.")
    return value
