"""What the command `billfold` ends with, for every kind of error.

Spec: 00-overview.md
"""

from collections.abc import Iterator
from enum import IntEnum, unique

from billfold_protocol.errors import (
    AccessError,
    BillfoldError,
    KdfPolicy,
    LocalProtocolError,
    NotFound,
    RemoteProtocolError,
    StoreError,
    StoreMissing,
    TransportError,
    UnlockFailed,
    VerificationError,
    WalletLocked,
)


@unique
class ExitCode(IntEnum):
    """The process's exit code; each value is a promise to scripts."""

    DONE = 0
    UNEXPECTED = 1
    USAGE = 2
    NOT_FOUND = 3
    LOCKED = 4
    NETWORK = 5
    REFUSED = 6
    STORE = 7
    VERIFICATION = 8
    INCOMPLETE = 9
    INTERRUPTED = 130
    TERMINATED = 143


MEANINGS = {
    ExitCode.DONE: "done",
    ExitCode.UNEXPECTED: "a mistake in Billfold itself",
    ExitCode.USAGE: "a wrong option, argument or value",
    ExitCode.NOT_FOUND: "no such wallet, record, field or device",
    ExitCode.LOCKED: "the wallet was not unlocked: wrong or missing passphrase or key",
    ExitCode.NETWORK: "the server, or the running `watch`, cannot be reached or answers nonsense",
    ExitCode.REFUSED: "refused: not authorised, revoked, over a limit, or a spent code",
    ExitCode.STORE: "the wallet's folder is damaged, full, busy or of a newer version",
    ExitCode.VERIFICATION: "something failed its verification; nothing of it was taken",
    ExitCode.INCOMPLETE: "done in part; the output says what is missing",
    ExitCode.INTERRUPTED: "interrupted; what was reported as done is kept",
    ExitCode.TERMINATED: "told to stop; what was reported as done is kept",
}
"""What each code means, as `--help` shows it."""


def exit_code_of(error: BillfoldError) -> ExitCode:
    """Return the code for an error."""
    match error:
        case NotFound() | StoreMissing():
            return ExitCode.NOT_FOUND
        case UnlockFailed() | KdfPolicy() | WalletLocked():
            return ExitCode.LOCKED
        case TransportError() | RemoteProtocolError():
            return ExitCode.NETWORK
        case AccessError():
            return ExitCode.REFUSED
        case StoreError():
            return ExitCode.STORE
        case VerificationError():
            return ExitCode.VERIFICATION
        case LocalProtocolError():
            return ExitCode.USAGE
        case _:
            return ExitCode.UNEXPECTED


def describe_error(error: BillfoldError) -> dict[str, str]:
    """Return an error as JSON output and the local socket carry it."""
    return {"type": type(error).__name__, "message": str(error)}


def error_named(name: str, message: str) -> BillfoldError:
    """Return the error that another process described; the root of the tree for an unknown name."""
    for kind in _kinds(BillfoldError):
        if kind.__name__ == name:
            return kind(message)
    return BillfoldError(message)


def _kinds(root: type[BillfoldError]) -> Iterator[type[BillfoldError]]:
    yield root
    for kind in root.__subclasses__():
        yield from _kinds(kind)
