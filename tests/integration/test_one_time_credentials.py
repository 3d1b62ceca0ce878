import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from billfold import Wallet
from billfold.transport import Connection, ServerInfo
from billfold_protocol.errors import NotAuthorised, NotFound, OutOfStock, TransportError
from tests.support.credentials import Issuer, ask
from tests.support.linked_wallets import UNLOCK, Household
from tests.support.running_server import running_server

COUNT, EACH = 20, 8


class Unplugged:
    """A transport without a network."""

    async def connect(self, address: str, path: str) -> Connection:
        raise TransportError(f"{address}{path} cannot be reached")

    async def info(self, address: str) -> ServerInfo:
        raise TransportError(f"{address} cannot be reached")

    async def close(self) -> None:
        pass


@pytest.fixture
async def home(tmp_path: Path) -> AsyncIterator[Household]:
    async with (
        running_server() as server,
        Household(tmp_path / "wallets", server.addresses[0]) as home,
    ):
        yield home


async def add_batch(wallet: Wallet, issuer: Issuer, count: int, into: str | None = None) -> str:
    keys = [await wallet.credentials.new_key() for _ in range(count)]
    raws = [issuer.issue(key.public_jwk) for key in keys]
    added = await wallet.credentials.add_batch(raws, issuer_keys=issuer.keys, into=into)
    return added.record.id


async def present(wallet: Wallet, number: int) -> str:
    """Present to one of three verifiers; return the issuer's part, which tells instances apart."""
    audience = f"https://verifier{number % 3}.example"
    shown = await wallet.credentials.present(ask("over_18"), audience=audience, nonce=str(number))
    assert shown.notes == ()
    return shown.presentations["it"][0].partition("~")[0]


async def test_two_devices_offline_with_a_batch_never_show_one_instance_twice(
    home: Household,
) -> None:
    laptop = await home.found("laptop")
    phone = await home.link("phone", laptop)
    await home.settle()
    record = await add_batch(laptop, Issuer(), COUNT)
    await home.settle()
    shares = [wallet.credentials.standing(record).unused_count for wallet in (laptop, phone)]
    assert shares == [COUNT // 2, COUNT // 2]
    for wallet in (laptop, phone):
        await wallet.disconnect()
    shown = [await present(wallet, n) for n in range(EACH) for wallet in (laptop, phone)]
    assert len(set(shown)) == len(shown) == 2 * EACH
    await home.settle()
    for wallet in (laptop, phone):
        standing = wallet.credentials.standing(record)
        assert standing.linkable == ()
        assert standing.unused_count == COUNT // 2 - EACH
        assert standing.is_low
        assert len(wallet.credentials.get(record).uses) == 2 * EACH
        assert len(list(wallet.activities)) == 2 * EACH
        assert wallet.activities.verify().is_whole


async def test_a_restored_device_catches_up_first_and_leaves_its_former_share_alone(
    home: Household,
) -> None:
    laptop = await home.found("laptop")
    phone = await home.link("phone", laptop)
    await home.settle()
    issuer = Issuer()
    record = await add_batch(laptop, issuer, 6)
    await home.settle()
    await home.wallets.pop("phone").close()
    folder, backup = home.folder / "phone", home.folder.parent / "backup"
    shutil.copytree(folder, backup)

    phone = await Wallet.open(folder, unlock=UNLOCK, transport=Unplugged())
    shown = [await present(phone, 0)]  # Nobody else ever learns of this one.
    await phone.close()
    shutil.rmtree(folder)
    shutil.copytree(backup, folder)
    phone = await Wallet.open(folder, unlock=UNLOCK, transport=Unplugged())
    with pytest.raises(NotAuthorised, match="restored"):
        await present(phone, 1)
    await phone.close()

    home.wallets["phone"] = phone = await Wallet.open(folder, unlock=UNLOCK)
    await home.settle()
    with pytest.raises(OutOfStock):
        await present(phone, 2)
    await add_batch(phone, issuer, 4, into=record)
    await home.settle()
    for wallet, count in ((phone, 2), (laptop, 5)):
        assert wallet.credentials.standing(record).unused_count == count
        shown += [await present(wallet, 3) for _ in range(count)]
    assert len(set(shown)) == len(shown) == 8


async def test_a_device_bound_credential_is_read_everywhere_and_shown_from_its_device(
    home: Household,
) -> None:
    laptop = await home.found("laptop")
    phone = await home.link("phone", laptop)
    issuer = Issuer()
    key = await phone.credentials.new_key("device")
    added = await phone.credentials.add(issuer.issue(key.public_jwk), issuer_keys=issuer.keys)
    await home.settle()
    assert laptop.credentials.get(added.record.id).claims["given_name"] == "Erika"
    standing = laptop.credentials.standing(added.record.id)
    assert standing.why_not_here == "It can be shown from phone only."
    with pytest.raises(NotFound, match="phone"):
        await laptop.credentials.present(ask("over_18"), audience="https://a.example", nonce="n")
    await phone.credentials.present(ask("over_18"), audience="https://a.example", nonce="n")
