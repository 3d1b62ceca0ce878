import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from aiohttp import web

from billfold import Wallet
from billfold.transport import WebSocketTransport
from billfold_protocol.errors import RemoteProtocolError, TransportError
from tests.support.adversaries.findings import Broken, named, refused
from tests.support.adversaries.socket_stage import socket_stage
from tests.support.linked_wallets import UNLOCK

pytestmark = pytest.mark.attack("S14")

ELSEWHERE = "http://127.0.0.1:9/"
LURES = (
    f"{ELSEWHERE}icon.png",
    "file:///etc/passwd",
    "ftp://127.0.0.1:9/x",
    "<img src='http://127.0.0.1:9/pixel'>",
    "![](http://127.0.0.1:9/pixel)",
)

Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]

CONNECTED: list[object] = []
IS_LISTENING: list[bool] = []


def note_connections(event: str, arguments: tuple[object, ...]) -> None:
    """Keep every address that anything in this process connects to or looks up."""
    if IS_LISTENING and event in {"socket.connect", "socket.getaddrinfo", "urllib.Request"}:
        CONNECTED.append(arguments[1] if event == "socket.connect" else arguments[:2])


sys.addaudithook(note_connections)


async def redirecting(request: web.Request) -> web.StreamResponse:
    headers = {"Location": ELSEWHERE, "Refresh": f"0; url={ELSEWHERE}", "Alt-Svc": 'h2=":9"'}
    return web.Response(status=302 if "sync" in request.path else 307, headers=headers)


async def describing(request: web.Request) -> web.StreamResponse:
    """Answer the question who this is with a policy."""
    del request
    told = {"key": "00" * 32, "software": "x", "min_version": 99, "flags": ["recovery"]}
    return web.json_response({**told, "icon": ELSEWHERE, "server": ELSEWHERE})


async def test_a_device_connects_to_its_own_server_only(tmp_path: Path) -> None:
    async with socket_stage("S14", tmp_path) as stage:
        laptop, phone = await stage.pair()
        own_port = urlsplit(stage.net.address).port
        IS_LISTENING.append(True)
        CONNECTED.clear()
        try:
            async with laptop.edit() as edit:
                record = edit.add("login", title=LURES[0], notes=" ".join(LURES))
                for number, lure in enumerate(LURES):
                    edit.set(record, f"url {number}", lure)
            await stage.home.settle()
            stage.look()
            stage.net.cut()
            await stage.home.settle()
        finally:
            IS_LISTENING.clear()
        ports = {address[1] for address in CONNECTED if isinstance(address, tuple)}
        server_port = urlsplit(stage.server.addresses[0]).port
        if not ports <= {own_port, server_port}:
            raise Broken("error", f"something connected to {ports}")
        with named("unchanged"):
            assert phone.record(record).fields["url 0"].value == LURES[0]
        await stage.ends()


@pytest.mark.parametrize(("answer", "is_redirecting"), [(redirecting, True), (describing, False)])
async def test_a_server_that_sends_a_device_elsewhere_is_not_followed(
    tmp_path: Path, answer: Answer, *, is_redirecting: bool
) -> None:
    application = web.Application()
    application.router.add_route("GET", "/{path:.*}", answer)
    runner = web.AppRunner(application, shutdown_timeout=1.0)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    port = runner.addresses[0][1]
    address = f"http://127.0.0.1:{port}"
    IS_LISTENING.append(True)
    CONNECTED.clear()
    try:
        async with await Wallet.create(tmp_path / "w", unlock=UNLOCK, server=address) as wallet:
            report = await wallet.sync(deadline_s=1.0)
            with named("error"):
                assert type(report.reason) is TransportError
            async with wallet.edit() as edit:
                edit.add("login", title="kept")
        transport = WebSocketTransport()
        if is_redirecting:
            with refused(RemoteProtocolError, TransportError):
                await transport.info(address)
        await transport.close()
    finally:
        IS_LISTENING.clear()
        await runner.cleanup()
    ports = {address[1] for address in CONNECTED if isinstance(address, tuple)}
    if not ports <= {port}:
        raise Broken("error", f"the device connected to {ports}")
