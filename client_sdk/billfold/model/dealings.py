"""Organisations the person deals with, what goes to and fro, and what was agreed.

DPV names are written compactly, `dpv:ServiceProvision`: a field's name has no `#`.

Spec: 41-records.md
"""

from dataclasses import dataclass
from typing import Final

from billfold.document import MergeKind, RecordView
from billfold.model.declaring import elements, flag, group, ladder, text, time
from billfold.model.fields import FIXED, GROWS, LAST

MESSAGE_STATES: Final = ("received", "read", "answered")
DELIVERY_STATES: Final = ("draft", "sending", "sent", "delivered")
CLAIM_STATES: Final = ("claimed", "yielded", "sending", "sent")


@dataclass(frozen=True, slots=True)
class Relationship:
    """An organisation that the person deals with."""

    record: RecordView

    organisation = text(
        "organisation",
        "its identifier, which makes the record what it is",
        "TS5 identifier; TS10 interactingPartyIdentifier",
        FIXED,
        is_required=True,
    )
    name = text("name", "what the person calls it", "TS5 tradeName")
    legal_name = text("legal_name", "what the register calls it", "TS5 legalName", LAST)
    country = text("country", "where it is", "TS5 country", LAST)
    email = text("email", "where to write", "TS5 email", LAST)
    phone = text("phone", "where to call", "TS5 phone", LAST)
    info_uri = text("info_uri", "its page", "TS5 infoURI", LAST)
    support_uri = text("support_uri", "where to ask for deletion", "TS5 supportURI", LAST)
    privacy_policy = text("privacy_policy", "where its policy is", "TS5 policyURI", LAST)
    registrar_url = text("registrar_url", "where it is registered", "TS10 registrarURL", LAST)
    identifiers = group(
        text(
            "identifiers/*", "its numbers, by kind such as LEI or EUID", "TS5 identifier.type", LAST
        )
    )
    public_key = text("public_key", "the key by which it is known", merge=FIXED)
    is_closed = flag("closed", "whether the person has ended it", merge=MergeKind.MONOTONE)


@dataclass(frozen=True, slots=True)
class Message:
    """A message from or to an organisation, in the shape of DIDComm plaintext."""

    record: RecordView

    message_id = text("message_id", "its id, of the sender's choice", "DIDComm v2 id", FIXED)
    message_type = text("message_type", "what kind it is", "DIDComm v2 type", FIXED)
    sender = text("from", "who wrote it", "DIDComm v2 from", FIXED)
    to = text("to", "whom it is for", "DIDComm v2 to", FIXED)
    thread = text("thid", "the thread it belongs to", "DIDComm v2 thid", FIXED)
    parent_thread = text("pthid", "the thread above", "DIDComm v2 pthid", FIXED)
    created_at = time("created_time", "when it was written", "DIDComm v2 created_time")
    expires_at = time("expires_time", "until when it matters", "DIDComm v2 expires_time")
    body = text("body", "what it says: a JSON object", "DIDComm v2 body", FIXED)
    attached = group(
        text("attached/*", "what goes with it, each a JSON object", "DIDComm v2 attachments", FIXED)
    )
    subject = text("subject", "the line to show in a list", "DIDComm basicmessage", FIXED)
    relationship = text("relationship", "the record of the other side", merge=FIXED)
    direction = text("direction", "whose message it is", merge=FIXED, choices=("in", "out"))
    state = ladder("state", MESSAGE_STATES, "how far the person is with it")
    delivery = ladder("delivery", DELIVERY_STATES, "how far an own message is")
    claims = group(
        ladder("answer_claims/*", CLAIM_STATES, "which devices want to send the answer, by id")
    )
    answers = group(
        text("answer_drafts/*", "the record of the answer of a device, by id", merge=LAST)
    )


@dataclass(frozen=True, slots=True)
class Agreement:
    """What the person has agreed to: a consent record, or terms that they have proffered."""

    record: RecordView

    identifier = text("identifier", "its id, on both sides", "ISO/IEC TS 27560 record_id", FIXED)
    controller = text(
        "controller", "who may process", "ISO/IEC TS 27560; dpv:hasDataController", FIXED
    )
    relationship = text("relationship", "the record of the other side", merge=FIXED)
    is_given = flag(
        "given",
        "whether it stands; a withdrawal wins over a consent that is given meanwhile",
        "dpv:hasConsentStatus: dpv:ConsentGiven, dpv:ConsentWithdrawn",
        MergeKind.REMOVE_WINS,
    )
    given_at = time("given_at", "when it was given", "ISO/IEC TS 27560 event_time", LAST)
    withdrawn_at = time(
        "withdrawn_at", "when it was withdrawn", "ISO/IEC TS 27560 event_time", LAST
    )
    valid_until = time("valid_until", "until when it holds", "dpv:hasDuration", LAST)
    purposes = group(
        flag(
            "purposes/*",
            "what for, each of which can be withdrawn",
            "dpv:hasPurpose",
            MergeKind.REMOVE_WINS,
        )
    )
    personal_data = group(
        flag(
            "personal_data/*",
            "which data, by name and never by value",
            "dpv:hasPersonalData",
            FIXED,
        )
    )
    processing = group(flag("processing/*", "what is done", "dpv:hasProcessing", FIXED))
    recipients = group(flag("recipients/*", "who else gets it", "dpv:hasRecipient", FIXED))
    legal_basis = text("legal_basis", "on which ground", "dpv:hasLegalBasis", FIXED)
    notice = text("notice", "what the person was told, or where", "dpv:hasNotice", FIXED)
    storage = text("storage", "how long it is kept", "dpv:hasStorageCondition", FIXED)
    jurisdiction = text("jurisdiction", "whose law applies", "dpv:hasJurisdiction", FIXED)
    method = text("method", "how consent was shown", "dpv:hasIndicationMethod", FIXED)
    terms = text("terms", "the terms proffered, such as SD-BASE", "IEEE 7012 agreement", FIXED)
    first_party = text(
        "proffered_by",
        "whose terms they are",
        "IEEE 7012",
        FIXED,
        choices=("person", "organisation"),
    )
    receipt = text("receipt", "the receipt that both sides hold", "ISO/IEC TS 27560 receipt", FIXED)
    counter_receipt = text("counter_receipt", "the other side's signature on it", merge=FIXED)
    events = group(
        text(
            "events/*", "what happened, each once: time and status", "ISO/IEC TS 27560 event", GROWS
        )
    )


@dataclass(frozen=True, slots=True)
class AgentGrant:
    """What a program may do in the person's name."""

    record: RecordView

    agent = text("agent", "which program: its device id in hexadecimal, or its name", merge=FIXED)
    name = text("name", "what the person calls it")
    actions = group(flag("actions/*", "what it may do", "RFC 9396 actions", MergeKind.REMOVE_WINS))
    locations = group(
        flag("locations/*", "where it may", "RFC 9396 locations", MergeKind.REMOVE_WINS)
    )
    datatypes = group(
        flag("datatypes/*", "with which records", "RFC 9396 datatypes", MergeKind.REMOVE_WINS)
    )
    granted_at = time("granted_at", "when it was granted")
    expires_at = time("expires_at", "until when it holds", merge=LAST)
    is_revoked = flag("revoked", "whether it has ended, for good", merge=MergeKind.MONOTONE)
    limits = elements("limits/*", "what it must ask about first")
