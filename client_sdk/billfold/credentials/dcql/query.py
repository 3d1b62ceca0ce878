"""A DCQL query, read strictly (OpenID4VP 1.0 §6); members that nobody knows are left out.

What cannot be meant, such as an unknown identifier in a set, is refused whole: a query that is
half understood might disclose what it did not ask for.

Spec: 42-credentials.md
"""

import re
from dataclasses import dataclass
from typing import Final

from billfold.credentials.bounds import (
    QUERY_CLAIMS_MAX,
    QUERY_CREDENTIALS_MAX,
    QUERY_PATH_LENGTH_MAX,
    QUERY_SETS_MAX,
    QUERY_SIZE_MAX,
    QUERY_VALUES_MAX,
)
from billfold.credentials.dcql.claim_paths import ClaimPath
from billfold.credentials.encoding import Object
from billfold.credentials.held import MDOC
from billfold.importers.interface import Json
from billfold.importers.json_reader import parse_json
from billfold_protocol.errors import LimitExceeded, Malformed

_NAME: Final = re.compile(r"[A-Za-z0-9_-]+")
_MDOC_PATH_LENGTH: Final = 2  # §B.2.4: name space and data element.


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimQuery:
    """One claim that is asked for."""

    id: str | None
    path: ClaimPath
    values: tuple[str | int | bool, ...]
    """Which values are accepted; empty for any."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CredentialQuery:
    """One credential that is asked for."""

    id: str
    format: str
    types: tuple[frozenset[str], ...]
    """Which types are accepted: a credential has all of one of these; empty for any."""

    authorities: tuple[tuple[str, tuple[str, ...]], ...]
    """Whom the verifier accepts as issuers, by kind; empty for anyone."""

    claims: tuple[ClaimQuery, ...]
    """Empty where none that can be withheld is asked for."""

    claim_sets: tuple[tuple[str, ...], ...]
    """Which claims together are enough, by id, the verifier's favourite first."""

    is_multiple: bool
    """Whether several credentials may be shown."""

    needs_binding: bool
    """Whether a presentation must prove the holder's key."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CredentialSet:
    """Which credentials together serve one purpose."""

    options: tuple[tuple[str, ...], ...]
    is_required: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """What a verifier asks for."""

    credentials: tuple[CredentialQuery, ...]
    sets: tuple[CredentialSet, ...]
    """Empty where every credential is asked for."""


def parse_query(text: str) -> Query:
    """Read a query in JSON.

    Raises:
        Malformed: it is no query, or asks for what cannot be meant.
        LimitExceeded: it asks for more than any question needs.
    """
    if len(text.encode()) > QUERY_SIZE_MAX:
        raise LimitExceeded(f"The query is larger than {QUERY_SIZE_MAX >> 10} KiB.")
    query = _object(parse_json(text), "query")
    credentials = tuple(
        _parse_credential(_object(one, "credential query"))
        for one in _list(query, "credentials", QUERY_CREDENTIALS_MAX)
    )
    if not credentials:
        raise Malformed("The query asks for no credential.")
    names = [credential.id for credential in credentials]
    _require_distinct(names, "credentials")
    sets = tuple(
        _parse_set(_object(one, "credential set"), frozenset(names))
        for one in _list_or_none(query, "credential_sets", QUERY_SETS_MAX)
    )
    return Query(credentials=credentials, sets=sets)


def _parse_credential(value: Object) -> CredentialQuery:
    form = _text(value, "format")
    claims = tuple(
        _parse_claim(_object(one, "claim query"), form)
        for one in _list_or_none(value, "claims", QUERY_CLAIMS_MAX)
    )
    names = [claim.id for claim in claims if claim.id is not None]
    _require_distinct(names, "claims")
    sets = tuple(
        _parse_names(one, frozenset(names))
        for one in _list_or_none(value, "claim_sets", QUERY_CLAIMS_MAX)
    )
    if sets and not claims:
        raise Malformed("The query has sets of claims, and no claims.")
    if sets and len(names) != len(claims):
        raise Malformed("The query has sets of claims, and claims without a name.")
    return CredentialQuery(
        id=_name(value),
        format=form,
        types=_parse_types(_object(value.get("meta"), "meta")),
        authorities=tuple(
            _parse_authority(_object(one, "trusted authority"))
            for one in _list_or_none(value, "trusted_authorities", QUERY_VALUES_MAX)
        ),
        claims=claims,
        claim_sets=sets,
        is_multiple=_truth(value, "multiple", default=False),
        needs_binding=_truth(value, "require_cryptographic_holder_binding", default=True),
    )


def _parse_claim(value: Object, form: str) -> ClaimQuery:
    path = tuple(map(_path_part, _list(value, "path", QUERY_PATH_LENGTH_MAX)))
    if not path:
        raise Malformed("A claim of the query has an empty path.")
    is_plain = len(path) == _MDOC_PATH_LENGTH and all(isinstance(part, str) for part in path)
    if form == MDOC and not is_plain:
        raise Malformed("A claim of a mobile document has a name space and a name.")
    values = tuple(map(_literal, _list_or_none(value, "values", QUERY_VALUES_MAX)))
    return ClaimQuery(id=_name(value) if "id" in value else None, path=path, values=values)


def _parse_set(value: Object, known: frozenset[str]) -> CredentialSet:
    listed = _list(value, "options", QUERY_SETS_MAX)
    if not listed:
        raise Malformed("A credential set of the query has no options.")
    return CredentialSet(
        options=tuple(_parse_names(one, known) for one in listed),
        is_required=_truth(value, "required", default=True),
    )


def _parse_names(value: Json, known: frozenset[str]) -> tuple[str, ...]:
    if not isinstance(value, list) or not value or len(value) > QUERY_CLAIMS_MAX:
        raise Malformed("A set of the query is not a list of names.")
    for one in value:
        if not isinstance(one, str) or one not in known:
            raise Malformed("A set of the query names what the query does not ask for.")
    return tuple(dict.fromkeys(map(str, value)))


def _parse_types(meta: Object) -> tuple[frozenset[str], ...]:
    if "doctype_value" in meta:
        return (frozenset([_text(meta, "doctype_value")]),)
    if "vct_values" in meta:
        return tuple(
            frozenset([_require_text(one)]) for one in _filled(meta, "vct_values", QUERY_VALUES_MAX)
        )
    if "type_values" not in meta:
        return ()
    alternatives = _filled(meta, "type_values", QUERY_VALUES_MAX)
    return tuple(frozenset(_each_text(one, "a list of types")) for one in alternatives)


def _parse_authority(value: Object) -> tuple[str, tuple[str, ...]]:
    values = _filled(value, "values", QUERY_VALUES_MAX)
    return _text(value, "type"), tuple(map(_require_text, values))


def _path_part(part: Json) -> str | int | None:
    if part is None or isinstance(part, str):
        return part
    if type(part) is int and part >= 0:
        return part
    raise Malformed("A path of the query has a part that is no name, index or null.")


def _literal(value: Json) -> str | int | bool:
    if isinstance(value, str | int):
        return value
    raise Malformed("A value of the query is not a text, a whole number, true or false.")


def _truth(value: Object, name: str, *, default: bool) -> bool:
    found = value.get(name, default)
    if not isinstance(found, bool):
        raise Malformed(f"The member {name!r} of the query is neither true nor false.")
    return found


def _name(value: Object) -> str:
    name = _text(value, "id")
    if not _NAME.fullmatch(name):
        raise Malformed("A name in the query has other characters than letters, digits, _ and -.")
    return name


def _text(value: Object, name: str) -> str:
    if name not in value:
        raise Malformed(f"The member {name!r} of the query is missing.")
    return _require_text(value[name])


def _require_text(value: Json) -> str:
    if not isinstance(value, str) or not value:
        raise Malformed("A part of the query that must be text is something else.")
    return value


def _each_text(value: Json, what: str) -> list[str]:
    if not isinstance(value, list) or not value:
        raise Malformed(f"The query has something else in the place of {what}.")
    return [_require_text(one) for one in value]


def _object(value: Json, what: str) -> Object:
    if not isinstance(value, dict):
        raise Malformed(f"The {what} is not an object.")
    return value


def _list(value: Object, name: str, count_max: int) -> list[Json]:
    listed = value.get(name)
    if not isinstance(listed, list):
        raise Malformed(f"The member {name!r} of the query is not a list.")
    if len(listed) > count_max:
        raise LimitExceeded(f"The member {name!r} of the query has more than {count_max} parts.")
    return listed


def _filled(value: Object, name: str, count_max: int) -> list[Json]:
    listed = _list(value, name, count_max)
    if not listed:
        raise Malformed(f"The member {name!r} of the query is empty.")
    return listed


def _list_or_none(value: Object, name: str, count_max: int) -> list[Json]:
    """Return a list that may be absent, but may not be empty (§6)."""
    return _filled(value, name, count_max) if name in value else []


def _require_distinct(names: list[str], what: str) -> None:
    if len(set(names)) != len(names):
        raise Malformed(f"Two {what} of the query have one name.")
