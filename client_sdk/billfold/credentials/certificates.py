"""Chains of X.509 certificates in the header of a credential (RFC 7515 §4.1.6).

The path is validated by the `cryptography` package, to anchors that the caller gives; there is no
store of roots. Of the profile for web servers only what it says of the last certificate is left
out, because an issuer of credentials is no web server.

Spec: 42-credentials.md
"""

import base64
import binascii
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from urllib.parse import urlsplit

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.verification import (
    ExtensionPolicy,
    PolicyBuilder,
    Store,
    VerificationError,
)

from billfold.credentials.bounds import CERTIFICATES_MAX, HEADER_SIZE_MAX
from billfold.credentials.encoding import encode_base64url
from billfold.credentials.jose import PublicKey
from billfold.importers.interface import Json
from billfold_protocol.errors import InputError, LimitExceeded, Malformed, UntrustedIssuer


@dataclass(frozen=True, slots=True, kw_only=True)
class CertifiedKey:
    """The key of a certificate whose path leads to an anchor."""

    key: PublicKey
    subject: str
    """Whom the certificate names (RFC 4514)."""

    names: frozenset[str]
    """The addresses and hosts that it is for, from its subject alternative name."""

    def speaks_for(self, issuer: str) -> bool:
        """Say whether the certificate is for this issuer: its address, or an https host."""
        parts = urlsplit(issuer)
        is_plain = parts.scheme == "https" and parts.netloc == parts.hostname
        return issuer in self.names or (is_plain and f"dns:{parts.hostname}" in self.names)


@dataclass(frozen=True, slots=True, kw_only=True)
class TrustAnchors:
    """The certificates that paths may end at."""

    _certificates: tuple[x509.Certificate, ...] = field(repr=False)

    @classmethod
    def parse(cls, pem: bytes) -> "TrustAnchors":
        """Read one or more certificates in PEM form.

        Raises:
            InputError: there is none, or one cannot be read.
        """
        try:
            return cls(_certificates=tuple(x509.load_pem_x509_certificates(pem)))
        except ValueError as error:
            raise InputError("These are no certificates in PEM form.") from error

    def verify(self, chain: Json, *, now_s: int) -> CertifiedKey:
        """Return the key of the first certificate of a chain that leads to an anchor.

        Args:
            chain: the header's `x5c`: DER in base64, the signer's own certificate first.
            now_s: seconds since 1970; each certificate must be valid then.

        Raises:
            Malformed: it is no chain of certificates.
            LimitExceeded: it is longer than any chain needs to be.
            UntrustedIssuer: it leads to no anchor, or is not valid now.
        """
        leaf, *others = parse_chain(chain)
        # What a certificate of a web server must have, a signer's need not; the others must.
        policies = PolicyBuilder().extension_policies(
            ca_policy=ExtensionPolicy.webpki_defaults_ca(),
            ee_policy=ExtensionPolicy.permit_all(),
        )
        verifier = (
            policies.store(Store(list(self._certificates)))
            .time(datetime.fromtimestamp(now_s, UTC))
            .max_chain_depth(CERTIFICATES_MAX)
            .build_client_verifier()
        )
        try:
            verifier.verify(leaf, others)
        except VerificationError as error:
            raise UntrustedIssuer(
                "The issuer's certificate leads to nobody you trust, or is not valid now."
            ) from error
        pem = leaf.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        return CertifiedKey(
            key=PublicKey.from_pem(pem),
            subject=leaf.subject.rfc4514_string(),
            names=_names_of(leaf),
        )


def parse_chain(chain: Json) -> list[x509.Certificate]:
    """Read the header's `x5c`; nothing about it is checked.

    Raises:
        Malformed: it is no chain of certificates.
        LimitExceeded: it is longer than any chain needs to be.
    """
    if not isinstance(chain, list) or not chain:
        raise Malformed("The chain of certificates is not a list.")
    if len(chain) > CERTIFICATES_MAX:
        raise LimitExceeded(f"The chain has more than {CERTIFICATES_MAX} certificates.")
    certificates = []
    for encoded in chain:
        if not isinstance(encoded, str) or len(encoded) > HEADER_SIZE_MAX:
            raise Malformed("A certificate of the chain is not base64.")
        try:
            der = base64.b64decode(encoded, validate=True)
            certificates.append(x509.load_der_x509_certificate(der))
        except (ValueError, binascii.Error) as error:
            raise Malformed("A certificate of the chain cannot be read.") from error
    return certificates


def authority_key_ids(chain: Json) -> frozenset[str]:
    """Return the authority key identifiers of a chain (RFC 5280 §4.2.1.1), in base64url.

    Raises:
        Malformed, LimitExceeded: see `parse_chain`.
    """
    found = set()
    for certificate in parse_chain(chain):
        try:
            kind = x509.AuthorityKeyIdentifier
            identifier = certificate.extensions.get_extension_for_class(kind).value.key_identifier
        except (x509.ExtensionNotFound, ValueError):
            continue
        if identifier is not None:
            found.add(encode_base64url(identifier))
    return frozenset(found)


def _names_of(certificate: x509.Certificate) -> frozenset[str]:
    try:
        kind = x509.SubjectAlternativeName
        names = certificate.extensions.get_extension_for_class(kind).value
    except (x509.ExtensionNotFound, ValueError):
        return frozenset()
    addresses: Sequence[str] = names.get_values_for_type(x509.UniformResourceIdentifier)
    hosts: Sequence[str] = names.get_values_for_type(x509.DNSName)
    return frozenset([*addresses, *(f"dns:{host}" for host in hosts)])
