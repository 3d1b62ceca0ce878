import re
from pathlib import Path

import pytest

from tests.attacks.catalogue import MUTANTS
from tests.attacks.mutant import Mutant
from tests.attacks.mutants import find, run, source_of

FOLDER = Path(__file__).parent


def rows() -> list[str]:
    """Return the rows that have a test in this folder."""
    names = (re.match(r"test_([kdspmn]\d\d)_", path.name) for path in FOLDER.glob("test_*.py"))
    return sorted({match[1].upper() for match in names if match})


@pytest.mark.parametrize("row", rows())
def test_a_row_has_a_mutant(row: str) -> None:
    assert [mutant for mutant in MUTANTS if mutant.row == row]


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: f"{mutant.row} {mutant.name}")
def test_what_a_mutant_takes_out_is_there(mutant: Mutant) -> None:
    assert mutant.row in rows()
    patched = mutant.applied(source_of(mutant.module))
    compile(patched, mutant.module, "exec")


def test_the_names_of_mutants_differ() -> None:
    names = [mutant.name for mutant in MUTANTS]
    assert len(names) == len(set(names))


def test_a_row_fails_at_its_assertion_when_its_check_is_taken_out() -> None:
    verdict = run(find("a wrap need not be listed"))
    assert verdict.is_killed, verdict
