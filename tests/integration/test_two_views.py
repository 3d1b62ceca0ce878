import asyncio
from dataclasses import dataclass
from pathlib import Path

import pytest

from billfold import Wallet
from billfold.findings import Finding
from billfold_protocol.errors import BillfoldError
from billfold_protocol.ids import WalletId
from billfold_protocol.membership import Home, MembershipChain
from billfold_protocol.proofs import check_proof, parse_proof
from tests.support.adversaries.two_faced import TwoFacedServer, two_faced_server
from tests.support.command_line import Shell
from tests.support.linked_wallets import Household
from tests.support.operators import Listener

ENTRIES_COUNT = 100
"""Of the three devices together."""

CHANGED_COUNT = 100
"""Changed bytes of each file that are tried here; the vectors have every byte of every kind."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Met:
    """What two devices knew when they had met."""

    wallet_id: WalletId
    server_key: bytes
    findings: dict[str, list[Finding]]
    warned: dict[str, list[str]]


async def write(home: Household, wallet: Wallet, word: str, count: int) -> set[object]:
    """Write so many entries, each of which the server has before the next is made."""
    titles: list[object] = [f"{word} {number}" for number in range(count)]
    for title in map(str, titles):
        async with wallet.edit() as edit:
            edit.set(edit.add("login"), "title", title)
        await home.synced(wallet)
    return set(titles)


def titles_in(wallet: Wallet) -> set[object]:
    return {view.fields["title"].value for view in wallet.records("login")}


async def part_and_meet(folder: Path) -> Met:
    async with (
        two_faced_server("two views") as server,
        Household(folder, server.net.address) as home,
    ):
        laptop = await home.found("laptop")
        tablet = await home.link("tablet", laptop)
        phone = await home.link("phone", laptop)
        before = await write(home, laptop, "before", 3)
        await home.settle()
        server.part()
        await server.show(server.second, phone)

        await laptop.rotate()
        await phone.rotate()
        ours = await write(home, laptop, "laptop", ENTRIES_COUNT // 4)
        ours |= await write(home, tablet, "tablet", ENTRIES_COUNT // 4)
        theirs = await write(home, phone, "phone", ENTRIES_COUNT // 2)
        await home.settle(laptop, tablet)
        assert titles_in(laptop) == titles_in(tablet) == before | ours
        assert titles_in(phone) == before | theirs
        assert phone.proofs() == laptop.proofs() == []

        warned = await meet(server, home, phone)
        for wallet in home.wallets.values():
            assert titles_in(wallet) == before | ours | theirs
        assert len({wallet.membership_length for wallet in home.wallets.values()}) == 1
        return Met(
            wallet_id=home.wallets["phone"].wallet_id,
            server_key=server.first.key.public_key,
            findings={name: wallet.proofs() for name, wallet in home.wallets.items()},
            warned=warned,
        )


async def meet(server: TwoFacedServer, home: Household, phone: Wallet) -> dict[str, list[str]]:
    """Let all see one server, and return what each device tells its person from then on."""
    listeners = [(name, Listener(wallet)) for name, wallet in home.wallets.items()]
    await phone.disconnect()
    server.net.aim(server.first.addresses[0])
    await home.settle()
    async with asyncio.timeout(30):
        while not all(wallet.proofs() for wallet in home.wallets.values()):
            await asyncio.sleep(0.02)
    # After a restart and at the next connection nothing of it is told or merged again.
    again = [(name, Listener(await home.reopen(name))) for name in ("laptop", "phone")]
    await home.settle()
    warned: dict[str, list[str]] = {}
    for name, listener in (*listeners, *again):
        warned.setdefault(name, []).extend(await listener.end())
    return warned


def test_two_devices_that_were_shown_two_histories_end_equal_and_prove_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    met = asyncio.run(part_and_meet(tmp_path))
    for name, findings in met.findings.items():
        assert [one.kind for one in findings].count("ChainFork") == 1, name
        assert met.warned[name].count("ChainFork") == 1, name
    shell = Shell(tmp_path / "phone", capsys)
    (tmp_path / "key").write_bytes(bytes(range(32)))
    listed = shell("proofs", "--out", str(tmp_path / "proofs")).result["findings"]
    assert {one["kind"] for one in listed} == {"ChainFork", "ServerRollback"}
    third_party = Shell(tmp_path / "nobody's wallet", capsys)
    for one in listed:
        file = Path(one["file"])
        told = third_party("verify-proof", str(file), "--wallet", met.wallet_id.hex()).result
        assert told["kind"] == one["kind"]
        assert told["server_key"] == met.server_key.hex()
        require_chain(file.read_bytes(), met)
        require_every_byte(file.read_bytes(), met.wallet_id)
    changed = bytearray(file.read_bytes())
    changed[-1] ^= 1
    file.write_bytes(changed)
    refused = third_party.plain("verify-proof", str(file))
    assert refused.code == 8
    assert "Traceback" not in refused.err


def require_chain(data: bytes, met: Met) -> None:
    """The file holds the chain from `create` to the `home` that names the server's key."""
    chain = MembershipChain.load(parse_proof(data).members)
    assert chain.wallet_id == met.wallet_id
    homes = [entry.payload for entry in chain.entries if isinstance(entry.payload, Home)]
    assert met.server_key in {home.server.key for home in homes}


def require_every_byte(data: bytes, wallet_id: WalletId) -> None:
    for index in range(0, len(data), max(1, len(data) // CHANGED_COUNT)):
        changed = bytearray(data)
        changed[index] ^= 1 << index % 8
        with pytest.raises(BillfoldError):
            check_proof(bytes(changed), wallet_id=wallet_id)
