"""Addresses of servers, as a person types them and as an origin.

Spec: 30-server-api.md
"""

import re
from ipaddress import IPv6Address
from urllib.parse import urlsplit

import idna

from billfold_protocol.errors import InputError

HOST = re.compile(r"[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?)*\.?")
"""A host in ASCII; underscores are no host names but are met in private networks."""


def normalise_address(address: str) -> str:
    """Return a server's address as an origin: scheme, host and port only.

    Raises:
        InputError: it is not an http(s) address.
    """
    text = address.strip()
    if "://" not in text:
        text = "https://" + text
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError as error:
        raise InputError(f"{address!r} is not the address of a server") from error
    is_origin = not (parts.path.strip("/") or parts.query or parts.fragment or parts.username)
    if parts.scheme not in {"http", "https"} or not parts.hostname or not is_origin:
        raise InputError(
            f"{address!r} is not the address of a server, such as https://wallet.example.org"
        )
    host = _host(parts.hostname, address)
    # The port that the scheme means anyway is not part of an origin (RFC 6454 §6.2).
    is_default = port in {None, {"http": 80, "https": 443}[parts.scheme]}
    return f"{parts.scheme}://{host}" + ("" if is_default else f":{port}")


def _host(name: str, address: str) -> str:
    """Return a host as it stands in an origin: in ASCII (RFC 5891), an IPv6 address in brackets."""
    try:
        if ":" in name:
            return f"[{IPv6Address(name)}]"
        host = name.lower() if name.isascii() else idna.encode(name, uts46=True).decode()
    except ValueError as error:
        raise InputError(f"{address!r} is not the address of a server") from error
    if not HOST.fullmatch(host):
        raise InputError(f"{address!r} is not the address of a server")
    return host
