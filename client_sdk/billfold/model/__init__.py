"""The record types of a wallet: their fields, how these merge, and typed views.

A record is its fields; a view gives the known ones names and types, holds nothing itself and hides
nothing: what it does not know is in `view.record.fields`.

Spec: 41-records.md
"""

from billfold.model.activities import Activity
from billfold.model.attestations import BINDINGS, Credential, Key, Pseudonym
from billfold.model.checking import Checked, Input, check_field, check_fields, check_new
from billfold.model.common import COMMON_FIELDS, tag_field, tags_of
from billfold.model.dealings import (
    CLAIM_STATES,
    DELIVERY_STATES,
    MESSAGE_STATES,
    AgentGrant,
    Agreement,
    Message,
    Relationship,
)
from billfold.model.fields import Field, ValueType
from billfold.model.labels import LABEL_FIELDS, label_of
from billfold.model.merging import wallet_merge_kinds
from billfold.model.natural_keys import credential_key, relationship_key
from billfold.model.possessions import DocumentRecord, Login, Pass, Payment
from billfold.model.registry import RECORD_TYPES, RecordType, field_of, type_of_view
from billfold.model.schemas import json_schema, merge_name
from billfold.model.statements import SOURCES, Intent, Person, Preference, Setting
from billfold.model.suspicions import lookalikes, misfits
from billfold.model.type_names import CREDENTIAL, DEVICE, LOGIN, PREFERENCE, RELATIONSHIP

__all__ = [
    "BINDINGS",
    "CLAIM_STATES",
    "COMMON_FIELDS",
    "CREDENTIAL",
    "DELIVERY_STATES",
    "DEVICE",
    "LABEL_FIELDS",
    "LOGIN",
    "MESSAGE_STATES",
    "PREFERENCE",
    "RECORD_TYPES",
    "RELATIONSHIP",
    "SOURCES",
    "Activity",
    "AgentGrant",
    "Agreement",
    "Checked",
    "Credential",
    "DocumentRecord",
    "Field",
    "Input",
    "Intent",
    "Key",
    "Login",
    "Message",
    "Pass",
    "Payment",
    "Person",
    "Preference",
    "Pseudonym",
    "RecordType",
    "Relationship",
    "Setting",
    "ValueType",
    "check_field",
    "check_fields",
    "check_new",
    "credential_key",
    "field_of",
    "json_schema",
    "label_of",
    "lookalikes",
    "merge_name",
    "misfits",
    "relationship_key",
    "tag_field",
    "tags_of",
    "type_of_view",
    "wallet_merge_kinds",
]
