"""What the results of `show`, `statements`, `correct` and `activity` look like to a person.

Spec: 41-records.md
"""

from collections.abc import Callable, Mapping
from typing import Final

from billfold.cli.terminal import Terminal
from billfold.cli.wire import JsonObject
from billfold.cli.wording import HIDDEN, time_text, value_text


def show_meaning(result: JsonObject, terminal: Terminal) -> None:
    """Write an explained record."""
    terminal.line(f"{result['id']}  {result['type']}:{result['label']}")
    if result["about"] is not None:
        terminal.line(result["about"])
    rows = [
        [
            one["field"],
            HIDDEN if one["is_hidden"] else value_text(one["value"]),
            one["what"] or "",
            ", ".join(said["source"] for said in one["said"] if said["source"]),
            "choose one: `billfold resolve`" if one["conflict"] else "",
        ]
        for one in result["fields"]
    ]
    terminal.table(["field", "value", "what it is", "source", ""], rows)


def show_statements(result: JsonObject, terminal: Terminal) -> None:
    """Write what the wallet says about the person."""
    if not result["statements"]:
        terminal.note("The wallet says nothing about you.")
    for statement in result["statements"]:
        show_statement(statement, terminal)


def show_statement(result: JsonObject, terminal: Terminal) -> None:
    """Write one statement with where it is from."""
    terminal.line(f"{result['id']}  {result['type']}:{result['label']}  {result['field']}")
    rows = [
        [
            value_text(said["value"]),
            said["source"] or "",
            said["evidence"] or "",
            said["device"] or "",
            time_text(said["time_ms"]),
        ]
        for said in result["said"]
    ]
    terminal.table(["value", "source", "because of", "device", "time"], rows)


def show_activity(result: JsonObject, terminal: Terminal) -> None:
    """Write the activity log, and what is wrong with it."""
    rows = [
        [
            time_text((entry["time_s"] or 0) * 1000),
            entry["what"] or "",
            entry["party"] or "",
            ", ".join(entry["claims"]),
            entry["device"] or "",
        ]
        for entry in result["entries"]
    ]
    terminal.table(["time", "what", "with", "claims", "device"], rows)
    for one in result["missing"]:
        terminal.note(
            f"Entry {one['number']} of {one['device']} is gone, and you did not delete it."
        )
    for record in result["altered"]:
        terminal.note(f"{record} is not what it was when it was written.")
    if result["deleted"]:
        terminal.note(f"Entries that you deleted: {len(result['deleted'])}.")


MEANING_RENDERERS: Final[Mapping[str, Callable[[JsonObject, Terminal], None]]] = {
    "activity": show_activity,
    "correct": show_statement,
    "show": show_meaning,
    "statements": show_statements,
}
"""By command."""
