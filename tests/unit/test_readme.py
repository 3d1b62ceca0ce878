import re
import subprocess
import sys
from pathlib import Path

README = Path(__file__).parents[2] / "README.md"


def _example() -> str:
    (code,) = re.findall(r"```python\n(.*?)```", README.read_text(), re.DOTALL)
    return str(code)


def test_the_readme_example_runs_and_prints_what_it_says(tmp_path: Path) -> None:
    result = subprocess.run(
        [sys.executable, "-c", _example()],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    assert result.stdout.splitlines() == ["ada.lovelace", "['ada', 'ada.lovelace']"]


def test_the_readme_example_is_short() -> None:
    lines = [line for line in _example().splitlines() if line.strip()]
    assert len(lines) <= 15


def test_the_readme_shows_demo_and_test_first() -> None:
    first_block = README.read_text().split("```")[1]
    assert [line.split("#")[0].strip() for line in first_block.strip().splitlines()] == [
        "make demo",
        "make test",
    ]
