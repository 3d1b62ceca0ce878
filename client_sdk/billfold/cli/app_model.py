"""The commands on what records mean, as they are typed: show, statements, correct, activity.

Spec: 41-records.md
"""

from typing import Annotated

import typer

from billfold.cli.app_records import Assignments, RecordArgument, ShowSecrets, read_values
from billfold.cli.front import Front, command
from billfold.cli.request import Answer
from billfold_protocol.errors import InputError

app = typer.Typer(add_completion=False, rich_markup_mode=None)

Evidence = Annotated[
    str | None, typer.Option(help="What shows it: a record, a page, a message.", metavar="TEXT")
]


@command(
    app,
    "show",
    examples=("billfold show login:Library", "billfold show preference:diet --json"),
)
def show(front: Front, record: RecordArgument, *, show_secrets: ShowSecrets = False) -> Answer:
    """Explain a record: what each field is, where it is from, and what is to be chosen."""
    return front.perform("show", {"record": record, "show_secrets": show_secrets})


@command(
    app,
    "statements",
    examples=("billfold statements", "billfold statements preference --json"),
)
def statements(
    front: Front,
    record_type: Annotated[
        str | None, typer.Argument(metavar="[TYPE]", help="Only records of this type.")
    ] = None,
) -> Answer:
    """Review what the wallet says about you, and why."""
    return front.perform("statements", {"type": record_type})


@command(
    app,
    "correct",
    examples=(
        "billfold correct preference:diet statement=vegan",
        'billfold correct person:Ada city=Turin --evidence "the move in May"',
    ),
)
def correct(
    front: Front,
    record: RecordArgument,
    fields: Assignments = None,
    *,
    evidence: Evidence = None,
) -> Answer:
    """Say what is right instead; what was said before stays in the history."""
    values = read_values(fields)
    if len(values) != 1:
        raise InputError("say one thing, such as statement=vegan")
    return front.perform("correct", {"record": record, "values": values, "evidence": evidence})


@command(app, "activity", examples=("billfold activity", "billfold activity --json"))
def activity(front: Front) -> Answer:
    """List what the wallet did, on all devices, and check that nobody cut the log."""
    return front.perform("activity")
