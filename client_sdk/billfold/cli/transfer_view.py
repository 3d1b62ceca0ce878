"""What an import and an export did, for a person.

Spec: 43-portability.md
"""

from collections import Counter
from typing import Final

from billfold.cli.terminal import Terminal
from billfold.cli.wire import JsonObject

NOTES_MAX: Final = 20
"""How many findings are shown; JSON has all."""


def show_import(result: JsonObject, terminal: Terminal) -> None:
    """Tell of each file what it changed, and what stays or was not understood."""
    for file in result["files"]:
        terminal.line(
            f"{file['file']} ({file['format']}): {len(file['added'])} added, "
            f"{len(file['updated'])} updated, {len(file['unchanged'])} unchanged."
        )
        notes = [
            *(f"kept  {_kept(item)}: {item['why']}" for item in file["kept"]),
            *(
                f"not understood  {item['where']}: {item['why']} ({item['kept_as']})"
                for item in file["unmapped"]
            ),
            *(f"left out  {item['where']}: {item['why']}" for item in file["refused"]),
        ]
        for text in notes[:NOTES_MAX]:
            terminal.note(f"  {text}")
        if len(notes) > NOTES_MAX:
            terminal.note(f"  and {len(notes) - NOTES_MAX} more; --json lists them all")


def _kept(item: JsonObject) -> str:
    label = str(item["label"])
    return label if item["field"] is None else f"{label}: {item['field']}"


def show_export(result: JsonObject, terminal: Terminal) -> None:
    """Tell where the file is, and what it has no place for."""
    terminal.line(f"{result['file']}: {result['size']} bytes ({result['format']}).")
    wholes = Counter(item["why"] for item in result["left_out"] if item["field"] is None)
    notes = [
        *(f"left out  {count} records: {why}" for why, count in sorted(wholes.items())),
        *(
            f"left out  {item['record'][:8]}: {item['field']}: {item['why']}"
            for item in result["left_out"]
            if item["field"] is not None
        ),
    ]
    for text in notes[:NOTES_MAX]:
        terminal.note(f"  {text}")
    if len(notes) > NOTES_MAX:
        terminal.note(f"  and {len(notes) - NOTES_MAX} more; --json lists them all")
