"""Every record type that this version knows: the table of specs/41, as values.

Spec: 41-records.md
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

from billfold.model.activities import Activity
from billfold.model.attestations import Credential, Key, Pseudonym
from billfold.model.common import COMMON_FIELDS
from billfold.model.dealings import AgentGrant, Agreement, Message, Relationship
from billfold.model.fields import Field, fields_of
from billfold.model.natural_keys import NaturalKey, key_by, key_of_credential, key_of_self, no_key
from billfold.model.possessions import DocumentRecord, Login, Pass, Payment
from billfold.model.statements import Intent, Person, Preference, Setting

_REPEATED: Final = re.compile(r":[1-9][0-9]{0,3}$")


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordType:
    """A type of records: its fields, and what makes two additions one record."""

    name: str
    view: type
    """The class of its typed views; it declares the fields."""

    standard: str
    natural_key: NaturalKey
    natural_key_fields: str
    """What the natural key is, for the table; empty if there is none."""

    is_closed: bool = False
    """Whether adding a record with a field that the type does not know is refused."""

    @property
    def fields(self) -> Mapping[str, Field[Any]]:
        """The fields of this type, by name in order; `COMMON_FIELDS` come beside them."""
        return fields_of(self.view)

    @property
    def description(self) -> str:
        """One sentence."""
        return (self.view.__doc__ or "").splitlines()[0]


def _type(
    name: str,
    view: type,
    standard: str,
    natural_key: NaturalKey = no_key,
    natural_key_fields: str = "",
    **more: bool,
) -> RecordType:
    return RecordType(
        name=name,
        view=view,
        standard=standard,
        natural_key=natural_key,
        natural_key_fields=natural_key_fields,
        **more,
    )


RECORD_TYPES: Final[Mapping[str, RecordType]] = {
    one.name: one
    for one in (
        _type(
            "credential",
            Credential,
            "OpenID4VCI 1.0, SD-JWT VC, ISO/IEC 18013-5, EUDI TS10",
            key_of_credential,
            "`issuer`, and `serial` or else the SHA-256 of what the issuer signed",
        ),
        _type("key", Key, "CXF 1.0, RFC 7517"),
        _type(
            "relationship",
            Relationship,
            "EUDI TS5, TS10",
            key_by("organisation"),
            "`organisation`",
        ),
        _type(
            "message",
            Message,
            "DIDComm v2 plaintext",
            key_by("message_id", "from"),
            "`message_id`, `from`",
        ),
        _type(
            "agreement",
            Agreement,
            "ISO/IEC TS 27560, DPV, IEEE 7012",
            key_by("identifier"),
            "`identifier`",
        ),
        _type(
            "activity",
            Activity,
            "EUDI TS10",
            key_by("transaction_identifier"),
            "`transaction_identifier`",
            is_closed=True,
        ),
        _type(
            "preference",
            Preference,
            "schema.org, DPV",
            key_by("subject", "scope"),
            "`subject`, `scope`",
        ),
        _type("intent", Intent, "schema.org Demand"),
        _type(
            "pass",
            Pass,
            "Apple pass",
            key_by("serial_number", "pass_type_identifier"),
            "`serial_number`, `pass_type_identifier`",
        ),
        _type("payment", Payment, "CXF 1.0"),
        _type("login", Login, "CXF 1.0"),
        _type("document", DocumentRecord, "CXF 1.0"),
        _type("agent_grant", AgentGrant, "RFC 9396"),
        _type("pseudonym", Pseudonym, "EUDI TS10", key_by("value"), "`value`"),
        _type("setting", Setting, "", key_by("name", "device"), "`name`, `device`"),
        _type(
            "person", Person, "CXF 1.0, schema.org", key_of_self, "`self` where `role` is `self`"
        ),
    )
}
"""By name, in the order in which they are told."""

_COMMON: Final = {field.name: field for field in COMMON_FIELDS}


def type_of_view(view: type) -> RecordType:
    """Return the record type of a class of typed views."""
    return next(one for one in RECORD_TYPES.values() if one.view is view)


@lru_cache(4_096)
def field_of(record_type: str | None, name: str) -> Field[Any] | None:
    """Return what is known of a field; None for one that this version does not know.

    Importers name a second value of one field `password:2`: it is like the first.
    """
    known = RECORD_TYPES.get(record_type or "")
    for fields in ({} if known is None else known.fields, _COMMON):
        found = fields.get(name) or _group_of(fields, name)
        if found is not None:
            return found
    shorter = _REPEATED.sub("", name)
    return field_of(record_type, shorter) if shorter != name else None


def _group_of(fields: Mapping[str, Field[Any]], name: str) -> Field[Any] | None:
    groups = (field for field in fields.values() if field.is_group and field.covers(name))
    return max(groups, key=lambda field: len(field.name), default=None)
