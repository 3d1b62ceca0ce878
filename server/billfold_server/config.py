"""What an operator decides, from four places: defaults, file, environment, command line.

Each later place wins over the earlier ones. A key that is unknown or a value that is not acceptable
is refused with the place where it stands. Tokens come from a file or the environment only, because
everybody on the machine can read a command line.

Spec: 30-server-api.md
"""

import tomllib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from billfold_protocol import limits
from billfold_protocol.errors import InputError
from billfold_server.intake import RegistrationPolicy, RelayConfig
from billfold_server.logs import LEVELS
from billfold_server.quotas import Quotas

ENVIRONMENT_PREFIX = "BILLFOLD_SERVER_"
CONFIG_FILE_SIZE_MAX = 1024 * 1024
PORT_MAX = 65_535
DRAIN_S_MAX = 3600
COUNT_END = 2**53


@dataclass(frozen=True, slots=True)
class Address:
    """Where to listen."""

    host: str
    port: int
    """0 lets the system choose a free one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerConfig:
    """All settings of one server."""

    store: str = "sqlite:billfold-server.db"
    """The store's address: "memory:" or "sqlite:PATH"."""

    listen: tuple[Address, ...] = (Address("127.0.0.1", 8080),)
    tls_cert: Path | None = None
    """The certificate chain, PEM; with `tls_key`, or neither."""

    tls_key: Path | None = None
    origins: tuple[str, ...] = ()
    """The origins under which clients reach the server; empty: what each connection names."""

    relay: RelayConfig = field(default_factory=RelayConfig)
    has_metrics: bool = True
    log_level: str = "info"
    drain_s: float = 10.0
    """How long a stop may take to finish what is under way."""


@dataclass(frozen=True, slots=True)
class _Given:
    """A value as it was given, and where."""

    value: object
    place: str


def load_config(
    options: Mapping[str, object],
    environment: Mapping[str, str],
    *,
    file: Path | None = None,
) -> ServerConfig:
    """Return the settings from all places.

    Args:
        options: what the command line names, by setting; None stands for "not given".
        environment: the process's variables, of which those with the prefix count.
        file: a TOML file; else the one that the environment's `BILLFOLD_SERVER_CONFIG` names.

    Raises:
        InputError: a key is unknown, a value is not acceptable, or a file cannot be read.
    """
    variables = {
        name.removeprefix(ENVIRONMENT_PREFIX).lower(): _Given(value, f"the variable {name}")
        for name, value in environment.items()
        if name.startswith(ENVIRONMENT_PREFIX)
    }
    named_file = variables.pop("config", None)
    if file is None and named_file is not None:
        file = Path(str(named_file.value))
    given = {} if file is None else _read_file(file)
    given.update(variables)
    for name, value in options.items():
        if value is not None:
            given[name] = _Given(value, f"the option --{name.replace('_', '-')}")
    return _build({name: _parse(name, item) for name, item in given.items()})


def _build(values: dict[str, Any]) -> ServerConfig:
    """Return the settings from parsed values, checking what belongs together."""
    token_file = values.pop("token_file", None)
    tokens = values.pop("registration_tokens", frozenset())
    if token_file is not None:
        tokens |= _read_tokens(token_file)
    policy = values.pop("registration", RegistrationPolicy.OPEN)
    if policy is RegistrationPolicy.TOKEN and not tokens:
        raise InputError(
            'Registration is by "token" but there is none; name a file of them with --token-file.'
        )
    if (values.get("tls_cert") is None) != (values.get("tls_key") is None):
        raise InputError("TLS needs both a certificate and its key: tls_cert and tls_key.")
    quotas = {name: values.pop(name) for name in _QUOTAS & values.keys()}
    relay = RelayConfig(
        quotas=replace(Quotas(), **quotas),
        registration=policy,
        tokens=tokens,
    )
    if "metrics" in values:
        values["has_metrics"] = values.pop("metrics")
    return replace(ServerConfig(relay=relay), **values)


def _read_file(path: Path) -> dict[str, _Given]:
    place = f"the file {path}"
    try:
        with path.open("rb") as file:
            text = file.read(CONFIG_FILE_SIZE_MAX)
        table = tomllib.loads(text.decode())
    except OSError as error:
        raise InputError(f"The file {path} cannot be read: {error.strerror}.") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InputError(f"The file {path} is not TOML: {error}.") from error
    quotas = table.pop("quotas", {})
    if not isinstance(quotas, dict):
        raise InputError(f'In the file {path}, "quotas" is a table of limits.')
    given = {name: _Given(value, place) for name, value in table.items()}
    for name, value in quotas.items():
        if name not in _QUOTAS:
            raise InputError(f'In the file {path}, "quotas.{name}" is not a setting.')
        given[name] = _Given(value, place)
    return given


def _read_tokens(path: Path) -> frozenset[str]:
    """Return the tokens of a file, one a line; lines that begin with # do not count."""
    try:
        with path.open(encoding="utf-8") as file:
            lines = [line.strip() for line in file.read(CONFIG_FILE_SIZE_MAX).splitlines()]
    except OSError as error:
        raise InputError(f"The token file {path} cannot be read: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise InputError(f"The token file {path} is not text in UTF-8.") from error
    try:
        return _as_tokens([line for line in lines if line and not line.startswith("#")])
    except ValueError as error:
        raise InputError(f"The token file {path}: {error}.") from error


def _parse(name: str, given: _Given) -> object:
    parse = _PARSERS.get(name)
    if parse is None:
        raise InputError(f'There is no setting "{name}", which {given.place} names.')
    try:
        return parse(given.value)
    except ValueError as error:
        raise InputError(f'The setting "{name}" in {given.place}: {error}.') from error


def _as_text(value: object) -> str:
    if not isinstance(value, str) or not value:
        raise ValueError("it is a text that is not empty")
    return value


def _as_path(value: object) -> Path:
    return value if isinstance(value, Path) else Path(_as_text(value))


def _as_texts(value: object) -> list[str]:
    """Return a list, or a text's parts between commas."""
    items: Iterable[object] = value.split(",") if isinstance(value, str) else [value]
    if isinstance(value, list | tuple):
        items = value
    return [_as_text(item.strip() if isinstance(item, str) else item) for item in items]


def _as_tokens(value: object) -> frozenset[str]:
    tokens = _as_texts(value)
    if any(len(token.encode()) > limits.TEXT_SIZE_MAX for token in tokens):
        raise ValueError(f"a token has at most {limits.TEXT_SIZE_MAX} bytes")
    return frozenset(tokens)


def _as_addresses(value: object) -> tuple[Address, ...]:
    return tuple(_as_address(text) for text in _as_texts(value))


def _as_address(text: str) -> Address:
    host, colon, port = text.rpartition(":")
    is_bare_ipv6 = ":" in host and not (host.startswith("[") and host.endswith("]"))
    if not colon or not host or is_bare_ipv6 or not port.isascii() or not port.isdigit():
        raise ValueError(f'"{text}" is not of the form HOST:PORT or [IPV6]:PORT')
    if int(port) > PORT_MAX:
        raise ValueError(f"a port is at most {PORT_MAX}")
    return Address(host.strip("[]"), int(port))


def _as_origins(value: object) -> tuple[str, ...]:
    return tuple(_as_origin(text) for text in _as_texts(value))


def _as_origin(text: str) -> str:
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        raise ValueError(f'"{text}" is not an origin') from None
    host = parts.hostname or ""
    shown = f"[{host}]" if ":" in host else host
    # RFC 6454 §6.2: the scheme's own port is left out.
    is_default = port is None or port == {"http": 80, "https": 443}.get(parts.scheme)
    origin = f"{parts.scheme}://{shown}" + ("" if is_default else f":{port}")
    if (
        parts.scheme not in {"http", "https"}
        or not host
        or text.rstrip("/").lower()
        not in {
            origin,
            f"{parts.scheme}://{shown}:{port}",
        }
    ):
        raise ValueError(f'"{text}" is not an origin such as https://wallet.example')
    return origin


def _as_registration(value: object) -> RegistrationPolicy:
    try:
        return RegistrationPolicy(value)
    except ValueError:
        raise ValueError("it is one of open, token, closed") from None


def _as_flag(value: object) -> bool:
    if isinstance(value, bool):
        return value
    words = {"on": True, "true": True, "yes": True, "off": False, "false": False, "no": False}
    if not isinstance(value, str) or value.lower() not in words:
        raise ValueError("it is on or off")
    return words[value.lower()]


def _as_level(value: object) -> str:
    if not isinstance(value, str) or value.lower() not in LEVELS:
        raise ValueError(f"it is one of {', '.join(LEVELS)}")
    return value.lower()


def _as_count(value: object) -> int:
    is_text = isinstance(value, str) and value.isascii() and value.isdigit()
    count = int(value) if is_text and isinstance(value, str) else value
    if type(count) is not int or not 0 < count < COUNT_END:
        raise ValueError("it is a whole number above 0")
    return count


def _as_seconds(value: object) -> float:
    try:
        seconds = float(value) if isinstance(value, str | int | float) else -1.0
    except ValueError:
        seconds = -1.0
    if isinstance(value, bool) or not 0 <= seconds <= DRAIN_S_MAX:
        raise ValueError(f"it is a number of seconds from 0 to {DRAIN_S_MAX}")
    return seconds


_QUOTAS = frozenset(quota.name for quota in fields(Quotas))

_PARSERS: dict[str, Callable[[object], Any]] = {
    "store": _as_text,
    "listen": _as_addresses,
    "tls_cert": _as_path,
    "tls_key": _as_path,
    "origins": _as_origins,
    "registration": _as_registration,
    "registration_tokens": _as_tokens,
    "token_file": _as_path,
    "metrics": _as_flag,
    "log_level": _as_level,
    "drain_s": _as_seconds,
    **dict.fromkeys(_QUOTAS, _as_count),
}
