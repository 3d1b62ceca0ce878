"""Commands on where the wallet lives: move, home.

Spec: 25-moving.md
"""

from billfold.cli.exit_codes import ExitCode, describe_error
from billfold.cli.request import Answer, Arguments
from billfold.cli.session import Session
from billfold.cli.wire import JsonObject
from billfold.moving import MoveOptions
from billfold_protocol.errors import InputError
from billfold_protocol.ids import ServerKey

MOVE_DEADLINE_S = 300.0
_KEY_SIZE = 32


async def move(session: Session, arguments: Arguments) -> Answer:
    """Move the wallet to another server.

    Raises:
        BillfoldError: see `Wallet.move`; the wallet is where it was, or the move goes on by itself.
    """
    key = arguments.optional_text("server_key")
    options = MoveOptions(
        token=arguments.optional_text("token"),
        server_key=None if key is None else _parse_key(key),
        is_old_server_gone=arguments.flag("is_old_server_gone"),
        leaves_attachments=arguments.flag("leaves_attachments"),
        fallbacks=arguments.texts("fallbacks"),
    )
    report = await session.wallet.move(
        arguments.text("url"),
        options,
        deadline_s=arguments.seconds("deadline_s", default=MOVE_DEADLINE_S),
        progress=session.progress,
    )
    result: JsonObject = {
        "server": report.server,
        "is_complete": report.is_complete,
        "missing_attachments": [
            {"record": one.record, "id": one.id, "name": one.name}
            for one in report.missing_attachments
        ],
        "code": session.wallet.home_code(),
        "is_old_server_gone": options.is_old_server_gone,
        "reason": None if report.reason is None else describe_error(report.reason),
    }
    return Answer(
        result=result, exit_code=ExitCode.DONE if report.is_complete else ExitCode.INCOMPLETE
    )


async def home(session: Session, arguments: Arguments) -> Answer:
    """Show the code that tells other devices where the wallet lives, or follow one.

    Raises:
        BillfoldError: see `Wallet.follow`.
    """
    code = arguments.optional_text("code")
    if code is None:
        found = session.wallet.status()
        result: JsonObject = {"server": found.server, "code": session.wallet.home_code()}
        return Answer(result=result)
    return Answer(result={"server": await session.wallet.follow(code), "code": None})


def _parse_key(text: str) -> ServerKey:
    try:
        key = bytes.fromhex(text)
    except ValueError as error:
        raise InputError("a server's key has 64 hexadecimal digits") from error
    if len(key) != _KEY_SIZE:
        raise InputError("a server's key has 64 hexadecimal digits")
    return ServerKey(key)
