"""Runs a command through the `watch` that has the wallet open.

It blocks and imports little, so that a command beside a running `watch` is quick.

Spec: 00-overview.md
"""

import socket
from typing import Protocol

from billfold.cli import wire
from billfold.cli.exit_codes import error_named
from billfold.cli.request import Answer, Request
from billfold.cli.wire import JsonObject
from billfold_protocol.errors import InputError, TransportError

_ENDED = "the running `watch` ended before it answered; see what was done and try again"


class Listener(Protocol):
    """Takes what a command says while it runs."""

    def tell(self, event: JsonObject) -> None:
        """Show something that happened."""

    def progress(self, what: str, done: int, total: int) -> None:
        """Show how far something has come."""

    def ask(self, question: JsonObject) -> bool:
        """Ask the person; False is no."""


def perform(connection: socket.socket, request: Request, listener: Listener) -> Answer:
    """Run a command and return what it gave.

    Raises:
        BillfoldError: what the command raised.
        TransportError: the `watch` ended, or answers nonsense.
        InputError: the request is too large.
    """
    content = {
        "version": wire.VERSION,
        "command": request.command,
        "arguments": dict(request.arguments.values),
    }
    frame = wire.encode_frame(content, request.attachment)
    if len(frame) - len(request.attachment) > wire.REQUEST_SIZE_MAX:
        raise InputError("the values are too large for one command; set them one after another")
    try:
        with connection:
            connection.sendall(frame)
            return _listen(connection, listener)
    except OSError as error:
        raise TransportError(_ENDED) from error


def _listen(connection: socket.socket, listener: Listener) -> Answer:
    while True:
        size = wire.parse_header(
            _receive(connection, wire.HEADER_SIZE), size_max=wire.ANSWER_SIZE_MAX
        )
        content, attachment_size = wire.parse_body(_receive(connection, size))
        match content:
            case {"kind": "tell", "event": dict(event)}:
                listener.tell(event)
            case {"kind": "progress", "what": str(what), "done": int(done), "total": int(total)}:
                listener.progress(what, done, total)
            case {"kind": "ask", "question": dict(question)}:
                connection.sendall(wire.encode_frame({"answer": listener.ask(question)}))
            case {"kind": "result", "result": dict(result)}:
                return Answer(result=result, attachment=_receive(connection, attachment_size))
            case {"kind": "error", "error": {"type": str(name), "message": str(message)}}:
                raise error_named(name, message)
            case _:
                raise TransportError("the running `watch` is of another version; start it again")


def _receive(connection: socket.socket, size: int) -> bytes:
    parts: list[bytes] = []
    while size:
        part = connection.recv(min(size, _PART_SIZE))
        if not part:
            raise TransportError(_ENDED)
        parts.append(part)
        size -= len(part)
    return b"".join(parts)


_PART_SIZE = 1024 * 1024
