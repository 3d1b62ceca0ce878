"""SD-JWTs taken apart and put together again, in the compact form and both JSON forms (RFC 9901).

Nothing is checked here but the form: what the parts mean is read in `disclosures`, and whether the
issuer signed them in `verification`. The compact form comes out as it went in; a JSON form comes
out with its members in their order, written as the published presentations are.

Spec: 42-credentials.md
"""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from billfold.credentials.bounds import CREDENTIAL_SIZE_MAX, DISCLOSURES_MAX
from billfold.credentials.encoding import Object, encode_base64url, write_json
from billfold.credentials.jose import Token
from billfold.importers.interface import Json
from billfold.importers.json_reader import parse_json
from billfold_protocol.errors import AlgorithmRefused, LimitExceeded, Malformed

# RFC 9901 §4.1.1: names of the IANA "Named Information Hash Algorithm" registry.
HASHES: Final[dict[str, Callable[[bytes], bytes]]] = {
    "sha-256": lambda data: hashlib.sha256(data).digest(),
    "sha-384": lambda data: hashlib.sha384(data).digest(),
    "sha-512": lambda data: hashlib.sha512(data).digest(),
    "sha3-256": lambda data: hashlib.sha3_256(data).digest(),
    "sha3-384": lambda data: hashlib.sha3_384(data).digest(),
    "sha3-512": lambda data: hashlib.sha3_512(data).digest(),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class SdJwt:
    """A credential or a presentation: the issuer's token, disclosures, perhaps a key binding."""

    token: Token
    """What the issuer signed; with several signatures, the first."""

    disclosures: tuple[str, ...] = field(repr=False)
    """Base64url, in the order in which they came."""

    key_binding: str | None = field(repr=False)
    """The compact token that proves who presents it; None in a credential as issued."""

    envelope: Object | None = field(default=None, repr=False)
    """The JSON form it came in (RFC 9901 §8); None for the compact form."""

    @property
    def hash_name(self) -> str:
        """What digests are made with.

        Raises:
            AlgorithmRefused: the credential names a hash that this version does not know.
        """
        name = self.token.payload.get("_sd_alg", "sha-256")
        if not isinstance(name, str) or name not in HASHES:
            raise AlgorithmRefused("The credential uses a hash that this version does not know.")
        return name

    @property
    def hash_input(self) -> str:
        """What a key binding covers: the compact form up to and with the last tilde (§4.3.1)."""
        return "".join(f"{part}~" for part in (self.token.compact, *self.disclosures))

    @property
    def sd_hash(self) -> str:
        """The digest of all that is shown, which a key binding names.

        Raises:
            AlgorithmRefused: see `hash_name`.
        """
        return encode_base64url(HASHES[self.hash_name](self.hash_input.encode()))

    def digest(self, disclosure: str) -> str:
        """Return the digest by which the issuer names a disclosure.

        Raises:
            AlgorithmRefused: see `hash_name`.
        """
        return encode_base64url(HASHES[self.hash_name](disclosure.encode()))

    def show(self, disclosures: Sequence[str], *, key_binding: str | None = None) -> "SdJwt":
        """Return a presentation of these disclosures alone, in the form of this one."""
        return replace(self, disclosures=tuple(disclosures), key_binding=key_binding)

    def encode(self) -> str:
        """Return the text, in the form it came in."""
        if self.envelope is None:
            return self.hash_input + (self.key_binding or "")
        changed: Object = {"disclosures": list(self.disclosures)}
        if self.key_binding is not None:
            changed["kb_jwt"] = self.key_binding
        envelope = dict(self.envelope)
        signatures = envelope.get("signatures")
        if isinstance(signatures, list):
            first = _require_object(signatures[0])
            envelope["signatures"] = [
                {**first, "header": _header(first.get("header"), changed)},
                *signatures[1:],
            ]
        else:
            envelope["header"] = _header(envelope.get("header"), changed)
        return write_json(envelope)


def parse_sd_jwt(text: str) -> SdJwt:
    """Take a credential or a presentation apart, in whichever of the three forms it is.

    Raises:
        Malformed: it is no SD-JWT.
        AlgorithmRefused: it is not signed.
        LimitExceeded: it is too large, or nested too deeply.
    """
    if len(text.encode()) > CREDENTIAL_SIZE_MAX:
        raise LimitExceeded(f"The credential is larger than {CREDENTIAL_SIZE_MAX >> 10} KiB.")
    raw = "".join(text.split()) if not text.lstrip().startswith("{") else text
    return _parse_json_form(raw) if raw.lstrip().startswith("{") else _parse_compact(raw)


def _parse_compact(raw: str) -> SdJwt:
    issuer, *rest = raw.split("~")
    if not rest:
        raise Malformed(
            "This is a plain signed token, not an SD-JWT: it has no '~' after the issuer's part."
        )
    return SdJwt(
        token=Token.parse(issuer, "issuer's part"),
        disclosures=_bounded(rest[:-1]),
        key_binding=rest[-1] or None,
    )


def _parse_json_form(raw: str) -> SdJwt:
    envelope = _require_object(parse_json(raw))
    signed = envelope
    if "signatures" in envelope:
        signatures = envelope["signatures"]
        if not isinstance(signatures, list) or not signatures or "signature" in envelope:
            raise Malformed("The JSON form of the credential has no list of signatures.")
        # RFC 9901 §8: with several signatures, the first one's header carries the disclosures.
        signed = _require_object(signatures[0])
    header = _require_object(signed.get("header", {}))
    listed = header.get("disclosures", [])
    if not isinstance(listed, list):
        raise Malformed("The disclosures of the credential are not a list.")
    parts = (signed.get("protected"), envelope.get("payload"), signed.get("signature"))
    binding = header.get("kb_jwt")
    return SdJwt(
        token=Token.parse(".".join(map(_require_text, parts)), "issuer's part"),
        disclosures=_bounded([_require_text(disclosure) for disclosure in listed]),
        key_binding=None if binding is None else _require_text(binding),
        envelope=envelope,
    )


def _bounded(disclosures: list[str]) -> tuple[str, ...]:
    if len(disclosures) > DISCLOSURES_MAX:
        raise LimitExceeded(f"The credential has more than {DISCLOSURES_MAX:,} disclosures.")
    if not all(disclosures):
        raise Malformed("A disclosure of the credential is empty.")
    return tuple(disclosures)


def _header(header: Json, changed: Object) -> Object:
    """Return an unprotected header with these members, each in the place it had."""
    kept = _require_object(header) if header is not None else {}
    return {name: value for name, value in {**kept, **changed}.items() if _is_kept(name, changed)}


def _is_kept(name: str, changed: Object) -> bool:
    return name != "kb_jwt" or name in changed


def _require_object(value: Json) -> Object:
    if not isinstance(value, dict):
        raise Malformed("A part of the credential that must be an object is something else.")
    return value


def _require_text(value: Json) -> str:
    if not isinstance(value, str):
        raise Malformed("A part of the credential that must be text is something else.")
    return value
