from pathlib import Path

import pytest

from billfold import background
from billfold.snapshots import keeper
from tests.integration.test_server_rolled_back import add, titles_in
from tests.support.linked_wallets import Household
from tests.support.running_server import running_server


async def test_snapshots_of_large_wallets_are_made_and_judged_in_another_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    works: list[str] = []
    apart = background.Background.apart

    async def counted(self: background.Background, what: str, data: bytes) -> bytes | None:
        answer: bytes | None = await apart(self, what, data)  # type: ignore[arg-type]  # A literal.
        if answer is not None:
            works.append(what)
        return answer

    monkeypatch.setattr(background.Background, "apart", counted)
    monkeypatch.setattr(background, "LARGE_SIZE", 0)
    monkeypatch.setattr(keeper, "LARGE_SIZE", 0)
    async with running_server() as server, Household(tmp_path, server.addresses[0]) as home:
        laptop = await home.found("laptop")
        phone = await home.link("phone", laptop)
        titles = await add(laptop, 5, "before") | await add(phone, 5, "too")
        await home.settle()
        assert await laptop.compact()
        assert works == ["save", "hashes"]
        tablet = await home.link("tablet", laptop)
        titles |= await add(phone, 2, "after")
        await home.settle()
        assert titles_in(tablet) == titles
        assert tablet._synchronizer.replica.core.base is not None  # noqa: SLF001  # By a snapshot.
