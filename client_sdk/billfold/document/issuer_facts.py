"""What an issuer says at a time of its own: a status, a balance, a count of stamps.

Nobody adds such values up or counts them here: of two, the one that the issuer said later is true,
in whatever order devices learn of them. A field holds it as the text `<seconds> <JSON value>`.

Spec: 40-wallet-document.md
"""

import json
import math
import re
from dataclasses import dataclass
from typing import Final

from billfold.document.values import Scalar, encode_scalar
from billfold_protocol.errors import InputError

_FACT: Final = re.compile(r"(0|[1-9][0-9]{0,11}) (.+)", re.DOTALL)
_TIME_MAX_S: Final = 10**12 - 1


@dataclass(frozen=True, slots=True, kw_only=True)
class IssuerFact:
    """A value, and when its issuer said that it is so."""

    value: str | int | float | bool | None
    time_s: int
    """Seconds since 1970 by the issuer's clock, such as the `iat` of a status list token."""

    def encode(self) -> str:
        """Return the text that a field holds.

        Raises:
            InputError: the time is out of range, or the value cannot be written.
        """
        if type(self.time_s) is not int or not 0 <= self.time_s <= _TIME_MAX_S:
            raise InputError("An issuer's time is a number of seconds since 1970.")
        if isinstance(self.value, float) and not math.isfinite(self.value):
            raise InputError("A number that an issuer states is finite.")
        return f"{self.time_s} {json.dumps(self.value, ensure_ascii=False)}"


def parse_issuer_fact(value: Scalar) -> IssuerFact | None:
    """Return what a field's text says; None for a value of another form."""
    match = _FACT.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        return None
    try:
        stated = json.loads(match[2], parse_constant=_refuse)
    except (ValueError, RecursionError):
        return None
    if stated is not None and not isinstance(stated, str | int | float):
        return None
    return IssuerFact(value=stated, time_s=int(match[1]))


def issuer_order(value: Scalar) -> tuple[int, bytes]:
    """Return what orders values of a field: the issuer's time, and for one time the bytes.

    A value of another form, as one written by another program, comes before all.
    """
    fact = parse_issuer_fact(value)
    return (-1 if fact is None else fact.time_s), encode_scalar(value)


def _refuse(constant: str) -> object:
    raise ValueError(constant)
