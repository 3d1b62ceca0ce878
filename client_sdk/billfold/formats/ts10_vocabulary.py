"""The words of EUDI TS10 1.2: the transaction log and the list of credentials.

The specification nests what one kind of transaction has under a member of its own (§3.1); its
examples (§4) and files made after them do not. Written is the first, read are both.

Spec: 43-portability.md
"""

from typing import Final

COMMON: Final[dict[str, str]] = {
    "transactionIdentifier": "transaction_identifier",
    "transactionType": "transaction_type",
    "transactionResult": "transaction_result",
}
"""Members of each transaction that are texts, and their fields; `time` is one more."""

CONTAINERS: Final[dict[str, str]] = {
    "Presentation": "presentation",
    "PseudonymPresentation": "pseudonymousAuthentication",
    "W2WPresentation": "w2wPresentation",
    "W2WPresentationRequest": "w2wPresentationRequest",
    "CredentialIssuance": "credentialIssuance",
    "CredentialReissuance": "credentialIssuance",
    "CredentialDeletion": "credentialDeletion",
    "PseudonymGeneration": "pseudonymGeneration",
    "PseudonymDeletion": "pseudonymDeletion",
    "CertificateIssuance": "certificateIssuance",
    "CertificateDeletion": "certificateDeletion",
    "SigningSealing": "signingSealing",
    "DataDeletionRequest": "dataDeletionRequest",
    "DPAReport": "dpaReport",
    "OtherTransaction": "otherTransaction",
}
"""By type of transaction, the member that holds what it alone has."""

DETAILS: Final[dict[str, str]] = {
    "interactingPartyIdentifier": "interacting_party_identifier",
    "interactingPartyType": "interacting_party_type",
    "interactingPartyName": "interacting_party_name",
    "interactingPartyContact": "interacting_party_contact",
    "intermediaryIdentifier": "intermediary_identifier",
    "intermediaryName": "intermediary_name",
    "registrarURL": "registrar_url",
    "purpose": "purpose",
    "privacyPolicy": "privacy_policy",
    "dpaName": "dpa_name",
    "dpaCountry": "dpa_country",
    "dpaContact": "dpa_contact",
    "reasonOfNoncompletion": "reason_of_noncompletion",
}
"""Members of those, and their fields: a text, or the JSON text of an object or a list."""

INTERMEDIARY: Final = ("isIntermediary", "is_intermediary")
"""True or false, which the examples write as the text `"FALSE"`."""

CLAIM_LISTS: Final[dict[str, str]] = {
    "listOfClaimsRequested": "claims_requested",
    "listOfClaimsPresented": "claims_presented",
    "listOfClaims": "claims_requested",
}
"""Lists of claims by credential, and the group of fields: path to the credential's type."""

CREDENTIAL: Final[dict[str, str]] = {
    "credentialIdentifier": "vct",
    "format": "format",
    "issuerIdentifier": "issuer",
    "issuerType": "issuer_type",
    "issuerName": "issuer_name",
    "supplyPointURL": "credential_issuer",
}
"""Members of an entry of the list of credentials, and a credential's fields."""

TO_REQUEST: Final = "credential-to-request"
"""The `kind` of a document that tells which credential to ask its issuer for again."""

LOG: Final = "transactionLog"
LISTED: Final = "listOfCredentials"
WHOLE: Final = "nonDeviceBoundCredentials"
