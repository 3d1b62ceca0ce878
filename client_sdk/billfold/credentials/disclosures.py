"""What a credential says once its disclosures are put in their places (RFC 9901 §7.1).

Each disclosure must be named by exactly one digest that the issuer signed, directly or through
another disclosure; no claim may be given twice. The places are remembered, so that a holder can
show a claim with exactly the disclosures on the way to it, in the order in which a verifier meets
their digests.

Spec: 42-credentials.md
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final, TypeAlias

from billfold.credentials.bounds import CLAIMS_DEPTH_MAX, DIGESTS_MAX
from billfold.credentials.encoding import Object, decode_json
from billfold.credentials.sd_jwt import SdJwt
from billfold.importers.interface import Json
from billfold_protocol.errors import (
    DuplicateDisclosure,
    LimitExceeded,
    Malformed,
    MisplacedDisclosure,
    UnreferencedDisclosure,
)

Place: TypeAlias = tuple[str | int, ...]
"""Where a claim is: names of members and indexes of lists, from the outermost."""

_MEMBER_PARTS: Final = 3  # RFC 9901 §4.2.1: salt, name, value.
_ELEMENT_PARTS: Final = 2  # RFC 9901 §4.2.2: salt, value.
_RESERVED: Final = ("_sd", "...")

# SD-JWT VC §2.2.2.3: what a verifier decides by must not be withheld.
ALWAYS_SHOWN: Final = ("iss", "nbf", "exp", "cnf", "vct", "vct#integrity", "aka_vcts", "status")


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenedClaims:
    """All that a credential or a presentation discloses."""

    claims: Object = field(repr=False)
    """With every disclosure in its place, and no digests."""

    disclosed: Mapping[Place, str] = field(repr=False)
    """The disclosure that gives the claim at each place, in the order a verifier meets them."""

    def choose(self, places: Iterable[Place], *, with_parts: bool = True) -> tuple[str, ...]:
        """Return the disclosures that show the claims at these places, and no other claim.

        Args:
            places: of claims that are there.
            with_parts: whether what is withheld within these claims is shown as well.
        """
        wanted = set(places)
        on_the_way = {place[:size] for place in wanted for size in range(1, len(place) + 1)}
        return tuple(
            disclosure
            for place, disclosure in self.disclosed.items()
            if place in on_the_way
            or (with_parts and any(place[:size] in wanted for size in range(1, len(place))))
        )


def open_disclosures(sd_jwt: SdJwt) -> OpenedClaims:
    """Put every disclosure in its place.

    Raises:
        Malformed: a disclosure or a digest has no right form.
        AlgorithmRefused: the hash is not known.
        DuplicateDisclosure: a disclosure or a digest occurs twice.
        MisplacedDisclosure: one gives a claim that is there already, or that may not be withheld.
        UnreferencedDisclosure: no digest names it.
        LimitExceeded: there are too many digests, or claims nest too deeply.
    """
    _ = sd_jwt.hash_name  # Refused even where no disclosure needs it.
    opening = _Opening()
    for index, disclosure in enumerate(sd_jwt.disclosures):
        digest = sd_jwt.digest(disclosure)
        if digest in opening.waiting:
            raise DuplicateDisclosure("The same disclosure is there twice.")
        opening.waiting[digest] = (disclosure, _parse_disclosure(disclosure, index))
    payload = {name: value for name, value in sd_jwt.token.payload.items() if name != "_sd_alg"}
    claims = opening.open_object(payload, ())
    if opening.waiting:
        raise UnreferencedDisclosure(
            "The issuer did not sign this disclosure: no digest in the credential names it."
        )
    return OpenedClaims(claims=claims, disclosed=MappingProxyType(opening.disclosed))


@dataclass(slots=True)
class _Opening:
    """The disclosures by digest, until the digest that names each is met."""

    waiting: dict[str, tuple[str, list[Json]]] = field(default_factory=dict)
    met: set[str] = field(default_factory=set)
    disclosed: dict[Place, str] = field(default_factory=dict)

    def open_value(self, value: Json, place: Place) -> Json:
        if len(place) > CLAIMS_DEPTH_MAX:
            raise LimitExceeded(f"The claims are nested more than {CLAIMS_DEPTH_MAX} levels deep.")
        match value:
            case dict():
                return self.open_object(value, place)
            case list():
                return self.open_list(value, place)
            case _:
                return value

    def open_object(self, members: Object, place: Place) -> Object:
        if "..." in members:
            raise MisplacedDisclosure("A claim is named '...', which is reserved.")
        opened: Object = {}
        for name, value in members.items():
            if name != "_sd":
                opened[name] = self.open_value(value, (*place, name))
                continue
            if not isinstance(value, list):
                raise Malformed("The digests of the credential are not a list.")
            for digest in value:
                self._open_member(digest, place, members, opened)
        return opened

    def open_list(self, elements: list[Json], place: Place) -> list[Json]:
        opened: list[Json] = []
        for element in elements:
            here = (*place, len(opened))
            if not (isinstance(element, dict) and "..." in element):
                opened.append(self.open_value(element, here))
                continue
            if len(element) != 1:
                raise Malformed("A digest in a list stands beside other members.")
            found = self._take(element["..."])
            if found is None:
                continue
            disclosure, parts = found
            if len(parts) != _ELEMENT_PARTS:
                raise MisplacedDisclosure("A disclosure for a claim stands in the place of a list.")
            self.disclosed[here] = disclosure
            opened.append(self.open_value(parts[1], here))
        return opened

    def _open_member(self, digest: Json, place: Place, members: Object, opened: Object) -> None:
        found = self._take(digest)
        if found is None:
            return
        disclosure, parts = found
        if len(parts) != _MEMBER_PARTS:
            raise MisplacedDisclosure("A disclosure for a list stands in the place of a claim.")
        name = parts[1]
        if not isinstance(name, str) or name in _RESERVED:
            raise MisplacedDisclosure("A disclosure has a name that no claim may have.")
        if name in opened or name in members:
            raise MisplacedDisclosure("A disclosure gives a claim that is there already.")
        if not place and name in ALWAYS_SHOWN:
            raise MisplacedDisclosure(f"The claim {name!r} must not be withheld, and is.")
        here = (*place, name)
        self.disclosed[here] = disclosure
        opened[name] = self.open_value(parts[2], here)

    def _take(self, digest: Json) -> tuple[str, list[Json]] | None:
        """Return what a digest names; a decoy names nothing."""
        if not isinstance(digest, str):
            raise Malformed("A digest of the credential is not text.")
        if digest in self.met:
            raise DuplicateDisclosure("One digest occurs twice in the credential.")
        if len(self.met) >= DIGESTS_MAX:
            raise LimitExceeded(f"The credential has more than {DIGESTS_MAX:,} digests.")
        self.met.add(digest)
        return self.waiting.pop(digest, None)


def _parse_disclosure(encoded: str, index: int) -> list[Json]:
    what = f"disclosure {index + 1}"
    value = decode_json(encoded, what)
    if not isinstance(value, list) or len(value) not in (_ELEMENT_PARTS, _MEMBER_PARTS):
        raise Malformed(f"The {what} is not a list of two or three values.")
    if not isinstance(value[0], str):
        raise Malformed(f"The {what} has a salt that is not text.")
    return value
