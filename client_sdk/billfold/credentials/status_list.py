"""Whether a credential still holds: Token Status Lists in JWT form (draft-ietf-oauth-status-list).

A list is fetched by the caller and checked here. It is inflated within a bound, whatever it claims.

Spec: 42-credentials.md
"""

import zlib
from dataclasses import dataclass, field
from enum import Enum
from typing import Final

from billfold.credentials.bounds import (
    CLOCK_SKEW_S,
    STATUS_LIST_SIZE_MAX,
    STATUS_TOKEN_SIZE_MAX,
    STATUS_TTL_S,
    STATUS_TTL_S_MAX,
)
from billfold.credentials.encoding import Object, decode_base64url
from billfold.credentials.issuer_keys import IssuerKeys
from billfold.credentials.jose import Token
from billfold.credentials.verification import StatusReference, time_of
from billfold.importers.interface import Json
from billfold_protocol.errors import LimitExceeded, Malformed, StatusListRefused

MEDIA_TYPE: Final = "statuslist+jwt"
BITS: Final = (1, 2, 4, 8)


class Status(Enum):
    """What an issuer says about a credential (§7)."""

    VALID = 0
    REVOKED = 1
    """For good; the draft calls it INVALID."""

    SUSPENDED = 2
    """For now."""

    OTHER = -1
    """A value that only the issuer's own rules explain."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusList:
    """A list whose signature was checked."""

    uri: str
    """Its address, which is its name."""

    bits: int
    """For each credential: 1, 2, 4 or 8."""

    statuses: bytes = field(repr=False)
    issued_at_s: int
    """The list's own time: of two lists, what the later one says holds."""

    fresh_until_s: int
    """When it should be fetched again."""

    expires_at_s: int | None

    def status_of(self, reference: StatusReference) -> Status:
        """Return what the list says of a credential.

        Raises:
            StatusListRefused: it is another list, or has no place for the credential.
        """
        if reference.uri != self.uri:
            raise StatusListRefused("This is not the status list that the credential names.")
        value = self.value_at(reference.index)
        return Status(value) if value <= Status.SUSPENDED.value else Status.OTHER

    def value_at(self, index: int) -> int:
        """Return the number at a place.

        Raises:
            StatusListRefused: the list is too short.
        """
        # §4.1: from the least significant bit of the first byte on.
        position, offset = divmod(index * self.bits, 8)
        if not 0 <= position < len(self.statuses):
            raise StatusListRefused("The status list has no place for this credential.")
        return (self.statuses[position] >> offset) & ((1 << self.bits) - 1)


def verify_status_list(text: str, issuer_keys: IssuerKeys, *, uri: str, now_s: int) -> StatusList:
    """Check a status list token (§5.1) and take the list out of it.

    Args:
        text: the compact token, as fetched.
        issuer_keys: whom to believe.
        uri: where it was fetched from, as the credential names it.
        now_s: seconds since 1970.

    Raises:
        StatusListRefused: it is another list, or its time is over or has not begun.
        CredentialRefused: nobody whom we believe signed it.
        Malformed, LimitExceeded: a part of it has no right form.
    """
    if len(text) > STATUS_TOKEN_SIZE_MAX:
        raise LimitExceeded(f"The status list is larger than {STATUS_TOKEN_SIZE_MAX >> 20} MiB.")
    token = Token.parse("".join(text.split()), "status list")
    issuer_keys.verify(token, now_s=now_s, needs_issuer=False)
    claims = token.payload
    if token.header.get("typ") != MEDIA_TYPE or claims.get("sub") != uri:
        raise StatusListRefused("This is not the status list that the credential names.")
    issued_at_s, expires_at_s = time_of(claims, "iat"), time_of(claims, "exp")
    if issued_at_s is None:
        raise Malformed("The status list does not say when it was made.")
    if issued_at_s > now_s + CLOCK_SKEW_S:
        raise StatusListRefused("The status list is from the future; is the clock right?")
    if expires_at_s is not None and now_s - CLOCK_SKEW_S >= expires_at_s:
        raise StatusListRefused("The status list has expired; fetch it again.")
    fresh_until_s = issued_at_s + _ttl(claims)
    if expires_at_s is not None:
        fresh_until_s = min(fresh_until_s, expires_at_s)
    bits, statuses = parse_list(claims.get("status_list"))
    return StatusList(
        uri=uri,
        bits=bits,
        statuses=statuses,
        issued_at_s=issued_at_s,
        fresh_until_s=fresh_until_s,
        expires_at_s=expires_at_s,
    )


def parse_list(value: Json) -> tuple[int, bytes]:
    """Return the bits for each credential, and the inflated list (§4.2).

    Raises:
        Malformed: it is no status list.
        LimitExceeded: it inflates to more than any list may have.
    """
    if not isinstance(value, dict):
        raise Malformed("The status list is not an object.")
    bits, packed = value.get("bits"), value.get("lst")
    if type(bits) is not int or bits not in BITS or not isinstance(packed, str):
        raise Malformed("The status list has no list of 1, 2, 4 or 8 bits for each credential.")
    inflater = zlib.decompressobj()
    try:
        statuses = inflater.decompress(decode_base64url(packed, "list"), STATUS_LIST_SIZE_MAX + 1)
    except zlib.error as error:
        raise Malformed("The status list cannot be inflated.") from error
    if len(statuses) > STATUS_LIST_SIZE_MAX:
        raise LimitExceeded(f"The status list is larger than {STATUS_LIST_SIZE_MAX >> 20} MiB.")
    if not inflater.eof or inflater.unused_data:
        raise Malformed("The status list is cut off, or something follows it.")
    return bits, statuses


def _ttl(claims: Object) -> int:
    ttl = claims.get("ttl", STATUS_TTL_S)
    if not isinstance(ttl, int | float) or isinstance(ttl, bool) or ttl <= 0:
        raise Malformed("How long the status list may be kept is not a number of seconds.")
    return int(min(ttl, STATUS_TTL_S_MAX))
