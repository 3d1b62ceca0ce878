"""How frames travel: a connection carries whole messages, in order, both ways.

Spec: 30-server-api.md
"""

from billfold.transport.interface import Connection, ServerInfo, Transport
from billfold.transport.memory import MemoryConnection, MemoryTransport
from billfold.transport.websocket import WebSocketTransport, normalise_address

__all__ = [
    "Connection",
    "MemoryConnection",
    "MemoryTransport",
    "ServerInfo",
    "Transport",
    "WebSocketTransport",
    "normalise_address",
]
