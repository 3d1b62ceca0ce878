"""Showing a credential, and taking what is shown: key binding of RFC 9901 §4.3 and §7.3.

The holder signs audience, nonce, time and the digest of all that is shown; the verifier checks the
issuer's part as ever, and that all four are what it asked for.

Spec: 42-credentials.md
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Final, Protocol

from billfold.credentials.bounds import (
    CLOCK_SKEW_S,
    NONCE_LENGTH_MAX,
    PRESENTATION_AGE_S_MAX,
)
from billfold.credentials.disclosures import OpenedClaims, Place, open_disclosures
from billfold.credentials.encoding import Object
from billfold.credentials.issuer_keys import IssuerKeys
from billfold.credentials.jose import PrivateKey, PublicKey, Token
from billfold.credentials.sd_jwt import SdJwt, parse_sd_jwt
from billfold.credentials.verification import (
    MEDIA_TYPES,
    VerifiedCredential,
    parse_holder_key,
    time_of,
    verify_credential,
)
from billfold_protocol.errors import (
    CredentialTampered,
    InputError,
    KeyBindingMissing,
    NonceReplayed,
    PresentationAltered,
    PresentationStale,
    WrongAudience,
    WrongCredentialType,
    WrongHolder,
)

KEY_BINDING_TYPE: Final = "kb+jwt"
_WHAT: Final = "key binding"


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What a presentation answers."""

    audience: str
    """Who asks, such as the verifier's client identifier."""

    nonce: str
    """What the verifier drew for this request alone."""

    def check(self) -> None:
        """Check that both are there.

        Raises:
            InputError: one is missing or too long.
        """
        for name, text in (("audience", self.audience), ("nonce", self.nonce)):
            if not 0 < len(text) <= NONCE_LENGTH_MAX:
                raise InputError(f"A request has an {name} of 1 to {NONCE_LENGTH_MAX} characters.")


class Presentable(Protocol):
    """A credential as its holder keeps it."""

    @property
    def sd_jwt(self) -> SdJwt:
        """As issued, with all its disclosures."""

    @property
    def opened(self) -> OpenedClaims:
        """What it says."""

    @property
    def holder_key(self) -> PublicKey | None:
        """The key that it is bound to."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptCredential:
    """A credential that was verified when it was added, read again to be shown."""

    sd_jwt: SdJwt
    opened: OpenedClaims
    holder_key: PublicKey | None

    @classmethod
    def read(cls, text: str) -> "KeptCredential":
        """Read what the wallet keeps.

        Raises:
            CredentialRefused, Malformed, LimitExceeded: it is no SD-JWT.
        """
        sd_jwt = parse_sd_jwt(text)
        opened = open_disclosures(sd_jwt)
        key = parse_holder_key(opened.claims.get("cnf"))
        return cls(sd_jwt=sd_jwt, opened=opened, holder_key=key)


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifiedPresentation:
    """What a verifier may rely on."""

    credential: VerifiedCredential
    is_bound: bool
    """Whether who shows it proved to hold the credential's key."""

    @property
    def claims(self) -> Object:
        """What was shown."""
        return self.credential.claims


def present(
    credential: Presentable,
    places: Iterable[Place],
    *,
    request: Request,
    key: PrivateKey | None,
    now_s: int,
    with_parts: bool = True,
) -> str:
    """Return a presentation that shows these claims and no others that can be withheld.

    Args:
        credential: as issued, with all its disclosures.
        places: of the claims to show.
        request: what it answers.
        key: the key that the credential is bound to; None if it is bound to none.
        now_s: seconds since 1970.
        with_parts: whether what can be withheld within these claims is shown as well.

    Raises:
        InputError: the request has no audience or nonce.
        WrongHolder: the credential is bound to another key.
    """
    request.check()
    shown = credential.sd_jwt.show(credential.opened.choose(places, with_parts=with_parts))
    bound_to = credential.holder_key
    if bound_to is None and key is None:
        return shown.encode()
    if bound_to is None or key is None or key.public.thumbprint != bound_to.thumbprint:
        raise WrongHolder("This device does not hold the key that the credential is bound to.")
    binding = key.sign(
        {"typ": KEY_BINDING_TYPE},
        {
            "nonce": request.nonce,
            "aud": request.audience,
            "iat": now_s,
            "sd_hash": shown.sd_hash,
        },
    )
    return shown.show(shown.disclosures, key_binding=binding).encode()


def verify_presentation(
    text: str,
    issuer_keys: IssuerKeys,
    *,
    request: Request,
    now_s: int,
    vct: Collection[str] | None = None,
    media_types: Collection[str] = MEDIA_TYPES,
    needs_binding: bool = True,
) -> VerifiedPresentation:
    """Check a presentation as its verifier; nothing of it may be used before.

    A nonce answers one request: the caller forgets it once this returns (`OpenRequests` does).

    Args:
        text: the presentation.
        issuer_keys: whom to believe.
        request: what was asked.
        now_s: seconds since 1970.
        vct: the types to accept; None for any.
        media_types: what the header's `typ` may be.
        needs_binding: whether it must prove the holder's key; without, who shows it may be anyone.

    Raises:
        CredentialRefused: it must not be relied on; the kind of error says why.
        Malformed, LimitExceeded: a part of it has no right form.
    """
    request.check()
    sd_jwt = parse_sd_jwt(text)
    credential = verify_credential(
        sd_jwt, issuer_keys, now_s=now_s, vct=vct, media_types=media_types
    )
    if not needs_binding:
        return VerifiedPresentation(credential=credential, is_bound=False)
    if sd_jwt.key_binding is None or credential.holder_key is None:
        raise KeyBindingMissing("The presentation does not prove who shows it.")
    binding = Token.parse(sd_jwt.key_binding, _WHAT)
    if binding.header.get("typ") != KEY_BINDING_TYPE:
        raise WrongCredentialType("What stands in the place of the key binding is no key binding.")
    try:
        binding.verify(credential.holder_key, _WHAT)
    except CredentialTampered as error:
        raise WrongHolder("The credential's own key did not sign the presentation.") from error
    _check_answer(binding, request, sd_jwt.sd_hash, now_s)
    return VerifiedPresentation(credential=credential, is_bound=True)


def _check_answer(binding: Token, request: Request, sd_hash: str, now_s: int) -> None:
    said = binding.payload
    if said.get("sd_hash") != sd_hash:
        raise PresentationAltered("What is shown is not what the holder signed.")
    if said.get("aud") != request.audience:
        raise WrongAudience("The presentation was made for another verifier.")
    if said.get("nonce") != request.nonce:
        raise NonceReplayed("The presentation does not answer this request; ask for a new one.")
    made_at_s = time_of(said, "iat")
    if made_at_s is None:
        raise PresentationStale("The presentation does not say when it was made.")
    if not now_s - PRESENTATION_AGE_S_MAX <= made_at_s <= now_s + CLOCK_SKEW_S:
        raise PresentationStale("The presentation was not made just now; ask for a new one.")


class OpenRequests:
    """The requests of a verifier that nobody has answered yet; each is answered once."""

    def __init__(self, *, count_max: int = 10_000) -> None:
        """Hold at most so many; the oldest gives way."""
        self._until_s: dict[tuple[str, str], int] = {}
        self._count_max = count_max

    def open(self, request: Request, *, now_s: int) -> None:
        """Remember a request until it is answered, or too old.

        Raises:
            InputError: it has no audience or nonce, or its nonce was used for another.
        """
        request.check()
        if (request.audience, request.nonce) in self._until_s:
            raise InputError("This nonce asks for something else already; draw a new one.")
        while len(self._until_s) >= self._count_max:
            del self._until_s[next(iter(self._until_s))]
        self._until_s[request.audience, request.nonce] = now_s + PRESENTATION_AGE_S_MAX

    def take(self, request: Request, *, now_s: int) -> None:
        """Count a request as answered.

        Raises:
            NonceReplayed: it was answered before, is too old, or was never made.
        """
        if self._until_s.pop((request.audience, request.nonce), -1) < now_s:
            raise NonceReplayed("This request was answered before, or too long ago.")
