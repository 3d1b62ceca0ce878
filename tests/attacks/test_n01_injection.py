import ast
import asyncio
from pathlib import Path
from random import Random
from urllib.parse import urlsplit

import pytest

from billfold_protocol.ids import WalletId
from tests.support.adversaries.evil_store import EvilStore
from tests.support.adversaries.findings import Broken, named, scaled, show
from tests.support.adversaries.socket_stage import socket_stage

pytestmark = pytest.mark.attack("N01")

ROOT = Path(__file__).parents[2]
REQUESTS_COUNT = scaled(small=60, whole=10_000)
STATEMENTS = ("SELECT ", "INSERT ", "UPDATE ", "DELETE ", "CREATE ", "DROP ")

PAYLOADS = (
    "'; DROP TABLE entry; --",
    "' OR '1'='1",
    '" OR ""="',
    "1; ATTACH DATABASE '/tmp/x' AS x",
    "../../../../etc/passwd",
    "..%2f..%2f..%2fetc%2fpasswd",
    "%2e%2e/%2e%2e/etc/passwd",
    "....//....//etc/passwd",
    "/etc/passwd%00.png",
    "C:\\windows\\win.ini",
    "file:///etc/passwd",
    "%0d%0aSet-Cookie:%20a=b",
    "${jndi:ldap://x}",
    "{{7*7}}",
    "<script>alert(1)</script>",
    "\u202e\u0000\ufeff",
    "a" * 4000,
)
PLACES = ("/{}", "/v1/{}", "/v1/rendezvous/{}", "/v1/server?{}", "/v1/sync/{}", "/metrics/{}")
HEADERS = ("Host", "Origin", "X-Forwarded-For", "Sec-WebSocket-Protocol", "Authorization", "Cookie")


async def answered(address: str, head: bytes) -> bytes:
    """Return what a server says to a raw request, until it closes or falls silent."""
    parts = urlsplit(address)
    reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
    try:
        writer.write(head)
        async with asyncio.timeout(5.0):
            return await reader.read(65536)
    except (TimeoutError, ConnectionError):
        return b""
    finally:
        writer.close()


def request(random: Random) -> bytes:
    """Return a request with a payload somewhere in it, which asks to open a WebSocket."""
    payload = random.choice(PAYLOADS)
    target = random.choice(PLACES).format(payload.replace(" ", "%20"))
    extra = f"{random.choice(HEADERS[1:])}: {payload}\r\n" if random.random() < 0.5 else ""
    upgrade = (
        "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
        "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"
    )
    head = f"GET {target} HTTP/1.1\r\nHost: localhost\r\n{upgrade}{extra}\r\n"
    return head.encode("utf-8", "surrogatepass")


def rows_of(store: EvilStore, wallet_id: WalletId) -> tuple[object, ...]:
    """Return what a store holds of a wallet and of how many; beacons come as devices please."""
    log = store.load_wallet(wallet_id)
    assert log is not None
    return store.wallet_count(), log.members, store.entries(wallet_id), store.wraps(wallet_id)


async def test_no_request_is_taken_for_a_command_or_a_path(tmp_path: Path) -> None:
    async with socket_stage("N01", tmp_path) as stage:
        laptop, _phone = await stage.pair()
        random, address = Random(1), stage.server.addresses[0]
        rows = rows_of(stage.server.store, laptop.wallet_id)
        statuses = set[bytes]()
        for _ in range(REQUESTS_COUNT):
            sent = request(random)
            answer = await answered(address, sent)
            status = answer.split(b" ", 2)[1] if answer.startswith(b"HTTP/") else b"closed"
            is_known = b"GET /v1/server?" in sent
            if not (
                status == b"closed" or status.startswith(b"4") or (is_known and status == b"200")
            ):
                raise Broken("error", f"{sent[:120]!r} was answered with {status!r}")
            if b"root:" in answer or b"Set-Cookie" in answer:
                raise Broken("secrets", f"{sent[:120]!r} gave {answer[:200]!r}")
            statuses.add(status)
        with named("unchanged"):
            assert rows_of(stage.server.store, laptop.wallet_id) == rows
        show(f"{REQUESTS_COUNT} requests: {b', '.join(sorted(statuses)).decode()}")
        await stage.ends()


def test_no_statement_of_the_store_is_built_from_values() -> None:
    for path in (ROOT / "server" / "billfold_server" / "store").glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.JoinedStr):
                continue
            fixed = [str(part.value) for part in node.values if isinstance(part, ast.Constant)]
            parts = [part.value for part in node.values if isinstance(part, ast.FormattedValue)]
            # A part of a statement that is itself a constant of the module is no value.
            is_fixed = all(isinstance(part, ast.Name) and part.id.isupper() for part in parts)
            if any(text.startswith(STATEMENTS) for text in fixed) and not is_fixed:
                raise Broken("error", f"{path.name}:{node.lineno} builds a statement")
    show("bound parameters only")
