"""From the command line to a result: what typer calls, and what all commands share.

`command` registers a function as a command and gives it the options that every command has. It
turns errors into one sentence and an exit code.

Spec: 00-overview.md
"""

import importlib
import inspect
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from billfold.cli import agent_client
from billfold.cli.exit_codes import ExitCode, error_named, exit_code_of
from billfold.cli.local_socket import connected_socket
from billfold.cli.rendering import render
from billfold.cli.request import Answer, Arguments, Request
from billfold.cli.settings import Settings, UnlockKind
from billfold.cli.terminal import Terminal
from billfold_protocol.errors import BillfoldError, StoreBusy

BUSY_WAIT_S: Final = 10.0
"""How long a command waits for another short one to let go of the wallet."""

BUSY_RETRY_S: Final = 0.05

_COMMON: Final[dict[str, tuple[Any, Any]]] = {
    "wallet": (
        Annotated[
            Path | None,
            typer.Option(metavar="DIR", envvar="BILLFOLD_WALLET", help="The wallet's folder."),
        ],
        None,
    ),
    "unlock": (
        Annotated[
            UnlockKind | None,
            typer.Option(help="How it opens: with a passphrase or this computer's keyring."),
        ],
        None,
    ),
    "passphrase_file": (
        Annotated[
            Path | None,
            typer.Option(
                metavar="FILE",
                help="Read the passphrase from a file's first line; else from BILLFOLD_PASSPHRASE, "
                "else it is asked for.",
            ),
        ],
        None,
    ),
    "key_file": (
        Annotated[
            Path | None,
            typer.Option(
                metavar="FILE",
                envvar="BILLFOLD_KEY_FILE",
                help="Unlock with the 32 random bytes of a file, for scripts and containers.",
            ),
        ],
        None,
    ),
    "is_offline": (
        Annotated[
            bool,
            typer.Option("--offline", envvar="BILLFOLD_OFFLINE", help="Leave the server alone."),
        ],
        False,
    ),
    "is_json": (
        Annotated[bool, typer.Option("--json", help="Write JSON, for programs.")],
        False,
    ),
}

Run = Callable[..., Answer | None]


class Front:
    """What a command function gets: the settings, the terminal, and the way to the wallet."""

    def __init__(self, settings: Settings, terminal: Terminal) -> None:
        self.settings = settings
        self.terminal = terminal

    def perform(
        self, command: str, arguments: dict[str, Any] | None = None, *, attachment: bytes = b""
    ) -> Answer:
        """Run a command on the wallet, through a `watch` that has it open if there is one.

        Raises:
            StoreBusy: another command kept the wallet open for too long.
            BillfoldError: what the command raises.
        """
        request = Request(
            command=command, arguments=Arguments(values=arguments or {}), attachment=attachment
        )
        run: Callable[[Request, Terminal], Answer] | None = None
        deadline_s = time.monotonic() + BUSY_WAIT_S
        while True:
            connection = connected_socket(self.settings.folder)
            if connection is not None:
                return agent_client.perform(connection, request, self.terminal)
            # Made once, so that the person is asked for the passphrase once.
            run = run or _load("billfold.cli.local_run").local_runner(self.settings)
            try:
                return run(request, self.terminal)
            except StoreBusy:
                if time.monotonic() > deadline_s:
                    raise
            time.sleep(BUSY_RETRY_S)


def command(
    app: typer.Typer, name: str, *, examples: Sequence[str]
) -> Callable[[Run], Callable[..., None]]:
    """Register a function as a command; its docstring and the examples are its help.

    The function takes a `Front` and its own options, and returns what to show. A member `error` of
    the result is what is missing although the command did something.
    """

    def register(function: Run) -> Callable[..., None]:
        own = list(inspect.signature(function, eval_str=True).parameters.values())[1:]
        common = [
            inspect.Parameter(
                option, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=annotation
            )
            for option, (annotation, default) in _COMMON.items()
        ]
        parameters = [
            parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY) for parameter in own
        ] + common

        def run(**values: Any) -> None:
            settings = Settings(**{option: values.pop(option) for option in _COMMON})
            with Terminal(is_json=settings.is_json) as terminal:
                code = _run(name, function, Front(settings, terminal), values)
            raise typer.Exit(code)

        run.__dict__["__signature__"] = inspect.Signature(parameters)
        run.__annotations__ = {one.name: one.annotation for one in parameters}
        shown = "\n".join(f"  {example}" for example in examples)
        text = f"{inspect.getdoc(function)}\n\n\b\nExamples:\n{shown}"
        app.command(name, help=text)(run)
        return run

    return register


def _run(name: str, function: Run, front: Front, values: dict[str, Any]) -> ExitCode:
    terminal = front.terminal
    try:
        answer = function(front, **values)
        if answer is None:
            return ExitCode.DONE
        error = answer.result.get("error")
        if terminal.is_json:
            terminal.document(answer.result)
        else:
            render(name, answer.result, terminal)
        if error is None:
            return answer.exit_code
        found = error_named(error["type"], error["message"])
        if not terminal.is_json:
            terminal.fail(found)
        return exit_code_of(found)
    except BillfoldError as error:
        terminal.fail(error)
        return exit_code_of(error)
    except KeyboardInterrupt:
        return ExitCode.INTERRUPTED


def _load(module: str) -> Any:
    """Import what only some commands need; together it takes most of a second."""
    return importlib.import_module(module)


def report_unexpected(kind: type[BaseException], error: BaseException, _: object) -> None:
    """Say in one sentence that Billfold itself made a mistake; the process's hook for that."""
    frames = inspect.getinnerframes(error.__traceback__) if error.__traceback__ else []
    where = f" at {Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else ""
    sys.stderr.write(
        f"billfold: a mistake in Billfold itself ({kind.__name__}{where}); what was reported as "
        "done is kept. BILLFOLD_TRACEBACK=1 shows more.\n"
    )
