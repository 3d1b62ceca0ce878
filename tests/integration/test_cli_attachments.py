import asyncio
import signal
from pathlib import Path

from tests.support.command_line import Computer
from tests.support.cutting_proxy import CuttingProxy
from tests.support.seeded_bytes import bytes_of
from tests.support.server_process import ServerProcess

MEBIBYTE = 1024 * 1024
CONTENT = bytes_of("interrupted", 2 * MEBIBYTE)


async def test_an_upload_that_is_interrupted_goes_on_with_the_next_command(tmp_path: Path) -> None:
    source = tmp_path / "large.bin"
    source.write_bytes(CONTENT)
    laptop = Computer(folder=tmp_path / "laptop")
    async with ServerProcess(tmp_path) as server, CuttingProxy(server.address) as proxy:

        async def run(*arguments: str) -> dict[str, object]:
            return (await asyncio.to_thread(laptop, *arguments)).result

        await run("init", "--name", "laptop", "--server", proxy.address)
        record = str((await run("add", "document", "title=large"))["id"])
        proxy.stall_after(MEBIBYTE)
        with laptop.started("attach", record, str(source)) as attaching:
            async with asyncio.timeout(60):
                await proxy.stalled.wait()
            ended = await asyncio.to_thread(attaching.signal, signal.SIGINT)
            assert ended.code == 130
        proxy.flow()
        (pending,) = await shown(laptop, record)
        assert pending["is_pending"]
        assert (await run("sync", "--deadline", "60"))["is_complete"]
        (stored,) = await shown(laptop, record)
        assert not stored["is_pending"]
        assert stored["id"] == pending["id"]


async def shown(computer: Computer, record: str) -> list[dict[str, object]]:
    outcome = await asyncio.to_thread(computer, "attachments", record)
    found: list[dict[str, object]] = outcome.result["attachments"]
    return found


async def test_files_are_attached_and_fetched_through_a_running_watch(tmp_path: Path) -> None:
    source, copy = tmp_path / "scan.pdf", tmp_path / "copy.pdf"
    source.write_bytes(CONTENT)
    laptop = Computer(folder=tmp_path / "laptop")

    def use(address: str) -> None:
        assert laptop("init", "--name", "laptop", "--server", address).code == 0
        with laptop.started("watch") as watching:
            watching.read_until("synced")
            record = laptop("add", "document", "title=Passport").result["id"]
            attached = laptop("attach", record, str(source)).result
            assert not attached["is_pending"]
            stored = watching.read_until("attachment_stored")
            assert stored["attachment"] == attached["id"]
            laptop("fetch", record, "scan.pdf", "-o", str(copy)).result["path"]
            assert laptop("detach", record, "scan.pdf").code == 0

    async with ServerProcess(tmp_path) as server:
        await asyncio.to_thread(use, server.address)
    assert copy.read_bytes() == CONTENT
