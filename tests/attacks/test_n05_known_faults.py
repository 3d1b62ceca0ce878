from importlib import metadata
from pathlib import Path

import pytest

from billfold_protocol.errors import UpdateNeeded
from billfold_server.soundness import VERSIONS_MIN, require_sound_libraries
from tests.attacks.test_n01_injection import answered
from tests.support.adversaries.findings import Broken, named, refused, show
from tests.support.adversaries.socket_stage import socket_stage

pytestmark = pytest.mark.attack("N05")

OLD = {"aiohttp": ("3.14.2", "3.9.0", "4.0.0a1", "3.14.3rc1"), "pynacl": ("1.6.1", "1.5.0")}
OLD |= {"cryptography": ("49.0.0", "50.0.0rc1", "nonsense")}
SOUND = {"4.0.0a1"}

START = b"GET /v1/sync HTTP/1.1\r\nHost: localhost\r\n"
SMUGGLED = b"GET /metrics HTTP/1.1\r\nHost: inside\r\n\r\n"
CORPUS = [
    START + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + SMUGGLED,
    START + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\nabcde" + SMUGGLED,
    START
    + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n"
    + SMUGGLED,
    START + b"Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n" + SMUGGLED,
    START + b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n" + SMUGGLED,
    START + b"Content-Length: +5\r\n\r\nabcde" + SMUGGLED,
    START + b"Content-Length: 0x5\r\n\r\nabcde" + SMUGGLED,
    START + b"Content-Length: 5_0\r\n\r\nabcde" + SMUGGLED,
    START + b"X: a\nContent-Length: 5\r\n\r\nabcde" + SMUGGLED,
    START + b"X\0: a\r\n\r\n" + SMUGGLED,
    START + b" Folded: a\r\n\r\n" + SMUGGLED,
    START + b"Upgrade: websocket\r\nConnection: Upgrade\r\nContent-Length: 40\r\n\r\n" + SMUGGLED,
    b"GET /v1/sync HTTP/1.1\r\nHost: a\r\nHost: b\r\nContent-Length: 1\r\n\r\nx" + SMUGGLED,
    b"POST /v1/sync HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\n0\r\n" + SMUGGLED,
]


@pytest.mark.parametrize("library", sorted(VERSIONS_MIN))
def test_a_server_does_not_start_on_a_library_with_known_faults(
    library: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    true = metadata.version
    require_sound_libraries()
    for version in OLD[library]:
        monkeypatch.setattr(
            metadata, "version", lambda name, v=version: v if name == library else true(name)
        )
        if version in SOUND:
            require_sound_libraries()
            continue
        with refused(UpdateNeeded):
            require_sound_libraries()


async def test_no_second_request_is_read_out_of_the_first(tmp_path: Path) -> None:
    async with socket_stage("N05", tmp_path) as stage:
        await stage.pair()
        for sent in CORPUS:
            answer = await answered(stage.server.addresses[0], sent)
            if answer.count(b"HTTP/1.1 ") > 1:
                raise Broken("error", f"{sent[:90]!r} was answered twice")
            with named("error"):
                assert answer == b"" or answer.split(b" ", 2)[1].startswith(b"4"), answer[:90]
        show(f"{len(CORPUS)} requests that two parsers read two ways")
        await stage.ends()
