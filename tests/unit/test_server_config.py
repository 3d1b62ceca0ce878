import io
import json
import logging
import tomllib
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

import pytest

import billfold_server
from billfold_protocol.errors import InputError, UpdateNeeded
from billfold_server import logs
from billfold_server.config import Address, ServerConfig, load_config
from billfold_server.intake import RegistrationPolicy
from billfold_server.soundness import parse_version, require_sound_libraries


def test_nothing_given_is_a_server_on_this_machine_only() -> None:
    assert load_config({}, {}) == ServerConfig()
    assert ServerConfig().listen == (Address("127.0.0.1", 8080),)


def test_each_later_place_wins(tmp_path: Path) -> None:
    file = tmp_path / "settings.toml"
    file.write_text('store = "sqlite:file"\nlog_level = "error"\nmetrics = false\n')
    environment = {"BILLFOLD_SERVER_LOG_LEVEL": "warning", "BILLFOLD_SERVER_METRICS": "on"}
    config = load_config({"metrics": False, "store": None}, environment, file=file)
    assert (config.store, config.log_level, config.has_metrics) == (
        "sqlite:file",
        "warning",
        False,
    )


def test_every_setting_can_stand_in_the_file(tmp_path: Path) -> None:
    tokens = tmp_path / "tokens"
    tokens.write_text("# for the family\nfirst\n\nsecond\n")
    file = tmp_path / "settings.toml"
    file.write_text(
        f"""
        store = "memory:"
        listen = ["127.0.0.1:0", "[::1]:8443"]
        tls_cert = "cert.pem"
        tls_key = "key.pem"
        origins = ["https://wallet.example", "http://localhost:8080"]
        registration = "token"
        registration_tokens = ["third"]
        token_file = "{tokens}"
        drain_s = 2.5
        [quotas]
        wallet_size_max = 1000
        """
    )
    config = load_config({}, {"BILLFOLD_SERVER_CONFIG": str(file)})
    assert config.listen == (Address("127.0.0.1", 0), Address("::1", 8443))
    assert config.origins == ("https://wallet.example", "http://localhost:8080")
    assert config.relay.registration is RegistrationPolicy.TOKEN
    assert config.relay.tokens == {"first", "second", "third"}
    assert config.relay.quotas.wallet_size_max == 1000
    assert (config.tls_cert, config.drain_s) == (Path("cert.pem"), 2.5)
    assert "first" not in repr(config)


def test_variables_hold_lists_between_commas() -> None:
    environment = {
        "BILLFOLD_SERVER_LISTEN": "127.0.0.1:1, 127.0.0.1:2",
        "BILLFOLD_SERVER_CONNECTIONS": "7",
        "HOME": "/elsewhere",
    }
    config = load_config({}, environment)
    assert config.listen == (Address("127.0.0.1", 1), Address("127.0.0.1", 2))
    assert config.relay.quotas.connections == 7


@pytest.mark.parametrize(
    ("options", "environment", "text", "words"),
    [
        ({}, {"BILLFOLD_SERVER_STORES": "x"}, "", ["stores", "BILLFOLD_SERVER_STORES"]),
        ({}, {}, "colour = 1", ["colour", "settings.toml"]),
        ({}, {}, "[quotas]\nspeed = 1", ["quotas.speed", "settings.toml"]),
        ({}, {}, "quotas = 1", ["quotas", "settings.toml"]),
        ({}, {}, "store = [", ["settings.toml", "TOML"]),
        ({}, {}, "store = 7", ["store", "settings.toml"]),
        ({"listen": ["8080"]}, {}, "", ["listen", "--listen", "HOST:PORT"]),
        ({"listen": ["::1:8080"]}, {}, "", ["--listen", "[IPV6]:PORT"]),
        ({"listen": ["a:65536"]}, {}, "", ["--listen", "65535"]),
        ({"listen": ["a:-1"]}, {}, "", ["--listen"]),
        ({"origins": ["wallet.example"]}, {}, "", ["--origins", "https://"]),
        ({"origins": ["https://wallet.example/path"]}, {}, "", ["--origins"]),
        ({"origins": ["https://a:b@wallet.example"]}, {}, "", ["--origins"]),
        ({"origins": ["ftp://wallet.example"]}, {}, "", ["--origins"]),
        ({"origins": ["https://wallet.example:x"]}, {}, "", ["--origins"]),
        ({"registration": "maybe"}, {}, "", ["--registration", "open, token, closed"]),
        ({"registration": "token"}, {}, "", ["--token-file"]),
        ({"token_file": Path("/nowhere/tokens")}, {}, "", ["/nowhere/tokens"]),
        ({"log_level": "loud"}, {}, "", ["--log-level", "debug"]),
        ({"drain_s": -1.0}, {}, "", ["--drain-s", "seconds"]),
        ({}, {"BILLFOLD_SERVER_DRAIN_S": "soon"}, "", ["BILLFOLD_SERVER_DRAIN_S"]),
        ({}, {"BILLFOLD_SERVER_METRICS": "2"}, "", ["metrics", "on or off"]),
        ({}, {"BILLFOLD_SERVER_CONNECTIONS": "0"}, "", ["connections", "above 0"]),
        ({}, {}, "[quotas]\nconnections = true", ["connections", "above 0"]),
        ({"tls_cert": Path("cert.pem")}, {}, "", ["tls_key"]),
    ],
)
def test_a_wrong_setting_is_named_with_its_place(
    options: dict[str, object],
    environment: dict[str, str],
    text: str,
    words: list[str],
    tmp_path: Path,
) -> None:
    file = tmp_path / "settings.toml"
    file.write_text(text)
    with pytest.raises(InputError) as raised:
        load_config(options, environment, file=file)
    for word in words:
        assert word in str(raised.value)


def test_a_file_that_is_not_there_is_named() -> None:
    with pytest.raises(InputError, match=r"/nowhere/settings\.toml"):
        load_config({}, {}, file=Path("/nowhere/settings.toml"))


def test_an_origin_is_written_in_one_way_only() -> None:
    config = load_config({"origins": ["HTTPS://Wallet.Example:443/", "http://[::1]:8080"]}, {})
    assert config.origins == ("https://wallet.example", "http://[::1]:8080")


# Versions.


@pytest.mark.parametrize(
    ("found", "minimum", "is_sound"),
    [
        ("3.14.3", (3, 14, 3), True),
        ("3.14.10", (3, 14, 3), True),
        ("50.0", (50, 0, 0), True),
        ("51", (50, 0, 0), True),
        ("3.14.2", (3, 14, 3), False),
        ("3.9.9", (3, 14, 3), False),
        ("3.14.3rc1", (3, 14, 3), False),
        ("unknown", (3, 14, 3), False),
    ],
)
def test_versions_are_compared_as_numbers(
    found: str, minimum: tuple[int, ...], *, is_sound: bool
) -> None:
    assert (parse_version(found) >= minimum) is is_sound


def test_a_library_that_is_too_old_is_refused_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    require_sound_libraries()
    monkeypatch.setattr(metadata, "version", lambda _name: "3.14.2")
    with pytest.raises(UpdateNeeded, match=r"aiohttp 3\.14\.2 .* 3\.14\.3"):
        require_sound_libraries()


def test_the_server_has_the_version_of_its_distribution() -> None:
    project = Path(__file__).parents[2] / "pyproject.toml"
    version = tomllib.loads(project.read_text())["project"]["version"]
    assert billfold_server.__version__ == version


# Logs.


@pytest.fixture
def log_lines() -> Iterator[io.StringIO]:
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    stream = io.StringIO()
    logs.set_up_logs("info", stream)
    yield stream
    root.handlers[:] = handlers
    root.setLevel(level)


def test_a_log_line_is_json_and_hides_the_text_of_exceptions(log_lines: io.StringIO) -> None:
    log = logs.ServerLog()
    log.debug("not shown", secret="canary")
    log.info("listening", port=8080)
    with logs.Contained("it failed") as failure:
        raise ValueError("canary")
    assert isinstance(failure.error, ValueError)
    logging.getLogger("aiohttp.server").error("failed for %s", "canary")
    lines = [json.loads(line) for line in log_lines.getvalue().splitlines()]
    assert [line["event"] for line in lines] == [
        "listening",
        "it failed",
        "aiohttp.server: failed for %s",
    ]
    assert (lines[0]["port"], lines[1]["error"]) == (8080, "ValueError")
    assert "test_server_config.py" in lines[1]["where"][0]
    assert "canary" not in log_lines.getvalue()
