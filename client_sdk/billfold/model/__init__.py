"""Typed views of records, and how the fields of each type merge.

A record is its fields; a view gives the best known of them names and types, holds nothing itself
and hides nothing: what it does not know is in `record.fields`.

Spec: 40-wallet-document.md
"""

from billfold.model.labels import LABEL_FIELDS, label_of
from billfold.model.merging import wallet_merge_kinds
from billfold.model.natural_keys import credential_key, relationship_key
from billfold.model.records import (
    CREDENTIAL,
    DEVICE,
    LOGIN,
    PREFERENCE,
    RELATIONSHIP,
    Credential,
    Login,
    Preference,
    Relationship,
    tag_field,
    tags_of,
)

__all__ = [
    "CREDENTIAL",
    "DEVICE",
    "LABEL_FIELDS",
    "LOGIN",
    "PREFERENCE",
    "RELATIONSHIP",
    "Credential",
    "Login",
    "Preference",
    "Relationship",
    "credential_key",
    "label_of",
    "relationship_key",
    "tag_field",
    "tags_of",
    "wallet_merge_kinds",
]
