"""The server: orders, stores and forwards what it cannot read.

Spec: 30-server-api.md
"""

__version__ = "0.1.0"
