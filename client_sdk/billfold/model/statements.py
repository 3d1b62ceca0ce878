"""What the person says about themselves, wishes for and has set.

Two devices that say different things are both kept until the person chooses. Where a statement is
from stands beside it, by its hash: `sources/<field>/<hash>`.

Spec: 41-records.md
"""

from dataclasses import dataclass
from typing import Final

from billfold.document import RecordView
from billfold.model.declaring import anything, ladder, text, time
from billfold.model.fields import FIXED, LAST, MULTI

SOURCES: Final = ("declared", "confirmed", "inferred", "imported")
"""The person said so; somebody else confirmed it; a program concluded it; a file had it."""


@dataclass(frozen=True, slots=True)
class Preference:
    """A statement of the person about themselves."""

    record: RecordView

    subject = text(
        "subject",
        "what it is about, such as diet",
        "schema.org additionalType; dpv:hasPersonalData",
        FIXED,
        is_required=True,
    )
    statement = anything(
        "statement", "what the person says", "schema.org value", MULTI, is_statement=True
    )
    scope = text("scope", "for whom or where it holds; everywhere if absent", merge=FIXED)
    valid_until = time("valid_until", "until when it holds", "schema.org validThrough", LAST)

    @property
    def statements(self) -> tuple[object, ...]:
        """All that is said and not yet chosen among, the newest first."""
        state = self.record.fields.get("statement")
        return () if state is None else tuple(value.value for value in state.values)


@dataclass(frozen=True, slots=True)
class Intent:
    """Something the person looks for."""

    record: RecordView

    title = text("title", "what the person calls it", "schema.org Demand.name")
    description = text(
        "description", "what is looked for", "schema.org Demand.description", is_statement=True
    )
    item = text("item", "what kind of thing", "schema.org Demand.itemOffered", is_statement=True)
    price_max = anything(
        "price_max", "the most to pay", "schema.org PriceSpecification.maxPrice", is_statement=True
    )
    currency = text("currency", "in which money", "schema.org priceCurrency")
    area = text("area", "where", "schema.org Demand.eligibleRegion")
    valid_from = time("valid_from", "from when", "schema.org Demand.validFrom", LAST)
    valid_through = time("valid_through", "until when", "schema.org Demand.validThrough", LAST)
    state = ladder("state", ("open", "answered", "closed"), "how far it is")


@dataclass(frozen=True, slots=True)
class Setting:
    """How the person wants the wallet to behave, on all devices or on one."""

    record: RecordView

    name = text("name", "which setting", merge=FIXED, is_required=True)
    value = anything("value", "what it is set to", merge=LAST)
    device = text("device", "the one device it is for: its id in hexadecimal", merge=FIXED)


@dataclass(frozen=True, slots=True)
class Person:
    """The person, or somebody they know."""

    record: RecordView

    role = text("role", "the person, or another", merge=FIXED, choices=("self", "other"))
    title = text("title", "what the entry is called", "CXF 1.0 item.title")
    name_title = text("name_title", "title", "CXF 1.0 person-name.title")
    given_name = text("given_name", "given name", "CXF 1.0 person-name.given", is_statement=True)
    middle_name = text(
        "middle_name", "other given names", "CXF 1.0 person-name.given2", is_statement=True
    )
    family_name = text(
        "family_name", "family name", "CXF 1.0 person-name.surname", is_statement=True
    )
    full_name = text("full_name", "the whole name", "schema.org Person.name", is_statement=True)
    birth_date = text("birth_date", "born", "schema.org Person.birthDate", is_statement=True)
    gender = text("gender", "gender", "schema.org Person.gender", is_statement=True)
    nationality = text(
        "nationality", "nationality", "schema.org Person.nationality", is_statement=True
    )
    street_address = text(
        "street_address", "street and number", "CXF 1.0 address.streetAddress", is_statement=True
    )
    postal_code = text("postal_code", "code", "CXF 1.0 address.postalCode", is_statement=True)
    city = text("city", "city", "CXF 1.0 address.city", is_statement=True)
    territory = text("territory", "territory", "CXF 1.0 address.territory", is_statement=True)
    country = text("country", "country", "CXF 1.0 address.country", is_statement=True)
    tel = text("tel", "telephone", "CXF 1.0 address.tel", is_statement=True)
    email = text("email", "mail", "schema.org Person.email", is_statement=True)
    company = text("company", "where they work", "schema.org Person.worksFor", is_statement=True)
    identification_number = text(
        "identification_number", "number at an authority", "schema.org Person.identifier"
    )
