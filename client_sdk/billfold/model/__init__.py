"""Typed views of records, and how the fields of each type merge.

A record is its fields; a view gives the best known of them names and types, holds nothing itself
and hides nothing: what it does not know is in `record.fields`.

Spec: 40-wallet-document.md
"""

from billfold.model.merging import wallet_merge_kinds
from billfold.model.natural_keys import credential_key, relationship_key
from billfold.model.records import (
    CREDENTIAL,
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
    "LOGIN",
    "PREFERENCE",
    "RELATIONSHIP",
    "Credential",
    "Login",
    "Preference",
    "Relationship",
    "credential_key",
    "relationship_key",
    "tag_field",
    "tags_of",
    "wallet_merge_kinds",
]
