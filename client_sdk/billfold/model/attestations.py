"""What others have signed about the person, and the keys and names that go with it.

Spec: 41-records.md
"""

from dataclasses import dataclass
from typing import Final

from billfold.document import MergeKind, RecordView
from billfold.model.declaring import anything, fact, flag, group, integer, signed, text, time
from billfold.model.fields import FIXED, GROWS, LAST

BINDINGS: Final = ("none", "claims", "software", "device", "remote")
"""What proves that it is the person's own: nothing, claims that are compared, or a key that lies
in the wallet, in one device, or with a service."""


@dataclass(frozen=True, slots=True)
class Credential:
    """What an issuer says about the person, signed: an SD-JWT VC, an mdoc, a W3C credential."""

    record: RecordView

    format = text(
        "format",
        "its format, such as dc+sd-jwt, mso_mdoc, jwt_vc_json, ldp_vc",
        "OpenID4VCI 1.0 format; TS10 CredentialInfo.format",
        FIXED,
    )
    issuer = text(
        "issuer", "who signed it, as it names them", "SD-JWT VC iss; TS10 issuerIdentifier", FIXED
    )
    vct = text("vct", "its type", "SD-JWT VC vct; TS10 CredentialInfo.credentialIdentifier", FIXED)
    doctype = text("doctype", "its type, of an mdoc", "ISO/IEC 18013-5 docType", FIXED)
    raw = signed(
        "raw",
        "what the issuer has signed, byte for byte",
        "OpenID4VCI 1.0 credential",
        is_required=True,
        is_secret=True,
    )
    serial = text("serial", "its number among the issuer's credentials", "SD-JWT VC jti", FIXED)
    issued_at = time("issued_at", "when it was issued", "RFC 7519 iat")
    valid_from = time("valid_from", "from when it is valid", "RFC 7519 nbf")
    expires_at = time("expires_at", "until when it is valid", "RFC 7519 exp")
    claims = group(anything("claims/*", "what is said, by path", "SD-JWT VC claims", FIXED))
    configuration = text(
        "credential_configuration_id",
        "what was asked of the issuer, for asking again",
        "OpenID4VCI 1.0 credential_configuration_id",
        LAST,
    )
    credential_issuer = text(
        "credential_issuer",
        "where the issuer issues",
        "OpenID4VCI 1.0 credential_issuer; TS10 supplyPointURL",
        LAST,
    )
    notification_id = text(
        "notification_id", "what the issuer wants named", "OpenID4VCI 1.0 notification_id", LAST
    )
    issuer_name = text("issuer_name", "what the issuer is called", "TS10 issuerName", LAST)
    issuer_type = text(
        "issuer_type",
        "PIDProvider, QEAAProvider, PubEEAProvider or NonQEAAProvider",
        "TS10 issuerType",
        LAST,
    )
    title = text("title", "what the person calls it", "OpenID4VCI 1.0 display.name")
    status = fact(
        "status", "valid, suspended or invalid, as the issuer's list says", "Token Status List"
    )
    status_uri = text("status_list/uri", "where that list is", "Token Status List uri", FIXED)
    status_index = integer("status_list/idx", "the place in it", "Token Status List idx", FIXED)
    binding = text("binding", "what proves that it is the person's", merge=FIXED, choices=BINDINGS)
    bound_device = text(
        "bound_device", "the device that alone can present it: its id in hexadecimal", merge=FIXED
    )
    key_id = text("key_id", "the record of the key it is bound to", "OpenID4VCI 1.0 proofs", FIXED)
    replaced_by = text(
        "replaced_by", "the record of the credential that took its place", merge=LAST
    )
    batch = text("batch", "what the instances of one issuance have in common", merge=FIXED)
    is_one_time = flag("one_time", "whether each instance is for one presentation", merge=FIXED)
    instances = group(
        signed(
            "instances/*",
            "the instances of a batch, by the feed that spends it and number",
            "OpenID4VCI 1.0 credentials",
            is_secret=True,
        )
    )
    uses = group(
        text(
            "uses/*",
            "the presentations, by instance and number: to whom",
            merge=GROWS,
        )
    )


@dataclass(frozen=True, slots=True)
class Key:
    """A key: of a credential, or one that another program keeps here."""

    record: RecordView

    kind = text("kind", "ssh-key, api-key or wallet-key", "CXF 1.0 type", FIXED)
    title = text("title", "what the person calls it", "CXF 1.0 item.title")
    algorithm = text("algorithm", "the algorithm, such as ES256", "RFC 7517 alg", FIXED)
    key_type = text("key_type", "the kind of key", "CXF 1.0 ssh-key.keyType; RFC 7517 kty")
    public_key = text("public_key", "the public part", "RFC 7517")
    private_key = text(
        "private_key", "the private part", "CXF 1.0 ssh-key.privateKey", is_secret=True
    )
    key = text("key", "the secret of an interface", "CXF 1.0 api-key.key", is_secret=True)
    username = text("username", "whose it is", "CXF 1.0 api-key.username")
    url = text("url", "where it is used", "CXF 1.0 api-key.url")
    comment = text("comment", "what stands beside it", "CXF 1.0 ssh-key.keyComment")
    fingerprint = text("key_fingerprint", "the hash by which it is known")
    binding = text("binding", "where it lies", merge=FIXED, choices=BINDINGS)
    bound_device = text("bound_device", "the device it lies in: its id in hexadecimal", merge=FIXED)
    creation_date = text("creation_date", "when it was made", "CXF 1.0 ssh-key.creationDate")
    valid_from = text("valid_from", "from when it is good", "CXF 1.0 api-key.validFrom")
    expiry_date = text("expiry_date", "until when it is good", "CXF 1.0 expiryDate")
    is_revoked = flag("revoked", "whether it must not be used any more", merge=MergeKind.MONOTONE)


@dataclass(frozen=True, slots=True)
class Pseudonym:
    """A name under which the person is known to one party and to no other."""

    record: RecordView

    value = text("value", "the pseudonym, often a public key", "TS10 Pseudonym.value", FIXED)
    alias = text("alias", "what the person calls it", "TS10 Pseudonym.alias")
    relying_party = text("rp_id", "for whom it is", "WebAuthn Level 2 rpId", FIXED)
    key_id = text("key_id", "the record of its key", merge=FIXED)
    is_revoked = flag("revoked", "whether it is no longer used", merge=MergeKind.MONOTONE)
