"""Reads the vector files, and turns their `expect` into what a test expects.

Spec: 00-overview.md
"""

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from billfold_protocol import errors
from billfold_protocol.membership import MembershipChain

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "specs" / "vectors"

Vector = dict[str, Any]


@cache
def load(name: str) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((FOLDER / f"{name}.json").read_text())
    return content


def each(
    name: str, *fields: str, **equal: object
) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Run a test with every vector of a file that has the given fields and values."""
    chosen = [
        vector
        for vector in load(name)["vectors"]
        if all(field in vector for field in fields)
        and all(vector.get(field) == value for field, value in equal.items())
    ]
    assert chosen, "no vector has these fields"
    return pytest.mark.parametrize("vector", chosen, ids=[vector["id"] for vector in chosen])


def chain_of(name: str, vector: Vector) -> MembershipChain:
    """Return the chain that a vector names, or its first entries where it says how many."""
    raws = binary(load(name)["chains"][vector["chain"]])
    return MembershipChain.load(raws[: vector.get("length", len(raws))])


def refused_with(vectors: Iterable[Vector]) -> set[str]:
    """Return the error types that vectors name."""
    return {vector["expect"] for vector in vectors if vector["expect"] != "ok"}


def binary(texts: Sequence[str]) -> list[bytes]:
    return [bytes.fromhex(text) for text in texts]


@contextmanager
def expecting(vector: Vector) -> Iterator[None]:
    """Expect exactly the error that the vector names, or none."""
    if vector["expect"] == "ok":
        yield
        return
    with pytest.raises(errors.BillfoldError) as caught:
        yield
    assert type(caught.value).__name__ == vector["expect"]
