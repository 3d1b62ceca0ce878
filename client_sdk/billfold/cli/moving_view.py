"""What moving shows to a person.

Spec: 25-moving.md
"""

from billfold.cli.terminal import Terminal
from billfold.cli.wire import JsonObject


def show_moved(result: JsonObject, terminal: Terminal) -> None:
    """Show what a move has achieved, and what is left to do."""
    server = result["server"]
    if result["is_complete"]:
        terminal.line(f"The wallet lives on {server} now, with everything.")
    else:
        reason = "" if result["reason"] is None else f" ({result['reason']['message']})"
        terminal.line(
            f"The wallet lives on {server} now, which does not hold everything yet{reason}. "
            "It goes on by itself whenever the wallet is online; `billfold status` shows it."
        )
    missing = ", ".join(one["name"] for one in result["missing_attachments"])
    if missing:
        terminal.note(f"Not brought along: {missing}. A device that has them brings them itself.")
    if result["is_old_server_gone"]:
        terminal.note(
            "The other devices cannot hear of this from the old server. Give each this code: "
            f"billfold home {result['code']}"
        )


def show_home(result: JsonObject, terminal: Terminal) -> None:
    """Show where the wallet lives."""
    if result["code"] is None:
        terminal.line(f"The wallet lives on {result['server']}; this device has gone there.")
    else:
        terminal.line(f"The wallet lives on {result['server']}.")
        terminal.line(f"On another device: billfold home {result['code']}")


def status_note(status: JsonObject) -> str | None:
    """Return what `status` says of a move that is under way."""
    if status["moving_to"] is None:
        return None
    if status["is_move_decided"]:
        return f"The move to {status['moving_to']} goes on by itself while the wallet is online."
    return (
        f"A move to {status['moving_to']} was interrupted before it was decided: nothing has "
        "changed. `billfold move` with the same address begins it again."
    )
