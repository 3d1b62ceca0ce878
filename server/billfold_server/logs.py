"""The server's log: one JSON object a line on standard error.

No identifier goes in beyond its first eight hexadecimal digits, no network address below the debug
level, and of an exception only its type and where it was raised: its text might hold what a peer
sent.

Spec: 30-server-api.md
"""

import json
import logging
import sys
import traceback
from datetime import UTC, datetime
from types import TracebackType
from typing import Self, TextIO

LEVELS = ("debug", "info", "warning", "error")

LOGGER_NAME = "billfold_server"

_FIELDS_KEY = "billfold_fields"


class ServerLog:
    """Writes events with named fields."""

    def __init__(self, name: str = LOGGER_NAME) -> None:
        self._logger = logging.getLogger(name)

    def debug(self, event: str, **fields: object) -> None:
        """Note what only helps to find a fault."""
        self._logger.debug(event, extra={_FIELDS_KEY: fields})

    def info(self, event: str, **fields: object) -> None:
        """Note a step of the server's life."""
        self._logger.info(event, extra={_FIELDS_KEY: fields})

    def warning(self, event: str, **fields: object) -> None:
        """Note what an operator should look at."""
        self._logger.warning(event, extra={_FIELDS_KEY: fields})

    def error(self, event: str, error: BaseException | None = None, **fields: object) -> None:
        """Note a failure, with the type of its exception and where it came from."""
        self._logger.error(event, exc_info=error, extra={_FIELDS_KEY: fields})


class Contained:
    """Keeps a failure that nobody foresaw from going further; use it as a context manager.

    It is logged, and kept in `error`.
    """

    def __init__(self, event: str) -> None:
        self._event = event
        self.error: Exception | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _kind: object, error: BaseException | None, _traceback: TracebackType | None
    ) -> bool:
        if not isinstance(error, Exception):
            return False  # A cancelled task stays cancelled.
        self.error = error
        ServerLog().error(self._event, error)
        return True


class JsonFormatter(logging.Formatter):
    """Makes one line of JSON from a record, without the text of any exception."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line, without its end."""
        line: dict[str, object] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "event": self._event(record),
        }
        line.update(getattr(record, _FIELDS_KEY, {}))
        if record.exc_info and record.exc_info[1] is not None:
            line["error"] = type(record.exc_info[1]).__name__
            line["where"] = [
                f"{frame.filename.rpartition('/')[2]}:{frame.lineno} {frame.name}"
                for frame in traceback.extract_tb(record.exc_info[2])
            ]
        return json.dumps(line, ensure_ascii=True, default=str)

    def _event(self, record: logging.LogRecord) -> str:
        if record.name.partition(".")[0] == LOGGER_NAME:
            return record.getMessage()
        # Another library's arguments may hold anything: its fixed text has to do.
        return f"{record.name}: {record.msg}" if isinstance(record.msg, str) else record.name


def set_up_logs(level: str, stream: TextIO | None = None) -> None:
    """Send every logger of the process to one stream, standard error by default, as JSON.

    Args:
        level: one of `LEVELS`.
        stream: where the lines go.
    """
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(JsonFormatter())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)
    logging.getLogger(LOGGER_NAME).setLevel(level.upper())
