"""Each test here belongs to rows of the table of attacks; what it shows goes into its report."""

import re
from collections.abc import Generator
from pathlib import Path

import pytest

from tests.support.adversaries.findings import SHOWN, Broken

FOLDER = Path(__file__).parent


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Put the rows, what was shown and the assertion that broke into the report."""
    report = yield
    marker = item.get_closest_marker("attack")
    if marker is not None and call.when == "call":
        error = None if call.excinfo is None else call.excinfo.value
        name = error.name if isinstance(error, Broken) else type(error).__name__
        report.user_properties += [
            ("rows", " ".join(marker.args)),
            ("shown", ", ".join(SHOWN)),
            ("broken", "" if error is None else name),
        ]
    return report


@pytest.fixture(autouse=True)
def nothing_shown() -> None:
    """Begin each row with nothing shown."""
    SHOWN.clear()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Require that every test of this folder says which rows it is about."""
    for item in items:
        if item.path.parent == FOLDER and re.match(r"test_[a-z]\d\d_", item.path.name):
            assert item.get_closest_marker("attack"), f"{item.nodeid} names no row"
