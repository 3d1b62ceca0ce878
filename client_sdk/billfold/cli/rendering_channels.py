"""What the results of commands on channels look like to a person.

Spec: 26-channels.md
"""

from typing import Any

from billfold.cli.terminal import Terminal
from billfold.cli.wire import JsonObject
from billfold.cli.wording import time_text

_MARKS = {"in": "<-", "out": "->"}


def show_channels(result: JsonObject, terminal: Terminal) -> None:
    """Show the channels as a table, and what was refused."""
    rows = [
        [
            one["id"],
            one["name"],
            one["identifier"],
            "closed" if one["is_closed"] else "open" if one["sender"] else "has not written yet",
        ]
        for one in result["channels"]
    ]
    terminal.table(["id", "name", "identifier", ""], rows)
    for one in result["refused"]:
        name = one["channel"] or "a channel that is gone"
        terminal.note(f"Refused, by {name}: {one['error']['message']}.")


def show_channel(result: JsonObject, terminal: Terminal) -> None:
    """Show one channel with its address."""
    if result["is_closed"]:
        terminal.line(f"The channel with {result['name']} is closed.")
    else:
        terminal.line(result["uri"])
        terminal.note(f"Give this to {result['name']} only: whoever has it can write to you.")
    _note_server(result, terminal)


def show_messages(result: JsonObject, terminal: Terminal) -> None:
    """Show the messages as a table."""
    rows = [_row(one) for one in result["messages"]]
    terminal.table(["id", "", "with", "time", "state", "message"], rows)
    _note_server(result, terminal)


def show_answer(result: JsonObject, terminal: Terminal) -> None:
    """Show what became of an answer."""
    if result["state"] == "sent":
        terminal.line("The answer was sent.")
    elif result["is_in_step"]:
        terminal.line("The answer was not sent: another device had answered.")
    else:
        terminal.line("The answer is safe here.")
    _note_server(result, terminal)


def _row(one: dict[str, Any]) -> list[str]:
    time = "" if one["time_ms"] is None else time_text(one["time_ms"])
    mark, state = _MARKS.get(one["direction"], ""), one["state"] or ""
    return [one["id"], mark, one["with"] or "", time, state, one["subject"]]


def _note_server(result: JsonObject, terminal: Terminal) -> None:
    if not result.get("is_in_step", True):
        terminal.note("The server does not know yet; a later command tells it.")
