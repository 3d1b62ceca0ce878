"""JSON sealed with a password, as EUDI TS10 §5 wants it: JWE compact (RFC 7516).

The key of PBES2-HS256+A128KW (RFC 7518 §4.8) seals a content key, and A128GCM the content. That is
what other wallets read; Billfold's own archives use Argon2id and a committed cipher instead.

Spec: 43-portability.md
"""

import base64
import json
import re
import warnings
from typing import Any, Final

from joserfc import jwe
from joserfc.errors import JoseError, SecurityWarning
from joserfc.jwk import OctKey

from billfold_protocol.errors import InputError, Malformed, UnlockFailed

ALGORITHMS: Final = ["PBES2-HS256+A128KW", "A128GCM"]
"""The only ones that are written or read."""

ITERATIONS: Final = 300_000
"""Rounds of PBKDF2 that are written, and the most that are read."""

ROUNDS_MIN: Final = 1_000
"""The fewest that are read (RFC 7518 §4.8.1.2)."""

_NOT_OPENED: Final = "The password is wrong, or the file was changed since it was made."
_COMPACT: Final = re.compile(r"eyJ[A-Za-z0-9_-]*(?:\.[A-Za-z0-9_-]*){4}")


def is_sealed_json(text: str) -> bool:
    """Say whether a text looks like a JWE in compact form."""
    return text.startswith("eyJ") and _COMPACT.fullmatch(text) is not None


def seal_json(plain: bytes, password: str) -> bytes:
    """Seal bytes with a password.

    Raises:
        InputError: The password is empty.
    """
    if not password:
        raise InputError("The file needs a password, and the one that was given is empty.")
    header = {"alg": ALGORITHMS[0], "enc": ALGORITHMS[1], "p2c": ITERATIONS}
    return jwe.encrypt_compact(header, plain, _key(password), algorithms=ALGORITHMS).encode()


def open_json(text: str, password: str) -> bytes:
    """Open what `seal_json`, or another wallet, has sealed.

    Raises:
        UnlockFailed: The password is wrong, or the file was changed.
        Malformed: The file is sealed in another way, or asks for too many rounds.
    """
    header = _header(text)
    if [header.get("alg"), header.get("enc")] != ALGORITHMS or not _is_bounded(header.get("p2c")):
        raise Malformed(
            "The file is sealed in a way that Billfold does not open; TS10 names "
            "PBES2-HS256+A128KW with A128GCM."
        )
    if not password:
        raise UnlockFailed(_NOT_OPENED)
    try:
        return jwe.decrypt_compact(text, _key(password), algorithms=ALGORITHMS).plaintext or b""
    except (JoseError, ValueError) as error:
        raise UnlockFailed(_NOT_OPENED) from error


def _key(password: str) -> OctKey:
    with warnings.catch_warnings():
        # The library would have every key as long as a random one; this is a password.
        warnings.simplefilter("ignore", SecurityWarning)
        return OctKey.import_key(password.encode())


def _header(text: str) -> dict[str, Any]:
    encoded = text.partition(".")[0]
    try:
        header = json.loads(base64.urlsafe_b64decode(encoded + "=" * (-len(encoded) % 4)))
    except (ValueError, RecursionError) as error:
        raise Malformed("The sealed file is broken; fetch it again.") from error
    if not isinstance(header, dict):
        raise Malformed("The sealed file is broken; fetch it again.")
    return header


def _is_bounded(rounds: object) -> bool:
    return type(rounds) is int and ROUNDS_MIN <= rounds <= ITERATIONS
