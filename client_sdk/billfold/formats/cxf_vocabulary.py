"""What the members of FIDO CXF 1.0 credentials become in a record.

| CXF credential | record | told apart by `kind` |
|---|---|---|
| basic-auth, passkey, totp | `login` | |
| wifi, generated-password | `login` | yes |
| credit-card | `payment` | yes |
| address, person-name | `person` | |
| identity-document, passport, drivers-license, file, note alone | `document` | yes |
| ssh-key, api-key | `key` | yes |

Spec: 43-portability.md
"""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Credential:
    """How one type of credential becomes fields."""

    record_type: str
    """The type of the record."""

    members: dict[str, str]
    """Members with a value, and their fields."""

    has_kind: bool = True
    """Whether the field `kind` names the credential's type."""


_HOLDER = {
    "fullName": "full_name",
    "birthDate": "birth_date",
    "issueDate": "issue_date",
    "expiryDate": "expiry_date",
    "issuingAuthority": "issuing_authority",
}

_PERSON_DOCUMENT = _HOLDER | {
    "issuingCountry": "issuing_country",
    "nationality": "nationality",
    "birthPlace": "birth_place",
    "sex": "sex",
}

CREDENTIALS: Final[dict[str, Credential]] = {
    "basic-auth": Credential(
        "login", {"username": "username", "password": "password"}, has_kind=False
    ),
    "totp": Credential(
        "login",
        {
            "secret": "totp",
            "period": "totp_period_s",
            "digits": "totp_digits",
            "algorithm": "totp_algorithm",
            "issuer": "totp_issuer",
            "username": "totp_username",
        },
        has_kind=False,
    ),
    "passkey": Credential(
        "login",
        {
            "credentialId": "passkey/credential_id",
            "rpId": "passkey/rp_id",
            "username": "passkey/username",
            "userDisplayName": "passkey/user_display_name",
            "userHandle": "passkey/user_handle",
            "key": "passkey/key",
        },
        has_kind=False,
    ),
    "generated-password": Credential("login", {"password": "password"}),
    "wifi": Credential(
        "login",
        {
            "ssid": "ssid",
            "networkSecurityType": "network_security_type",
            "passphrase": "passphrase",
            "hidden": "hidden",
        },
    ),
    "credit-card": Credential(
        "payment",
        {
            "number": "number",
            "fullName": "full_name",
            "cardType": "card_type",
            "verificationNumber": "verification_number",
            "pin": "pin",
            "expiryDate": "expiry_date",
            "validFrom": "valid_from",
        },
    ),
    "address": Credential(
        "person",
        {
            "streetAddress": "street_address",
            "postalCode": "postal_code",
            "city": "city",
            "territory": "territory",
            "country": "country",
            "tel": "tel",
        },
        has_kind=False,
    ),
    "person-name": Credential(
        "person",
        {
            "title": "name_title",
            "given": "given_name",
            "givenInformal": "given_name_informal",
            "given2": "middle_name",
            "surnamePrefix": "family_name_prefix",
            "surname": "family_name",
            "surname2": "family_name_second",
            "credentials": "name_credentials",
            "generation": "name_generation",
        },
        has_kind=False,
    ),
    "identity-document": Credential(
        "document",
        _PERSON_DOCUMENT
        | {
            "documentNumber": "document_number",
            "identificationNumber": "identification_number",
        },
    ),
    "passport": Credential(
        "document",
        _PERSON_DOCUMENT
        | {
            "passportType": "passport_type",
            "passportNumber": "passport_number",
            "nationalIdentificationNumber": "identification_number",
        },
    ),
    "drivers-license": Credential(
        "document",
        _HOLDER
        | {
            "territory": "territory",
            "country": "country",
            "licenseNumber": "license_number",
            "licenseClass": "license_class",
        },
    ),
    "file": Credential(
        "document",
        {
            "id": "file_id",
            "name": "file_name",
            "decryptedSize": "file_size",
            "integrityHash": "file_sha256",
        },
    ),
    "ssh-key": Credential(
        "key",
        {
            "keyType": "key_type",
            "privateKey": "private_key",
            "keyComment": "comment",
            "creationDate": "creation_date",
            "expirationDate": "expiry_date",
            "expiryDate": "expiry_date",
            "keyGenerationSource": "generation_source",
        },
    ),
    "api-key": Credential(
        "key",
        {
            "key": "key",
            "username": "username",
            "keyType": "key_type",
            "url": "url",
            "validFrom": "valid_from",
            "expiryDate": "expiry_date",
        },
    ),
}

ATTACHED: Final = frozenset({"note", "custom-fields", "item-reference"})
"""Types that go with the other credentials of their item; alone they make a `document`."""

_CONCEALED: Final = "concealed-string"
_DATE: Final = "date"
_MONTH: Final = "year-month"
_COUNTRY: Final = "country-code"
_SUBDIVISION: Final = "subdivision-code"

FIELD_TYPES: Final[dict[str, dict[str, str]]] = {
    "basic-auth": {"password": _CONCEALED},
    "wifi": {
        "networkSecurityType": "wifi-network-security-type",
        "passphrase": _CONCEALED,
        "hidden": "boolean",
    },
    "credit-card": {
        "number": _CONCEALED,
        "verificationNumber": _CONCEALED,
        "pin": _CONCEALED,
        "expiryDate": _MONTH,
        "validFrom": _MONTH,
    },
    "address": {"territory": _SUBDIVISION, "country": _COUNTRY},
    "person-name": {},
    "identity-document": {
        "issuingCountry": _COUNTRY,
        "birthDate": _DATE,
        "issueDate": _DATE,
        "expiryDate": _DATE,
    },
    "passport": {
        "issuingCountry": _COUNTRY,
        "birthDate": _DATE,
        "issueDate": _DATE,
        "expiryDate": _DATE,
    },
    "drivers-license": {
        "territory": _SUBDIVISION,
        "country": _COUNTRY,
        "birthDate": _DATE,
        "issueDate": _DATE,
        "expiryDate": _DATE,
    },
    "ssh-key": {"creationDate": _DATE, "expirationDate": _DATE, "keyGenerationSource": "string"},
    "api-key": {"key": _CONCEALED, "validFrom": _DATE, "expiryDate": _DATE},
}
"""Of the types whose members are editable fields, the `fieldType` of those that are no `string`."""

PLAIN: Final[dict[str, frozenset[str]]] = {
    "ssh-key": frozenset({"keyType", "privateKey", "keyComment"})
}
"""Members of those types that are plain values."""

TOTP_DEFAULTS: Final[dict[str, str | int]] = {"period": 30, "digits": 6, "algorithm": "sha1"}
"""What a one-time code needs besides its secret."""
