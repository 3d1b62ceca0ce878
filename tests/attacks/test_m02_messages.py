from pathlib import Path

import pytest

from billfold.organisation import Organisation
from tests.support.adversaries.findings import Broken, named, show
from tests.support.canaries import Canaries
from tests.support.linked_wallets import Household
from tests.support.net import RecordingProxy, payloads
from tests.support.running_server import running_server, settings

pytestmark = pytest.mark.attack("M02")


async def test_nothing_that_an_organisation_and_a_person_write_is_anywhere_in_clear(
    tmp_path: Path,
) -> None:
    canaries, folder = Canaries("M02 messages"), tmp_path / "server"
    folder.mkdir()
    async with (
        running_server(settings(f"sqlite:{folder / 'server.db'}")) as server,
        RecordingProxy(server.addresses[0]) as proxy,
    ):
        async with Household(tmp_path / "devices", proxy.address) as home:
            home.folder.mkdir()
            laptop = await home.found("laptop")
            opened = await laptop.channels.open(canaries.next(), name=canaries.next())
            await home.settle()
            async with Organisation(tmp_path / "library.json") as library:
                member = await library.accept(opened.uri)
                await library.send(member, canaries.next())
                await home.settle()
                (message,) = laptop.channels.messages()
                await laptop.channels.answer(message.id, canaries.next())
                await home.settle()
                with named("kept"):
                    (reply,) = await library.collect(member)
                    assert reply.message.text == canaries.issued[-1]
        stored = {str(path): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
        passed = [data for stream in proxy.recorded for data in payloads(stream)]
    with named("secrets"):
        assert any("server.db" in name for name in stored)
        assert sum(map(len, passed)) > 10_000
    for place, data in (*stored.items(), *(("the network", data) for data in passed)):
        if canaries.found_in(data):
            raise Broken("secrets", f"a canary is in {place}")
    show(f"{len(canaries.issued)} canaries, 0 hits")
