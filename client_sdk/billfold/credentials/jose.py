"""ECDSA keys and signatures of tokens (RFC 7515, 7517, 7518): the only importer of joserfc.

A key has one algorithm, which its curve decides; a token that names another is refused before
anything is computed, so neither `none` nor a MAC keyed with a public key is ever tried. EdDSA and
RSA are not taken: joserfc checks Ed25519 with OpenSSL, which accepts small-order keys.

Spec: 42-credentials.md
"""

from dataclasses import dataclass, field
from typing import Final

from joserfc.errors import JoseError
from joserfc.jwk import ECKey
from joserfc.jws import JWSRegistry

from billfold.credentials.bounds import HEADER_SIZE_MAX
from billfold.credentials.encoding import (
    Object,
    decode_base64url,
    decode_object,
    encode_base64url,
    encode_json,
    write_json,
)
from billfold.importers.interface import Json
from billfold.importers.json_reader import parse_json
from billfold_protocol.errors import (
    AlgorithmRefused,
    CredentialTampered,
    InputError,
    LimitExceeded,
    Malformed,
)

_ALGORITHM_OF: Final = {"P-256": "ES256", "P-384": "ES384", "P-521": "ES512"}
_PUBLIC: Final = ("kty", "crv", "x", "y")
_TOKEN_PARTS: Final = 3

# The registry must know the names before it gives their algorithms.
_REGISTRY: Final = JWSRegistry(algorithms=list(_ALGORITHM_OF.values()))


@dataclass(frozen=True, slots=True, kw_only=True)
class PublicKey:
    """A key that signatures are checked with."""

    algorithm: str
    """The one algorithm that it is used with, such as `ES256`."""

    thumbprint: str
    """SHA-256 of the key in base64url (RFC 7638); it names the key."""

    jwk: Object
    """Its public members alone (RFC 7517)."""

    key_id: str | None
    """What the issuer calls it."""

    _key: ECKey = field(repr=False, compare=False)

    @classmethod
    def parse(cls, jwk: Json) -> "PublicKey":
        """Take a key in JWK form; private members and unknown ones are left out.

        Raises:
            Malformed: it is no key.
            AlgorithmRefused: it is a key of a kind that credentials are not signed with.
        """
        if not isinstance(jwk, dict):
            raise Malformed("A key is a JSON object.")
        if jwk.get("kty") != "EC" or jwk.get("crv") not in _ALGORITHM_OF:
            raise AlgorithmRefused(
                "Only keys for ECDSA (P-256, P-384, P-521) are taken for credentials."
            )
        key = _import({name: jwk[name] for name in _PUBLIC if name in jwk})
        name = jwk.get("kid")
        return cls._of(key, name if isinstance(name, str) else None)

    @classmethod
    def from_pem(cls, pem: bytes) -> "PublicKey":
        """Take a public key in PEM form.

        Raises:
            Malformed: it is no key for ECDSA.
        """
        try:
            return cls._of(ECKey.import_key(pem), None)
        except (JoseError, ValueError, TypeError, KeyError) as error:
            raise Malformed("This is no public key for ECDSA.") from error

    @classmethod
    def _of(cls, key: ECKey, key_id: str | None) -> "PublicKey":
        if key.curve_name not in _ALGORITHM_OF:
            raise AlgorithmRefused("Credentials are not signed with a key of this curve.")
        return cls(
            algorithm=_ALGORITHM_OF[key.curve_name],
            thumbprint=key.thumbprint(),
            jwk=_members(key.as_dict(private=False)),
            key_id=key_id,
            _key=key,
        )

    def has_signed(self, token: "Token") -> bool:
        """Say whether this key signed a token that names the key's own algorithm."""
        if token.algorithm != self.algorithm:
            return False
        algorithm = _REGISTRY.get_alg(self.algorithm)
        return bool(algorithm.verify(token.signing_input, token.signature, self._key))


@dataclass(frozen=True, slots=True, kw_only=True)
class PrivateKey:
    """A holder's key; its secret is in no `repr`."""

    public: PublicKey
    _key: ECKey = field(repr=False, compare=False)

    @classmethod
    def generate(cls) -> "PrivateKey":
        """Make a key for ES256, with the system's randomness."""
        return cls._of(ECKey.generate_key("P-256"))

    @classmethod
    def parse(cls, text: str) -> "PrivateKey":
        """Read what `export` wrote, or any private JWK for ECDSA.

        Raises:
            InputError: it is something else.
        """
        try:
            jwk = parse_json(text)
            if not isinstance(jwk, dict) or "d" not in jwk:
                raise InputError("This is no private key for ECDSA.")
            PublicKey.parse(jwk)
            return cls._of(_import({name: jwk[name] for name in (*_PUBLIC, "d") if name in jwk}))
        except (Malformed, AlgorithmRefused) as error:
            # Not chained: the parser's error could show the secret.
            raise InputError(f"This is no private key for ECDSA: {error}") from None

    @classmethod
    def _of(cls, key: ECKey) -> "PrivateKey":
        return cls(public=PublicKey._of(key, None), _key=key)  # noqa: SLF001 -- its own module

    def export(self) -> str:
        """Return the private JWK as JSON text; it is a secret."""
        return write_json(_members(self._key.as_dict(private=True)))

    def sign(self, header: Object, payload: Object) -> str:
        """Return a compact token; `alg` comes first in its header."""
        protected = encode_json({"alg": self.public.algorithm, **header})
        signing_input = f"{protected}.{encode_json(payload)}"
        algorithm = _REGISTRY.get_alg(self.public.algorithm)
        signature = encode_base64url(algorithm.sign(signing_input.encode(), self._key))
        return f"{signing_input}.{signature}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """A signed token, taken apart and not yet checked (RFC 7515 §7.1)."""

    compact: str = field(repr=False)
    header: Object
    payload: Object = field(repr=False)
    signature: bytes = field(repr=False)

    @classmethod
    def parse(cls, compact: str, what: str) -> "Token":
        """Take a compact token apart.

        Raises:
            Malformed: it is no signed token, or has extensions that must be understood.
            AlgorithmRefused: it is not signed.
            LimitExceeded: its header is too large, or it is nested too deeply.
        """
        parts = compact.split(".")
        if len(parts) != _TOKEN_PARTS or not all(parts[:2]):
            raise Malformed(f"The {what} does not have a signed token's three parts.")
        if len(parts[0]) > HEADER_SIZE_MAX:
            raise LimitExceeded(f"The header of the {what} is too large.")
        header = decode_object(parts[0], f"header of the {what}")
        algorithm = header.get("alg")
        if not isinstance(algorithm, str) or algorithm.lower() == "none" or not parts[2]:
            raise AlgorithmRefused(f"The {what} is not signed.")
        # RFC 7515 §4.1.11: what is named here changes how the token is to be read.
        if "crit" in header or "b64" in header:
            raise Malformed(f"The {what} uses extensions that this version does not know.")
        return cls(
            compact=compact,
            header=header,
            payload=decode_object(parts[1], what),
            signature=decode_base64url(parts[2], f"signature of the {what}"),
        )

    @property
    def algorithm(self) -> str:
        """What the header says it is signed with."""
        return str(self.header["alg"])

    @property
    def signing_input(self) -> bytes:
        """The bytes under the signature."""
        return self.compact.rpartition(".")[0].encode()

    def verify(self, key: PublicKey, what: str) -> None:
        """Check the signature.

        Raises:
            AlgorithmRefused: the token names another algorithm than the key's.
            CredentialTampered: the key did not sign these bytes.
        """
        if self.algorithm != key.algorithm:
            raise AlgorithmRefused(
                f"The {what} names an algorithm that is not the one of the key it is checked with."
            )
        if not key.has_signed(self):
            raise CredentialTampered(f"The signature of the {what} does not match.")


def _import(jwk: Object) -> ECKey:
    try:
        texts: dict[str, str | list[str]] = {
            name: value for name, value in jwk.items() if isinstance(value, str)
        }
        return ECKey.import_key(texts)
    except (JoseError, ValueError, TypeError, KeyError):
        # Not chained: the library's error could show a secret member.
        raise Malformed("This is no key for ECDSA.") from None


def _members(jwk: object) -> Object:
    assert isinstance(jwk, dict)
    return {name: str(jwk[name]) for name in (*_PUBLIC, "d") if name in jwk}
