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


def parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def offences(path: Path) -> list[str]:
    """Return what is wrong with a module."""
    tree = parsed(path)
    found = []
    if len(path.read_text(encoding="utf-8").splitlines()) > MODULE_LENGTH_MAX:
        found.append(f"has more than {MODULE_LENGTH_MAX} lines")
    is_library = path.relative_to(ROOT).parts[0] in LIBRARIES
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            assert node.end_lineno is not None
            if node.end_lineno - node.lineno >= FUNCTION_LENGTH_MAX:
                found.append(f"{node.name} has more than {FUNCTION_LENGTH_MAX} lines")
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and is_library:
            found += ["prints"] * (node.func.id == "print")
    return [*found, *docstring_offences(tree)] if is_library else found


def docstring_offences(tree: ast.Module) -> list[str]:
    docstring = ast.get_docstring(tree)
    if docstring is None:
        return ["does not say what it is"]
    lines = docstring.splitlines()
    found = []
    if len([line for line in lines if line]) > DOCSTRING_LENGTH_MAX:
        found.append(f"says what it is in more than {DOCSTRING_LENGTH_MAX} lines")
    match = re.fullmatch(r"Spec: (\d\d-[a-z-]+\.md)", lines[-1])
    if match is None or not (ROOT / "specs" / match[1]).is_file():
        found.append(f"follows no page of the specs: {lines[-1]}")
    return found


def test_every_module_is_short_says_what_it_is_and_does_not_print() -> None:
    found = {
        str(path.relative_to(ROOT)): wrong
        for path in modules(*LIBRARIES, "tests")
        if (wrong := offences(path))
    }
    assert found == {}


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("x = 1", "does not say what it is"),
        ('"""A module."""', "follows no page of the specs: A module."),
        ('"""A module.\n\nSpec: 99-nothing.md\n"""', "follows no page"),
        ('"""' + "A line.\n" * 11 + '\nSpec: 01-terms.md\n"""', "more than 10 lines"),
    ],
)
def test_a_docstring_that_breaks_the_rules_is_found(text: str, wrong: str) -> None:
    assert wrong in docstring_offences(ast.parse(text))[0]


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


def test_a_label_is_used_for_its_one_purpose() -> None:
    for domain in Domain:
        is_used = domain.name in uses()
        assert is_used == (domain.name not in RESERVED_DOMAINS), domain
        kind = domain.value.decode().split("/")[2]
        functions = {KINDS[name] for _, name in uses().get(domain.name, ()) if name in KINDS}
        assert functions <= {kind}, domain


def test_a_hash_a_key_and_a_seal_are_made_in_one_place_each() -> None:
    for domain in Domain:
        kind = domain.value.decode().split("/")[2]
        if kind in {"hash", "derive", "seal"}:
            places = {module for module, _ in uses().get(domain.name, ())}
            assert len(places) <= 1, (domain.name, places)
