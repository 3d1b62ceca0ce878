"""One transaction on one connection of the SQLite store.

Spec: 30-server-api.md
"""

from collections.abc import Iterator
from contextlib import contextmanager

import apsw


@contextmanager
def transaction(connection: apsw.Connection, begin: str) -> Iterator[None]:
    """Execute what the block does as one transaction; roll it back on an error."""
    connection.execute(begin)
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:  # SQLite ends it itself after some failures.
            connection.execute("ROLLBACK")
        raise
