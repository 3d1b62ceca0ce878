"""How frames travel: a connection carries whole messages, in order, both ways.

Spec: 30-server-api.md
"""

import importlib
from typing import TYPE_CHECKING

from billfold.transport.address import normalise_address
from billfold.transport.default import DefaultTransport
from billfold.transport.interface import Connection, ServerInfo, Transport
from billfold.transport.memory import MemoryConnection, MemoryTransport

if TYPE_CHECKING:
    from billfold.transport.websocket import WebSocketTransport

__all__ = [
    "Connection",
    "DefaultTransport",
    "MemoryConnection",
    "MemoryTransport",
    "ServerInfo",
    "Transport",
    "WebSocketTransport",
    "normalise_address",
]


def __getattr__(name: str) -> object:
    """Load what the network needs at its first use, so that commands without it start quickly."""
    if name != "WebSocketTransport":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return importlib.import_module("billfold.transport.websocket").WebSocketTransport
