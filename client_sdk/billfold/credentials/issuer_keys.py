"""Which keys may have signed a credential: pinned ones, an issuer's key set, or a certificate's.

A key that the credential itself brings is never taken, but for a chain of certificates that leads
to an anchor of the caller.

Spec: 42-credentials.md
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from billfold.credentials.bounds import KEYS_MAX
from billfold.credentials.certificates import TrustAnchors
from billfold.credentials.jose import PublicKey, Token
from billfold.importers.interface import Json
from billfold_protocol.errors import (
    AlgorithmRefused,
    InputError,
    LimitExceeded,
    Malformed,
    UntrustedIssuer,
)

_WHAT = "issuer's part"


@dataclass(frozen=True, slots=True, kw_only=True)
class IssuerKeys:
    """Whom to believe."""

    keys: tuple[PublicKey, ...] = ()
    """Keys that are known beforehand."""

    issuer: str | None = None
    """The one issuer (`iss`) whose keys these are; None where the keys alone decide."""

    anchors: TrustAnchors | None = None
    """Where chains of certificates may end."""

    @classmethod
    def pinned(cls, *jwks: Mapping[str, Json], issuer: str | None = None) -> "IssuerKeys":
        """Believe these keys alone.

        Raises:
            Malformed, AlgorithmRefused: one is no key for credentials.
        """
        return cls(keys=tuple(PublicKey.parse(dict(jwk)) for jwk in jwks), issuer=issuer)

    @classmethod
    def key_set(cls, jwks: Json, *, issuer: str | None = None) -> "IssuerKeys":
        """Believe the keys of a JWK set (RFC 7517 §5); those of other kinds are left out.

        Raises:
            Malformed: it is no key set, or has no key for credentials.
            LimitExceeded: it has too many keys.
        """
        listed = jwks.get("keys") if isinstance(jwks, dict) else None
        if not isinstance(listed, list):
            raise Malformed("A key set has a list of keys.")
        if len(listed) > KEYS_MAX:
            raise LimitExceeded(f"The key set has more than {KEYS_MAX} keys.")
        keys = tuple(_parse_usable(listed))
        if not keys:
            raise Malformed("The key set has no key that credentials are signed with.")
        return cls(keys=keys, issuer=issuer)

    @classmethod
    def certified(cls, pem: bytes, *, issuer: str | None = None) -> "IssuerKeys":
        """Believe whom a certificate under one of these anchors names.

        Raises:
            InputError: these are no certificates in PEM form.
        """
        return cls(anchors=TrustAnchors.parse(pem), issuer=issuer)

    def verify(self, token: Token, *, now_s: int, needs_issuer: bool = True) -> str:
        """Check the issuer's signature; return who the issuer is, or "" where nothing says it.

        Args:
            token: what is signed.
            now_s: seconds since 1970.
            needs_issuer: whether a token must name the issuer whose keys these are; a status list
                is named by its address.

        Raises:
            UntrustedIssuer: nobody whom we believe signed it, or the issuer is another.
            AlgorithmRefused: it names an algorithm that is not the one of its key.
            CredentialTampered: the signature does not match.
            Malformed, LimitExceeded: its chain of certificates has no right form.
        """
        named = token.payload.get("iss")
        if named is not None and not isinstance(named, str):
            raise Malformed("The issuer that the credential names is not text.")
        is_named = named is not None or needs_issuer
        if self.issuer is not None and is_named and named != self.issuer:
            raise UntrustedIssuer("The credential names another issuer than the one you trust.")
        if self.anchors is not None and "x5c" in token.header:
            certified = self.anchors.verify(token.header["x5c"], now_s=now_s)
            if named is not None and not certified.speaks_for(named):
                raise UntrustedIssuer("The certificate is not for the issuer that is named.")
            token.verify(certified.key, _WHAT)
            return named or certified.subject
        if not self.keys and self.anchors is None:
            raise InputError("Say whose signature to believe: a key, a key set or certificates.")
        self._verify_with_keys(token)
        return named or ""

    def _verify_with_keys(self, token: Token) -> None:
        key_id = token.header.get("kid")
        known = [key for key in self.keys if key_id is None or key.key_id in (None, key_id)]
        if not known:
            raise UntrustedIssuer("No key that you trust for this issuer has the name it gives.")
        fitting = [key for key in known if key.algorithm == token.algorithm] or known
        if not any(key.has_signed(token) for key in fitting):
            token.verify(fitting[0], _WHAT)


def _parse_usable(listed: list[Json]) -> Iterable[PublicKey]:
    for jwk in listed:
        try:
            yield PublicKey.parse(jwk)
        except (AlgorithmRefused, Malformed):
            continue
