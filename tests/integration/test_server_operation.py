import asyncio
import ssl
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import aiohttp
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from billfold_protocol.client_session import Acked, Refused
from billfold_protocol.errors import StoreDamaged, StoreError, StoreFull
from billfold_protocol.feed import Reason
from billfold_protocol.messages import Registered
from billfold_server import app
from billfold_server.app import Server
from billfold_server.config import Address
from billfold_server.store import MemoryLogStore, Write
from tests.support.running_server import running_server, settings
from tests.support.sync_client import SyncClient, ids_of
from tests.support.wallets import TestFeed, TestWallet


class FailingStore(MemoryLogStore):
    """A store in memory whose commits fail while `failure` is set."""

    def __init__(self) -> None:
        super().__init__()
        self.failure: StoreError | None = None

    def commit(self, writes: Sequence[Write]) -> None:
        if self.failure is not None:
            raise self.failure
        super().commit(writes)


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch) -> FailingStore:
    failing = FailingStore()
    monkeypatch.setattr(app, "open_store", lambda _address: failing)
    return failing


async def status_of(address: str, path: str) -> int:
    async with aiohttp.ClientSession() as http, http.get(address + path) as response:
        return response.status


async def test_a_server_tells_its_health_its_key_and_its_numbers() -> None:
    wallet = TestWallet()
    async with running_server() as server, SyncClient(server.addresses[0]) as client:
        address = server.addresses[0]
        await client.join(wallet)
        await client.push(wallet, [wallet.seal(wallet.owner, TestFeed("laptop"), b"change")])
        await client.until(Acked)
        assert await status_of(address, "/healthz") == 200
        assert await status_of(address, "/readyz") == 200
        async with aiohttp.ClientSession() as http:
            async with http.get(f"{address}/v1/server") as response:
                about = await response.json()
            async with http.get(f"{address}/metrics") as response:
                numbers = dict(
                    line.rsplit(" ", 1)
                    for line in (await response.text()).splitlines()
                    if not line.startswith("#")
                )
        assert (about["protocol"], about["key"]) == (1, client.server_key.hex())
        expected = {
            "billfold_entries_taken_total": 1,
            "billfold_wallets_registered_total": 1,
            "billfold_sync_connections": 1,
            "billfold_active_wallets": 1,
            "billfold_stored_wallets": 1,
            "billfold_commit_duration_seconds_count": 2,
        }
        assert {name: float(numbers[name]) for name in expected} == expected
        assert wallet.chain.wallet_id.hex()[:8] not in str(numbers)


async def test_metrics_can_be_turned_off() -> None:
    config = replace(settings(), has_metrics=False)
    async with running_server(config) as server:
        assert await status_of(server.addresses[0], "/metrics") == 404


async def test_a_full_store_refuses_writes_goes_on_reading_and_recovers(
    store: FailingStore,
) -> None:
    wallet, feed = TestWallet(), TestFeed("laptop")
    entries = [wallet.seal(wallet.owner, feed, b"change") for _ in range(2)]
    async with running_server() as server, SyncClient(server.addresses[0]) as client:
        await client.join(wallet)
        await client.push(wallet, entries[:1])
        await client.until(Acked)
        store.failure = StoreFull("The disk is full.")
        await client.push(wallet, entries[1:])
        assert (await client.until(Refused)).rejection.reason is Reason.FULL
        assert await status_of(server.addresses[0], "/readyz") == 503
        async with SyncClient(server.addresses[0]) as reader:
            await reader.subscribe(wallet)
            ids = await reader.collect(wallet.chain.wallet_id, 1)
            assert ids == [entries[0].value.id]
        store.failure = None
        await client.push(wallet, entries[1:])
        assert (await client.until(Acked)).ack.ids == (entries[1].value.id,)


async def test_a_damaged_store_ends_the_server_without_an_ack(store: FailingStore) -> None:
    wallet = TestWallet()
    entry = wallet.seal(wallet.owner, TestFeed("laptop"), b"change")
    server = Server(settings())
    await server.start()
    async with SyncClient(server.addresses[0]) as client:
        await client.join(wallet)
        store.failure = StoreDamaged("The disk did not confirm a write.")
        await client.push(wallet, [entry])
        async with asyncio.timeout(10):
            await server.wait()
        assert await status_of(server.addresses[0], "/readyz") == 503
        with pytest.raises(StoreDamaged):
            await server.stop()
        await client.close_code()
        assert not [event for event in client.events if isinstance(event, Acked)]


async def test_a_stop_acks_what_was_taken_and_says_that_it_goes_away() -> None:
    wallet, feed = TestWallet(), TestFeed("laptop")
    entries = [wallet.seal(wallet.owner, feed, b"change") for _ in range(50)]
    async with running_server() as server, SyncClient(server.addresses[0]) as client:
        await client.join(wallet)
        for entry in entries:
            await client.push(wallet, [entry])
        await client.until(Acked)
        stopping = asyncio.create_task(server.stop())
        assert await client.close_code() == 1001
        await stopping
        acked = [id_ for e in client.events if isinstance(e, Acked) for id_ in e.ack.ids]
        assert acked == ids_of(entries[: len(acked)])


async def test_wallets_sync_over_tls(tmp_path: Path) -> None:
    certificate, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    make_certificate(certificate, key)
    config = replace(settings(), tls_cert=certificate, tls_key=key)
    context = ssl.create_default_context(cafile=str(certificate))
    async with running_server(config) as server:
        assert server.addresses[0].startswith("https://")
        async with SyncClient(server.addresses[0], tls=context) as client:
            await client.join(TestWallet())


async def test_a_server_listens_on_several_addresses() -> None:
    local = Address("127.0.0.1", 0)
    async with running_server(replace(settings(), listen=(local, local))) as server:
        assert len(set(server.addresses)) == 2
        for address in server.addresses:
            async with SyncClient(address) as client:
                await client.register(TestWallet(address))
                await client.until(Registered)


def make_certificate(certificate: Path, key: Path) -> None:
    """Write a certificate that signs itself for this machine's own address."""
    private = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    built = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(private.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False
        )
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(private, hashes.SHA256())
    )
    certificate.write_bytes(built.public_bytes(serialization.Encoding.PEM))
    key.write_bytes(
        private.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
