import ast
import re
from functools import cache
from pathlib import Path

import pytest

from billfold_protocol.crypto.domains import Domain

ROOT = Path(__file__).parents[2]
LIBRARIES = ("protocol", "server", "client_sdk")

MODULE_LENGTH_MAX = 400
FUNCTION_LENGTH_MAX = 60
DOCSTRING_LENGTH_MAX = 10

RESERVED_DOMAINS: frozenset[str] = frozenset()
"""Labels that are listed before the code that uses them is there."""


@cache
def modules(*folders: str) -> list[Path]:
    return sorted(path for folder in folders for path in (ROOT / folder).rglob("*.py"))


@cache
def parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def named(paths: list[Path]) -> list[object]:
    return [pytest.param(path, id=str(path.relative_to(ROOT))) for path in paths]


@pytest.mark.parametrize("path", named(modules(*LIBRARIES, "tests")))
def test_a_module_and_its_functions_are_short(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) <= MODULE_LENGTH_MAX
    for node in ast.walk(parsed(path)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            assert node.end_lineno is not None
            assert node.end_lineno - node.lineno < FUNCTION_LENGTH_MAX, node.name


@pytest.mark.parametrize("path", named(modules(*LIBRARIES)))
def test_a_module_says_what_it_is_and_which_spec_it_follows(path: Path) -> None:
    docstring = ast.get_docstring(parsed(path))
    assert docstring is not None
    lines = docstring.splitlines()
    assert len([line for line in lines if line]) <= DOCSTRING_LENGTH_MAX
    match = re.fullmatch(r"Spec: (\d\d-[a-z-]+\.md)", lines[-1])
    assert match is not None, lines[-1]
    assert (ROOT / "specs" / match[1]).is_file(), match[1]


@pytest.mark.parametrize("path", named(modules(*LIBRARIES)))
def test_a_library_does_not_print(path: Path) -> None:
    calls = [node.func for node in ast.walk(parsed(path)) if isinstance(node, ast.Call)]
    assert not [call for call in calls if isinstance(call, ast.Name) and call.id == "print"]


def test_every_label_has_the_prefix_of_its_version_and_stands_once() -> None:
    labels = [domain.value.decode() for domain in Domain]
    assert len(labels) == len(set(labels)) == len(Domain.__members__)
    for label in labels:
        assert re.fullmatch(r"billfold/v1/(hash|sign|derive|seal|wrap)/[a-z-]+", label), label


KINDS = {
    "digest": "hash",
    "sign": "sign",
    "sign_value": "sign",
    "verify": "sign",
    "check_signature": "sign",
    "derive_key": "derive",
    "wrap": "wrap",
    "unwrap": "wrap",
}
"""What a function does with the label it is given."""


def domain_of(node: ast.expr) -> str | None:
    if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
        return node.attr if node.value.id == "Domain" else None
    return None


@cache
def uses() -> dict[str, set[tuple[str, str]]]:
    """Return, by label, the modules that name it and the functions it is an argument of."""
    found: dict[str, set[tuple[str, str]]] = {}
    for path in modules(*LIBRARIES):
        if path.name == "domains.py":
            continue
        tree = parsed(path)
        module = str(path.relative_to(ROOT))
        for node in ast.walk(tree):
            if isinstance(node, ast.Call):
                function = node.func
                name = function.attr if isinstance(function, ast.Attribute) else ""
                name = function.id if isinstance(function, ast.Name) else name
                for argument in node.args:
                    domain = domain_of(argument)
                    if domain is not None:
                        found.setdefault(domain, set()).add((module, name))
            elif isinstance(node, ast.Attribute) and domain_of(node) is not None:
                found.setdefault(node.attr, set())
    return found


@pytest.mark.parametrize("domain", list(Domain), ids=lambda domain: domain.name)
def test_a_label_is_used_for_its_one_purpose(domain: Domain) -> None:
    is_used = domain.name in uses()
    assert is_used == (domain.name not in RESERVED_DOMAINS)
    kind = domain.value.decode().split("/")[2]
    functions = {KINDS[name] for _, name in uses().get(domain.name, ()) if name in KINDS}
    assert functions <= {kind}


def test_a_hash_a_key_and_a_seal_are_made_in_one_place_each() -> None:
    for domain in Domain:
        kind = domain.value.decode().split("/")[2]
        if kind in {"hash", "derive", "seal"}:
            places = {module for module, _ in uses().get(domain.name, ())}
            assert len(places) <= 1, (domain.name, places)
