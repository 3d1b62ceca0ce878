"""Billfold's protocol: bytes in, events out.

No module of this package performs I/O, reads a clock or draws randomness; time and random bytes
come in as arguments. The server and the SDK are both built on it and do not know each other.

Spec: 00-overview.md
"""
