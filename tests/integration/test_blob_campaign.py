import asyncio
import hashlib
import os
import sys
from pathlib import Path

from tests.support.attachment_program import memory_of
from tests.support.cutting_proxy import CuttingProxy
from tests.support.linked_wallets import Household
from tests.support.seeded_bytes import SeededBytes
from tests.support.server_process import ServerProcess

MEBIBYTE = 1024 * 1024
SIZE = int(os.environ.get("BILLFOLD_BLOB_SIZE", "4")) * MEBIBYTE
"""`make blobs SIZE=100` for the full size."""

CUTS_COUNT = int(os.environ.get("BILLFOLD_BLOB_CUTS", "5"))
GROWTH_MAX = 40 * MEBIBYTE
PATIENCE_S = 600


async def run_device(*arguments: str) -> int:
    """Run a device's process and return by how many bytes its memory grew."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "tests.support.attachment_program"),
        *arguments,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    async with asyncio.timeout(PATIENCE_S):
        output, errors = await process.communicate()
    assert process.returncode == 0, errors.decode()
    return int(output)


def hash_of(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


async def test_a_large_file_goes_up_and_down_through_a_connection_that_is_cut(
    tmp_path: Path,
) -> None:
    """Both devices and the server are processes of their own, so that each one's memory is seen."""
    source, copy = tmp_path / "source.bin", tmp_path / "copy.bin"
    random = SeededBytes("large file")
    with source.open("wb") as file:
        for _ in range(SIZE // MEBIBYTE):
            file.write(random(MEBIBYTE))
    async with ServerProcess(tmp_path) as server, CuttingProxy(server.address) as proxy:
        async with Household(tmp_path, proxy.address) as home:
            laptop = await home.found("laptop")
            await home.link("phone", laptop)
            async with laptop.edit() as edit:
                record = edit.add("document", title="large")
            await home.settle()
        served_before = memory_of(str(server.pid), "VmRSS")
        step = SIZE // (CUTS_COUNT + 1)

        proxy.cut_every(step, times=CUTS_COUNT)
        up = await run_device("attach", str(tmp_path / "laptop"), record, str(source))
        assert proxy.cuts_count == CUTS_COUNT

        proxy.cut_every(step, times=CUTS_COUNT)
        down = await run_device("fetch", str(tmp_path / "phone"), record, str(copy))
        assert proxy.cuts_count == CUTS_COUNT

        served = memory_of(str(server.pid), "VmHWM") - served_before
    assert hash_of(copy) == hash_of(source)
    growth = {"up": up, "down": down, "server": served}
    print(f"{SIZE // MEBIBYTE} MiB, {CUTS_COUNT} cuts each way; memory grew by", end=" ")
    print(", ".join(f"{name} {size / MEBIBYTE:.1f} MiB" for name, size in growth.items()))
    assert max(growth.values()) < GROWTH_MAX, growth
