"""A process that hosts real wallets and does with them what the benchmark asks.

Each wallet has its own SQLCipher store and its own connection, as in an application.

Spec: 00-overview.md
"""

import asyncio
import gc
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from automerge import core

from billfold import RecordsChanged, Wallet
from billfold.events import SnapshotLoaded
from billfold.keyring import KeyCallback
from billfold.transport import Connection, WebSocketTransport
from billfold.transport.interface import SYNC_PATH, ServerInfo
from billfold_protocol.errors import TransportError
from tests.benchmarks.processes import serve_commands, tell
from tests.benchmarks.report import median

RECORD_COUNT = 20
FIELD_COUNT = 200
"""Fields that are edited in turn, of all records together: the peer's map has as many keys."""

VALUE_SIZE = 32
SYNC_S_MAX = 80.0
LOADS_COUNT = 5

# Python's own setting looks for garbage at every 700 new objects, which a process that hosts
# hundreds of wallets pays dearly. The peer's runtime has a young generation of this order.
GC_THRESHOLDS = (50_000, 20, 100)
UNLOCK = KeyCallback(lambda: bytes(range(32)))

_SMALL, _MEDIUM = 126, 65_536


@dataclass(slots=True)
class Traffic:
    """What one connection has carried: WebSocket frames with their headers (RFC 6455 §5.2)."""

    connected_s: float
    sent: int = 0
    received: int = 0


class CountingConnection:
    """A connection whose bytes are counted."""

    def __init__(self, connection: Connection, traffic: Traffic) -> None:
        self._connection = connection
        self._traffic = traffic

    async def send(self, frame: bytes) -> None:
        """See `Connection.send`; a client's frame carries a mask of 4 bytes."""
        self._traffic.sent += len(frame) + _header_size(len(frame)) + 4
        await self._connection.send(frame)

    async def receive(self) -> bytes:
        """See `Connection.receive`."""
        frame = await self._connection.receive()
        self._traffic.received += len(frame) + _header_size(len(frame))
        return frame

    async def close(self) -> None:
        """See `Connection.close`."""
        await self._connection.close()


class CountingTransport:
    """The SDK's own transport, with the newest sync connection's bytes counted."""

    def __init__(self) -> None:
        self._transport = WebSocketTransport()
        self.traffic = Traffic(time.monotonic())

    async def connect(self, address: str, path: str) -> Connection:
        """See `Transport.connect`."""
        traffic = Traffic(time.monotonic())
        if path == SYNC_PATH:
            self.traffic = traffic
        return CountingConnection(await self._transport.connect(address, path), traffic)

    async def info(self, address: str) -> ServerInfo:
        """See `Transport.info`."""
        return await self._transport.info(address)

    async def close(self) -> None:
        """See `Transport.close`."""
        await self._transport.close()


@dataclass(slots=True)
class Device:
    """One open wallet, and the records that are edited."""

    wallet: Wallet
    transport: CountingTransport
    records: list[str]

    def record_of(self, index: int) -> str:
        """Return the record that holds a field, by the field's number."""
        return self.records[index % RECORD_COUNT]

    def shown(self, index: int, field: str) -> object:
        """Return what the wallet shows in a field, None if nothing."""
        state = self.wallet.record(self.record_of(index)).fields.get(field)
        return None if state is None else state.value


class DeviceHost:
    """The commands; each method that does not start with `_` is one."""

    def __init__(self, folder: Path, address: str) -> None:
        self._folder = folder
        self._address = address
        self._devices: list[Device] = []
        self._joining: list[asyncio.Task[None]] = []
        self._joined_s = self._readable_s = 0.0
        self._listening: asyncio.Task[None] | None = None

    async def ready(self) -> None:
        """Answer once the process has started."""

    async def create(self, *, count: int) -> None:
        """Make wallets with empty records, and bring them to the server."""
        for index in range(count):
            transport = CountingTransport()
            wallet = await Wallet.create(
                self._folder / f"wallet-{index}",
                unlock=UNLOCK,
                server=self._address,
                transport=transport,
            )
            async with wallet.edit() as edit:
                records = [
                    edit.add("login", natural_key=(str(number),)) for number in range(RECORD_COUNT)
                ]
            self._devices.append(Device(wallet, transport, records))
        await self.settle()

    async def show_codes(self, *, count: int) -> list[str]:
        """Begin to join wallets; return the text of a linking code for each."""
        codes: list[asyncio.Future[str]] = []
        self._joining = []
        for index in range(len(self._devices), len(self._devices) + count):
            shown: asyncio.Future[str] = asyncio.get_running_loop().create_future()
            codes.append(shown)
            self._joining.append(asyncio.create_task(self._join(index, shown)))
        return list(await asyncio.gather(*codes))

    async def link(self, *, codes: list[str], first: int) -> None:
        """Link the devices that show these codes to the wallets from an index on."""
        devices = self._devices[first : first + len(codes)]
        await asyncio.gather(
            *(
                device.wallet.link_device(code, confirm=lambda _: True)
                for device, code in zip(devices, codes, strict=True)
            )
        )

    async def joined(self) -> dict[str, float]:
        """Wait until the wallets that were joined hold everything; tell of the last of them."""
        await asyncio.gather(*self._joining)
        device = self._devices[-1]
        fields = sum(len(device.wallet.record(record).fields) for record in device.records)
        connected_s = device.transport.traffic.connected_s
        return {
            "elapsed_s": self._joined_s - connected_s,
            "readable_s": (self._readable_s or self._joined_s) - connected_s,
            "received": device.transport.traffic.received,
            "fields": fields,
        }

    async def automerge(self) -> dict[str, float]:
        """Return how long the library needs to load the first wallet as it saves it, and its size.

        The same process, the same document, with nothing else to do: the median of several loads.
        """
        saved = self._devices[0].wallet._synchronizer.replica.document.save()  # noqa: SLF001
        loads = []
        for _ in range(LOADS_COUNT):
            began_s = time.perf_counter()
            core.Document.load(saved)
            loads.append(time.perf_counter() - began_s)
        return {"saved_bytes": len(saved), "load_s": median(loads)}

    async def compact(self) -> None:
        """Have an endorsed snapshot of each wallet on the server, as after a quiet hour."""
        for device in self._devices:
            if not await device.wallet.compact(deadline_s=SYNC_S_MAX):
                raise TransportError("no snapshot was endorsed in time")

    async def report(self, *, field: str) -> None:
        """Tell of each new value of a field in the first wallet, and when it was seen."""
        self._listening = asyncio.create_task(self._report(self._devices[0], field))
        await asyncio.sleep(0)

    async def edit(self, *, field: str, value: str) -> float:
        """Set a field of the first wallet; return when the call began."""
        device = self._devices[0]
        began_s = time.monotonic()
        async with device.wallet.edit() as edit:
            edit.set(device.record_of(0), field, value)
        return began_s

    async def flood(self, *, count: int, burst: int, first: int = 0, label: str = "") -> float:
        """Make edits in every wallet, each with a call of its own, `burst` calls at a time.

        Returns when the first call began.
        """
        began_s = time.monotonic()
        for start in range(first, first + count, burst):
            await asyncio.gather(
                *(
                    _set(device, index, field_of(index, label))
                    for device in self._devices
                    for index in range(start, min(start + burst, first + count))
                )
            )
        return began_s

    async def holds(self, *, last: int, label: str = "") -> float:
        """Wait until every wallet shows the edit with this number; return when."""
        await asyncio.gather(*(_holds(device, last, label) for device in self._devices))
        return time.monotonic()

    async def settle(self) -> None:
        """Wait until nothing is under way in any wallet.

        Raises:
            TransportError: that took too long.
        """
        for device in self._devices:
            report = await device.wallet.sync(deadline_s=SYNC_S_MAX)
            if not report.is_complete:
                raise TransportError("a wallet did not come into step in time")

    async def traffic(self) -> dict[str, int]:
        """Return the bytes that the first wallet's connection has carried."""
        traffic = self._devices[0].transport.traffic
        return {"sent": traffic.sent, "received": traffic.received}

    async def store_size(self) -> int:
        """Return the bytes that the first wallet's folder takes."""
        files = (self._folder / "wallet-0").rglob("*")
        return sum(file.stat().st_size for file in files if file.is_file())

    async def close(self) -> None:
        """Close the wallets."""
        if self._listening is not None:
            self._listening.cancel()
        await asyncio.gather(*(device.wallet.close() for device in self._devices))

    async def _join(self, index: int, shown: asyncio.Future[str]) -> None:
        transport = CountingTransport()
        wallet = await Wallet.link(
            self._folder / f"wallet-{index}",
            unlock=UNLOCK,
            server=self._address,
            name="reader",
            show=shown.set_result,
            transport=transport,
        )
        records = [wallet.natural_id("login", (str(number),)) for number in range(RECORD_COUNT)]
        device = Device(wallet, transport, records)
        self._devices.append(device)
        reading = asyncio.create_task(self._note_readable(wallet))
        report = await wallet.sync(deadline_s=SYNC_S_MAX)
        self._joined_s = time.monotonic()
        reading.cancel()
        if not report.is_complete:
            raise TransportError("a new device did not come into step in time")

    async def _note_readable(self, wallet: Wallet) -> None:
        with wallet.events() as events:
            async for event in events:
                if isinstance(event, SnapshotLoaded):
                    self._readable_s = time.monotonic()
                    return

    async def _report(self, device: Device, field: str) -> None:
        shown: object = None
        with device.wallet.events() as events:
            async for event in events:
                if not isinstance(event, RecordsChanged):
                    continue
                seen_s = time.monotonic()
                value = device.shown(0, field)
                if value != shown:
                    shown = value
                    tell({"seen": shown, "seen_s": seen_s})


async def _set(device: Device, index: int, field: str) -> None:
    async with device.wallet.edit() as edit:
        edit.set(device.record_of(index), field, value_of(index))


async def _holds(device: Device, last: int, label: str) -> None:
    """Look when the wallet tells of the field that was edited last, as what is on show does."""
    field, value = field_of(last, label), value_of(last)
    wanted = (device.record_of(last), field)
    with device.wallet.events() as events:
        while device.shown(last, field) != value:
            async for event in events:
                if isinstance(event, RecordsChanged) and (
                    not event.fields or wanted in event.fields
                ):
                    break


def field_of(index: int, label: str) -> str:
    """Return the name of the field that an edit sets in its record, by the edit's number."""
    return f"{label}field-{index % FIELD_COUNT // RECORD_COUNT}"


def value_of(index: int) -> str:
    """Return a value that no other index has, of the size of the peer's."""
    return f"value-{index}".ljust(VALUE_SIZE, ".")


def _header_size(size: int) -> int:
    if size < _SMALL:
        return 2
    return 4 if size < _MEDIUM else 10


async def run(folder: Path, address: str) -> None:
    """Host devices until standard input closes."""
    gc.set_threshold(*GC_THRESHOLDS)
    host = DeviceHost(folder, address)
    await serve_commands(lambda command: getattr(host, command))
    await host.close()


if __name__ == "__main__":
    asyncio.run(run(Path(sys.argv[1]), sys.argv[2]))
