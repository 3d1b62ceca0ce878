import ast
import re
from functools import cache
from pathlib import Path

import pytest

from billfold import events
from billfold_protocol import errors
from billfold_server.store.sqlite_schema import MIGRATIONS
from tests.attacks.catalogue import MUTANTS

ROOT = Path(__file__).parents[2]
SPECS = ROOT / "specs"
PAGES = sorted(path.name for path in SPECS.glob("*.md") if path.name != "README.md")
UNTESTED = {"D02", "D03"}
"""Sharing a wallet with another person has no channel yet; D02 is a matter of the chain alone."""

FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
TABLE = re.compile(r"CREATE TABLE (\w+) \((.*?)\) STRICT", re.DOTALL)
LOCAL_COLUMNS = {
    *(("wallet", "id"), ("feed", "id"), ("snapshot", "id")),
    *(("snapshot_part", "snapshot"), ("endorsement", "snapshot")),
}
"""Row numbers, by which tables refer to each other; so does the column `wallet` of each."""


def attacks() -> list[list[str]]:
    text = (SPECS / "02-threat-model.md").read_text()
    table = text.split("<!-- attacks -->")[1].split("<!-- end of attacks -->")[0]
    rows = [line for line in table.splitlines() if line.startswith("|")][2:]
    return [[cell.strip() for cell in row.strip("|").split("|")] for row in rows]


@cache
def names_of_tests() -> frozenset[str]:
    names: set[str] = set()
    for path in (ROOT / "tests").rglob("test_*.py"):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        names.update(node.name for node in ast.walk(tree) if isinstance(node, FUNCTIONS))
    return frozenset(names)


ATTACKS = {
    f"{kind}{number:02}"
    for kind, count in (("K", 15), ("D", 20), ("S", 17), ("P", 9), ("M", 5), ("N", 6))
    for number in range(1, count + 1)
}
"""The rows of the project's table of published attacks."""

FINDINGS = {name for module in (errors, events) for name in vars(module) if name[0].isupper()}


def rows_with_tests() -> dict[str, str]:
    """Return the text of the files of tests of each row that has any."""
    texts: dict[str, str] = {}
    for path in sorted((ROOT / "tests" / "attacks").glob("test_[a-z]??_*.py")):
        row = path.name[5:8].upper()
        texts[row] = texts.get(row, "") + path.read_text(encoding="utf-8")
    return texts


def quoted(cell: str) -> list[str]:
    return re.findall(r"`([A-Za-z0-9_]+)`", cell)


def test_the_table_of_attacks_has_each_attack_once() -> None:
    assert sorted(row[0] for row in attacks()) == sorted(ATTACKS)
    assert rows_with_tests().keys() == ATTACKS - UNTESTED


@pytest.mark.parametrize("row", attacks(), ids=lambda row: row[0])
def test_the_table_of_attacks_names_the_tests_findings_and_mutants_of_a_row(row: list[str]) -> None:
    id_, _, shown, tests, mutants = row
    if id_ in UNTESTED:
        assert set(quoted(tests)) <= names_of_tests()
        assert quoted(tests) or tests.startswith("waits: ")
        return
    text = rows_with_tests()[id_]
    functions = [node for node in ast.parse(text).body if isinstance(node, FUNCTIONS)]
    assert quoted(tests) == [node.name for node in functions if node.name.startswith("test_")]
    assert set(quoted(shown)) <= FINDINGS
    assert all(re.search(rf"\b{name}\b", text) for name in quoted(shown))
    assert mutants.split("; ") == [mutant.name for mutant in MUTANTS if mutant.row == id_]


@pytest.mark.parametrize("page", PAGES)
def test_a_test_that_a_page_names_exists(page: str) -> None:
    named = re.findall(r"`(test_[a-z0-9_]+)`", (SPECS / page).read_text())
    assert set(named) <= names_of_tests()


def test_every_page_that_a_module_names_exists() -> None:
    named = {
        match[1]
        for folder in ("protocol", "server", "client_sdk", "specs")
        for path in (ROOT / folder).rglob("*.py")
        if (match := re.search(r"^Spec: (\S+)$", path.read_text(encoding="utf-8"), re.MULTILINE))
    }
    assert named
    assert named <= set(PAGES)


@pytest.mark.parametrize("page", PAGES)
def test_the_index_lists_every_page(page: str) -> None:
    index = (SPECS / "README.md").read_text().split("## Pages")[1].split("\n## ")[0]
    assert re.search(rf"^\| \[?{page.removesuffix('.md')}\b", index, re.MULTILINE)


@pytest.mark.parametrize("page", ["README.md", *PAGES])
def test_a_page_that_another_links_to_exists(page: str) -> None:
    for link in re.findall(r"\]\(([\w/.-]+)(?:#[^)]*)?\)", (SPECS / page).read_text()):
        assert (SPECS / link).exists(), link


@pytest.mark.parametrize("page", PAGES)
def test_a_page_named_by_its_number_exists(page: str) -> None:
    numbers = {name[:2] for name in PAGES}
    text = (SPECS / page).read_text()
    assert set(re.findall(r"\bpage (\d\d)\b", text)) <= numbers
    titles = re.findall(r"\b(\d\d-[a-z-]+[a-z])\b", re.sub(r"\b\d\d-(?:bit|byte)\b", "", text))
    assert {f"{title}.md" for title in titles} <= set(PAGES)


class Statements:
    """Takes the place of a connection and keeps what it is told to execute."""

    def __init__(self) -> None:
        self.text = ""

    def execute(self, statement: str, bindings: object = ()) -> None:
        del bindings
        self.text += statement


def test_the_threat_model_names_every_stored_column() -> None:
    """What a server holds is what its schema says; a new column must be told of first."""
    statements = Statements()
    for migration in MIGRATIONS:
        migration(statements)  # type: ignore[arg-type]  # It is only told what to execute.
    section = (SPECS / "02-threat-model.md").read_text().split("## 3.")[1].split("\n## ")[0]
    tables = TABLE.findall(statements.text)
    assert tables
    for table, body in tables:
        lines = [row for row in section.splitlines() if row.startswith(f"| `{table}.")]
        told = " ".join(row.split("|")[1] for row in lines)
        for column in re.findall(r"(?:^|,)\s*([a-z_]+) (?:INTEGER|BLOB|TEXT)", body):
            if column == "wallet" or (table, column) in LOCAL_COLUMNS:
                continue
            assert re.search(rf"`(?:{table})?\.{column}`", told), (table, column)
