"""Which credentials fit one credential query, and what each would disclose (OpenID4VP 1.0 §6.4.1).

Spec: 42-credentials.md
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from billfold.credentials.dcql.claim_paths import path_text, places_at
from billfold.credentials.dcql.query import ClaimQuery, CredentialQuery
from billfold.credentials.disclosures import Place
from billfold.credentials.held import MDOC, TECHNICAL_CLAIMS, HeldCredential, leaves
from billfold.importers.interface import Json

_AKI = "aki"


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """One credential that answers one credential query."""

    query_id: str
    credential_id: str
    """The wallet's name for it."""

    places: tuple[Place, ...]
    """Of the claims to show."""

    shown: tuple[Place, ...]
    """Of all single claims that the verifier learns: of those, and what is always shown."""

    claim_names: tuple[str, ...]
    """The same, in words."""

    amount: int
    """How many single claims the verifier learns."""

    preference: int
    """The place of this set of claims among the verifier's, 0 for its favourite."""


def match_credentials(
    query: CredentialQuery, held: Mapping[str, HeldCredential]
) -> tuple[list[Answer], str]:
    """Return what answers the query, the least disclosed first, or else why nothing does."""
    fitting = {name: one for name, one in held.items() if _is_kind(query, one)}
    if not fitting:
        return [], f"There is no {_kind_text(query)} in the wallet."
    known = {name: one for name, one in fitting.items() if _is_accepted(query, one)}
    if not known:
        return [], f"The {_kind_text(query)} is not from an issuer that the verifier accepts."
    bound = {name: one for name, one in known.items() if one.is_bound or not query.needs_binding}
    if not bound:
        return [], f"The {_kind_text(query)} is bound to no key, and the verifier asks for one."
    found = [answer for name, one in bound.items() for answer in _answers(query, name, one)]
    if not found:
        return [], _what_is_missing(query, bound.values())
    return sorted(found, key=lambda one: (one.amount, one.preference, one.credential_id)), ""


def _answers(query: CredentialQuery, name: str, held: HeldCredential) -> Iterable[Answer]:
    by_id = {claim.id: claim for claim in query.claims}
    sets = [[by_id[one] for one in names] for names in query.claim_sets] or [list(query.claims)]
    for preference, claims in enumerate(sets):
        chosen = [_places(held, claim) for claim in claims]
        if all(chosen):
            places = tuple(dict.fromkeys(place for found in chosen for place in found))
            shown = learned(held, places)
            yield Answer(
                query_id=query.id,
                credential_id=name,
                places=places,
                shown=shown,
                claim_names=tuple(path_text(place) for place in shown),
                amount=len(shown),
                preference=preference,
            )


def learned(held: HeldCredential, places: Iterable[Place]) -> tuple[Place, ...]:
    """Return the places of the single claims that showing these claims discloses."""
    wanted = set(places)
    return tuple(
        place
        for place in leaves(held.claims)
        if place[0] not in TECHNICAL_CLAIMS and _is_shown(held, place, wanted)
    )


def _is_shown(held: HeldCredential, place: Place, wanted: set[Place]) -> bool:
    heads = [place[:size] for size in range(1, len(place) + 1)]
    for size, head in enumerate(heads, start=1):
        if head in wanted:
            return True  # With all that is within it.
        if head in held.withheld and not any(one[:size] == head for one in wanted):
            return False
    return True


def _places(held: HeldCredential, claim: ClaimQuery) -> tuple[Place, ...]:
    selected = places_at(held.claims, claim.path)
    return tuple(place for place, value in selected if _is_wanted(value, claim.values))


def _is_wanted(value: Json, values: tuple[str | int | bool, ...]) -> bool:
    # §6.3: type and value match, and true is not 1.
    return not values or any(type(one) is type(value) and one == value for one in values)


def _is_kind(query: CredentialQuery, held: HeldCredential) -> bool:
    has_type = not query.types or any(types <= held.types for types in query.types)
    return held.format == query.format and has_type


def _is_accepted(query: CredentialQuery, held: HeldCredential) -> bool:
    """Say whether the verifier's own words let the issuer be; lists we cannot look up do not."""
    return not query.authorities or any(
        kind == _AKI and not held.authorities.isdisjoint(values)
        for kind, values in query.authorities
    )


def _kind_text(query: CredentialQuery) -> str:
    names = sorted(" and ".join(sorted(types)) for types in query.types)
    what = "mobile document" if query.format == MDOC else "credential"
    return f"{what} of the type {' or '.join(names)}" if names else f"{what} ({query.format})"


def _what_is_missing(query: CredentialQuery, held: Iterable[HeldCredential]) -> str:
    """Say what the credential that comes nearest does not have; never a value."""
    fewest: tuple[int, str] | None = None
    for one in held:
        absent = [c for c in query.claims if not places_at(one.claims, c.path)]
        other = [c for c in query.claims if c not in absent and not _places(one, c)]
        said = [f"does not say {path_text(claim.path)}" for claim in absent]
        said += [f"says something else of {path_text(claim.path)}" for claim in other]
        if fewest is None or len(said) < fewest[0]:
            fewest = (len(said), " and ".join(said))
    assert fewest is not None
    return f"The {_kind_text(query)} {fewest[1]}."
