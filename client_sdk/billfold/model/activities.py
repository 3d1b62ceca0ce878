"""What the wallet did for the person: to whom which claims went. It holds names, never values.

Spec: 41-records.md
"""

from dataclasses import dataclass
from typing import Final

from billfold.document import RecordView
from billfold.model.declaring import flag, group, integer, text, time
from billfold.model.fields import FIXED

TRANSACTION_TYPES: Final = (
    "Presentation",
    "PseudonymPresentation",
    "W2WPresentation",
    "W2WPresentationRequest",
    "CredentialIssuance",
    "CredentialReissuance",
    "CredentialDeletion",
    "PseudonymGeneration",
    "PseudonymDeletion",
    "CertificateIssuance",
    "CertificateDeletion",
    "SigningSealing",
    "DataDeletionRequest",
    "DPAReport",
    "OtherTransaction",
)  # TS10 1.0 §3.1


@dataclass(frozen=True, slots=True)
class Activity:
    """One thing that happened, in the log of the device that did it."""

    record: RecordView

    identifier = text(
        "transaction_identifier", "its id", "TS10 transactionIdentifier", FIXED, is_required=True
    )
    happened_at = time("time", "when", "TS10 time", is_required=True)
    transaction_type = text(
        "transaction_type",
        "what",
        "TS10 transactionType",
        FIXED,
        is_required=True,
        choices=TRANSACTION_TYPES,
    )
    result = text(
        "transaction_result",
        "how it ended",
        "TS10 transactionResult",
        FIXED,
        is_required=True,
        choices=("Completed", "NotCompleted"),
    )
    party = text(
        "interacting_party_identifier", "with whom", "TS10 interactingPartyIdentifier", FIXED
    )
    party_type = text("interacting_party_type", "what they are", "TS10 interactingPartyType", FIXED)
    party_name = text(
        "interacting_party_name", "what they are called", "TS10 interactingPartyName", FIXED
    )
    party_contact = text(
        "interacting_party_contact", "how to reach them", "TS10 interactingPartyContact", FIXED
    )
    is_intermediary = flag(
        "is_intermediary", "whether they ask for another", "TS10 isIntermediary", FIXED
    )
    intermediary = text(
        "intermediary_identifier", "through whom", "TS10 intermediaryIdentifier", FIXED
    )
    intermediary_name = text(
        "intermediary_name", "what those are called", "TS10 intermediaryName", FIXED
    )
    registrar_url = text("registrar_url", "where they are registered", "TS10 registrarURL", FIXED)
    purpose = text("purpose", "what they said it is for", "TS10 purpose", FIXED)
    privacy_policy = text("privacy_policy", "where their policy is", "TS10 privacyPolicy", FIXED)
    authority = text("dpa_name", "whom to complain to", "TS10 dpaName", FIXED)
    authority_country = text("dpa_country", "where that is", "TS10 dpaCountry", FIXED)
    authority_contact = text("dpa_contact", "how to reach it", "TS10 dpaContact", FIXED)
    claims_requested = group(
        text(
            "claims_requested/*",
            "which claims were asked for, by path: the credential's type",
            "TS10 listOfClaimsRequested",
            FIXED,
        )
    )
    claims_presented = group(
        text(
            "claims_presented/*",
            "which claims were given, by path: the credential's type",
            "TS10 listOfClaimsPresented",
            FIXED,
        )
    )
    reason = text("reason_of_noncompletion", "why it did not", "TS10 reasonOfNoncompletion", FIXED)
    credential = text("credential", "the record of the credential", merge=FIXED)
    relationship = text("relationship", "the record of the other side", merge=FIXED)
    device = text("device", "which device did it: its id in hexadecimal", merge=FIXED)
    number = integer("number", "its place in that device's log, from 1", merge=FIXED)
    previous = text("previous", "the hash of the one before it, in hexadecimal", merge=FIXED)
    origin = text("origin", "which other wallet's log it is from, if it was imported", merge=FIXED)
